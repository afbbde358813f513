"""A play acted with sound: recorded speech into a headset, a real agent, its voice from the earpiece, rows.

What only the dialogue knows, as its state, cannot be heard and is left to the plays in virtual time. Time passes by
itself: for something that comes of it one waits; only where nothing may come, all of it must go by.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edge.records.speech import Earcon
from tests.playbook.listener import Listener, Reader, in_words
from tests.playbook.script import DOES, Line
from tests.playbook.theatre import Seat, Theatre, Warehouse
from tests.playbook.worn import WornAgent
from tests.processes.command import dockvoice
from tests.sound.pulseaudio import room
from tests.waiting import until

WITHIN_S = 30.0  # What comes at once on an idle machine, on one that does ten other things.

SILENT_WITHIN_S = 1.5  # From the operator's first sound until the device is silent; it takes 0.2 s on an idle machine.

LEAKAGE_DB = -20.0


@dataclass(frozen=True)
class Clip:
    """One line of an operator's, recorded."""

    audio: Path
    speech_end: float  # Seconds until the end of the last word.
    kind: str  # `plain` is a whole entry; `incomplete`; `reply`.


@dataclass(frozen=True)
class Reply:
    """How soon the device answered, in seconds from the operator's last word."""

    to: str
    kind: str  # That of the clip.
    earcon: float
    word: float | None  # None where it says nothing.


