"""`python -m tokenvault_server` is the command `tokenvault`."""

from tokenvault_server.cli import main

if __name__ == "__main__":
    main()
