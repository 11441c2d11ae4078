"""The built-in token service: an issuer for test cards, with its own database, its own keys and its own wall.

It holds the only card numbers of the house, sealed. Its cryptograms are made and verified as EMV describes; they are of
our own profile and mean nothing to any card network.
"""
