"""Shared code of the benchmarks: load, server processes, vaults with data, printing."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The root of the repository."""
