"""The wire contract that both ends share: operations, entities, headers, problems and versions.

This package does no input or output. The server builds its routes from these tables, the client its methods, and the
OpenAPI document is rendered from them. Each name is therefore written once.
"""
