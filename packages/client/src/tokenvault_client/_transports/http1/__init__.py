"""The usual transport: HTTP/1.1 over sockets of its own, without threads of its own.

`messages` is what travels, without any I/O; `addresses` finds where to connect; `threads` and `tasks` are the two
colours of a connection and of what keeps it.
"""
