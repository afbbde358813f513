"""Commands for the sound devices: `dockvoice audio`, their list, the microphone's level, a self test."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

import numpy as np
import typer
import uuid_utils
from rich.box import SIMPLE_HEAD
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.records import Reading
from dockvoice_protocol.terminal import EXIT_CODES, print_lines
from dockvoice_protocol.terminal.tables import print_tables
from edge.agent.ear import listen
from edge.agent.parts import Parts, assemble_interpretation, run_panels
from edge.agree.decide import decide
from edge.audio.pcm import BOTTOM_DB, NoiseFloor, SoundLevel, measure_sound_level
from edge.audio.portaudio import import_sounddevice
from edge.audio.sound_server import Routing, SoundServer
from edge.cli import AsJson, Config, FormName, load_settings_with_options
from edge.config import Settings
from edge.hear.acoustics import measure_and_advise
from edge.hear.capture import DeviceNotOpened, InputDevice, find_device, list_input_devices, not_opened_message
from edge.hear.endpointing import Endpointer, UtteranceClosed
from edge.hear.microphone import Microphone
from edge.hear.microphone_health import FaultBegan, FaultKind, MicrophoneEvent
from edge.hear.speech_detection import make_speech_scorer
from edge.ports import Source
from edge.records import SAMPLE_RATE, Frame, Segment, Utterance, Verdict

_METER_CELLS = 40  # The width of the bar.
_BOTTOM_OF_BAR_DB = -60  # A quiet room; what is below is shown in figures.


@dataclass(frozen=True, slots=True)
class MeterReading:
    """The level during a stretch of sound. Levels in dBFS."""

    samples: int = 0  # How much sound; 0: none came.
    rms_db: float = BOTTOM_DB  # The loudest frame.
    peak_db: float = BOTTOM_DB
    floor_db: float = BOTTOM_DB
    clipped: int = 0  # Samples at full scale.
    speech: bool = False

    def extended_by(self, one: SoundLevel, floor_db: float, *, speech: bool) -> MeterReading:
        """This reading, extended by one more frame."""
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
    """The microphone's level since the last read. Written by one thread, read by another."""

    _now: MeterReading = NO_SOUND
    _floor: NoiseFloor = field(default_factory=NoiseFloor)
    _faults: dict[FaultKind, str] = field(default_factory=dict)

    @property
    def samples(self) -> int:
        """Samples since the last read."""
        return self._now.samples

    def update(self, frame: Frame, *, speech: bool) -> None:
        """Add the next frame."""
        one = measure_sound_level(frame.pcm)
        self._now = self._now.extended_by(one, self._floor.update(one), speech=speech)

    def note_fault(self, event: MicrophoneEvent) -> None:
        """Note that a fault began or ended."""
        if isinstance(event, FaultBegan):
            self._faults[event.fault] = event.what
        else:
            self._faults.pop(event.fault, None)

    def read(self) -> MeterReading:
        """Read the level since the last read, and restart it."""
        # A frame that comes between the two is not shown: one of fifty in a second.
        read, self._now = self._now, NO_SOUND
        return read

    def read_as_json(self) -> dict[str, Any]:
        """Read the level since the last read, and restart it; as an object for JSON."""
        now = self.read()
        return {
            "rms_db": round(now.rms_db, 1),
            "peak_db": round(now.peak_db, 1),
            "floor_db": round(now.floor_db, 1),
            "speech": now.speech,
            "clipped": now.clipped,
            "faults": [fault.value for fault in self._faults],
        }

    def read_as_text(self) -> Text:
        """Read the level since the last read, and restart it; as text: a bar from -60 to 0 dBFS, then the figures."""
        now = self.read()
        filled = filled_cells(now.rms_db, _METER_CELLS)
        text = Text("█" * filled + "·" * (_METER_CELLS - filled), style="red" if now.clipped else "green")
        text.append(f" {now.rms_db:6.1f} dBFS, peak {now.peak_db:6.1f}, floor {now.floor_db:6.1f}", style="default")
        text.append("  speech" if now.speech else "  quiet ", style="bold" if now.speech else "dim")
        text.append("  CLIPPING" if now.clipped else "", style="bold red")
        for fault, what in self._faults.items():
            text.append(f"\n{fault}: it {what}", style="bold red")
        return text


def filled_cells(db: float, width: int) -> int:
    """The number of `width` cells that a level in dBFS fills."""
    return max(0, min(width, round((1 - db / _BOTTOM_OF_BAR_DB) * width)))


_SHOWN_EVERY = SAMPLE_RATE // 10  # A bar that moves ten times a second.
_PLAIN_EVERY = SAMPLE_RATE  # A line a second.

