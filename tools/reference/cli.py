"""The page of all commands and options."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Final

import click

from tokenvault_server import cli
from tools.reference.markdown import NOTE, assembled, prose, table

_EXIT_CODES: Final = {
    0: "done",
    cli.CHECK_FAILED: "a check failed",
    click.UsageError.exit_code: "the command line is wrong",
    cli.INVALID: "the configuration or an argument is invalid",
    cli.UNAVAILABLE: "a database or a key cannot be used",
    cli.UNEXPECTED: "unexpected error",
    cli.NOT_FOUND: "not found",
    130: "interrupted",
}
COMPLETION: Final = [
    ("bash", "~/.bashrc", 'eval "$(_TOKENVAULT_COMPLETE=bash_source tokenvault)"'),
    ("zsh", "~/.zshrc", 'eval "$(_TOKENVAULT_COMPLETE=zsh_source tokenvault)"'),
    ("fish", "~/.config/fish/completions/tokenvault.fish", "_TOKENVAULT_COMPLETE=fish_source tokenvault | source"),
]


def page() -> str:
    """Return the page of all commands and options."""
    codes = [[str(code), meaning] for code, meaning in _EXIT_CODES.items()]
    root = cli.tokenvault
    parts = [
        "# Commands",
        NOTE,
        "Commands print results to standard output, and errors with a hint to standard error.",
        "## Exit codes",
    ]
    parts.append(table(["code", "meaning"], codes))
    parts += [
        "## Completion",
        prose(
            "The shell completes commands, options and their values when it has read a script that `tokenvault`",
            "prints. Add the line to the shell's start-up file:",
        ),
        table(
            ["shell", "file", "line"], [[f"`{shell}`", f"`{file}`", f"`{line}`"] for shell, file, line in COMPLETION]
        ),
    ]
    parts += _command(root, click.Context(root, info_name="tokenvault"))
    return assembled(parts)


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f"## `{context.command_path}`"
    yield f"```text\n{' '.join([context.command_path, *command.collect_usage_pieces(context)])}\n```"
    yield inspect.cleandoc(command.help or "")
    options = [_option(each, context) for each in command.params if isinstance(each, click.Option)]
    # click caches the help option of the first request, which may have had another context.
    options.append([f"`{', '.join(context.help_option_names)}`", "", "Show this message and exit."])
    yield table(["option", "default", "meaning"], options)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner:
                yield from _command(inner, click.Context(inner, parent=context, info_name=name))


def _option(option: click.Option, context: click.Context) -> list[str]:
    name, help_text = option.get_help_record(context) or ("", "")
    default = option.to_info_dict()["default"]
    meaning = help_text.partition("  [")[0] if "  [" in help_text else "" if help_text.startswith("[") else help_text
    shown = default if isinstance(default, str | int) and not isinstance(default, bool) else ""
    required = "required" if option.required else ""
    return [
        f"`{name}`".replace("|", "\\|"),
        f"`{shown}`" if shown != "" else required,
        meaning.partition(" [default")[0],
    ]
