"""Keys to what they stand for, one character at a time. Pure.

A key that is pressed asks what the voice can ask; a line that is typed is a sentence. What is pasted is typed, too: the
letters of a text must not be taken for keys. Arrows and function keys, which come as several characters, do nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dockvoice_protocol.records import Act, Command

_ESCAPE = "\x1b"
_ENTER = frozenset("\r\n")
_ERASE = frozenset("\x7f\b")
_ERASE_WORD, _ERASE_LINE = "\x17", "\x15"
_PASTE_BEGINS, _PASTE_ENDS = "200~", "201~"

LONGEST_LINE = 200  # Characters: longer than any sentence one can dictate.

_ASKS: dict[str, Act | Command] = {
    "y": Act.YES,
    "n": Act.NO,
    "c": Act.CANCEL,
    "?": Command.HELP,
    **{command.key: command for command in Command if command.key},
}
"""What the dialogue is asked by a key."""


class Switch(StrEnum):
    """What a key changes from one to the other."""

    MUTE = "m"
    TALK = " "
    PAUSE = "p"


@dataclass(frozen=True, slots=True)
class TypedSentence:
    """A line was typed."""

    text: str


_SWITCHES = {switch.value: switch for switch in Switch}

Pressed = Act | Command | Switch | TypedSentence


class Keyboard:
    """Parses key presses, and buffers the line that is being typed."""

    def __init__(self) -> None:
        self.line: str | None = None  # What was typed of it so far; None while none is open.
        self._sequence: str | None = None
        self._pasting = False

    def feed(self, key: str) -> Pressed | None:
        """Process the next character; return the action it completes, if any."""
        if self._sequence is not None:
            self._continue(self._sequence + key)
            return None
        if key == _ESCAPE:
            self._sequence = ""
            return None
        if self._pasting or self.line is not None:
            return self._type(self.line or "", key)
        return self._press(key)

    def settle(self) -> None:
        """Some time has passed: an Escape that nothing followed was the key of that name, which gives up the line."""
        if self._sequence == "" and not self._pasting:
            self.line = None
        self._sequence = None

    def _press(self, key: str) -> Pressed | None:
        if key == "/" or key in _ENTER:
            self.line = ""
            return None
        if key.lower() in _ASKS:
            return _ASKS[key.lower()]
        return _SWITCHES.get(key.lower())

    def _type(self, line: str, key: str) -> TypedSentence | None:
        if key in _ENTER and not self._pasting:
            self.line = None
            return TypedSentence(line.strip()) if line.strip() else None
        self.line = _edited(line, key)
        return None

    def _continue(self, sequence: str) -> None:
        """ECMA-48: `ESC [` and parameters up to a final character; of anything else the next one ends it."""
        if sequence == "[" or (sequence[0] == "[" and not "@" <= sequence[-1] <= "~"):
            self._sequence = sequence
            return
        if sequence == "O":  # a function key follows
            self._sequence = sequence
            return
        self._sequence = None
        if sequence == f"[{_PASTE_BEGINS}":
            self._pasting, self.line = True, self.line or ""
        elif sequence == f"[{_PASTE_ENDS}":
            self._pasting = False


def _edited(line: str, key: str) -> str:
    if key in _ERASE:
        return line[:-1]
    if key == _ERASE_LINE:
        return ""
    if key == _ERASE_WORD:
        return "".join(line.rstrip().rpartition(" ")[:2])
    if not key.isprintable():
        key = " "
    return (line + key)[:LONGEST_LINE]
