"""Level meter of the microphone: level, noise floor, speech and faults since it was last looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rich.text import Text

from edge.audio.pcm import BOTTOM_DB, NoiseFloor, SoundLevel, sound_level
from edge.hear.microphone_health import FaultKind, MicrophoneEvent, Noticed
from edge.records import Frame

_METER_CELLS = 40  # The width of the bar.
_BOTTOM_OF_BAR_DB = -60  # A quiet room; what is below is shown in figures.


@dataclass(frozen=True, slots=True)
class MeterReading:
    """How loud it was during a stretch of sound. Levels in dBFS."""

    samples: int = 0  # How much sound; 0: none came.
    rms_db: float = BOTTOM_DB  # The loudest frame.
    peak_db: float = BOTTOM_DB
    floor_db: float = BOTTOM_DB
    clipped: int = 0  # Samples at full scale.
    speech: bool = False

    def after(self, one: SoundLevel, floor_db: float, *, speech: bool) -> MeterReading:
        """This stretch with one more frame."""
        return MeterReading(
            self.samples + one.samples,
            max(self.rms_db, one.rms_db),
            max(self.peak_db, one.peak_db),
            floor_db,
            self.clipped + one.clipped,
            self.speech or speech,
        )


NO_SOUND = MeterReading()


@dataclass(slots=True)
class Meter:
    """The level of the microphone since it was last looked at. Fed by one thread, read by another."""

    _now: MeterReading = NO_SOUND
    _floor: NoiseFloor = field(default_factory=NoiseFloor)
    _faults: dict[FaultKind, str] = field(default_factory=dict)

    @property
    def samples(self) -> int:
        """How much sound came since it was last read."""
        return self._now.samples

    def update(self, frame: Frame, *, speech: bool) -> None:
        """Add the next frame."""
        one = sound_level(frame.pcm)
        self._now = self._now.after(one, self._floor.update(one), speech=speech)

    def note_fault(self, event: MicrophoneEvent) -> None:
        """Note that a fault began or ended."""
        if isinstance(event, Noticed):
            self._faults[event.fault] = event.what
        else:
            self._faults.pop(event.fault, None)

    def read(self) -> MeterReading:
        """How loud it was since it was last read."""
        # A frame that comes between the two is not shown: one of fifty in a second.
        read, self._now = self._now, NO_SOUND
        return read

    def as_json(self) -> dict[str, Any]:
        """The level since the last time, as a line for programs."""
        now = self.read()
        return {
            "rms_db": round(now.rms_db, 1),
            "peak_db": round(now.peak_db, 1),
            "floor_db": round(now.floor_db, 1),
            "speech": now.speech,
            "clipped": now.clipped,
            "faults": [fault.value for fault in self._faults],
        }

    def shown(self) -> Text:
        """The same for people: a bar from -60 to 0 dBFS, then the figures."""
        now = self.read()
        filled = cells(now.rms_db, _METER_CELLS)
        text = Text("█" * filled + "·" * (_METER_CELLS - filled), style="red" if now.clipped else "green")
        text.append(f" {now.rms_db:6.1f} dBFS, peak {now.peak_db:6.1f}, floor {now.floor_db:6.1f}", style="default")
        text.append("  speech" if now.speech else "  quiet ", style="bold" if now.speech else "dim")
        text.append("  CLIPPING" if now.clipped else "", style="bold red")
        for fault, what in self._faults.items():
            text.append(f"\n{fault}: it {what}", style="bold red")
        return text


def cells(db: float, width: int) -> int:
    """How much of a bar of so many cells a level fills."""
    return max(0, min(width, round((1 - db / _BOTTOM_OF_BAR_DB) * width)))
