"""A command or an option with a wrong letter is answered with the right one, at every level."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from tests.support.commands import tokenvault
from tokenvault_server import cli


def groups(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command below a group, with the words that call it."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from groups(command, (*path, name))


COMMANDS = dict(groups(cli.tokenvault))


def wrong(word: str, others: set[str]) -> Iterator[str]:
    """Yield the word with one letter replaced, one left out, and two letters exchanged."""
    middle = len(word) // 2
    for place in {1, middle, len(word) - 1}:
        yield word[:place] + ("y" if word[place] == "x" else "x") + word[place + 1 :]
        if len(word) > 4 and word[:place] + word[place + 1 :] not in others:
            yield word[:place] + word[place + 1 :]
    if word[middle - 1] != word[middle] and len(word) > 4:
        yield word[: middle - 1] + word[middle] + word[middle - 1] + word[middle + 1 :]


def test_the_example_of_the_emulator() -> None:
    done = tokenvault("emulater")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2,
        "Error: No such command 'emulater'. Did you mean 'emulator'?",
    )


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_is_recognised_with_a_wrong_letter(path: tuple[str, ...]) -> None:
    *before, word = path
    for variant in wrong(word, {other[-1] for other in COMMANDS}):
        done = tokenvault(*before, variant)
        assert (done.returncode, f"No such command '{variant}'" in done.stderr) == (2, True)
        assert f"'{word}'" in done.stderr.rpartition("Did you mean")[2], (variant, done.stderr)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_option_is_recognised_with_a_wrong_letter(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    options = {name for each in command.params if isinstance(each, click.Option) for name in each.opts}
    for option in options:
        for variant in wrong(option.removeprefix("--"), {name.removeprefix("--") for name in options}):
            if any(name.startswith(f"--{variant}") for name in options):
                continue
            done = tokenvault(*path, f"--{variant}", "1")
            assert (done.returncode, f"No such option '--{variant}'" in done.stderr) == (2, True), done.stderr
            assert f"'{option}'" in done.stderr.lower().rpartition("did you mean")[2], (variant, done.stderr)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_choice_lists_what_is_allowed(path: tuple[str, ...]) -> None:
    for option in COMMANDS[path].params:
        if isinstance(option, click.Option) and isinstance(option.type, click.Choice):
            done = tokenvault(*path, option.opts[0], "other")
            assert done.returncode == 2
            assert [choice for choice in option.type.choices if f"'{choice}'" not in done.stderr] == []


@pytest.mark.parametrize("word", ["zzzzzz", "\x1b[31m", "4706131211212123"])
def test_a_word_that_resembles_nothing_is_answered_with_the_help(word: str) -> None:
    done = tokenvault(word)
    assert (done.returncode, "--help' for help." in done.stderr) == (2, True)
    assert "Did you mean" not in done.stderr
    assert "\x1b" not in done.stderr
