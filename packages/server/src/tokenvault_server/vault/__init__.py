"""The verbs: what the vault decides and does. The only floor where a saved card is opened.

Every verb that serves a merchant takes the caller first; every verb that writes takes the unit second and never
commits it.
"""
