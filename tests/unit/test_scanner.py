from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from dockvoice_protocol.forms.scanned import END, UNREADABLE
from edge.agent.doctor import Severity, make_checks, run_checks
from edge.config import Settings
from edge.hear import input_keys
from edge.hear.input_keys import _EVENT, GRAB, IDLE_S, NAMES, ScanParser, follow_scanner
from tests.reading.gs1_labels import GS, TODAY, valid
from tests.rows import each_of

SYN, KEY = 0, 1
WITHIN_S = 20

# The keyboard of the United States, from a picture of it: each key, alone and with shift.
ROWS = {
    "GRAVE 1 2 3 4 5 6 7 8 9 0 MINUS EQUAL": ("`1234567890-=", "~!@#$%^&*()_+"),
    "Q W E R T Y U I O P LEFTBRACE RIGHTBRACE BACKSLASH": ("qwertyuiop[]\\", "QWERTYUIOP{}|"),
    "A S D F G H J K L SEMICOLON APOSTROPHE": ("asdfghjkl;'", 'ASDFGHJKL:"'),
    "Z X C V B N M COMMA DOT SLASH SPACE": ("zxcvbnm,./ ", "ZXCVBNM<>? "),
}
ALONE = {sign: key for keys, (plain, _) in ROWS.items() for key, sign in zip(keys.split(), plain, strict=True)}
SHIFTED = {sign: key for keys, (_, shifted) in ROWS.items() for key, sign in zip(keys.split(), shifted, strict=True)}

SEPARATOR = {
    "f8": ["+F8", "-F8"],
    "ctrl+]": ["+LEFTCTRL", "+RIGHTBRACE", "-RIGHTBRACE", "-LEFTCTRL"],
    "alt+029": ["+LEFTALT", "+KP0", "-KP0", "+KP2", "-KP2", "+KP9", "-KP9", "-LEFTALT"],
}


def events(*strokes: str) -> bytes:
    """`+A` is the key A going down, `-A` up, `~A` its repetition; `!` are events that the kernel dropped."""
    told = []
    for stroke in strokes:
        if stroke == "!":
            told.append(_EVENT.pack(1_700_000_000, 5, SYN, 3, 0))
            continue
        value = {"+": 1, "-": 0, "~": 2}[stroke[0]]
        told.append(_EVENT.pack(1_700_000_000, 5, 4, 4, 458_000))  # What keyboards tell besides: the scan code.
        told.append(_EVENT.pack(1_700_000_000, 5, KEY, NAMES[f"KEY_{stroke[1:]}"], value))
        told.append(_EVENT.pack(1_700_000_000, 5, SYN, 0, 0))
    return b"".join(told)


def typed(text: str, separator: str = "f8") -> list[str]:
    """The keys of a scanner that types a text."""
    strokes: list[str] = []
    for character in text:
        if character == GS:
            strokes += SEPARATOR[separator]
        elif character == "\n":
            strokes += ["+ENTER", "-ENTER"]
        elif character in ALONE:
            strokes += [f"+{ALONE[character]}", f"-{ALONE[character]}"]
        else:
            strokes += ["+LEFTSHIFT", f"+{SHIFTED[character]}", f"-{SHIFTED[character]}", "-LEFTSHIFT"]
    return strokes


def scans(strokes: Iterable[str], separator: str = "f8") -> list[str]:
    return list(ScanParser(separator).feed(events(*strokes)))


@each_of("separator", SEPARATOR)
def test_every_character_of_a_label_is_typed_as_it_is(separator: str) -> None:
    every = "".join(map(chr, range(32, 127)))
    sent = f"]C1{every}{GS}{every}\n"
    assert scans(typed(sent, separator), separator) == [sent]
    for label in valid(each=3):
        assert scans(typed(f"{label.sent}\n", separator), separator) == [f"{label.sent}\n"]


@each_of("separator", SEPARATOR)
def test_a_separator_that_is_typed_in_another_way_than_set_cannot_be_read(separator: str) -> None:
    other = next(one for one in SEPARATOR if one != separator)
    assert scans(typed(f"1{GS}2\n", separator), other) == [f"1{UNREADABLE}2\n"]


@each_of(
    "strokes",
    [
        ["+F5", "-F5"],
        ["+CAPSLOCK", "-CAPSLOCK"],  # whether letters are capitals is not known any more
        ["+LEFTCTRL", "+A", "-A", "-LEFTCTRL"],
        ["+LEFTALT", "+A", "-A", "-LEFTALT"],
        ["+LEFTALT", "+KP7", "-KP7", "-LEFTALT"],
        ["+LEFTALT", "-LEFTALT"],
        ["+LEFTALT", *("+KP1", "-KP1") * 5000, "-LEFTALT"],  # a key that sticks: more digits than Python reads
        ["+BACKSPACE", "-BACKSPACE"],
        ["!"],
    ],
)
def test_a_key_that_is_no_character_is_not_passed_over(strokes: list[str]) -> None:
    (scan,) = scans([*typed("12"), *strokes, *typed("3\n")])
    assert scan.startswith("12")
    assert UNREADABLE in scan
    assert scan.endswith("3\n")


def test_two_keys_behind_a_scan_are_one_end_and_tab_is_one_too() -> None:
    assert scans([*typed("12\n\n34"), "+TAB", "-TAB", *typed("\n5")]) == ["12\n", "34\n"]


