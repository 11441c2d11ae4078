"""What the vault remembers: one module for each noun beside its SQL. Secrets arrive here sealed and leave here sealed."""
