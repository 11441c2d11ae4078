"""What the vault tells its operators: JSON log lines that carry no secret, and metrics without ids in labels."""
