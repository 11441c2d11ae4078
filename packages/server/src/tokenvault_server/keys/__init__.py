"""The keys layer: sealed records, wrapped keys, blind indexes, signatures. It knows no table and no caller.

`vault` and `tsp` seal and open with it; `database.key_table` stores the wrapped keys. docs/reference/storage-format.md
describes the stored formats, byte for byte.
"""
