"""The nouns of the vault: pure values without input, output, ciphers or wire formats."""
