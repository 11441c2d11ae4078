"""What the vault remembers: one module for each noun beside its SQL. Secrets arrive and leave here sealed."""
