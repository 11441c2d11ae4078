"""Token service providers: the protocol that the vault speaks, a guard, and a built-in issuer."""
