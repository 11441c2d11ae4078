"""What the vault tells its operators: JSON log lines that cannot carry a secret, and metrics without ids in their labels."""
