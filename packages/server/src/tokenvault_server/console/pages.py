"""Health, metrics and the status page, by default on loopback only. Web pages of other origins cannot use it."""

from __future__ import annotations

import hmac
import logging
from html import escape

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from tokenvault_server.console.status import Status
from tokenvault_server.domain.printable import escaped
from tokenvault_server.domain.tracebacks import described
from tokenvault_server.errors import VaultError

logger = logging.getLogger(__name__)

HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"  # the Prometheus exposition format


class Pages:
    """The pages of one process."""

    def __init__(self, status: Status) -> None:
        """Show `status`."""
        self._status = status
        self._control = status.control() if status.control else None

    async def health(self, _request: Request) -> Response:
        """Answer that the process runs, whatever else is wrong."""
        return JSONResponse({"status": "ok"}, headers=HEADERS)

    async def ready(self, _request: Request) -> Response:
        """Answer whether calls should be sent here: database and keys can be used, and no shutdown has begun."""
        if self._status.draining:
            return JSONResponse({"status": "draining"}, 503, headers=HEADERS)
        try:
            await self._status.check()
        except VaultError as error:
            logger.warning("not ready", extra={"reason": error.message, "hint": error.hint})
            return JSONResponse({"status": "unavailable"}, 503, headers=HEADERS)
        except Exception as error:  # noqa: BLE001  # its frames hold keys, and must not reach the framework
            logger.error("not ready", extra=described(error))  # noqa: TRY400
            return JSONResponse({"status": "unavailable"}, 503, headers=HEADERS)
        body: dict[str, object] = {"status": "ready"}
        if circuits := self._status.open_circuits():
            # Still ready: fetching and deleting work, and other servers call the same provider.
            body["open_circuits"] = circuits
        if unreadable := self._status.unreadable_records():
            # Still ready: one merchant's broken record must not stop the calls of all others.
            body["unreadable_records"] = unreadable
        if (anchor := self._status.anchor()).is_wrong:
            body["audit_anchor"] = anchor
        return JSONResponse(body, headers=HEADERS)

    async def metrics(self, _request: Request) -> Response:
        """Answer with the metrics in Prometheus' text format."""
        return Response(self._status.metrics(), media_type=_METRICS_TYPE, headers=HEADERS)

    async def page(self, _request: Request) -> Response:
        """Show mode, version and addresses, with links to the other pages."""
        status = self._status
        rows = (
            ("mode", status.mode),
            ("version", status.version),
            ("API", status.base_url),
            ("vault", status.vault_id),
            ("records that did not open since the start", str(status.unreadable_records())),
            ("audit anchor", status.anchor()),
        )
        facts = "".join(f"<dt>{name}</dt><dd><code>{escape(escaped(value))}</code></dd>" for name, value in rows)
        paths = ("/health", "/ready", "/metrics", *(("/openapi.json",) if status.openapi else ()))
        links = "".join(f'<li><a href="{path}">{path}</a></li>' for path in paths)
        failures = "".join(f"<li><code>{escape(escaped(each))}</code></li>" for each in status.auth_failures())
        reasons = f"<h2>Failed authentications</h2><ul>{failures}</ul>" if failures else ""
        return HTMLResponse(
            f"<!doctype html><html lang=en><meta charset=utf-8><title>Tokenvault {escape(status.mode)}</title>"
            f"<h1>Tokenvault</h1><dl>{facts}</dl><ul>{links}</ul>{reasons}</html>",
            headers=HEADERS,
        )

    async def openapi(self, request: Request) -> Response:
        """Answer with the OpenAPI document of the version in the query, or of the newest version."""
        documents = self._status.openapi
        newest = max(documents, default="")
        version = request.query_params.get("version", newest)
        if version not in documents:
            return JSONResponse({"status": "not found", "versions": list(documents)}, 404, headers=HEADERS)
        return JSONResponse(documents[version](), headers=HEADERS)

    async def control(self, request: Request) -> Response:
        """Answer the emulator's control URL, whose secret token is known only to the process that started it."""
        token = self._status.control_token
        given = request.path_params["token"].encode()
        if self._control is None or not token or not hmac.compare_digest(given, token.encode()):
            return JSONResponse({"status": "not found"}, 404, headers=HEADERS)
        return await self._control(request, f"/{request.path_params.get('path', '')}")


def build(status: Status) -> Starlette:
    """Return the admin listener's application."""
    pages = Pages(status)
    routes = [
        Route("/", pages.page),
        Route("/health", pages.health),
        Route("/ready", pages.ready),
        Route("/metrics", pages.metrics),
        Route("/openapi.json", pages.openapi),
    ]
    if status.control:
        methods = ["GET", "POST", "PUT", "DELETE"]
        routes.append(Route("/_emulator/{token}", pages.control, methods=methods))
        routes.append(Route("/_emulator/{token}/{path:path}", pages.control, methods=methods))
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=_allowed_hosts(status.admin_host))
    return Starlette(routes=routes, middleware=[hosts])


def _allowed_hosts(admin_host: str) -> list[str]:
    """Return the accepted values of the `host` header.

    A web page of another origin can make a browser call this listener under a host name of its own (DNS rebinding).
    On loopback, only our own names are accepted. An operator who opens the listener to a network has probes that call
    it by address.
    """
    if admin_host in {"0.0.0.0", "::"}:  # noqa: S104  # compared, not bound
        return ["*"]
    return ["127.0.0.1", "localhost", "[::1]", admin_host]
