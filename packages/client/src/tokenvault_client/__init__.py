"""A typed client for the Token Vault API; nothing is public here yet."""
