"""Other clients that make the same call, for comparison.

Each file has `connect` (returns a function for one thread or several), `connect_async`, or both. Of this repository
they import only our client, because the official SDK runs in its own environment. The plain HTTP libraries do what an
application must do: quote ids, authenticate, send a request id, set a timeout, read the rate limit headers, and decode
the body.
"""
