"""Logs and metrics: JSON log lines that hold no secret, and metrics without ids in labels."""
