"""Long-running studies: the cost of many merchants, of a growing vault, and of storage."""