class Aloud:
    """One play on one headset."""

    def __init__(
        self,
        theatre: Theatre,
        seat: Seat,
        reader: Reader,
        clips: Mapping[str, Clip],
        directory: Path,
        models: str | None,
        *,
        leaks: bool = False,
    ) -> None:
        """`clips` are the operator's lines; with `leaks` the microphone picks the earpiece up."""
        self.replies: list[Reply] = []
        self.silent_after: float | None = None
        """Where the operator spoke over the device: the seconds until that was silent."""
        self._theatre = theatre
        self._seat = seat
        self._clips = clips
        self._directory = directory
        self._models = models
        self._leaks = leaks
        self._listener = Listener(seat.earpiece, reader)
        self._held = ExitStack()
        self._books = theatre.books
        self._ahead: Sequence[Line] = ()
        self._since = 0
        self._passes_until = 0.0
        self._last_word: float | None = None
        self._decided = 0
        self._under_way = False

    def act(self, lines: Sequence[Line]) -> None:
        """Act the whole play."""
        with self._held:
            self._listener.heard_until = len(self._seat.earpiece)
            self._set_up(lines)
            for number, line in enumerate(lines):
                self._ahead = lines[number + 1 :]
                try:
                    self._act(line)
                except AssertionError as fault:
                    where = f"line {line.number}: {line.text}"
                    raise AssertionError(f"{where}: {fault}\n{self._agent.log}") from fault
            self._nothing_untold()

    def _act(self, line: Line) -> None:
        if line.rule in DOES:
            if line.rule != "begins":  # the operator does not wait for the end
                self._nothing_untold()
            self._since, self._passes_until = len(self._seat.earpiece), 0.0
        getattr(self, f"on_{line.rule}")(*line.words)

    def _set_up(self, lines: Sequence[Line]) -> None:
        rules = {line.rule for line in lines}
        if "refuses" in rules or "applies" in rules:
            self._books = self._held.enter_context(self._theatre.books_apart(self._directory / "apart"))
        if "refuses" in rules:
            self._warehouse = Warehouse(self._books.port)
            self._held.callback(self._warehouse.close)
        self._seat.air.let(self._seat.microphone, self._seat.leakage(LEAKAGE_DB) if self._leaks else room)
        worn = WornAgent(self._seat, self._books.port, self._directory, self._models)
        self._agent = self._held.enter_context(worn)

    # What happens.

    def on_says(self, text: str) -> None:
        if not self._under_way:
            self._say(text)
        self._under_way = False
        air, mouth = self._seat.air, self._seat.microphone
        until(lambda: air.is_over(mouth), "what is said is not heard")
        self._last_word = (air.began(mouth) or 0.0) + self._clips[text].speech_end
        until(lambda: self._agent.decided > self._decided, "nothing became of what was said")
        self._decided = self._agent.decided
        self._time(text)

    def on_begins(self) -> None:
        self._say(next(line for line in self._ahead if line.rule == "says").words[0])
        self._under_way = True

    def on_pass(self, seconds: str) -> None:
        self._passes_until = time.monotonic() + float(seconds)
        self._last_word = None

    def on_applies(self, _number: str) -> None:
        self._books.inventory.start()
        until(lambda: self._agent.owed == 0, "it is not settled")

    def on_refuses(self, _number: str, reason: str) -> None:
        self._last_word = None
        self._warehouse.refuse(reason)

    def on_cut(self) -> None:
        self._agent.cut()
        self._listener.heard_until = len(self._seat.earpiece)
        self._last_word = None
        self._agent.start()

    # What must be true.

    def on_device(self, text: str) -> None:
        does = next((line.rule for line in self._ahead if line.rule in DOES), None)
        if does == "begins":  # it will not come to its end
            self._listener.speaks(self._patience)
            return
        phrase = self._listener.phrase(self._patience)
        if self._last_word is not None and self.replies[-1].word is None:
            after = self._seat.earpiece.moment(phrase.begins) - self._last_word
            self.replies[-1] = replace(self.replies[-1], word=after)
        assert phrase.words == in_words(text), f"it said: {phrase.words}"

    def on_sounds(self, earcon: str) -> None:
        self._listener.ring(Earcon(earcon), self._since, self._patience)

    def on_silent(self) -> None:
        air, mouth = self._seat.air, self._seat.microphone
        until(lambda: air.began(mouth) is not None, "the operator does not speak")
        began = air.began(mouth) or 0.0
        from_there = self._seat.earpiece.at(began)
        until(lambda: air.is_over(mouth), "what is said is not heard")
        silent = self._listener.silent_since(from_there)
        self.silent_after = self._seat.earpiece.moment(silent) - began
        assert self.silent_after < SILENT_WITHIN_S
        self._listener.heard_until = silent

    def on_event(self, kind: str, number: str, of: str | None) -> None:
        until(lambda: len(self._events()) >= int(number), "no row came", self._patience)
        events = self._events()
        assert len(events) == int(number)
        assert events[-1]["event"]["type"] == f"dockvoice.entry.{kind}.v1"
        if of is not None:
            named = events[int(of) - 1]
            data = events[-1]["event"]["data"]
            assert (data.get("amends") or data.get("cancels"), named["state"]) == (named["event"]["id"], kind)

    def on_entry(self, listed: str) -> None:
        self._let_pass()
        until(lambda: bool(self._events()), "no row came", WITHIN_S)
        told = dict(pair.strip().split(" ", 1) for pair in listed.split(","))
        assert {name: str(value) for name, value in self._events()[-1]["fields"].items()} == told

    def on_no_event(self) -> None:
        self._let_pass()
        assert self._events() == []
        assert self._agent.owed == 0

    def on_rests(self, count: str) -> None:
        assert 1 + len(self._events()[-1]["event"]["data"].get("support", ())) == int(count)

    def on_record(self, operator: str) -> None:
        assert self._events()[-1]["event"]["data"]["operator"] == (None if operator == "nobody" else operator)

    def on_review(self, count: str) -> None:
        listed = dockvoice("queue", "list", "--held", "--json", "--state", self._agent.state)
        assert len(listed.stdout.splitlines()) == int(count), listed.stdout + listed.stderr

    def on_cancelled(self, count: str) -> None:
        assert self._agent.cancelled == int(count)

    def on_state(self, _name: str) -> None:
        """Nobody hears it."""

    def on_nothing_waits(self) -> None:
        """Nobody hears it."""

    # How it is done.

    @property
    def _patience(self) -> float:
        return max(0.0, self._passes_until - time.monotonic()) + WITHIN_S

    def _let_pass(self) -> None:
        time.sleep(max(0.0, self._passes_until - time.monotonic()))

    def _say(self, text: str) -> None:
        self._seat.air.say(self._seat.microphone, self._clips[text].audio)

    def _time(self, text: str) -> None:
        """How soon the first sound comes; the first word may take longer to come."""
        assert self._last_word is not None
        earpiece = self._seat.earpiece
        first = self._listener.sound(earpiece.at(self._last_word), WITHIN_S)
        self.replies.append(Reply(text, self._clips[text].kind, earpiece.moment(first) - self._last_word, None))

    def _nothing_untold(self) -> None:
        untold = self._listener.untold()
        assert not untold, f"before this the device also said: {untold}"

    def _events(self) -> list[dict[str, Any]]:
        return self._books.events(self._agent.device)
