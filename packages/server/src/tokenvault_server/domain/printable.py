"""Text from outside as it may be shown: nothing in it moves a cursor, sets a colour, reverses a line or hides.

Python's `isprintable` is false for control, format, surrogate, private-use and unassigned characters and for every
space but the common one (Unicode's categories C and Z). Characters of other categories that show nothing are added.
"""

from __future__ import annotations

import re
from typing import Final

# Unicode 15's Default_Ignorable_Code_Point outside of category C, and the blank Braille pattern.
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def escaped(text: str) -> str:
    r"""Return the text on one line, with `\x1b`, `\u202e` or `\U000e0001` for what does not show as itself.

    A backslash becomes two, so that no two texts look the same.
    """
    if _shows_as_itself(text) and "\\" not in text:
        return text
    return "".join("\\\\" if each == "\\" else each if _shows_as_itself(each) else _escape(each) for each in text)


def escaped_json(document: str) -> str:
    r"""Return JSON with the same content in which such characters stand as `\u202e`; line ends between lines stay."""
    if _shows_as_itself(document):
        return document
    return "".join(each if each == "\n" or _shows_as_itself(each) else _json_escape(each) for each in document)


def _shows_as_itself(text: str) -> bool:
    return (text.isascii() and text.isprintable()) or (text.isprintable() and not _INVISIBLE.search(text))


def _escape(character: str) -> str:
    code = ord(character)
    if code > 0xFFFF:
        return f"\\U{code:08x}"
    return f"\\u{code:04x}" if code > 0xFF else f"\\x{code:02x}"


def _json_escape(character: str) -> str:
    """Return JSON's escape; a character beyond the basic plane is two (RFC 8259, 7)."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[index : index + 2].hex()}" for index in range(0, len(units), 2))
