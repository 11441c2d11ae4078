"""The clients that ours is compared with: the same call, in other hands.

Each file has `connect` (what to call again and again, from one thread or several), `connect_async`, or both. They
import nothing of this repository but our client, since the official SDK runs in an environment of its own. The plain
HTTP libraries do what somebody writes who uses one: they quote ids, sign in, name the request, set a timeout, read what
is left of the minute, and decode the body.
"""
