"""Plain text: letters, digits, marks and blanks, without characters that mislead a terminal, a log or a reader.

Control characters move a terminal's cursor and colour what follows; a line break in a name makes two log lines;
bidirectional and invisible characters show a name as another one. None of them is ever spoken.
"""

from __future__ import annotations

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

_UNSAFE_CHARACTERS = _CONTROLS + _UNSEEN

LONGEST = 200  # Characters of a person's name or number on record; the longest names of people have some fifty.

_UNSAFE = re.compile(f"[{_UNSAFE_CHARACTERS}]")
_UNSAFE_IN_A_TEXT = re.compile(f"[{_UNSAFE_CHARACTERS}]".replace(r"\u0000-\u001f", r"\u0000-\u0008\u000b-\u001f"))


def is_plain_text(text: str) -> bool:
    """Whether the text has no character that a terminal obeys or does not show."""
    return _UNSAFE.search(text) is None


def escape_line(text: str) -> str:
    """Escape unsafe characters and line breaks as JSON does, for one-line messages."""
    return _UNSAFE.sub(_escape, text)


def escape_lines(text: str) -> str:
    """Escape unsafe characters, but for line breaks and tabs."""
    return _UNSAFE_IN_A_TEXT.sub(_escape, text)


def blank_unsafe(text: str) -> str:
    """Replace unsafe characters by blanks, in the text of a recogniser or a model."""
    return _UNSAFE.sub(" ", text)


def mark_unprintable(text: str) -> str:
    """Replace what a terminal would not show by a mark, in text from a file."""
    return "".join(letter if letter.isprintable() and is_plain_text(letter) else "�" for letter in text)


def _escape(found: re.Match[str]) -> str:
    # As JSON escapes it, so that a line of JSON keeps its meaning: by units of UTF-16.
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