def test_a_key_that_is_held_down_is_typed_once() -> None:
    assert scans(["+A", "~A", "~A", "-A", *typed("\n")]) == ["a\n"]


def test_what_has_no_end_is_handed_over_without_one() -> None:
    keys = ScanParser("f8")
    assert list(keys.feed(events(*typed("12")))) == []
    assert keys.is_open
    assert list(keys.flush()) == ["12"]
    assert not keys.is_open
    assert [len(scan) for scan in scans(typed("1" * 8005))] == [8001]


@each_of(("rest", "whole"), [("2117", False), ("]C12117", True)])
def test_the_rest_of_a_scan_that_was_cut_is_no_scan_of_its_own(rest: str, *, whole: bool) -> None:
    keys = ScanParser("f8")
    list(keys.feed(events(*typed("10AB"))))
    list(keys.flush())
    assert list(keys.feed(events(*typed(f"{rest}\n2117\n")))) == [rest + END * whole, "2117\n"]


class Bench:
    """A scanner that is a pipe, to which the kernel's answers are made up."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.device = directory / "scanner"
        self.taken_by_another = False
        self.keys = b"\xff" * (96)
        self.grabbed = 0
        monkeypatch.setattr(input_keys, "_LOOK_EVERY_S", 0.01)
        monkeypatch.setattr("edge.hear.input_keys.fcntl.ioctl", self._ioctl)

    def plug_in(self) -> int:
        os.mkfifo(self.device)
        return os.open(self.device, os.O_RDWR | os.O_NONBLOCK)

    def pull_out(self, writer: int) -> None:
        self.device.unlink()
        os.close(writer)

    def _ioctl(self, file: int, request: int, given: bytes | int) -> bytes | int:
        if request == GRAB:
            if self.taken_by_another:
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
            self.grabbed += 1
            return 0
        assert isinstance(given, bytes)
        return (b"Tester 1900" if request & 0xFF == 0x06 else self.keys).ljust(len(given), b"\0")

    def followed(self, *steps: Callable[[], object], scans: int) -> list[tuple[str, str]]:
        """What is scanned, from one step to the next: each is taken when there was a scan after the one before."""
        told: list[tuple[str, str]] = []
        left = list(steps)

        async def follow() -> None:
            async def take(scan: str, name: str) -> None:
                told.append((scan, name))
                if left:
                    left.pop(0)()
                elif len(told) == scans:
                    task.cancel()

            async with asyncio.timeout(WITHIN_S), asyncio.TaskGroup() as group:
                task = group.create_task(follow_scanner(self.device, "f8", take))
                left.pop(0)()

        asyncio.run(follow())
        return told


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


def test_a_scanner_is_read_for_this_program_alone_and_looked_for_when_it_goes(bench: Bench) -> None:
    writers = [bench.plug_in()]

    def scan(text: str) -> Callable[[], object]:
        return lambda: os.write(writers[-1], events(*typed(text)))

    def pull_out_in_the_middle() -> None:
        os.write(writers[-1], events(*typed("34")))
        bench.pull_out(writers.pop())
        writers.append(bench.plug_in())
        scan("56\n")()

    told = bench.followed(scan("12\n"), pull_out_in_the_middle, scans=3)
    assert told == [("12\n", "Tester 1900"), ("34", "Tester 1900"), ("56\n", "Tester 1900")]
    assert bench.grabbed == 2


def test_a_scan_whose_end_does_not_come_is_handed_over_as_cut(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    assert IDLE_S <= 3
    monkeypatch.setattr(input_keys, "IDLE_S", 0.05)
    writer = bench.plug_in()
    assert bench.followed(lambda: os.write(writer, events(*typed("12"))), scans=1) == [("12", "Tester 1900")]


def test_a_scanner_that_another_program_has_is_waited_for(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    writer, bench.taken_by_another = bench.plug_in(), True

    def give_back() -> None:
        asyncio.get_running_loop().call_later(0.1, setattr, bench, "taken_by_another", False)
        os.write(writer, events(*typed("12\n")))

    assert bench.followed(give_back, scans=1) == [("12\n", "Tester 1900")]
    told = [one.message for one in caplog.records if "cannot be read" in one.message]
    assert told == [f"scan.device = {bench.device}: cannot be read (Device or resource busy); looking for it"]


def test_the_doctor_tells_whether_a_scanner_can_be_read(bench: Bench) -> None:
    def found(device: Path | None = bench.device) -> tuple[Severity, str]:
        settings = Settings.model_validate({"scan": {"device": device}})
        (finding,) = asyncio.run(run_checks({"scanner": make_checks(settings, TODAY)["scanner"]}))
        return finding.level, finding.found

    named = f"scan.device = '{bench.device}'"
    assert found(None) == (Severity.WELL, "none is set")
    assert found() == (Severity.WARNING, f"{named}: is not there")
    writer = bench.plug_in()
    assert found() == (Severity.WELL, "Tester 1900")
    bench.taken_by_another = True
    assert found() == (Severity.WELL, "Tester 1900; a program has its keys for itself")
    bench.keys = b"\0"
    assert found() == (Severity.FAILED, f"{named}: Tester 1900 has no keys to type with")
    os.close(writer)
