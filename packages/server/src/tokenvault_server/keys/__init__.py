"""The floor of keys: sealed records, wrapped keys, blind indexes, signatures. It knows no table and no caller.

Neighbours: `vault` and `tsp` ask it to seal and to open, `database.key_table` remembers the wrapped keys. The stored
formats are described, byte for byte, in docs/reference/storage-format.md.
"""
