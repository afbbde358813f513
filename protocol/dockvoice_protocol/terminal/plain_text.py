"""Plain text: letters, digits, marks and blanks, and nothing that a terminal, a log or an eye takes for something else.

Control characters move a terminal's cursor and colour what follows; a line break in a name makes two lines of a log;
characters that turn the direction of writing, or that nobody sees, show a name as another one. None is ever spoken.
"""

from __future__ import annotations

import json
import re

_CONTROLS = r"\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff"
"""C0 and C1 controls, line and paragraph separators, the bidirectional marks of UAX #9, the byte order mark: as it
stands in a class of a regular expression, in Python as in ECMA 262. What no event may hold, as its schema says."""

_UNSEEN = (
    r"\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2065\u206a-\u206f\u3164\ufe00-\ufe0f"
    r"\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""What Unicode calls Default_Ignorable_Code_Point: nothing of it is seen where a font does not know it. Blanks without
a width, joiners, variation selectors, tags. Events may hold them; no name has one."""

UNSAFE = _CONTROLS + _UNSEEN

LONGEST = 200  # Characters of a person's name or number on record; the longest names of people have some fifty.

_UNSAFE = re.compile(f"[{UNSAFE}]")
_UNSAFE_IN_A_TEXT = re.compile(f"[{UNSAFE}]".replace(r"\u0000-\u001f", r"\u0000-\u0008\u000b-\u001f"))


def is_plain(text: str) -> bool:
    """Whether all of it is plain text."""
    return _UNSAFE.search(text) is None


def in_one_line(text: str) -> str:
    """The text with what is not plain written out, as JSON would: what one program says in one line."""
    return _UNSAFE.sub(_written_out, text)


def in_lines(text: str) -> str:
    """The same for a text of several lines: its line breaks and tabs stay."""
    return _UNSAFE_IN_A_TEXT.sub(_written_out, text)


def spoken(text: str) -> str:
    """The text of a recogniser or a model with blanks where it is not plain: what was said has no such characters."""
    return _UNSAFE.sub(" ", text)


def printable(text: str) -> str:
    """Words of a file that anybody may have written, for a terminal: what shows nothing there is marked."""
    return "".join(letter if letter.isprintable() and is_plain(letter) else "�" for letter in text)


def _written_out(found: re.Match[str]) -> str:
    # As JSON writes it, so that a line of JSON means the same as before; what is beyond 16 bits, in two halves.
    return json.dumps(found[0])[1:-1] if ord(found[0]) > 0xFFFF else f"\\u{ord(found[0]):04x}"  # noqa: PLR2004 - 16 bits
