"""The control plane: what tests and developers may do to an emulator, as a table, over HTTP and in Python.

Only an emulator has it. `serve` builds its admin listener without it.
"""
