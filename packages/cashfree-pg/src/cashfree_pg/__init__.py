"""A drop-in for the Token Vault part of the cashfree_pg SDK; nothing is public here yet."""
