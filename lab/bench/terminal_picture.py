"""The picture of `dockvoice run` in the README: the real program at a terminal, with a voice that it really hears.

    python -m lab.bench.terminal_picture [docs/run.svg]

Starts a sound server with a virtual headset, a broker, an inventory, and the program in a terminal of 80 by 24; says
recordings of `tests/data/speech` into the microphone, presses keys, and draws what was on the screen, as it changed. It
takes half a minute, and needs what the tests need.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyte

from edge.config import shipped
from lab.bench.moving_picture import Cell, Frame, svg
from tests.command import DOCKVOICE
from tests.desk import Screen, Terminal
from tests.inventory import RunningInventory
from tests.mosquitto import Mosquitto
from tests.pulseaudio import DEVICE, Shelf

LOOK_S = 0.2
"""How often the screen is looked at: often enough for a level to move, and for a file that is not too large."""

COLUMNS, LINES = 80, 24

SKIPPED = 5
"""Looks at the beginning: a screen that is not full yet."""

POSTER = (" HELD ", "✓ in the inventory")
"""The still picture is one that shows both: an entry is held, another one has arrived."""

MODELS = str(Path(".cache/models").absolute())
"""Where `make models` puts the recogniser's weights."""

PORT = 1883
"""What a new user's broker listens on; the picture is not to show a number made up for it."""

FIRST, SECOND = "04-dock-charlie-pallet-277-sixteen-units.flac", "01-pallet-5451-four-cases-dock-alpha.flac"

TYPING_S = 0.08
"""From one key to the next."""


def act(terminal: Terminal, say: Callable[[str], None]) -> None:
    """What is to be seen: an entry that is corrected and confirmed, then one that nobody objects to."""
    time.sleep(1.0)
    say(FIRST)
    terminal.wait_for(" HELD ")
    time.sleep(1.2)
    for key in "/no, twelve units\r":
        terminal.press(key)
        time.sleep(TYPING_S)
    terminal.wait_for("12 units")
    time.sleep(1.5)
    terminal.press("y")
    terminal.wait_for("✓ in the inventory")
    say(SECOND)
    terminal.wait_for("dock A")
    terminal.wait_for(" IDLE")
    time.sleep(2.5)


@contextmanager
def running(directory: Path) -> Iterator[tuple[Terminal, Callable[[str], None]]]:
    """The program as a new user starts it; and what says a recording into its microphone."""
    with (
        Shelf(directory / "sound", [DEVICE]) as shelf,
        Mosquitto(directory / "mosquitto", PORT),
        RunningInventory(PORT, directory / "inventory"),
    ):
        environment = {
            **shelf.environment,
            "DOCKVOICE_SITE": "north",
            "DOCKVOICE_DEVICE": "dock-b",
            "DOCKVOICE_OPERATOR": "ana",
            "DOCKVOICE_AGREE__CONVERSATION": "true",
            "DOCKVOICE_HEAR__DEVICE": DEVICE,
            "DOCKVOICE_SPEAK__ENABLED": "false",
            "DOCKVOICE_STATE_DIRECTORY": str(directory / "state"),
            "DOCKVOICE_UNDERSTAND__MODELS_DIRECTORY": os.environ.get("DOCKVOICE_UNDERSTAND__MODELS_DIRECTORY", MODELS),
        }
        with Terminal([*DOCKVOICE, "run"], environment, COLUMNS, LINES) as terminal:
            terminal.wait_for(" connected")
            terminal.wait_for(" dB")
            yield terminal, lambda clip: shelf.air.say(DEVICE, shipped("recordings") / clip)


def frames(pieces: Sequence[tuple[float, bytes]]) -> Iterator[Frame]:
    """What the screen showed, look by look, beginning with what it showed at first."""
    screen = Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    due = pieces[0][0] + LOOK_S
    for moment, piece in pieces:
        while moment > due:
            due += LOOK_S
            yield frame(screen)
        stream.feed(piece)
    yield frame(screen)


def frame(screen: Screen) -> Frame:
    """What it shows now."""
    return tuple(tuple(_cell(screen.buffer[y][x]) for x in range(COLUMNS)) for y in range(LINES))


def _text(shown: Frame) -> str:
    return "\n".join("".join(cell.text for cell in row) for row in shown)


def _cell(one: Any) -> Cell:
    return Cell(one.data, one.fg, one.bg, one.bold, one.reverse)


def main() -> None:
    """Draw it."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/run.svg")
    with tempfile.TemporaryDirectory(prefix="dockvoice-picture-") as directory, running(Path(directory)) as (desk, say):
        act(desk, say)
        seen = list(frames(desk.pieces))[SKIPPED:]
    still = next(number for number, one in enumerate(seen) if all(text in _text(one) for text in POSTER)) + 1
    target.write_text(svg(seen, LOOK_S, "dockvoice run", still), encoding="utf-8")
    print(f"{target}: {len(seen) * LOOK_S:.0f} s, {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
