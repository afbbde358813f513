"""Linux's input devices (evdev, linux/input.h): the key that is held to talk, and a scanner that types what it reads.

Keyboards, foot switches and buttons on GPIO pins are files below /dev/input that give records of one size (`struct
input_event`); ioctl returns their names and keys. A scanner's device is grabbed while it is read: otherwise the label's
text would also be typed into a terminal.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import logging
import os
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import Self

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.forms.element_strings import SEPARATOR
from dockvoice_protocol.forms.scanned import END, UNREADABLE

_EVENT = struct.Struct("@llHHi")
"""`struct input_event`: seconds and microseconds, then type, code and value. Native sizes, as the kernel's are."""

_EV_SYN, _EV_KEY = 0, 1  # The types of an event: the end of some that belong together, or one about a key.
_SYN_DROPPED = 3  # The code of an EV_SYN that tells that the kernel had no room, and dropped events.
_UP, _DOWN = 0, 1  # The values of a key's event; 2 is the keyboard's repetition, which says nothing new.

_CODES = 0x300  # KEY_CNT: one more than the largest code of a key.
_NAME_BYTES = 256  # More than the name of any device has.
_BATCH = 64  # Events read at once; the kernel keeps the rest.

_IN_ORDER = {
    ("KEY", 1): """
        ESC 1 2 3 4 5 6 7 8 9 0 MINUS EQUAL BACKSPACE TAB Q W E R T Y U I O P LEFTBRACE RIGHTBRACE ENTER LEFTCTRL A S
        D F G H J K L SEMICOLON APOSTROPHE GRAVE LEFTSHIFT BACKSLASH Z X C V B N M COMMA DOT SLASH RIGHTSHIFT
        KPASTERISK LEFTALT SPACE CAPSLOCK F1 F2 F3 F4 F5 F6 F7 F8 F9 F10 NUMLOCK SCROLLLOCK KP7 KP8 KP9 KPMINUS KP4
        KP5 KP6 KPPLUS KP1 KP2 KP3 KP0 KPDOT""",
    ("KEY", 86): """
        102ND F11 F12 RO KATAKANA HIRAGANA HENKAN KATAKANAHIRAGANA MUHENKAN KPJPCOMMA KPENTER RIGHTCTRL KPSLASH SYSRQ
        RIGHTALT LINEFEED HOME UP PAGEUP LEFT RIGHT END DOWN PAGEDOWN INSERT DELETE MACRO MUTE VOLUMEDOWN VOLUMEUP
        POWER KPEQUAL KPPLUSMINUS PAUSE SCALE KPCOMMA HANGEUL HANJA YEN LEFTMETA RIGHTMETA COMPOSE STOP AGAIN PROPS
        UNDO FRONT COPY OPEN PASTE FIND CUT HELP MENU CALC SETUP SLEEP WAKEUP FILE SENDFILE DELETEFILE XFER PROG1
        PROG2 WWW MSDOS COFFEE ROTATE_DISPLAY CYCLEWINDOWS MAIL BOOKMARKS COMPUTER BACK FORWARD CLOSECD EJECTCD
        EJECTCLOSECD NEXTSONG PLAYPAUSE PREVIOUSSONG STOPCD RECORD REWIND PHONE ISO CONFIG HOMEPAGE REFRESH EXIT MOVE
        EDIT SCROLLUP SCROLLDOWN KPLEFTPAREN KPRIGHTPAREN NEW REDO F13 F14 F15 F16 F17 F18 F19 F20 F21 F22 F23 F24""",
    ("KEY", 248): "MICMUTE",
    ("BTN", 0x100): "0 1 2 3 4 5 6 7 8 9",
    ("BTN", 0x110): "LEFT RIGHT MIDDLE SIDE EXTRA FORWARD BACK TASK",
    ("BTN", 0x120): "TRIGGER THUMB THUMB2 TOP TOP2 PINKIE BASE BASE2 BASE3 BASE4 BASE5 BASE6",
    ("BTN", 0x130): "SOUTH EAST C NORTH WEST Z TL TR TL2 TR2 SELECT START MODE THUMBL THUMBR",
    ("KEY", 582): "VOICECOMMAND ASSISTANT",
    ("KEY", 586): "DICTATE",
    ("KEY", 656): " ".join(f"MACRO{number}" for number in range(1, 31)),
    ("BTN", 0x2C0): " ".join(f"TRIGGER_HAPPY{number}" for number in range(1, 41)),
}
"""Names in the order of their codes from the first one (linux/input-event-codes.h): keyboards, mice, joysticks,
gamepads, push-to-talk. Other keys go by number."""

