"""SQLite: a file on this machine, used by one process."""
