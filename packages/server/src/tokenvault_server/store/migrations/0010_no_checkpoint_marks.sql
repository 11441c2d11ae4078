-- What is signed follows from the signed checkpoints. A column that says so could be changed by one UPDATE, and the
-- chain would never be signed again.
ALTER TABLE audit_heads DROP COLUMN checkpointed;
