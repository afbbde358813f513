"""A meter for the microphone: level, noise floor, speech and faults since it was last looked at."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from edge.hear.levels import BOTTOM_DB, Level, NoiseFloor, level
from edge.hear.microphone_health import Fault, MicrophoneEvent, Noticed
from edge.records import Frame

METER_CELLS = 40
"""The width of the bar."""

BOTTOM_OF_BAR_DB = -60
"""A quiet room; what is below is shown in figures."""


class Meter:
    """The level of the microphone since it was last shown."""

    def __init__(self) -> None:
        self.samples = 0
        self._floor_of = NoiseFloor()
        self._floor = BOTTOM_DB
        self._faults: dict[Fault, str] = {}
        self._loudest: Level | None = None
        self._peak_db = BOTTOM_DB
        self._clipped = 0
        self._speech = False

    def take(self, frame: Frame, *, speech: bool) -> None:
        """The next frame."""
        one = level(frame.pcm)
        self._floor = self._floor_of.take(one)
        self._loudest = one if self._loudest is None or one.power > self._loudest.power else self._loudest
        self._peak_db = max(self._peak_db, one.peak_db)
        self._clipped += one.clipped
        self._speech = self._speech or speech
        self.samples += frame.samples

    def tell(self, event: MicrophoneEvent) -> None:
        """A fault began or ended."""
        if isinstance(event, Noticed):
            self._faults[event.fault] = event.what
        else:
            self._faults.pop(event.fault, None)

    def as_json(self) -> dict[str, Any]:
        """The level since the last time, as a line for programs."""
        said = {
            "rms_db": round(self._rms_db, 1),
            "peak_db": round(self._peak_db, 1),
            "floor_db": round(self._floor, 1),
            "speech": self._speech,
            "clipped": self._clipped,
            "faults": [fault.value for fault in self._faults],
        }
        self._begin()
        return said

    def shown(self) -> Text:
        """The same for people: a bar from -60 to 0 dBFS, then the figures."""
        filled = max(0, min(METER_CELLS, round((1 - self._rms_db / BOTTOM_OF_BAR_DB) * METER_CELLS)))
        text = Text("█" * filled + "·" * (METER_CELLS - filled), style="red" if self._clipped else "green")
        text.append(f" {self._rms_db:6.1f} dBFS, peak {self._peak_db:6.1f}, floor {self._floor:6.1f}", style="default")
        text.append("  speech" if self._speech else "  quiet ", style="bold" if self._speech else "dim")
        text.append("  CLIPPING" if self._clipped else "", style="bold red")
        for fault, what in self._faults.items():
            text.append(f"\n{fault}: it {what}", style="bold red")
        self._begin()
        return text

    @property
    def _rms_db(self) -> float:
        return BOTTOM_DB if self._loudest is None else self._loudest.rms_db

    def _begin(self) -> None:
        self.samples = self._clipped = 0
        self._loudest = None
        self._peak_db = BOTTOM_DB
        self._speech = False
