"""The dated API versions that a caller may send in `x-api-version`."""

from __future__ import annotations

from typing import Final, NewType

ApiVersion = NewType("ApiVersion", str)

SUPPORTED: Final = (
    ApiVersion("2022-01-01"),
    ApiVersion("2022-09-01"),
    ApiVersion("2023-08-01"),
    ApiVersion("2025-01-01"),
    ApiVersion("2026-01-01"),
)
"""Oldest first."""

LATEST: Final = SUPPORTED[-1]
