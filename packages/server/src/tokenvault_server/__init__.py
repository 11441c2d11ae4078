"""Tokenvault's server: the vault, its API, its local token service provider and its command line.

Its packages are layers, and a layer imports only from layers below it. ARCHITECTURE.md describes them.
"""

__version__ = "0.1.0"
