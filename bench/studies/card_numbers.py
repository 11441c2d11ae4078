"""How many realistic ids does the detector of card numbers reject by chance? A million of each kind are tried.

Ids of digits alone that are longer than 13 digits are where chance rejects: a window of them may be a valid number. The
seed is fixed, so that two runs print the same.
"""

from __future__ import annotations

import argparse
import random
import uuid
from collections.abc import Callable
from typing import Final

from tokenvault_server.domain.card_numbers import holds_card_number

IDS: Final = 1_000_000
GOAL: Final = 1e-6
"""For the kinds that most systems use."""


def _digits(source: random.Random, size: int) -> str:
    return "".join(source.choices("0123456789", k=size))


def _uuid(source: random.Random) -> uuid.UUID:
    return uuid.UUID(int=source.getrandbits(128), version=4)


KINDS: Final[dict[str, tuple[Callable[[random.Random], str], bool]]] = {
    "UUID": (lambda source: str(_uuid(source)), True),
    "UUID without hyphens": (lambda source: _uuid(source).hex, True),
    "prefixed UUID, cus_...": (lambda source: f"cus_{_uuid(source).hex}", True),
    "phone number, +91 and 10 digits": (lambda source: f"+91{source.randrange(6, 10)}{_digits(source, 9)}", True),
    "order number, ORD-date-6 digits": (lambda source: f"ORD-20261128-{_digits(source, 6)}", False),
    "order number, 12 digits": (lambda source: _digits(source, 12), True),
    "name and number, user_8 digits": (lambda source: f"user_{_digits(source, 8)}", True),
    "time in milliseconds": (lambda source: str(1_700_000_000_000 + source.randrange(10**11)), True),
    "ULID": (lambda source: "01" + "".join(source.choices("0123456789ABCDEFGHJKMNPQRSTVWXYZ", k=24)), True),
    "hexadecimal, 24 digits": (lambda source: f"{source.getrandbits(96):024x}", False),
    "snowflake, 19 digits": (lambda source: f"1{_digits(source, 18)}", False),
    "order number, 20 digits": (lambda source: _digits(source, 20), False),
}


def main() -> int:
    """Print the rate of each kind; return 1 when a common kind is over the goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ids", type=int, default=IDS, help="how many of each kind")
    count = parser.parse_args().ids
    missed = False
    for name, (make, is_common) in KINDS.items():
        source = random.Random(20261128)
        rejected = sum(holds_card_number(make(source)) for _ in range(count))
        missed |= is_common and rejected / count > GOAL
        print(f"{name:<34} {rejected:>8,} of {count:,}  {rejected / count:.6%}{'  goal 0.0001%' * is_common}")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
