"""pytest fixtures that run a token vault beside your tests; nothing is public here yet."""
