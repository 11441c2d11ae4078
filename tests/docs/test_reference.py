"""The generated pages are fresh, and name everything that can be set, asked for, counted or go wrong."""

import inspect
from typing import Any

import click
import pytest

from tests.repository import tree
from tokenvault_contract import headers
from tokenvault_contract.operations import OPERATIONS
from tokenvault_contract.problems import PROBLEMS
from tokenvault_contract.versions import SUPPORTED
from tokenvault_server import cli, errors
from tokenvault_server.domain.audit import Action, AuditEntry
from tokenvault_server.errors import VaultError
from tokenvault_server.settings import CardRangeSetting, Settings
from tokenvault_server.telemetry.background_metrics import BackgroundMetrics
from tokenvault_server.telemetry.metrics import Metrics
from tokenvault_server.telemetry.process_metrics import ProcessMetrics
from tools import reference


@pytest.mark.parametrize("name", reference.PAGES)
def test_a_generated_page_is_fresh(name: str) -> None:
    assert page(name) == reference.PAGES[name](), "run `make reference`"


@pytest.mark.parametrize("setting", [*Settings.__struct_fields__, *CardRangeSetting.__struct_fields__])
def test_every_setting_is_on_its_page(setting: str) -> None:
    assert f"| `{setting}` |" in page("settings.md")


def test_every_setting_is_explained() -> None:
    rows = [line for line in page("settings.md").splitlines() if "TOKENVAULT_" in line and line.startswith("|")]
    assert [row for row in rows if not row.rstrip(" |").endswith((".", ")"))] == []


def test_every_error_is_on_its_page() -> None:
    classes = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, VaultError)]
    text = page("errors.md")
    assert [
        each.__name__ for each in classes if " ".join((each.__doc__ or "?").split("\n\n")[0].split()) not in text
    ] == []


def test_every_status_is_on_the_page_of_errors() -> None:
    assert [kind for kind, problem in PROBLEMS.items() if f"| {problem.status} |" not in page("errors.md")] == []


@pytest.mark.parametrize("action", Action)
def test_every_audit_event_is_on_its_page(action: Action) -> None:
    assert f"| `{action.value}` |" in page("events.md")


def test_every_field_of_an_audit_event_is_on_its_page() -> None:
    assert [name for name in AuditEntry.__slots__ if f"| `{name}` |" not in page("events.md")] == []


def test_every_metric_is_on_its_page() -> None:
    names = [
        family.name
        for each in (Metrics(), BackgroundMetrics(), ProcessMetrics("worker"))
        for family in each.registry.collect()
    ]
    assert names
    assert [name for name in names if f"| `{name}` |" not in page("metrics.md")] == []


@pytest.mark.parametrize("version", SUPPORTED)
def test_every_version_is_on_its_page(version: str) -> None:
    assert f"| `{version}` |" in page("versions.md")


def test_every_operation_and_header_is_on_the_page_of_the_api() -> None:
    text = page("api.md")
    assert [each.name for each in OPERATIONS if each.name not in text] == []
    spelled = [name for _, name in inspect.getmembers(headers) if isinstance(name, str) and name.startswith("x-")]
    told_elsewhere = {headers.DEPRECATED_AT, *(name for name in spelled if name.startswith("x-webhook-"))}
    assert [name for name in spelled if name not in told_elsewhere and name not in text] == []


def test_every_option_of_every_command_is_on_its_page() -> None:
    text = page("cli.md")
    options = [option for info in commands(cli.tokenvault) for option in options_of(info)]
    assert options
    assert [option for option in options if option not in text] == []


def commands(command: click.Command, name: str = "tokenvault") -> list[dict[str, Any]]:
    """A command and all commands below it, as click describes them."""
    context = click.Context(command, info_name=name)
    found = [command.to_info_dict(context)]
    if isinstance(command, click.Group):
        inner = [(each, command.get_command(context, each)) for each in command.list_commands(context)]
        found += [info for each, below in inner if below for info in commands(below, each)]
    return found


def options_of(info: dict[str, Any]) -> list[str]:
    return [option for each in info["params"] if each["param_type_name"] == "option" for option in each["opts"][:1]]


def page(name: str) -> str:
    return tree.text(reference.FOLDER / name)
