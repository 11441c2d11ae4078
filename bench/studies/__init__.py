"""Long-running studies: what many merchants, a growing vault and one machine cost."""
