"""Values that nobody sees by accident: in a `repr`, in an error report, in a pickle, or in a traceback.

An error tracker records the local variables of every frame of a traceback. Two rules keep secrets out of its reports:

1. A secret that stays in a variable or in an attribute is a `Secret`, from which only `reveal()` returns it.
2. A function that takes a plain secret is decorated with `hides_locals`. The traceback of its errors then has no frame
   of this package that holds the secret.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import wraps
from types import TracebackType
from typing import Final, Generic, NoReturn, ParamSpec, TypeVar, cast

T = TypeVar("T")
P = ParamSpec("P")
ErrorT = TypeVar("ErrorT", bound=BaseException)

_OWN_PACKAGES: Final = ("tokenvault_client", "cashfree_pg")
_MESSAGES: Final = frozenset({"request", "_request", "response", "_response"})
_NOTE: Final = "raised in:"
_MAX_PLACES: Final = 8
_VALUES: Final[dict[int, object]] = {}
"""The values of all secrets, by the identity of their `Secret`. No attribute of a `Secret` leads here."""


class Secret(Generic[T]):
    """A value that only `reveal()` returns. It has no attributes, and it cannot be pickled."""

    __slots__ = ("__weakref__",)

    def __init__(self, value: T) -> None:
        _VALUES[id(self)] = value

    def __del__(self, forget: Callable[[int, None], object] = _VALUES.pop) -> None:
        forget(id(self), None)

    def reveal(self) -> T:
        """Return the value. Do not keep it in a variable that outlives its use."""
        return cast("T", _VALUES[id(self)])

    def __repr__(self) -> str:
        return "Secret(...)"

    def __copy__(self) -> Secret[T]:
        return self

    def __deepcopy__(self, memo: object) -> Secret[T]:
        return self

    def __reduce__(self) -> NoReturn:
        """Prevent pickling: a pickle could end up in a file or a queue."""
        raise TypeError("a secret cannot be pickled")


def hides_locals(function: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function that takes secrets, so that the traceback of its errors shows no local variable of it."""

    @wraps(function)
    def hiding(*args: P.args, **kwargs: P.kwargs) -> T:
        handled = sys.exception()
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            without_frames(error, handled)
            raise
        finally:
            del args, kwargs, handled

    return hiding


def without_frames(error: ErrorT, handled: BaseException | None = None) -> ErrorT:
    """Remove the frames of an error, and of the errors that led to it, and return the error.

    An error of another package gets a note that says where it was raised. It loses the request that it holds.

    Args:
        error: The error.
        handled: The exception that the caller of this package was already handling. It stays unchanged.
    """
    for each in _linked(error, handled):
        if not type(each).__module__.startswith(_OWN_PACKAGES):
            _add_note(each, each.__traceback__)
            # The errors of HTTP libraries hold the request, and with it the credentials.
            vars(each).update(dict.fromkeys(_MESSAGES & vars(each).keys()))
        each.__traceback__ = None
    return error


def _linked(error: BaseException, handled: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and all errors that led to it, each once."""
    seen = {id(None), id(handled)}
    pending: list[BaseException | None] = [error]
    while pending:
        each = pending.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        pending += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            pending += each.exceptions


def _add_note(error: BaseException, traceback: TracebackType | None) -> None:
    """Note the innermost places of a traceback, without their local variables."""
    places: list[str] = []
    while traceback:
        code = traceback.tb_frame.f_code
        places.append(f"{code.co_filename}:{traceback.tb_lineno} in {code.co_qualname}")
        traceback = traceback.tb_next
    if places and not any(note.startswith(_NOTE) for note in getattr(error, "__notes__", ())):
        error.add_note("\n  ".join((_NOTE, *places[-_MAX_PLACES:])))
