"""The usual transport: HTTP/1.1 over sockets of its own, without threads of its own.

`messages` is what travels, without any I/O; `addresses` finds where to connect; `keeping` holds on to connections. The
two colours are `threads`, and `tasks` with its `protocol`.
"""
