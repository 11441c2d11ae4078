"""Other servers that do the same read, for comparison."""
