"""The parts of webhooks that need no database: bodies, headers, address rules, retry schedule and the HTTP client."""
