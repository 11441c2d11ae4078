"""Points the `cashfree_pg` of this environment at an emulator: the official SDK unmodified, or the drop-in.

Both have the same import name, so an environment has one of them. Whatever is set is set back afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_tokenvault.vault import TokenVault

if TYPE_CHECKING:
    from cashfree_pg import Cashfree

_OFFICIAL: Final = "cashfree_pg"
_DROP_IN: Final = "tokenvault-cashfree-pg"
_ON_THE_CLASS: Final = 4
"""The last generation of the official SDK with credentials on its class."""


def official_obstacle() -> str:
    """Return why the official SDK cannot be used here; nothing if it can."""
    if _installed(_OFFICIAL) and not _has_drop_in():
        return ""
    return f"the fixture `official_cashfree_pg` is for the official SDK, and this environment {_found(_OFFICIAL)}"


def drop_in_obstacle() -> str:
    """Return why the drop-in cannot be used here; nothing if it can."""
    if _has_drop_in() and not _installed(_OFFICIAL):
        return ""
    return f"the fixture `cashfree_pg` is for the drop-in of Tokenvault, and this environment {_found(_DROP_IN)}"


def _found(wanted: str) -> str:
    """Return what the environment has, and what to do."""
    official = _installed(_OFFICIAL)
    if official and _has_drop_in():
        return f"has both the official cashfree_pg {official} and {_DROP_IN}, which share one folder: remove one"
    if official:
        return f"has the official cashfree_pg {official}: take `official_cashfree_pg`, or install {wanted} instead"
    if _has_drop_in():
        return f"has {_DROP_IN}, whose import name is the same: take `cashfree_pg`, or install {wanted} instead"
    return f"has neither: pip install {wanted}"


@contextmanager
def official_sdk(vault: TokenVault) -> Iterator[Any]:
    """Yield the `Cashfree` object of the official SDK, whose calls go to the emulator until the block ends.

    The SDK has no setting for its host. All its versions read it from one property of a class, which is replaced.
    """
    cashfree = import_module("cashfree_pg.api_client").Cashfree
    configuration = import_module("cashfree_pg.configuration").Configuration
    credentials = {"XClientId": vault.client_id, "XClientSecret": vault.client_secret}
    host = property(lambda _: vault.base_url, lambda *_: None)
    with _set(configuration, {"host": host}):
        if int(_installed(_OFFICIAL).partition(".")[0]) > _ON_THE_CLASS:
            yield cashfree(cashfree.SANDBOX, **credentials)
            return
        with _set(cashfree, {**credentials, "XEnvironment": cashfree.SANDBOX}):
            yield cashfree()


@contextmanager
def drop_in(vault: TokenVault) -> Iterator[Cashfree]:
    """Yield the `Cashfree` object of the drop-in, whose calls go to the emulator.

    Until the block ends, other `Cashfree` objects without an address of their own lead there too.
    """
    from cashfree_pg import Cashfree

    with _set(Cashfree, {"XBaseUrl": vault.base_url}):
        yield Cashfree(Cashfree.SANDBOX, vault.client_id, vault.client_secret)


def _installed(distribution: str) -> str:
    """Return the version of a distribution, or nothing."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def _has_drop_in() -> bool:
    """Return whether the folder has the files of the drop-in, without importing it."""
    package = find_spec("cashfree_pg")
    if package is None:
        return False
    folders = package.submodule_search_locations or ()
    return any((Path(folder) / "_official_package.py").exists() for folder in folders)


@contextmanager
def _set(owner: type[Any], attributes: dict[str, Any]) -> Iterator[None]:
    """Set attributes of a class, and set them back after the block."""
    before = {name: vars(owner)[name] for name in attributes if name in vars(owner)}
    for name, value in attributes.items():
        setattr(owner, name, value)
    try:
        yield
    finally:
        for name in attributes:
            if name in before:
                setattr(owner, name, before[name])
            else:
                delattr(owner, name)
