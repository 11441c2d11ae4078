"""PostgreSQL: a server that many processes share."""
