"""Cashfree's order-and-pay journey, for tests: orders, payments by card, the bank's page, refunds, simulations.

No money moves, and no served vault can reach any of it. Read `states` first: it is the whole behaviour, without I/O.
"""
