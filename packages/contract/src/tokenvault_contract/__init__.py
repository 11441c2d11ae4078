"""The words that both ends of the wire share: operations, entities, headers, problems and versions.

Nothing here does input or output. The server makes its routes from these tables, the client its methods,
and the OpenAPI document is rendered from them, so that a name is written down once.
"""
