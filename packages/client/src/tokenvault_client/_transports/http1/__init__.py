"""The usual transport: HTTP/1.1 over sockets of its own. Its only threads look up names, and end with that.

`messages` is what travels, without any I/O; `addresses` finds where to connect; `keeping` holds on to connections. The
two colours are `threads`, and `tasks` with its `protocol`.
"""