NAMES = {
    f"{kind}_{name}": first + at for (kind, first), names in _IN_ORDER.items() for at, name in enumerate(names.split())
}
"""The codes of keys, by name."""


def key_code(key: str) -> int | None:
    """The code of a key by name or number; None for an unknown key."""
    if key.isascii() and key.isdigit():
        return int(key) if 0 < int(key) < _CODES else None
    return NAMES.get(key)


class KeyDevice:
    """An open input device of Linux (evdev)."""

    def __init__(self, path: Path) -> None:
        """Open it for reading. Raises OSError where it has vanished, or is not permitted."""
        self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            name_bytes = fcntl.ioctl(self._file, _ioctl_number(2, 0x06, _NAME_BYTES), bytes(_NAME_BYTES))  # EVIOCGNAME
            key_bits = _ioctl_number(2, 0x20 + _EV_KEY, _CODES // 8)  # EVIOCGBIT
            self._has = fcntl.ioctl(self._file, key_bits, bytes(_CODES // 8))
        except OSError:
            os.close(self._file)
            raise
        self.name = name_bytes.split(b"\0")[0].decode("utf-8", "replace")

    def has_key(self, code: int) -> bool:
        """Whether the device has this key."""
        return bool(self._has[code // 8] >> code % 8 & 1)

    def grab(self) -> None:
        """Grab the device's keys until it is closed. Raises OSError where another program has them."""
        fcntl.ioctl(self._file, GRAB, 1)

    async def read(self, within_s: float | None = None) -> bytes:
        """The next events in the kernel's format; none after the timeout. Raises OSError when it is gone."""
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._file, ready.set)
        try:
            await asyncio.wait_for(ready.wait(), within_s)
        except TimeoutError:
            return b""
        finally:
            loop.remove_reader(self._file)
        records = os.read(self._file, _EVENT.size * _BATCH)
        if not records:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        return records

    async def presses(self, code: int) -> AsyncIterator[bool]:
        """Yield down (True) and up (False) of one key; raises OSError when the device is gone."""
        while True:
            for _, _, kind, key, value in _EVENT.iter_unpack(await self.read()):
                if kind == _EV_KEY and key == code and value in {_UP, _DOWN}:
                    yield value == _DOWN

    def close(self) -> None:
        """Close the input device, which releases its grab."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _ioctl_number(direction: int, number: int, size: int) -> int:
    """An ioctl of input devices: direction (1 writes, 2 reads), size, type and number (asm-generic/ioctl.h)."""
    return direction << 30 | size << 16 | ord("E") << 8 | number


GRAB = _ioctl_number(1, 0x90, 4)  # EVIOCGRAB

_logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 2.0
"""Poll interval for a talk key or a scanner that is not connected: as for a headset, an operator waits no longer."""

_DEVICES = Path("/dev/input")  # Where the kernel shows them, as event0, event1 and so on.


async def follow_talk_key(key: str, device: Path | None, talk: Callable[[bool], None]) -> None:
    """Call `talk` with True at each press and False at each release. Searches again for a vanished device.

    Runs until cancelled. Raises Misconfigured for an unknown key.
    """
    code = key_code(key)
    if code is None:
        raise Misconfigured(
            f"hear.talk_key = {key!r}: Linux knows no such key; `evtest` shows what a key is called, and its number, "
            "which will do too"
        )
    missed = False
    while True:
        found = _find_device_with_key(code, device)
        if found is None:
            if not missed:
                _logger.warning("hear.talk_key = %r: no input device has this key now; looking for it", key)
            missed = True
            await asyncio.sleep(_LOOK_EVERY_S)
            continue
        missed = False
        _logger.info("the talk key %s is on %s", key, found.name)
        with found:
            try:
                async for is_down in found.presses(code):
                    talk(is_down)
            except OSError as fault:
                _logger.warning("the talk key's device %s is gone (%s); looking for it", found.name, fault.strerror)
        talk(False)  # a missing key is not held down


def _find_device_with_key(code: int, wanted: Path | None) -> KeyDevice | None:
    """The input device with the key: the configured one, or the first."""
    for path in [wanted] if wanted is not None else sorted(_DEVICES.glob("event*")):
        try:
            found = KeyDevice(path)
        except OSError:  # it has just vanished, or is not for us
            continue
        if found.has_key(code):
            return found
        found.close()
    return None


IDLE_S = 2.0  # Timeout between two keys of one scan, also over Bluetooth: scanners type a hundred keys a second.

_LONGEST = 8000  # Characters of one scan: no code of any kind holds more.
_LONGEST_NUMBER = 4  # Digits of a character on the keypad, 0029 among them: longer numbers are ambiguous.

_BEGINNING = "]"  # Of AIM's identifier of a code: it is none of the characters that GS1 allows in a value.

_SIGNS = [
    *("MINUS", "EQUAL", "LEFTBRACE", "RIGHTBRACE", "BACKSLASH", "SEMICOLON"),
    *("APOSTROPHE", "GRAVE", "COMMA", "DOT", "SLASH", "SPACE"),
]
_LETTERS, _DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "1234567890"


def _characters_by_code(names: Iterable[str], characters: str) -> dict[int, str]:
    return {NAMES[f"KEY_{name}"]: character for name, character in zip(names, characters, strict=True)}


_PLAIN = {
    **_characters_by_code([*_LETTERS, *_DIGITS, *_SIGNS], f"{_LETTERS.lower()}{_DIGITS}-=[]\\;'`,./ "),
    **_characters_by_code([f"KP{digit}" for digit in _DIGITS], _DIGITS),
    **_characters_by_code(["KPDOT", "KPMINUS", "KPPLUS", "KPASTERISK", "KPSLASH"], ".-+*/"),
}
_SHIFTED = _characters_by_code([*_LETTERS, *_DIGITS, *_SIGNS], _LETTERS + "!@#$%^&*()" + '_+{}|:"~<>? ')
"""The keys of the US layout, the scanners' default: alone, and with shift."""

_SHIFT = {NAMES["KEY_LEFTSHIFT"], NAMES["KEY_RIGHTSHIFT"]}
_CONTROL = {NAMES["KEY_LEFTCTRL"], NAMES["KEY_RIGHTCTRL"]}
_ALT = {NAMES["KEY_LEFTALT"]}
_MODIFIERS = _SHIFT | _CONTROL | _ALT
_END_KEYS = {NAMES["KEY_ENTER"], NAMES["KEY_KPENTER"], NAMES["KEY_TAB"]}
_KEYPAD = {NAMES[f"KEY_KP{digit}"]: str(digit) for digit in range(10)}
_IGNORED = {NAMES["KEY_NUMLOCK"]}  # Pressed around numbers on the keypad, and nothing by itself.

_F8, _CONTROL_BRACKET, _ALT_029 = "f8", "ctrl+]", "alt+029"
"""How scanners type the separator, which has no key: an unused key, the control character of terminals, or its
number, 29, on the keypad with Alt."""


class ScanParser:
    """Converts a scanner's keys to scans. Pure."""

    def __init__(self, separator: str) -> None:
        """`separator` is one of these three; other ways of typing one are unreadable."""
        self._separator = separator
        self._held: set[int] = set()
        self._number: str | None = None
        self._text: list[str] = []
        self._cut = False  # The end of the scan before did not come, and what comes now may be the rest of it.

    @property
    def is_open(self) -> bool:
        """Whether keys of an incomplete scan are stored."""
        return bool(self._text)

    def feed(self, records: bytes) -> Iterator[str]:
        """Parse key events in the kernel's format; yield each completed scan."""
        for _, _, kind, key, value in _EVENT.iter_unpack(records):
            if kind == _EV_SYN and key == _SYN_DROPPED:
                self._held.clear()
                self._text.append(UNREADABLE)
            elif kind == _EV_KEY and value == _DOWN:
                yield from self._handle_press(key)
            elif kind == _EV_KEY and value == _UP:
                self._handle_release(key)

    def flush(self) -> Iterator[str]:
        """Yield the incomplete scan, if there is one, without END, and reset: its end key did not come."""
        if self._text:
            yield "".join(self._text)
            self._cut = True
        self._text, self._number = [], None
        self._held.clear()

    def _handle_press(self, key: int) -> Iterator[str]:
        if key in _MODIFIERS:
            self._held.add(key)
            self._number = "" if key in _ALT else self._number
        elif key in _END_KEYS:
            if self._text:  # some send two keys behind each scan
                whole = not self._cut or self._text[0] == _BEGINNING
                yield "".join(self._text) + (END if whole else "")
                self._cut = False
            self._text = []
        elif key not in _IGNORED:
            self._text += self._text_of_key(key)
        if len(self._text) > _LONGEST:
            yield from self.flush()

    def _handle_release(self, key: int) -> None:
        self._held.discard(key)
        if key in _ALT and self._number is not None:
            self._text.append(self._character_by_number(self._number))
            self._number = None

    def _text_of_key(self, key: int) -> str:
        if self._held & _ALT:
            if self._number is None or key not in _KEYPAD:
                return UNREADABLE
            self._number = (self._number + _KEYPAD[key])[: _LONGEST_NUMBER + 1]
            return ""
        if self._held & _CONTROL:
            return self._separator_if_typed(_CONTROL_BRACKET if key == NAMES["KEY_RIGHTBRACE"] else None)
        if key == NAMES["KEY_F8"]:
            return self._separator_if_typed(_F8)
        return (_SHIFTED if self._held & _SHIFT else _PLAIN).get(key, UNREADABLE)

    def _separator_if_typed(self, way: str | None) -> str:
        return SEPARATOR if way == self._separator else UNREADABLE

    def _character_by_number(self, number: str) -> str:
        """The character whose code was typed on the keypad with Alt held; UNREADABLE where no label can have it."""
        if len(number) > _LONGEST_NUMBER:
            return UNREADABLE
        if number and int(number) == ord(SEPARATOR):
            return self._separator_if_typed(_ALT_029)
        return chr(int(number)) if number and ord(" ") <= int(number) <= ord("~") else UNREADABLE


async def follow_scanner(device: Path, separator_key: str, take_scan: Callable[[str, str], Awaitable[None]]) -> None:
    """Call `take_scan` with each scan and the scanner's name, until cancelled. A vanished device is searched again.

    `separator_key`: what the scanner types for GS, "f8", "ctrl+]" or "alt+029".
    """
    missed = ""
    while True:
        try:
            with KeyDevice(device) as found:
                found.grab()
                _logger.info("the scanner is %s", found.name)
                missed = ""
                await _forward_scans(found, separator_key, take_scan)
        except OSError as fault:
            reason = fault.strerror or str(fault)
            if reason != missed:
                _logger.warning("scan.device = %s: cannot be read (%s); looking for it", device, reason)
            missed = reason
            await asyncio.sleep(_LOOK_EVERY_S)


async def _forward_scans(
    found: KeyDevice, separator_key: str, take_scan: Callable[[str, str], Awaitable[None]]
) -> None:
    keys = ScanParser(separator_key)
    try:
        while True:
            records = await found.read(IDLE_S if keys.is_open else None)
            for scan in keys.feed(records) if records else keys.flush():
                await take_scan(scan, found.name)
    except OSError:
        for scan in keys.flush():
            await take_scan(scan, found.name)
        raise
