"""Everything that somebody could see of an object or of a traceback: an error tracker, a debugger, a log."""

from __future__ import annotations

import types
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

TESTS: Final = str(Path(__file__).parents[1])
MAX_OBJECTS: Final = 2_500
_UNINTERESTING: Final = (types.ModuleType, type, types.CodeType, types.FrameType, int, float, bool, type(None))


def secrets_in(roots: Iterable[object], secrets: Iterable[str]) -> list[str]:
    """Return where secrets can be seen: in the text, the elements or the attributes of these objects."""
    wanted = list(secrets)
    return [
        f"{secret[:4]}... in {path}"
        for path, text in texts_of(roots)
        for secret in wanted
        if secret in text or secret[:12] in text
    ]


def locals_of(error: BaseException) -> dict[str, object]:
    """Return the local variables of all frames of an error, and of those that led to it, without those of tests."""
    found: dict[str, object] = {}
    for number, each in enumerate(errors_behind(error)):
        found[f"text of error {number}"] = f"{each} {each!r} {getattr(each, '__notes__', '')}"
        traceback = each.__traceback__
        while traceback:
            frame = traceback.tb_frame
            if not frame.f_code.co_filename.startswith(TESTS):
                place = f"{frame.f_code.co_qualname} of error {number}"
                found |= {f"{name} in {place}": value for name, value in frame.f_locals.items()}
            traceback = traceback.tb_next
    return found


def without_frames_of_tests(node: Any) -> Any:
    """Return an event of Sentry without the local variables of tests, whose secrets are their own."""
    match node:
        case dict():
            own = str(node.get("module", "")).startswith("tests.") or node.get("module") == "__main__"
            return {key: without_frames_of_tests(value) for key, value in node.items() if not (own and key == "vars")}
        case list():
            return [without_frames_of_tests(each) for each in node]
        case _:
            return node


def errors_behind(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all its causes and contexts."""
    pending: list[BaseException | None] = [error]
    seen: set[int] = set()
    while pending:
        each = pending.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            pending += [each.__cause__, each.__context__]


def texts_of(roots: Iterable[object]) -> Iterator[tuple[str, str]]:
    """Yield each text that can be seen, with the path that leads to it."""
    pending = deque((f"root {number}", root) for number, root in enumerate(roots))
    if isinstance(roots, Mapping):
        pending = deque(roots.items())
    seen: dict[int, object] = {}
    while pending and len(seen) < MAX_OBJECTS:
        path, each = pending.popleft()
        if id(each) in seen or isinstance(each, _UNINTERESTING):
            continue
        seen[id(each)] = each  # also keeps it alive, so that its identity stays its own
        if isinstance(each, str):
            yield path, each
        elif isinstance(each, bytes | bytearray | memoryview):
            yield path, bytes(each).decode("latin-1")
        else:
            yield path, _repr(each)
            pending += ((f"{path}{step}", part) for step, part in _parts(each))


def _repr(each: object) -> str:
    try:
        return repr(each)
    except Exception as error:  # noqa: BLE001  # another package's
        return repr(error)


def _parts(each: Any) -> Iterator[tuple[str, object]]:
    """Yield what an object consists of: its elements, its attributes, and what a function refers to."""
    if isinstance(each, Mapping):
        yield from ((f"[{key!r:.40}]", part) for key, part in list(each.items()))
        yield "keys", list(each)
    elif isinstance(each, list | tuple | set | frozenset | deque):
        yield from ((f"[{number}]", part) for number, part in enumerate(list(each)))
    for name in sorted(_names(each)):
        with suppress(Exception):  # a property of another package may fail
            yield f".{name}", getattr(each, name)
    for name in ("gi_frame", "cr_frame", "ag_frame"):
        if frame := getattr(each, name, None):
            yield f".{name}", dict(frame.f_locals)


def _names(each: object) -> set[str]:
    """Return the names of all attributes that may lead to a part of an object."""
    names = {name for name in dir(each) if not name.startswith("__")}
    names |= {*getattr(each, "__dict__", ()), *getattr(each, "__struct_fields__", ())}
    for kind in type(each).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        names |= {slots} if isinstance(slots, str) else set(slots)
    if isinstance(each, types.FunctionType | types.MethodType):
        names |= {"__closure__", "__defaults__", "__func__", "__self__"}
    return names - {"__weakref__", "__dict__"}
