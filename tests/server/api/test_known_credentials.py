"""Known credentials: a bounded number of names, with a few credentials each."""

from __future__ import annotations

from tokenvault_server.api.known_credentials import KnownCredentials

A, B = "CLIENT_a", "CLIENT_b"


def digest(number: int) -> bytes:
    return bytes([number]) * 32


def test_only_what_was_added_is_known_and_only_for_its_name() -> None:
    known = KnownCredentials()
    known.add(A, digest(1))
    assert known.holds(A, digest(1))
    assert not known.holds(A, digest(2))
    assert not known.holds(B, digest(1))


def test_a_name_keeps_its_four_newest_credentials() -> None:
    known = KnownCredentials()
    known.add(B, digest(0))
    for number in (0, 1, 2, 3, 3, 4):
        known.add(A, digest(number))
    assert [known.holds(A, digest(number)) for number in range(5)] == [False, True, True, True, True]
    assert known.holds(B, digest(0))


def test_the_name_that_was_accepted_longest_ago_goes_first() -> None:
    known = KnownCredentials(max_names=2)
    for name in (A, B, A, "CLIENT_c"):
        known.add(name, digest(1))
    assert [known.holds(name, digest(1)) for name in (A, B, "CLIENT_c")] == [True, False, True]


def test_what_is_discarded_is_forgotten_and_nothing_else() -> None:
    known = KnownCredentials()
    known.add(A, digest(1))
    known.add(A, digest(2))
    known.discard(A, digest(1))
    known.discard(B, digest(1))
    assert [known.holds(A, digest(number)) for number in (1, 2)] == [False, True]
