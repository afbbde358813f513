from __future__ import annotations

import unicodedata
from dataclasses import replace
from itertools import product

from rich.cells import cell_len

from edge.cli.audio import MeterReading
from edge.cli.tables import Tone, ToneText
from edge.cli.watch.layout import Badge, FieldRow, LastUtterance, Picture, QueueRow, draw
from tests.rows import each_of, every

EVIL = "\x1b]0;owned\x07\x1b[2J\r\n\x9b31m\u202e\u2028\t\x7f"
"""A title, an erased screen, a new line, 8-bit controls, writing turned around."""

PICTURE = Picture(
    who=("dock-b at north", "pallet-move", "ana"),
    broker="localhost:1883",
    up=True,
    microphone="open microphone, headset",
    sound=MeterReading(320, -24, -12, -60),
    badge=Badge("held", "2.4 s to object", Tone.OPEN),
    said="pallet 7 4 2, 12 units, dock B.",
    utterance=LastUtterance((("pallet", True), ("twelve", False)), "heard", ToneText("held: complete", Tone.OPEN)),
    entry=(FieldRow("pallet_id", "742", "seven four two"), FieldRow("dock", None, "", "dock was not said")),
    counts=(ToneText("1 owed", Tone.OPEN), ToneText("14 in the inventory", Tone.GOOD)),
    queue=(QueueRow(15, "pallet 7, 1 unit, dock A", ToneText("sent, no receipt yet", Tone.OPEN)),),
    keys=(("y", "yes"), ("^C", "stop")),
)

FULL = replace(
    PICTURE,
    faults=("microphone, stuck: it gives no sound; unplug it and plug it in again",) * 3,
    log=tuple(f"WARNING number {number}: " + "words " * 30 for number in range(20)),
    queue=PICTURE.queue * 60,
    typing="pallet 7",
)


def drawn(picture: Picture, width: int = 80, height: int = 24) -> str:
    return "\n".join(line.plain for line in draw(picture, width, height))


@each_of("picture", [PICTURE, FULL], ids=["usual", "full"])
def test_it_has_the_size_of_the_terminal_whatever_that_is(picture: Picture) -> None:
    def fits(size: tuple[int, int]) -> None:
        width, height = size
        lines = draw(picture, width, height)
        assert len(lines) == height
        assert max(cell_len(line.plain) for line in lines) <= width

    every(product([1, 7, 49, 50, 200], [1, 5, 24, 70]), fits)


def evil(picture: Picture) -> Picture:
    """Everything that comes from outside, poisoned."""
    return replace(
        picture,
        who=(EVIL, EVIL, EVIL),
        broker=EVIL,
        up=None,
        microphone=EVIL,
        badge=Badge(EVIL, EVIL, Tone.OPEN),
        said=EVIL,
        utterance=LastUtterance(((EVIL, False),), "typed", ToneText(EVIL)),
        entry=(FieldRow(EVIL, EVIL, EVIL, EVIL),),
        counts=(ToneText(EVIL),),
        queue=(QueueRow(1, EVIL, ToneText(EVIL)),),
        faults=(EVIL,),
        log=(EVIL,),
        typing=EVIL,
    )


def test_no_control_character_of_what_was_heard_or_answered_reaches_the_terminal() -> None:
    shown = drawn(evil(PICTURE), 200, 40).replace("\n", "")
    assert "owned" in shown
    assert {unicodedata.category(character) for character in shown} & {"Cc", "Cf", "Zl", "Zp"} == set()


def test_wide_characters_count_as_the_columns_they_take() -> None:
    picture = replace(PICTURE, said="東京" * 60, typing="東" * 60, who=("東" * 60,))
    assert max(cell_len(line.plain) for line in draw(picture, 80, 24)) <= 80


def test_the_lower_the_terminal_the_more_it_shows_only_what_matters_most() -> None:
    assert "HELD" in drawn(FULL, 40, 1)
    assert "> pallet 7" in drawn(FULL, 40, 2)
    assert "stuck" in drawn(FULL, 40, 3)
    assert "dB" in drawn(FULL, 40, 6)
    assert "WARNING" not in drawn(PICTURE, 80, 24)


def test_what_an_encoding_lacks_is_drawn_with_what_it_has() -> None:
    picture = replace(evil(FULL), said="█✓ é")
    shown = "\n".join(line.plain for line in draw(picture, 80, 60, ascii_only=True))
    assert "#+ ?" in shown
    assert shown.isascii()
