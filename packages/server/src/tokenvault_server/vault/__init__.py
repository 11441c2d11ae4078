"""The operations of the vault. This is the only layer that opens a saved card.

An operation that serves a merchant takes the caller as its first argument. An operation that writes takes the unit as
its second argument, and never commits it.
"""
