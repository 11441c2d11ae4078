"""Tokenvault's server: the vault, its API, its local token service provider and its command line.

Floors, from the street to the cellar: `cli`, `embedded` | `bootstrap` | `settings` | `emulator` | `api`, `worker` |
`vault` | `store`, `tsp` | `keys`, `database` | `telemetry` | `domain` | `errors`. Imports run downward only;
ARCHITECTURE.md tells why.
"""

__version__ = "0.1.0"
