"""The programs in examples/ run as their README says, against a real emulator."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.repository import tree
from tests.support.emulator_process import emulator

EXAMPLES = tree.ROOT / "examples"
SECONDS = 60


def run(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"} | variables
    return subprocess.run(
        [sys.executable, *command],
        cwd=EXAMPLES,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_a_payment_is_taken_with_a_saved_card_only() -> None:
    with emulator() as running:
        running.save("ravi")
        variables = {
            "CASHFREE_BASE_URL": running.base_url,
            "CASHFREE_CLIENT_ID": running.client_id,
            "CASHFREE_CLIENT_SECRET": running.client_secret,
        }
        paid = run("take_a_payment.py", "ravi", "499.00", **variables)
        refused = run("take_a_payment.py", "nobody", "499.00", **variables)
    assert paid.returncode == 0, paid.stderr
    assert re.fullmatch(r"authorise INR 499\.00 on the card that ends in 2123\norder_\w+-approved\n", paid.stdout)
    assert (refused.returncode, refused.stderr) == (1, "not paid: customer nobody has no card to pay with\n")


@pytest.mark.parametrize(
    ("server", "ready"),
    [
        (("-m", "uvicorn", "webhooks_fastapi:app", "--port", "0"), r"running on (http://\S+)"),
        (("-m", "flask", "--app", "webhooks_flask.py", "run", "--port", "0"), r"Running on (http://\S+)"),
    ],
    ids=["fastapi", "flask"],
)
def test_a_receiver_takes_an_event_once_and_a_forgery_never(
    server: tuple[str, ...], ready: str, tmp_path: Path
) -> None:
    port = free_port()
    with emulator("--webhook-url", f"http://127.0.0.1:{port}/webhooks") as running:
        command = [*server[:-1], str(port)]
        with receiver(command, ready, tmp_path, running.webhook_secret) as (lines, url):
            running.save("asha")
            assert next(lines) == "INSTRUMENT_ACTIVE_WEBHOOK XXXXXXXXXXXX2123"
            forged = run("-c", FORGERY, url)
    assert forged.stdout.strip() == "400", forged.stderr


FORGERY = """
import sys, urllib.error, urllib.request
headers = {"x-webhook-signature": "AAAA", "x-webhook-timestamp": "1", "x-idempotency-key": "forged"}
try:
    urllib.request.urlopen(urllib.request.Request(sys.argv[1] + "/webhooks", b"{}", headers))
except urllib.error.HTTPError as error:
    print(error.code)
"""


@contextmanager
def receiver(command: list[str], ready: str, folder: Path, secret: str) -> Iterator[tuple[Iterator[str], str]]:
    """Run a receiver until the block ends; give the lines that it prints about events, and its URL."""
    variables = {"WEBHOOK_SECRET": secret, "WEBHOOK_INBOX": str(folder / "inbox.db"), "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=EXAMPLES,
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
    ) as process:
        try:
            assert process.stdout
            lines = (line.strip() for line in process.stdout)
            url = next(found[1] for line in lines if (found := re.search(ready, line)))
            yield (line for line in lines if "WEBHOOK" in line), url
        finally:
            process.terminate()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def test_the_own_tests_of_both_shops_pass_without_an_exception() -> None:
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:schemathesis", "-p", "no:xdist"]
    done = run("-m", "pytest", *options, "flask_shop", "fastapi_shop")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^21 passed in ", done.stdout, re.MULTILINE), done.stdout


def test_the_readme_lists_every_example() -> None:
    readme = tree.text(EXAMPLES / "README.md")
    programs = {path.name for path in EXAMPLES.glob("*.py")} - {"webhook_inbox.py"}
    programs |= {f"{path.parent.name}/app.py" for path in EXAMPLES.glob("*/app.py")}
    assert {name for name in programs if name not in readme} == set()
