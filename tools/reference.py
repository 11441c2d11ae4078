"""Writes the reference pages, and the function in ARCHITECTURE.md, from the code: `make reference`.

A test fails while a page is stale.
One function per page; each gives the text from the tables that the software itself uses.
"""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, get_type_hints

import click
import msgspec

from tokenvault_contract import headers, signatures
from tokenvault_contract.openapi import openapi_document
from tokenvault_contract.operations import BASE_PATH, OPERATIONS, Operation
from tokenvault_contract.problems import PROBLEMS, Kind
from tokenvault_contract.versions import LATEST, SUPPORTED
from tokenvault_server import cli, errors, settings
from tokenvault_server.api.pipeline import Pipeline
from tokenvault_server.api.rate_limits import Budgets
from tokenvault_server.api.versions import CHANGES
from tokenvault_server.domain import events
from tokenvault_server.domain.events import Action
from tokenvault_server.errors import OperatorError, VaultError
from tokenvault_server.telemetry.metrics import Metrics, WorkerMetrics

ROOT: Final = Path(__file__).parents[1]
ARCHITECTURE: Final = ROOT / "ARCHITECTURE.md"
FOLDER: Final = ROOT / "docs" / "reference"
GOLDEN: Final = ROOT / "tests" / "golden"
_NOTE: Final = "<!-- Written by tools/reference.py; a test compares. `make reference` writes it anew. -->"

_RECORDED: Final = {
    Action.INSTRUMENT_ENROLLED: "A card was saved.",
    Action.INSTRUMENT_DELETED: "A saved card was deleted; its record is overwritten.",
    Action.CRYPTOGRAM_ISSUED: "A cryptogram was released. `details`: its counter (`atc`) and `key_index`.",
    Action.AUTHENTICATION_REFUSED: "Sign-ins were refused. `details`: how many (`count`); at most one entry a minute "
    "for each merchant and address.",
    Action.MERCHANT_ADDED: "A merchant was added. `details`: its `name`.",
    Action.MERCHANT_SECRET_ROTATED: "A merchant has a further secret. `details`: its `credential_id`, and when the "
    "others end (`others_end_at`).",
    Action.MERCHANT_SECRET_REVOKED: "A merchant's secret was ended. `details`: its `credential_id`.",
    Action.SIGNATURE_KEY_MADE: "A merchant may sign in by signature; an earlier key was destroyed. `details`: the "
    "key's `version`.",
    Action.SIGNATURE_KEY_ENDED: "A merchant's signature key was destroyed. `details`: its `version`.",
    Action.PARTNER_ADDED: "A partner was added; in the vault's own chain. `details`: its `partner_id` and `name`.",
    Action.PARTNER_LINKED: "A partner may act for the merchant. `details`: its `partner_id`.",
    Action.PARTNER_UNLINKED: "A partner may act for the merchant no longer. `details`: its `partner_id`.",
    Action.PARTNER_KEY_ROTATED: "A partner has a further key; in the vault's own chain. `details`: its `partner_id`, "
    "the key's `credential_id`, and when the others end (`others_end_at`).",
    Action.PARTNER_KEY_REVOKED: "A partner's key was ended; in the vault's own chain. `details`: its `partner_id`, "
    "the key's `credential_id`.",
    Action.RATE_LIMIT_CHANGED: "An operation has another limit. `details`: the `operation`, and its `per_minute` "
    "unless the vault's own limit counts again.",
    Action.WEBHOOK_ENDPOINT_ADDED: "A URL is told of the merchant's saved cards. `details`: its `endpoint_id`.",
    Action.WEBHOOK_ENDPOINT_REMOVED: "A URL is told no longer. `details`: its `endpoint_id`.",
    Action.WEBHOOK_RESENT: "An operator had a notification sent again. `details`: its `event_id`.",
    Action.VAULT_INITIALISED: "The vault was made; the first entry of its own chain.",
    Action.KEY_RENEWED: "A key was replaced by a new version. `details`: its `purpose` and the new `version`.",
    Action.KEY_DESTROYED: "A key that nothing needs any more was overwritten. `details`: its `purpose` and `version`.",
}
_PAIRS_OF_CREDENTIALS: Final = [
    [f"`{headers.CLIENT_ID}`, `{headers.CLIENT_SECRET}`", "the merchant"],
    [f"`{headers.CLIENT_ID}`, `{headers.PARTNER_API_KEY}`", "a partner for the merchant"],
    [f"`{headers.PARTNER_MERCHANT_ID}`, `{headers.PARTNER_API_KEY}`", "a partner for the merchant"],
    [f"`{headers.CLIENT_ID}`, `{headers.CLIENT_SIGNATURE}`", "the merchant"],
]
_EXIT_CODES: Final = {
    0: "done",
    cli.NOT_IN_ORDER: "what was checked is not in order",
    click.UsageError.exit_code: "the command line is wrong",
    cli.INVALID: "the configuration, or what was given, is wrong",
    cli.UNAVAILABLE: "a store or a key cannot be used",
    cli.UNFORESEEN: "unforeseen",
    cli.NOT_FOUND: "not found",
    130: "interrupted",
}
_FIELDS_OF_AN_EVENT: Final = {
    "at": "When, in microseconds since 1970, UTC.",
    "action": "What was done; the table above.",
    "actor": "Who: a client id, a partner id, `cli` or `emulator`.",
    "origin": "The address that the call came from.",
    "request_id": "The call's `x-request-id`.",
    "customer_id": "Whose saved card.",
    "instrument_id": "Which saved card.",
    "outcome": "`done` or `refused`.",
    "details": "What else belongs to this action.",
}


