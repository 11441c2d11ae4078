"""Tokenvault's server: the vault, its API, its local token service provider and its command line.

Its packages are floors, and imports run downward only: ARCHITECTURE.md draws them and tells why.
"""

__version__ = "0.1.0"
