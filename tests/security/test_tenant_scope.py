"""Every SQL statement is limited to one merchant."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

STORE = files("tokenvault_server.store")
UNSCOPED = re.compile(r"-- unscoped: \S.*$", re.MULTILINE)
COMMENT = re.compile(r"--.*$", re.MULTILINE)
IN_WHERE = re.compile(r"\bWHERE\b.*\bmerchant_id = :merchant_id\b", re.DOTALL)
IN_COLUMNS = re.compile(r"\AINSERT INTO \w+ \(merchant_id,")
INNERMOST = re.compile(r"\([^()]*\)")


def statements() -> dict[str, str]:
    """Return every statement of the vault's store, with its comments, by file and name."""
    found: dict[str, str] = {}
    for file in STORE.iterdir():
        if file.name.endswith(".sql"):
            _, *parts = re.split(r"^-- (\w+) --$", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
            found |= {f"{file.name}: {name}": text for name, text in zip(parts[::2], parts[1::2], strict=True)}
    return found


def is_scoped(statement: str) -> bool:
    """Return whether a statement is limited to one merchant, or gives a reason why not."""
    if UNSCOPED.search(statement):
        return True
    sql = COMMENT.sub("", statement).strip()
    if sql.startswith("INSERT"):
        return IN_COLUMNS.match(sql) is not None
    outside = _without_parentheses(sql)
    return IN_WHERE.search(outside) is not None and not re.search(r"\bOR\b|\bUNION\b", outside)


def _without_parentheses(sql: str) -> str:
    """Remove what is in parentheses: a condition or an OR in there does not limit the whole statement."""
    while INNERMOST.search(sql):
        sql = INNERMOST.sub("", sql)
    return sql


@pytest.mark.parametrize(("where", "statement"), statements().items(), ids=statements())
def test_every_statement_keeps_to_one_merchant_or_says_why_not(where: str, statement: str) -> None:
    assert is_scoped(statement), f"{where}: no merchant_id, and no `-- unscoped: reason`"


@pytest.mark.parametrize(
    "statement",
    [
        "-- By its id. --\nSELECT sealed FROM instruments WHERE instrument_id = :instrument_id;",
        "SELECT sealed FROM instruments WHERE merchant_id = :merchant_id OR customer_id = :customer_id;",
        "SELECT sealed FROM instruments WHERE (merchant_id = :merchant_id OR status = 'ACTIVE');",
        "SELECT merchant_id FROM instruments; -- merchant_id = :merchant_id",
        "UPDATE instruments SET merchant_id = :merchant_id;",
        "DELETE FROM instruments WHERE status = 'DELETED'; -- unscoped:",
        "INSERT INTO outbox (outbox_id, merchant_id) VALUES (:outbox_id, :merchant_id);",
        "SELECT 1 FROM tokens WHERE merchant_id = :merchant_id UNION SELECT 1 FROM tokens;",
    ],
)
def test_a_statement_that_reaches_further_is_noticed(statement: str) -> None:
    assert not is_scoped(statement)
