"""The default transport: HTTP/1.1 over its own sockets. Its only threads resolve names, and end afterwards.

`messages` encodes requests and decodes responses, without I/O. `addresses` finds where to connect. `pool` keeps idle
connections. `threads` is the synchronous transport; `tasks` is the asynchronous one, with its connection in `protocol`.
"""