def api() -> str:
    """Give the page of operations, headers and bodies."""
    components = openapi_document()["components"]
    schemes = [[f"`{scheme['name']}`", name] for name, scheme in components["securitySchemes"].items()]
    sent = [[f"`{name}`", "yes" if name == headers.API_VERSION else "no"] for name in headers.REQUEST_HEADERS]
    told = [[f"`{name}`", header["description"]] for name, header in components["headers"].items()]
    parts = [
        "# API",
        _NOTE,
        _prose(
            f"Every path begins with `{BASE_PATH}`. Bodies are JSON in UTF-8. What a body looked like in older",
            "versions is in [versions](versions.md), what failures say in [errors](errors.md).",
        ),
        "## Signing in",
        _prose(
            "A call signs in with one of four pairs. A partner's key decides if one is sent, else a secret, else a",
            "signature; what the others say is not looked at.",
        ),
        _table(["pair", "who acts"], _PAIRS_OF_CREDENTIALS),
        _prose(
            "With a partner's key, `x-partner-merchantid` names the merchant; without it, its client id does. Partners",
            "act only for merchants they are linked to. `x-client-signature` is",
            '`base64(RSA-OAEP(public key, client id + "." + unix seconds))`, padded with SHA-1 or SHA-256, accepted',
            f"for {signatures.LIFETIME_SECONDS // 60} minutes",
            f"(a clock may be {signatures.SKEW_SECONDS} seconds ahead), by `serve` only with the setting",
            "`signature_auth`: whoever holds the public key can make one, and one can be used again",
            "until its time is over. How credentials are made and replaced:",
            "[rotate credentials](../how-to/rotate-credentials.md).",
        ),
        _table(["header", "scheme"], schemes),
        "## Headers of a call",
        _table(["header", "required"], sent),
        "## Headers of every answer",
        _table(["header", "meaning"], told),
        *(part for operation in OPERATIONS for part in _operation(operation, components["schemas"])),
    ]
    return _page(parts)


