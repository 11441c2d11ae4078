"""Production serving: the supervisor process, granian and its API workers."""
