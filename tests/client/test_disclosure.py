"""No failure shows a secret in an error tracker, a debugger or a log; no object with a secret is pickled or copied."""

from __future__ import annotations

import copy
import gc
import json
import logging
import pickle
import subprocess
import sys
import warnings
from dataclasses import asdict, dataclass
from typing import Any

import pytest
from rich.pretty import pretty_repr

from tests.client.disclosure import errors_behind, locals_of, secrets_in, without_frames_of_tests
from tests.client.failures import SECRETS, Failure, client, network_failures, raised_by, usage_failures
from tests.client.transports import TRANSPORTS
from tokenvault_client import APIError, DecodeError
from tokenvault_client._secrets import Secret, hides_locals
from tokenvault_client.transports import Request, Response


def check(name: str, failure: Failure) -> None:
    """Check one failure in every way in which somebody could look at it."""
    error = raised_by(failure)
    assert secrets_in(locals_of(error), SECRETS.values()) == [], name
    assert secrets_in([pretty_repr(locals_of(error))], SECRETS.values()) == [], name  # as rich.traceback shows them
    record = logging.LogRecord(
        "app", logging.ERROR, __file__, 1, "failed", (), (type(error), error, error.__traceback__)
    )
    assert secrets_in([logging.Formatter().format(record)], SECRETS.values()) == [], name
    for each in errors_behind(error):
        assert secrets_in([pickle.dumps(each), copy.copy(each).__dict__, vars(each)], SECRETS.values()) == [], name


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_no_failure_of_a_call_has_a_secret_in_its_traceback(transport: str) -> None:
    with warnings.catch_warnings():
        # httpx2 leaves the socket of a failed TLS handshake to the collector.
        warnings.simplefilter("ignore", ResourceWarning)
        for name, failure in network_failures(transport):
            check(name, failure)
        gc.collect()


def test_no_failure_of_the_caller_has_a_secret_in_its_traceback() -> None:
    for name, failure in usage_failures():
        check(name, failure)


def test_sentry_with_its_defaults_records_no_secret() -> None:
    command = [sys.executable, "-m", "tests.client.failures"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)) > 30
    # The frames of this program itself hold the secrets, as every program's do; it has no locals of ours.
    assert secrets_in([without_frames_of_tests(json.loads(done.stdout))], SECRETS.values()) == []


def test_an_error_keeps_its_cause_and_says_where_it_was_raised() -> None:
    (failure,) = (failure for name, failure in usage_failures() if name == "a transport of a user")
    cause = raised_by(failure).__cause__
    assert isinstance(cause, RuntimeError)
    assert "failures.py:" in cause.__notes__[0]
    assert "in Failing.send" in cause.__notes__[0]


def test_the_error_that_a_caller_was_handling_keeps_its_traceback() -> None:
    raised: list[BaseException] = []

    def fail_while_handling() -> None:
        try:
            int("of the application")
        except ValueError as handled:
            raised.append(handled)
            client().fetch_instrument("..", "i1")

    error = raised_by(fail_while_handling)
    assert raised[0] in errors_behind(error)
    assert raised[0].__traceback__ is not None
    assert not hasattr(raised[0], "__notes__")


def test_a_secret_reveals_its_value_only_when_asked() -> None:
    secret = Secret("hush")
    assert secret.reveal() == "hush"
    assert secrets_in([secret, [secret], {"a": secret}, secret.reveal, vars(type(secret))], ["hush"]) == []
    assert copy.deepcopy(secret) is copy.copy(secret) is secret
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(secret)

    @dataclass
    class Holder:
        secret: Secret[str]

    assert asdict(Holder(secret)) == {"secret": secret}


def test_requests_responses_and_errors_have_no_secret_attribute() -> None:
    hush = SECRETS["cryptogram"]
    request = Request("GET", "https://vault.test/pg", (("x-client-secret", hush),), hush.encode())
    response = Response(200, {}, hush.encode())
    errors: list[Any] = [
        APIError("m", status=500, body=hush.encode()),
        DecodeError("m", status=200, body=hush.encode(), request_id=None),
    ]
    assert request.headers == (("x-client-secret", hush),)
    assert request.body == response.body == errors[0].body == hush.encode()
    assert secrets_in([request, response, *errors], [hush]) == []
    for each in (request, response):
        with pytest.raises(TypeError, match="pickled"):
            pickle.dumps(each)
        with pytest.raises(AttributeError):
            each.body = b""  # type: ignore[misc]


def test_a_decorated_function_keeps_its_name_and_its_result() -> None:
    @hides_locals
    def double(number: int) -> int:
        """Return twice the number."""
        return 2 * number

    assert (double(4), double.__name__, double.__doc__) == (8, "double", "Return twice the number.")
