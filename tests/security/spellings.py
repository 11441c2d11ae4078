"""The encodings of a value in bytes, and a search for them."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping

Haystacks = Mapping[str, bytes]


def spellings(value: str) -> dict[str, bytes]:
    """Return the value as text and in the encodings that software stores and logs text in."""
    plain = value.encode()
    found = {
        "text": plain,
        "UTF-16 LE": value.encode("utf-16-le"),
        "UTF-16 BE": value.encode("utf-16-be"),
        "hex": plain.hex().encode(),
        "upper-case hex": plain.hex().upper().encode(),
        **{f"base64 after {skipped} bytes": _inside_base64(plain, skipped) for skipped in range(3)},
    }
    found |= {
        f"URL-safe {name}": text.translate(_URL_SAFE) for name, text in found.items() if name.startswith("base64")
    }
    return found | (_spellings_of_digits(value) if value.isdigit() else {})


def leaks(haystacks: Haystacks, values: Iterable[str]) -> list[str]:
    """Return which value is where, and in which encoding, without the value itself."""
    needles = [
        (number, name, needle) for number, value in enumerate(values) for name, needle in spellings(value).items()
    ]
    return [
        f"{where}: value {number} as {name}"
        for where, haystack in haystacks.items()
        for number, name, needle in needles
        if needle in haystack
    ]


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def _inside_base64(plain: bytes, skipped: int) -> bytes:
    """Return the part of a base64 text that depends on `plain` alone, after `skipped` other bytes."""
    text = base64.b64encode(bytes(skipped) + plain + bytes(3))
    return text[(0, 2, 3)[skipped] : (skipped + len(plain)) * 8 // 6]


def _spellings_of_digits(digits: str) -> dict[str, bytes]:
    fours = [digits[start : start + 4] for start in range(0, len(digits), 4)]
    return {
        "packed decimal": bytes.fromhex(digits if len(digits) % 2 == 0 else "0" + digits),
        "groups of four": " ".join(fours).encode(),
        "dashed groups of four": "-".join(fours).encode(),
        "digits backwards": digits[::-1].encode(),
    }
