"""Benchmarks, one file per question. RESULTS.md has the results and describes the machine."""
