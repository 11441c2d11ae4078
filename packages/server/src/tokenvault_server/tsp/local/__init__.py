"""The built-in token service: an issuer for test cards, with its own database and its own keys.

It is the only part of Tokenvault that stores card numbers, and it stores them sealed. No other part reads its tables.
It creates and verifies cryptograms as EMV describes, but in a profile of our own that no card network accepts.
"""
