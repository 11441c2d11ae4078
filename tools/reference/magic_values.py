"""The page of the emulator's magic values."""

from __future__ import annotations

from collections.abc import Iterator

from tokenvault_contract.problems import PROBLEMS
from tokenvault_server.emulator.magic import HOLDERS, STATES, STATUSES, VERBS, can_fail, card_for
from tools.reference.markdown import NOTE, assembled, prose, table


def page() -> str:
    """Return the page."""
    verbs = [[f"`{verb}`", f"`{operation.key}`", operation.summary] for verb, operation in VERBS.items()]
    holders = [[f"`{name}`", effect] for name, (_, effect) in HOLDERS.items()]
    states = [[f"`{name}`", effect] for name, (_, effect) in STATES.items()]
    return assembled(
        [
            "# Magic values",
            NOTE,
            prose(
                "In `tokenvault emulator`, these values make calls fail. They are part of the call, so they work",
                "through any SDK, and in tests that share an emulator. `tokenvault emulator magic` lists them, too.",
                "[Fault rules](../how-to/steer-the-emulator.md) can do more. A served vault has none.",
            ),
            "## Customer ids",
            prose(
                "`fail_STATUS_` at the beginning of a customer id fails every operation of that customer that can have",
                "the status, and `fail_STATUS_VERB_` one of them: with `fail_502_cryptogram_asha` a card is saved and",
                "its cryptogram fails. Other operations work as usual.",
            ),
            table(["verb", "operation", "what it does"], verbs),
            table(["status", "meaning", "verbs"], _statuses()),
            "## Holder names",
            prose("When a card is saved, `card_holder_name` decides what happens. `FAIL STATUS` fails the call."),
            table(["name", "what happens"], [*holders, *states]),
            "## Card numbers",
            "Saving one of these cards fails.",
            table(["number", "status"], [[f"`{card_for(status)}`", str(status)] for status in STATUSES]),
        ]
    )


def _statuses() -> Iterator[list[str]]:
    meanings = {problem.status: problem.description for problem in PROBLEMS.values()}
    for status in STATUSES:
        verbs = [f"`{verb}`" for verb, operation in VERBS.items() if can_fail(operation, status)]
        yield [str(status), meanings[status], ", ".join(verbs)]
