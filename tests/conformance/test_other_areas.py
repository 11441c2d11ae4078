"""Every operation of the official SDKs is either here, or known to be only at Cashfree."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from tests.conformance.environments import python_environment
from tests.conformance.official import PYTHON_RELEASES, Release
from tokenvault_contract.operations import OPERATIONS
from tokenvault_contract.payment_operations import PAYMENT_OPERATIONS
from tokenvault_server.emulator.payments.not_emulated import NOT_EMULATED

READ = """
import inspect, json, re, warnings
warnings.simplefilter("ignore")
from cashfree_pg import api_client
print(json.dumps(re.findall(r"call_api\\(\\s*'([^']+)', '([A-Z]+)'", inspect.getsource(api_client))))
"""


@pytest.mark.parametrize("release", PYTHON_RELEASES, ids=lambda release: release.name)
def test_no_official_operation_is_unknown(release: Release) -> None:
    python = python_environment(release.number)
    done = subprocess.run([str(python), "-I", "-c", READ], capture_output=True, text=True, check=True)
    official = {f"{method} {path.partition('?')[0]}" for path, method in json.loads(done.stdout)}
    own = {nameless(f"{each.method} {each.path}") for each in (*OPERATIONS, *PAYMENT_OPERATIONS)}
    known = own | set(map(nameless, NOT_EMULATED))
    assert {each for each in official if nameless(each) not in known} == set()


def test_no_operation_is_in_both_lists() -> None:
    own = {nameless(f"{each.method} {each.path}") for each in (*OPERATIONS, *PAYMENT_OPERATIONS)}
    assert own & set(map(nameless, NOT_EMULATED)) == set()


def nameless(operation: str) -> str:
    """Return an operation without the names of its ids."""
    return re.sub(r"\{\w+\}", "{}", operation)