def _operation(operation: Operation, schemas: dict[str, Any]) -> Iterator[str]:
    yield f"## {operation.summary}"
    names = f"`{operation.name}` in the SDKs, `{operation.key}` in settings and metrics."
    yield f"`{operation.method} {BASE_PATH}{operation.path}`"
    yield names if operation.documented else names.replace("in the SDKs", "in OpenAPI")
    yield operation.description
    if not operation.documented:
        yield "The published document does not have this operation."
    if operation.query:
        yield "Query: " + ", ".join(f"`{name}=card`" for name in operation.query) + "."
    if operation.takes:
        yield f"Body, `{operation.takes.__name__}`:"
        yield _table(["field", "type", "required"], _fields(operation.takes.__name__, schemas))
    several = "a list of " if operation.many else ""
    yield f"Answer {operation.success}, {several}`{operation.returns.__name__}`:"
    yield _json(_example(operation))
    statuses = ", ".join(str(status) for status in sorted(PROBLEMS[kind].status for kind in operation.problems))
    limit = Budgets().per_operation[operation.key]
    yield f"Failures: {statuses}. A merchant may call it {limit} times a minute, unless configured."


def _fields(name: str, schemas: dict[str, Any], prefix: str = "") -> list[list[str]]:
    rows = []
    schema = schemas[name]
    for field, described in schema["properties"].items():
        required = "yes" if field in schema.get("required", ()) else "no"
        inner = described.get("$ref", "").rpartition("/")[2]
        rows.append([f"`{prefix}{field}`", "object" if inner else described["type"], required])
        rows += _fields(inner, schemas, f"{prefix}{field}.") if inner else []
    return rows


def _example(operation: Operation) -> Any:  # noqa: ANN401  # any JSON
    # What saving answers has the shape of what fetching answers.
    name = operation.key if operation.documented else "fetch_instrument"
    return json.loads((GOLDEN / LATEST / f"{name}.json").read_text(encoding="utf-8"))


def errors_page() -> str:
    """Give the page of everything that can go wrong."""
    kinds = [
        [str(problem.status), f"`{problem.wire_type}`", f"`{kind.value}`", problem.description]
        for kind, problem in PROBLEMS.items()
    ]
    classes = [error for _, error in inspect.getmembers(errors, _is_error)]
    told = [_error(error) for error in classes if not _is_for_operators(error)]
    operators = [[f"`{error.__name__}`", _first_paragraph(error)] for error in classes if _is_for_operators(error)]
    shape = {"message": "instrument is not found", "code": "instrument_not_found", "type": "invalid_request_error"}
    parts = [
        "# Errors",
        _NOTE,
        _prose(
            "Every failed call is answered like this, with `help` beside it for versions from 2025-01-01 on, except",
            "for 401 and 429. No message repeats what was sent.",
        ),
        _json(shape),
        "## Statuses",
        _table(["status", "type", "kind", "meaning"], kinds),
        "## What callers are told",
        "`{field}` is the name of a field, a header or a part of the path.",
        _table(["status", "code", "message", "when"], sorted(told)),
        "## What operators are told",
        "A caller gets 500 `internal_error` and the request id; the log and the command line get these, with a hint.",
        _table(["error", "when"], operators),
    ]
    return _page(parts)


def _is_error(member: object) -> bool:
    return inspect.isclass(member) and issubclass(member, VaultError)


def _is_for_operators(error: type[VaultError]) -> bool:
    return error.kind is Kind.INTERNAL or issubclass(error, OperatorError)


def _error(error: type[VaultError]) -> list[str]:
    stand_ins: dict[str, Any] = {"field": "{field}", "supported": tuple(SUPPORTED), "message": ""}
    wanted = inspect.signature(error).parameters
    made = error(**{name: stand_ins[name] for name, each in wanted.items() if each.default is each.empty})
    status = str(PROBLEMS[made.kind].status)
    return [status, f"`{made.code}`", made.message, _first_paragraph(error)]


def settings_page() -> str:
    """Give the page of every knob."""
    documented = _documented_fields(settings)
    defaults = settings.Settings()
    rows = [
        [f"`{name}`", _default(getattr(defaults, name)), _values(name), _environment(name), told]
        for name, told in documented["Settings"].items()
    ]
    ranges = [[f"`{name}`", str(_range_default(name))] for name in settings.CardRangeSetting.__struct_fields__]
    parts = [
        "# Settings",
        _NOTE,
        _prose(
            f"A served vault reads `{settings.CONFIG_FILE}`, then the environment, then its command line; later ones",
            f"win. The file is the one that `--config` names, else `${settings.PREFIX}CONFIG`, else the one in the",
            "working directory. Relative paths are relative to the file. An unknown name is an error.",
        ),
        "A secret may also stand in a file of its own, which the variable with `_FILE` at its end names.",
        _table(["setting", "default", "values", "environment", "meaning"], rows),
        "## Card ranges",
        "Each `[[card_ranges]]` of the file adds a range to the built-in token service.",
        _table(["field", "default"], ranges),
        "`rate_limit_per_operation` is a table of the file too; its names are "
        + ", ".join(f"`{operation.key}`" for operation in OPERATIONS)
        + ".",
    ]
    return _page(parts)


