"""`dockvoice evaluate`: every clip of a manifest goes the production way, and what came of it is counted.

Audio time runs on a virtual clock (the sample index), so an hour of sound is heard as fast as the machine can compute;
computing is timed for real. Nothing is delivered: the journal is a scratch one, on a disk like the real one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

from edge.app import Parts, assemble, dictation, take
from edge.config import Settings
from edge.dictation import AlreadyKept, CaptureResumed, CaptureStopped, Decided, SourceEnded, Told
from edge.errors import UnreadableInput
from edge.hear.recording import Recording
from edge.keep.desk import Desk
from edge.records import SAMPLE_RATE
from edge.scoring import Clip, Result, mark


async def evaluate(settings: Settings, clips: Sequence[Clip], done: Callable[[Result], None]) -> tuple[Result, ...]:
    """Hear every clip, in the order given; `done` is called after each.

    Raises UnreadableInput for a clip that is no sound, and for one that stands in the manifest twice.
    """
    results: list[Result] = []

    def counted(result: Result) -> None:
        results.append(result)
        done(result)

    with TemporaryDirectory(prefix="dockvoice-evaluate-") as scratch, Desk(Path(scratch)) as desk:
        for form, of_form in groupby(clips, key=lambda clip: clip.form):
            await _evaluate(assemble(settings, form), list(of_form), desk, counted)
    return tuple(results)


async def _evaluate(parts: Parts, clips: list[Clip], desk: Desk, done: Callable[[Result], None]) -> None:
    watch = _Watch(clips, done)
    await take(dictation(parts, desk, watch.told), watch.sources())


class _Watch:
    """Gathers what is told while a clip plays, and makes the clip's result of it when it ends."""

    def __init__(self, clips: Sequence[Clip], done: Callable[[Result], None]) -> None:
        self._waiting = iter(clips)
        self._clips = clips
        self._done = done
        self._heard: list[Decided] = []

    def sources(self) -> Iterator[Recording]:
        return (Recording(clip.audio) for clip in self._clips)

    def told(self, told: Told) -> None:
        match told:
            case Decided():
                self._heard.append(told)
            case AlreadyKept():
                raise UnreadableInput(f"a clip stands in the manifest twice (sound {told.source}); remove one of them")
            case SourceEnded():
                self._conclude(told)
            case CaptureStopped() | CaptureResumed():
                pass  # told of microphones only

    def _conclude(self, ended: SourceEnded) -> None:
        clip = next(self._waiting)
        heard, self._heard = tuple(self._heard), []
        self._done(
            Result(
                clip=clip,
                mark=mark(clip.fields, heard),
                heard=heard,
                audio_s=ended.samples / SAMPLE_RATE,
                wall_s=ended.wall_s,
            )
        )
