"""A group of commands that imports the command that runs, and no other."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import click


class LazyGroup(click.Group):
    """Commands by name, with a line of help for each."""

    descriptions: ClassVar[Mapping[str, str]] = {}
    """What each command does, the most used first."""
    heading: ClassVar[str] = "Commands"

    @abstractmethod
    def load(self, name: str) -> click.Command:
        """Import one of the commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Return the names."""
        return list(self.descriptions)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's signature
        """Import a command; None for an unknown name."""
        return self.load(cmd_name) if cmd_name in self.descriptions else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command. For an unknown name, suggest the most similar one, which click does for groups only."""
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as unknown:
            raise click.exceptions.NoSuchCommand(
                unknown.command_name, possibilities=self.descriptions, ctx=ctx
            ) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section(self.heading):
            formatter.write_dl(list(self.descriptions.items()))
