"""The vault's tables: one module for each noun, with its SQL beside it. Secrets come and go sealed."""
