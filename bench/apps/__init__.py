"""The servers that ours is compared with: the same read, in other hands."""
