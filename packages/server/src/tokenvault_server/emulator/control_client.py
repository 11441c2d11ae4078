"""Reaches an emulator in another process by its control URL, with nothing but the standard library."""

from __future__ import annotations

import http.client
import re
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from tokenvault_contract.problems import PROBLEMS
from tokenvault_server.emulator.control.bodies import Problem
from tokenvault_server.emulator.control.operations import ControlOperation, Returns, Takes
from tokenvault_server.emulator.errors import ERRORS, ControlError
from tokenvault_server.emulator.steering import Steering
from tokenvault_server.errors import SettingsError, StoreError

TIMEOUT_SECONDS: Final = 60.0
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_BY_STATUS: Final = {PROBLEMS[kind].status: error for kind, error in ERRORS.items()}


class ControlClient:
    """Sends operations to a control URL. Its repr does not show the URL, which holds a secret."""

    def __init__(self, control_url: str) -> None:
        """Steer the emulator that printed this URL.

        Raises:
            SettingsError: it is no control URL.
        """
        parts = urlsplit(control_url)
        if parts.scheme != "http" or not parts.hostname or "/_emulator/" not in parts.path:
            raise SettingsError(
                "this is no control URL",
                hint="an emulator with --json prints it as control_url; it begins with http://",
            )
        self._host, self._port, self._path = parts.hostname, parts.port or 80, parts.path.rstrip("/")

    def __repr__(self) -> str:
        """Name the address only."""
        return f"ControlClient({self._host}:{self._port})"

    def __call__(self, operation: ControlOperation[Takes, Returns], request: Takes) -> Returns:
        """Carry out an operation and return its result.

        Raises:
            ControlError: the operation was refused.
            StoreError: no emulator answers.
        """
        fields = msgspec.to_builtins(request)
        path = _PLACEHOLDER.sub(lambda match: quote(str(fields.pop(match[1])), safe=""), operation.path)
        body = None
        if operation.method in {"GET", "DELETE"}:
            path += f"?{urlencode(fields)}" if fields else ""
        else:
            body = msgspec.json.encode(fields)
        status, content = self._exchange(operation.method, path, body)
        if status == 200:
            return msgspec.json.decode(content, type=operation.returns)
        raise _error(status, content)

    def _exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, self._path + path, body, {"content-type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        raise StoreError("the emulator does not answer", hint=f"is one running at {self._host} port {self._port}?")


def steer(control_url: str) -> Steering:
    """Return the verbs of an emulator in another process."""
    return Steering(ControlClient(control_url))


def _error(status: int, content: bytes) -> ControlError:
    try:
        problem = msgspec.json.decode(content, type=Problem)
    except msgspec.MsgspecError:
        # 404 without our fields: the token is wrong, or the listener is of something else.
        return ERRORS[next(iter(ERRORS))]("control_url_refused", "the control URL is of no running emulator")
    return _BY_STATUS.get(status, ControlError)(problem.code, problem.message, problem.allowed)