_Seconds = Annotated[
    float | None, typer.Option(min=0.1, metavar="SECONDS", help="End by itself after so long; unset: with Ctrl-C.")
]

commands = typer.Typer(no_args_is_help=True, help="The sound devices, their level, and a self test.")


@commands.command("list", short_help="The devices to listen to, and which one is chosen.", epilog=EXIT_CODES)
def _list_devices(config: Config = None, as_json: AsJson = False) -> None:
    """Show the devices one can listen to, and which one the settings choose."""
    wanted = load_settings_with_options(config).hear.device
    found = list_input_devices()
    try:
        chosen: int | None = find_device(wanted)["index"]
    except DeviceNotOpened:
        chosen = None
    if as_json:
        for one in found:
            print_lines(json.dumps(_device_row(one, chosen)))
        return
    if found:
        print_tables(_device_table(found, chosen))
    print_lines(_chosen_device_text(wanted, chosen, found))
    if sources := _sound_server_sources():
        print_lines(f"The sound server's sources, for hear.source: {', '.join(sources)}")


@commands.command("level", short_help="How loud the microphone is, and what is wrong with it.", epilog=EXIT_CODES)
def _show_level(
    config: Config = None,
    seconds: _Seconds = None,
    plain: Annotated[bool, typer.Option("--plain", help="A line a second in the place of a bar.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show how loud the microphone is, whether that is speech, and what is wrong with it."""
    settings = load_settings_with_options(config)
    meter = Meter()
    microphone = _make_microphone(settings, meter.note_fault)
    lines = plain or as_json or not sys.stdout.isatty()
    detector = make_speech_scorer(settings.hear.vad)
    detector.reset()
    with nullcontext() if lines else Live(refresh_per_second=10, transient=True) as live:
        for frame in _TimedSource(microphone, seconds).frames():
            meter.update(frame, speech=detector.is_speech(frame))
            if live is not None and meter.samples >= _SHOWN_EVERY:
                live.update(meter.read_as_text())
            elif live is None and meter.samples >= _PLAIN_EVERY:
                print_lines(json.dumps(meter.read_as_json()) if as_json else str(meter.read_as_text()))
                sys.stdout.flush()


@commands.command("test", short_help="Say a sentence: hear it, and see how it was read.", epilog=EXIT_CODES)
def _self_test(
    config: Config = None,
    form: FormName = None,
    seconds: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="How long to wait for a sentence.")] = 20.0,
    playback: Annotated[bool, typer.Option(help="Play back what was heard.")] = True,
    as_json: AsJson = False,
) -> None:
    """Say a sentence: hear yourself back, and see what was understood, how surely, and what to do about the sound.

    Nothing is recorded or delivered.
    """
    parts = assemble_interpretation(load_settings_with_options(config, form=form), operator_present=True)
    faults: list[str] = []
    microphone = _make_microphone(
        parts.settings, lambda event: faults.append(event.what) if isinstance(event, FaultBegan) else None
    )
    if not as_json:
        print_lines(f"Say a sentence; `dockvoice forms examples {parts.form.name}` lists some.")
        sys.stdout.flush()
    segment = _record_first_utterance(parts, microphone, seconds)
    if segment is None:
        why = f": the microphone {'; '.join(faults)}" if faults else "; see `dockvoice audio level`"
        raise Unavailable(f"no speech within {seconds:g} s{why}")
    if playback and (silent := _play_back(segment.pcm)) is not None and not as_json:
        print_lines(silent)
    read = asyncio.run(_read_segment(parts, segment))
    result = _TestResult(segment, read, decide(read, segment.closing, parts.rules), faults)
    print_lines(json.dumps(result.as_json())) if as_json else result.print_report(parts)


class _TimedSource(Source):
    """A source that ends after some time."""

    def __init__(self, source: Source, seconds: float | None) -> None:
        self.name, self.live = source.name, source.live
        self._source = source
        self._samples = float("inf") if seconds is None else seconds * SAMPLE_RATE

    def frames(self) -> Iterator[Frame]:
        """The frames of the first `seconds`."""
        for frame in self._source.frames():
            yield frame
            if frame.end >= self._samples:
                return


@dataclass(frozen=True)
class _TestResult:
    """The result of a microphone test."""

    segment: Segment
    reading: Reading
    verdict: Verdict
    faults: list[str]

    def as_json(self) -> dict[str, Any]:
        """The result as an object for JSON."""
        acoustics, todo = measure_and_advise(self.segment)
        return {
            "transcript": self.reading.transcript,
            "interpreter": self.reading.interpreter,
            "verdict": self.verdict.outcome,
            "reasons": [str(reason) for reason in self.verdict.reasons],
            "fields": {
                name: {"value": one.value, "confidence": round(one.confidence, 3), "runner_up": one.runner_up}
                for name, one in self.reading.fields.items()
            },
            "level_db": round(acoustics.level_db, 1),
            "snr_db": round(acoustics.snr_db, 1),
            "clipped": round(acoustics.clipped, 5),
            "advice": todo,
            "faults": self.faults,
        }

    def print_report(self, parts: Parts) -> None:
        """Print what was heard, the verdict, the sound's levels and advice."""
        acoustics, todo = measure_and_advise(self.segment)
        print_lines(f"heard       {self.reading.transcript or '(no words)'}   ({self.reading.interpreter})")
        table = Table("field", "value", "sure", "or else", box=SIMPLE_HEAD)
        for asked in parts.form.fields:
            if (one := self.reading.fields.get(asked.name)) is not None:
                value, other = ("" if it is None else str(it) for it in (one.value, one.runner_up))
                table.add_row(asked.name, value, f"{one.confidence:.2f}", other)
        print_tables(table)
        print_lines(f"verdict     {self.verdict.outcome} ({', '.join(map(str, self.verdict.reasons))})")
        print_lines(
            f"sound       voice {acoustics.level_db:.0f} dBFS, {acoustics.snr_db:.0f} dB above what surrounds it"
        )
        for sentence in [*todo, *(f"the microphone {what}" for what in self.faults)] or ["nothing to be done"]:
            print_lines(f"advice      {sentence}")


def _device_row(one: InputDevice, chosen: int | None) -> dict[str, Any]:
    return {
        "number": one.index,
        "name": one.name,
        "rate": one.rate,
        "channels": one.channels,
        "default": one.is_default,
        "chosen": one.index == chosen,
    }


def _device_table(found: list[InputDevice], chosen: int | None) -> Table:
    table = Table("", "number", "name", "rate", "channels", box=SIMPLE_HEAD)
    for one in found:
        mark = "→" if one.index == chosen else ""
        table.add_row(mark, str(one.index), one.name, f"{one.rate:,} Hz", str(one.channels))
    return table


def _chosen_device_text(wanted: str | int | None, chosen: int | None, found: list[InputDevice]) -> str:
    if not found:
        return "There is no device to listen to: connect one."
    if chosen is None:
        return f"hear.device = {wanted!r} means none of these, or more than one: set a name or number from the list."
    how = "the default, since hear.device is unset" if wanted is None else f"hear.device = {wanted!r}"
    return f"→ is the one that is listened to ({how})."


def _sound_server_sources() -> list[str]:
    """The sound server's sources, without monitors."""
    routing = SoundServer().query_and_wait()
    return (
        sorted(name for name in routing.sources if not name.endswith(".monitor"))
        if isinstance(routing, Routing)
        else []
    )


def _make_microphone(settings: Settings, publish: Callable[[MicrophoneEvent], None]) -> Microphone:
    """The settings' microphone, which opens when its frames are read. Raises Unavailable without such a device."""
    hear, watch = settings.hear, settings.watch
    try:
        find_device(hear.device)
    except DeviceNotOpened as why:
        named = "the default microphone" if hear.device is None else f"hear.device = {hear.device!r}"
        raise Unavailable(f"{named}: {not_opened_message(why)}") from None
    return Microphone(
        hear.device, watch.stall_s, publish, zeros_s=watch.zeros_s, gated_s=watch.gated_zeros_s, source=hear.source
    )


def _record_first_utterance(parts: Parts, microphone: Microphone, seconds: float) -> Segment | None:
    hear = parts.settings.hear
    events = listen(_TimedSource(microphone, seconds), make_speech_scorer(hear.vad), Endpointer(hear.endpoint))
    return next((event.segment for event in events if isinstance(event, UtteranceClosed)), None)


def _play_back(pcm: bytes) -> str | None:
    """Play back; the error message where that fails."""
    library = import_sounddevice()
    try:
        library.play(np.frombuffer(pcm, "<i2"), SAMPLE_RATE, blocking=True)
    except (library.PortAudioError, ValueError) as fault:
        return f"not played back: {' '.join(str(fault).split())}"
    return None


async def _read_segment(parts: Parts, segment: Segment) -> Reading:
    utterance = Utterance(str(uuid_utils.uuid7()), parts.form.name, Microphone.name, datetime.now(UTC), segment)
    async with run_panels(parts):
        attention = parts.interpreter.listen()
        attention.hear(segment.pcm)
        return await attention.finish(utterance)
