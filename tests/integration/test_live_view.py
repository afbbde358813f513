"""`dockvoice run` at a terminal: a person looks at the screen, speaks, presses keys, and gets the terminal back."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge.keep.journal import Journal
from tests.processes.command import DOCKVOICE
from tests.servers.inventory import RunningInventory
from tests.servers.mosquitto import Mosquitto
from tests.sound.pulseaudio import DEVICE, Shelf
from tests.sound.terminal import ENDED_IN_S, Terminal
from tests.tiers import sized
from tests.waiting import until

FULL_BAR = "█"
OTHER_SCREEN, FIRST_SCREEN = b"\x1b[?1049h", b"\x1b[?1049l"
CURSOR = b"\x1b[?25h"
AGREEING = (" HELD ", " ASKING ", " CHOOSING ", " CONFIRMING ")
TRIES = 3
CLIP = "tests/data/speech/demo/02-pallet-0126-nine-units-dock-bravo.flac"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    with Shelf(tmp_path_factory.mktemp("desk") / "sound", [DEVICE]) as opened:
        yield opened


@contextmanager
def running(
    shelf: Shelf, broker: int, state: Path, *options: str, started_by: Sequence[str] = ()
) -> Iterator[Terminal]:
    """`dockvoice run` in a terminal, with a conversation and without a speaker."""
    environment = {
        **shelf.environment,
        "DOCKVOICE_AGREE__CONVERSATION": "true",
        "DOCKVOICE_HEAR__DEVICE": DEVICE,
        "DOCKVOICE_SPEAK__ENABLED": "false",
    }
    if models := os.environ.get("DOCKVOICE_UNDERSTAND__MODELS_DIRECTORY"):
        environment["DOCKVOICE_UNDERSTAND__MODELS_DIRECTORY"] = models
    command = [*started_by, *DOCKVOICE, "run", "--broker", f"127.0.0.1:{broker}", "--state", str(state), *options]
    with Terminal(command, environment) as terminal:
        yield terminal


def until_held(terminal: Terminal, say_again: Callable[[], None]) -> None:
    """A machine that is busy loses sound at times: what the device then asks is answered by saying all of it again."""
    for _ in range(TRIES):
        until(
            lambda: any(map(terminal.shows, AGREEING)), lambda: "nothing was made of it:\n" + "\n".join(terminal.lines)
        )
        if terminal.shows(" HELD "):
            return
        terminal.press("c")
        terminal.wait_for(" IDLE")
        say_again()
    raise AssertionError("it was asked about each time:\n" + "\n".join(terminal.lines))


def is_given_back(terminal: Terminal) -> bool:
    left = terminal.written.rpartition(FIRST_SCREEN)
    return OTHER_SCREEN not in left[2] and CURSOR in terminal.written.rpartition(OTHER_SCREEN)[2]


def test_a_person_sees_speech_become_an_entry_and_the_keys_do_what_the_voice_can(
    shelf: Shelf, repository: Path, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    broker, state = free_port(), tmp_path / "state"
    with (
        Mosquitto(tmp_path / "mosquitto", broker),
        RunningInventory(broker, tmp_path / "inventory"),
        running(shelf, broker, state) as terminal,
    ):
        terminal.wait_for(f"● 127.0.0.1:{broker} connected")
        terminal.wait_for(" dB")
        shelf.air.say(DEVICE, repository / CLIP)
        assert FULL_BAR in terminal.wait_for("speech")
        until_held(terminal, lambda: shelf.air.say(DEVICE, repository / CLIP))
        terminal.wait_for("heard       pallet zero one two six nine units dock bravo")
        terminal.press("/no, twelve units\r")
        terminal.wait_for("12 units")
        terminal.press("y")
        terminal.wait_for("pallet 0 1 2 6, 12 units, dock B")
        terminal.wait_for("✓ in the inventory")

        terminal.press("m")
        terminal.wait_for(" MUTED ")
        terminal.resize(60, 16)  # lower by two, the warning of the log would take the place of these keys
        terminal.wait_for("/ type a sentence")
        terminal.press("m")
        until(lambda: not terminal.shows(" MUTED "), "it stayed muted")
        terminal.resize(100, 30)
        terminal.wait_for(" IDLE")

        terminal.press("\x03")
        assert terminal.ended() == 0
        assert terminal.settings == terminal.before
    assert is_given_back(terminal)
    after = terminal.written.rpartition(FIRST_SCREEN)[2].decode()
    assert "WARNING microphone: muted, nothing is heard" in after  # on the terminal, now that it is nobody else's
    assert "applied 1" in after
    spoken, typed = on_record(state)
    assert spoken == "microphone"
    assert typed == "keyboard"


def on_record(state: Path) -> tuple[str, str]:
    """Where the one entry came from, and what corrected it."""
    with Journal.inspect(state) as journal:
        [entry] = journal.queries.histories()
        assert entry.event is not None
        ids = [entry.utterance_id, entry.event["data"]["support"][0]["id"]]
        sources = [kept.source for name in ids if (kept := journal.queries.get_utterance(name)) is not None]
    return sources[0], sources[1]


def test_killed_it_leaves_a_terminal_that_shows_its_first_screen_again(
    shelf: Shelf, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    with running(shelf, free_port(), tmp_path / "state") as terminal:
        terminal.wait_for(" away")  # nobody is there, and it works all the same
        terminal.wait_for("no broker: ")
        assert not is_given_back(terminal)
        terminal.process.kill()
        assert terminal.ended() == -signal.SIGKILL
        until(lambda: is_given_back(terminal), "the other screen was left open")


HEEDING = ["env", "--default-signal=HUP"]
"""The tests themselves may have been started by nohup(1), and what it started ignores the signal for ever."""

NOHUP = ["env", "--ignore-signal=HUP"]  # As nohup(1), which would besides write into this directory.

WAYS: list[list[str]] = sized(test=[[]], nightly=[[], ["--plain"], ["--json"]])
"""By day the one that has a process of its own to end besides."""


@pytest.mark.parametrize("options", WAYS, ids=lambda options: "".join(options) or "live")
def test_a_terminal_that_hangs_up_ends_it_as_a_stop_does(
    options: list[str], shelf: Shelf, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    with running(shelf, free_port(), tmp_path / "state", *options, started_by=HEEDING) as terminal:
        terminal.wait_for("not delivered" if options else "no broker: ")
        terminal.hang_up()
        assert terminal.process.wait(ENDED_IN_S) == 0


def test_in_lines_the_keys_count_too_and_what_nohup_started_goes_on_without_its_terminal(
    shelf: Shelf, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    with running(shelf, free_port(), tmp_path / "state", "--plain", started_by=NOHUP) as terminal:
        terminal.wait_for("ERROR not delivered")
        terminal.press("m")
        terminal.wait_for("WARNING microphone: muted, nothing is heard")
        assert OTHER_SCREEN not in terminal.written
        terminal.hang_up()
        output = Path(f"/proc/{terminal.process.pid}/fd/1")
        until(lambda: output.readlink() == Path(os.devnull), "it holds on to a terminal that is gone")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.process.wait(ENDED_IN_S) == 0
