"""A scanner that types what it reads, by USB or Bluetooth: its keys become the text of one scan after the other.

Its keys are taken from every other program while it is read: what a label holds would else be typed into a terminal.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path

from dockvoice_protocol.forms.element_strings import SEPARATOR
from dockvoice_protocol.forms.scanned import END, UNREADABLE
from edge.hear.input_keys import DOWN, EV_KEY, EV_SYN, EVENT, NAMES, SYN_DROPPED, UP, KeyDevice

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0  # How often a scanner that is not there is looked for: as with the headset, nobody waits longer.

IDLE_S = 2.0
"""So long after a key the next one of the same scan comes at the latest, over Bluetooth too: scanners type a hundred
keys a second."""

LONGEST = 8000  # Characters of one scan: no code of any kind holds more.
_LONGEST_NUMBER = 4  # Digits of a character on the keypad, 0029 among them: with more nobody knows which is meant.

_BEGINNING = "]"  # Of AIM's identifier of a code: it is none of the characters that GS1 allows in a value.

_SIGNS = [
    *("MINUS", "EQUAL", "LEFTBRACE", "RIGHTBRACE", "BACKSLASH", "SEMICOLON"),
    *("APOSTROPHE", "GRAVE", "COMMA", "DOT", "SLASH", "SPACE"),
]
_LETTERS, _DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "1234567890"


def _typed_by(names: Iterable[str], characters: str) -> dict[int, str]:
    return {NAMES[f"KEY_{name}"]: character for name, character in zip(names, characters, strict=True)}


_PLAIN = {
    **_typed_by([*_LETTERS, *_DIGITS, *_SIGNS], f"{_LETTERS.lower()}{_DIGITS}-=[]\\;'`,./ "),
    **_typed_by([f"KP{digit}" for digit in _DIGITS], _DIGITS),
    **_typed_by(["KPDOT", "KPMINUS", "KPPLUS", "KPASTERISK", "KPSLASH"], ".-+*/"),
}
_SHIFTED = _typed_by([*_LETTERS, *_DIGITS, *_SIGNS], _LETTERS + "!@#$%^&*()" + '_+{}|:"~<>? ')
"""The keys of the layout of the United States, which scanners are delivered with: alone, and with shift."""

_SHIFT = {NAMES["KEY_LEFTSHIFT"], NAMES["KEY_RIGHTSHIFT"]}
_CONTROL = {NAMES["KEY_LEFTCTRL"], NAMES["KEY_RIGHTCTRL"]}
_ALT = {NAMES["KEY_LEFTALT"]}
_MODIFIERS = _SHIFT | _CONTROL | _ALT
_ENDS = {NAMES["KEY_ENTER"], NAMES["KEY_KPENTER"], NAMES["KEY_TAB"]}
_KEYPAD = {NAMES[f"KEY_KP{digit}"]: str(digit) for digit in range(10)}
_BESIDE = {NAMES["KEY_NUMLOCK"]}  # Pressed around numbers on the keypad, and nothing by itself.

F8, CONTROL_BRACKET, ALT_029 = "f8", "ctrl+]", "alt+029"
_SEPARATORS = (F8, CONTROL_BRACKET, ALT_029)
"""How scanners type the separator, which no key is for: by a key that nothing else needs, by the control character as
terminals know it, or by its number, 29, on the keypad while Alt is held."""


class Keys:
    """What a scanner types, key by key. Pure."""

    def __init__(self, separator: str) -> None:
        """`separator` is one of SEPARATORS; what is typed in another way is none, and cannot be read."""
        self._separator = separator
        self._held: set[int] = set()
        self._number: str | None = None
        self._text: list[str] = []
        self._cut = False  # The end of the scan before did not come, and what comes now may be the rest of it.

    @property
    def is_open(self) -> bool:
        """Has a scan begun that has not ended?"""
        return bool(self._text)

    def feed(self, records: bytes) -> Iterator[str]:
        """Parse key events in the kernel's format; yield each completed scan."""
        for _, _, kind, key, value in EVENT.iter_unpack(records):
            if kind == EV_SYN and key == SYN_DROPPED:
                self._held.clear()
                self._text.append(UNREADABLE)
            elif kind == EV_KEY and value == DOWN:
                yield from self._down(key)
            elif kind == EV_KEY and value == UP:
                self._up(key)

    def cut(self) -> Iterator[str]:
        """What came of a scan whose end did not come."""
        if self._text:
            yield "".join(self._text)
            self._cut = True
        self._text, self._number = [], None
        self._held.clear()

    def _down(self, key: int) -> Iterator[str]:
        if key in _MODIFIERS:
            self._held.add(key)
            self._number = "" if key in _ALT else self._number
        elif key in _ENDS:
            if self._text:  # some send two keys behind each scan
                whole = not self._cut or self._text[0] == _BEGINNING
                yield "".join(self._text) + (END if whole else "")
                self._cut = False
            self._text = []
        elif key not in _BESIDE:
            self._text += self._typed(key)
        if len(self._text) > LONGEST:
            yield from self.cut()

    def _up(self, key: int) -> None:
        self._held.discard(key)
        if key in _ALT and self._number is not None:
            self._text.append(self._by_number(self._number))
            self._number = None

    def _typed(self, key: int) -> str:
        if self._held & _ALT:
            if self._number is None or key not in _KEYPAD:
                return UNREADABLE
            self._number = (self._number + _KEYPAD[key])[: _LONGEST_NUMBER + 1]
            return ""
        if self._held & _CONTROL:
            return self._marked(CONTROL_BRACKET if key == NAMES["KEY_RIGHTBRACE"] else None)
        if key == NAMES["KEY_F8"]:
            return self._marked(F8)
        return (_SHIFTED if self._held & _SHIFT else _PLAIN).get(key, UNREADABLE)

    def _marked(self, way: str | None) -> str:
        return SEPARATOR if way == self._separator else UNREADABLE

    def _by_number(self, number: str) -> str:
        """The character that a number on the keypad stands for, of those that a label can have."""
        if len(number) > _LONGEST_NUMBER:
            return UNREADABLE
        if number and int(number) == ord(SEPARATOR):
            return self._marked(ALT_029)
        return chr(int(number)) if number and ord(" ") <= int(number) <= ord("~") else UNREADABLE


async def follow_scanner(device: Path, separator: str, take: Callable[[str, str], Awaitable[None]]) -> None:
    """Have `take` take each scan, with the name of the scanner, until cancelled. One that vanishes is looked for."""
    missed = ""
    while True:
        try:
            with KeyDevice(device) as found:
                found.grab()
                logger.info("the scanner is %s", found.name)
                missed = ""
                await _read(found, separator, take)
        except OSError as fault:
            told = fault.strerror or str(fault)
            if told != missed:
                logger.warning("scan.device = %s: cannot be read (%s); looking for it", device, told)
            missed = told
            await asyncio.sleep(LOOK_EVERY_S)


async def _read(found: KeyDevice, separator: str, take: Callable[[str, str], Awaitable[None]]) -> None:
    keys = Keys(separator)
    try:
        while True:
            records = await found.read(IDLE_S if keys.is_open else None)
            for scan in keys.feed(records) if records else keys.cut():
                await take(scan, found.name)
    except OSError:
        for scan in keys.cut():
            await take(scan, found.name)
        raise
