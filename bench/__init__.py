"""Measurements, one file per question; the answers stand in RESULTS.md with the machine that gave them."""
