"""Keeps what this process's memory and environment hold out of core dumps, its children and other processes."""

from __future__ import annotations

import ctypes
import resource
import sys
from collections.abc import MutableMapping
from typing import Final

_PR_SET_DUMPABLE: Final = 4
"""From linux/prctl.h; see prctl(2)."""


def protect_memory() -> None:
    """Allow no core dump, and on Linux no other process of this user to read memory or environment (ptrace(2)).

    Children inherit the first. Each must ask for the second itself, because it ends with `exec`. Root can read
    everything regardless.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        # A kernel without this call protects less; it is no reason not to serve.
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def forget_variables(environ: MutableMapping[str, str], prefix: str) -> None:
    """Take every variable that begins with `prefix` out of an environment: a URL among them may hold a password."""
    for name in [name for name in environ if name.startswith(prefix)]:
        del environ[name]
