"""The check that the official package is absent. Both own the folder `cashfree_pg`, and pip mixes their files."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution

_OFFICIAL = "cashfree_pg"
_ADVICE = """\
the official cashfree_pg {version} is installed as well ({place}), and both use one folder. Choose one:
  this one:      pip uninstall cashfree_pg && pip install --force-reinstall --no-deps tokenvault-cashfree-pg
  the official:  pip uninstall tokenvault-cashfree-pg && pip install --force-reinstall --no-deps cashfree_pg
  both at once:  keep the official one, and call tokenvault_client.cashfree.route_token_vault(cashfree_pg)"""


def check_absent() -> None:
    """Check that the official package is not installed.

    Raises:
        ImportError: It is installed. The message says what to do.
    """
    try:
        official = distribution(_OFFICIAL)
    except PackageNotFoundError:
        return
    place = official.locate_file("")
    raise ImportError(_ADVICE.format(version=official.version, place=place), name="cashfree_pg")
