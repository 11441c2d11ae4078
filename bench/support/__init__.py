"""What the benches share: load, server processes, seeded vaults, printing."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The root of the repository."""
