"""What commands print. Names, ids, URLs and reasons come from outside: they are shown as data, never as markup."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from contextlib import suppress

import click
import msgspec

from tokenvault_server.domain.printable import escaped, escaped_json


def print_line(text: str = "", *, to_stderr: bool = False) -> None:
    """Print one line. Control and format characters in it are escaped, line ends too."""
    click.echo(escaped(text), err=to_stderr)


def show_progress(name: str = "", count: int = 0) -> None:
    """Show on a terminal how far a long command is, in place of what was shown last; without a name, remove that."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{escaped(name)}: {count}" if name else "\r\x1b[K", err=True, nl=False)


def print_call(line: str) -> None:
    """Print the line of a call, whose text is escaped already. A terminal that was closed must not stop an emulator."""
    with suppress(OSError, ValueError):
        click.echo(line, err=True)


def print_json(value: object) -> None:
    """Print one JSON document on one line."""
    click.echo(escaped_json(msgspec.json.encode(value).decode()))


def print_document(text: str) -> None:
    """Print a JSON document byte for byte, so that a signature of it can be checked; escaped on a terminal."""
    click.echo(escaped_json(text) if sys.stdout.isatty() else text)


def print_command(text: str) -> None:
    """Print a command for a shell, which may have several lines; a backslash at a line's end stays one."""
    click.echo(escaped_json(text))


def print_usage_error(wrong: click.ClickException) -> None:
    """Print what is wrong with the command line, which may have been pasted from elsewhere."""
    message = io.StringIO()
    wrong.show(message)
    for line in message.getvalue().splitlines():
        print_line(line, to_stderr=True)


def print_rows(items: object, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]], *, as_json: bool) -> None:
    """Print a list: the items as JSON, or the rows as a table."""
    if as_json:
        print_json(items)
    else:
        print_table(columns, rows)


def print_table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows as a table on a terminal, as tab-separated text elsewhere."""
    lines = [[escaped(cell) for cell in row] for row in (columns, *rows)]
    if not sys.stdout.isatty():
        for line in lines:
            click.echo("\t".join(line))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns)
    for line in lines[1:]:
        table.add_row(*map(Text, line))  # a plain string would be read as markup
    Console().print(table)
