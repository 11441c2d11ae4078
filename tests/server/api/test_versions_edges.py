"""What an operator reads who gives a date to a version that there is not."""

from __future__ import annotations

from datetime import date

import pytest

from tokenvault_server.api.versions import deprecations
from tokenvault_server.errors import SettingsError


def test_a_date_for_no_version_lists_the_versions_there_are() -> None:
    with pytest.raises(SettingsError) as caught:
        deprecations({"2021-05-21": date(2027, 1, 1)})
    known = "2022-01-01, 2022-09-01, 2023-08-01, 2025-01-01, 2026-01-01"
    assert caught.value.message == f"deprecated_versions knows {known}"