def _documented_fields(module: Any) -> dict[str, dict[str, str]]:  # noqa: ANN401  # any module
    """Give, for each class of a module, its fields with the string below each."""
    tree = ast.parse(inspect.getsource(module))
    return {node.name: dict(_strings_below(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _strings_below(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, below in zip(node.body, node.body[1:], strict=False):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, " ".join(text.split())


def _default(value: object) -> str:
    if value in ("", (), {}):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _values(name: str) -> str:
    """Give what a setting may be set to, where its type says more than that it is text."""
    hint = get_type_hints(settings.Settings, include_extras=True)[name]
    match msgspec.inspect.type_info(hint):
        case msgspec.inspect.LiteralType(values=values):
            return ", ".join(f"`{value}`" for value in values)
        case msgspec.inspect.BoolType():
            return "`true`, `false`"
        case msgspec.inspect.IntType(ge=least, le=most) if least is not None:
            return f"{least} to {most}" if most is not None else f"{least} or more"
        case msgspec.inspect.FloatType(gt=over) if over is not None:
            return f"over {over}"
        case _:
            return ""


def _environment(name: str) -> str:
    if name in settings.FILE_ONLY:
        return "file only"
    variable = f"`{settings.PREFIX}{name.upper()}`"
    return f"{variable}, `{settings.PREFIX}{name.upper()}_FILE`" if name in settings.SECRET_FIELDS else variable


def _range_default(name: str) -> str:
    example = settings.CardRangeSetting(prefix="", network="visa", issuer="")
    return "required" if name in {"prefix", "network", "issuer"} else f"`{getattr(example, name)}`"


def cli_page() -> str:
    """Give the page of every command and option."""
    codes = [[str(code), meaning] for code, meaning in _EXIT_CODES.items()]
    root = cli.tokenvault
    parts = [
        "# Commands",
        _NOTE,
        "Results go to standard output, errors with a hint to standard error.",
        "## Exit codes",
    ]
    parts.append(_table(["code", "meaning"], codes))
    parts += _command(root, click.Context(root, info_name="tokenvault"))
    return _page(parts)


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f"## `{context.command_path}`"
    yield f"```text\n{' '.join([context.command_path, *command.collect_usage_pieces(context)])}\n```"
    yield inspect.cleandoc(command.help or "")
    options = [_option(each, context) for each in command.params if isinstance(each, click.Option)]
    # click remembers the help option as it was first asked for, which may have been without our context.
    options.append([f"`{', '.join(context.help_option_names)}`", "", "Show this message and exit."])
    yield _table(["option", "default", "meaning"], options)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner:
                yield from _command(inner, click.Context(inner, parent=context, info_name=name))


def _option(option: click.Option, context: click.Context) -> list[str]:
    name, told = option.get_help_record(context) or ("", "")
    default = option.to_info_dict()["default"]
    meaning = told.partition("  [")[0] if "  [" in told else "" if told.startswith("[") else told
    shown = default if isinstance(default, str | int) and not isinstance(default, bool) else ""
    required = "required" if option.required else ""
    return [
        f"`{name}`".replace("|", "\\|"),
        f"`{shown}`" if shown != "" else required,
        meaning.partition(" [default")[0],
    ]


def versions_page() -> str:
    """Give the page of the API's dated versions."""
    changes = {change.version: change.summary for change in CHANGES}
    rows = [[f"`{version}`", changes.get(version, "Nothing that these operations show.")] for version in SUPPORTED]
    parts = [
        "# Versions",
        _NOTE,
        _prose(
            f"`{headers.API_VERSION}` is required on every call and names one of these. The newest is `{LATEST}`.",
            "Inside, only the newest shape exists; an answer for an older version is made from it by taking later",
            "changes back. What stands in angle brackets below differs from card to card.",
        ),
        _prose(
            "Every answer in a version to which the setting `deprecated_versions` gives a day carries that day in",
            f"`{headers.DEPRECATED_AT}`. No version has one unless its operator says so.",
        ),
        _table(["version", "what it changed"], rows),
        f"## A saved card in {LATEST}",
        _json(_golden(LATEST)),
        f"## The same in {SUPPORTED[0]}",
        _json(_golden(SUPPORTED[0])),
    ]
    return _page(parts)


def _golden(version: str) -> Any:  # noqa: ANN401  # any JSON
    return json.loads((GOLDEN / version / "fetch_instrument.json").read_text(encoding="utf-8"))


def metrics_page() -> str:
    """Give the page of metrics."""
    metrics = Metrics()
    metrics.call(OPERATIONS[0].key, OPERATIONS[0].success, 0.001)
    loops = WorkerMetrics()
    loops.attempt("delivered", 0.1)
    rows = [
        [f"`{family.name}`", family.type, ", ".join(f"`{label}`" for label in _labels(family)), family.documentation]
        for registry in (metrics.registry, loops.registry)
        for family in registry.collect()
    ]
    operations = ", ".join(f"`{operation.key}`" for operation in OPERATIONS)
    parts = [
        "# Metrics",
        _NOTE,
        "`GET /metrics` on the admin listener, in Prometheus' text format. No id is ever a label.",
        _table(["name", "type", "labels", "meaning"], rows),
        _prose(
            f"`operation` is one of {operations}, or `unrouted` for a call that fits none of them. `outcome` is",
            "`delivered` or what stood in the way ([which words there are](../how-to/receive-webhooks.md#outcomes)). A",
            "counter is shown with `_total` at the end of its name.",
        ),
    ]
    return _page(parts)


def _labels(family: Any) -> list[str]:  # noqa: ANN401  # a prometheus metric family
    found = {label for sample in family.samples for label in sample.labels}
    return sorted(found - {"le"})


def events_page() -> str:
    """Give the page of what the audit trail records."""
    actions = [[f"`{action.value}`", _RECORDED[action]] for action in Action]
    fields = [[f"`{name}`", _FIELDS_OF_AN_EVENT[name]] for name in events.AuditEvent.__slots__]
    parts = [
        "# Audit events",
        _NOTE,
        _prose(
            "What stands in an entry of the audit trail, as JSON. There is no field for a token, a cryptogram or a",
            "secret. How entries are chained, and how to check it, is told in",
            "[how to verify the trail](../how-to/verify-the-audit-trail.md).",
        ),
        _table(["action", "what happened"], actions),
        "## Fields",
        _table(["field", "meaning"], fields),
    ]
    return _page(parts)


PAGES: Final[dict[str, Callable[[], str]]] = {
    "api.md": api,
    "errors.md": errors_page,
    "settings.md": settings_page,
    "cli.md": cli_page,
    "versions.md": versions_page,
    "metrics.md": metrics_page,
    "events.md": events_page,
}


def _prose(*lines: str) -> str:
    return " ".join(lines)


def _page(parts: Iterable[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(columns: list[str], rows: Iterable[list[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _json(value: object) -> str:
    return f"```json\n{json.dumps(value, indent=2)}\n```"


def _first_paragraph(thing: type) -> str:
    return " ".join((thing.__doc__ or "").split("\n\n")[0].split())


def architecture() -> str:
    """Give ARCHITECTURE.md with the function in its middle as it is now."""
    walk = textwrap.dedent(inspect.getsource(Pipeline.walk))
    text = ARCHITECTURE.read_text(encoding="utf-8")
    before, fence, rest = text.partition("```python\n")
    return before + fence + walk + rest[rest.index("```") :]


def main() -> None:
    """Write every page."""
    ARCHITECTURE.write_text(architecture(), encoding="utf-8")
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
