"""The nouns of the vault, pure: no input, no output, no cipher, no wire format."""
