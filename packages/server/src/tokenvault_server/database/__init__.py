"""Executes: engines, transactions, named queries and migrations. It knows no table but the key table."""
