"""Telling merchants, as far as it needs no database: bodies, signatures, which addresses are allowed, one POST."""
