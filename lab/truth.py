"""Truth sets: a site's own recordings of known sentences, made by `dockvoice record-truth` for `dockvoice evaluate`.

Sentences are generated from the form and the catalogue; recording uses the agent's own endpointing.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import soundfile

from dockvoice_protocol import plain_file
from dockvoice_protocol.errors import StorageFailed, UnreadableInput
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import generate_sentences, read_fields
from dockvoice_protocol.forms.spoken.sentences import SampledSentence
from dockvoice_protocol.records import FieldValue, Word
from edge.agent.ear import listen
from edge.audio.pcm import to_floats
from edge.config import Endpoint, Vad
from edge.hear.endpointing import Endpointer, UtteranceClosed
from edge.hear.speech_detection import make_speech_scorer
from edge.ports import Source, StoppableSource
from edge.records import SAMPLE_RATE, ClosedBy, Frame, Segment
from lab.noises import Sound, active_rms, mix_at_snr

_CHOICE = 40  # Candidate sentences for each prompt: the one with the least frequent values is chosen.

BEFORE_S, AFTER_S = 1.0, 1.6
"""Seconds of sound kept before and after the speech: after it, more than the longest silence that endpointing waits
for.
"""

MINUTE_S = 60  # Length of a clip of noise, seconds.


@dataclass(frozen=True, slots=True)
class Prompt:
    """A sentence to speak, and the fields that it means."""

    number: int
    text: str
    fields: Mapping[str, FieldValue]


def choose_prompts(form: Form, catalogue: Catalogue, count: int, speaker: str) -> tuple[Prompt, ...]:
    """Choose `count` sentences with whole entries, balanced over values and characters; `speaker` seeds the choice."""
    random = Random(speaker)  # noqa: S311 - a choice of sentences
    endless = (sentence for sentence in generate_sentences(form, catalogue, random) if sentence.complete)
    said: dict[str, int] = {}
    chosen = []
    for number in range(1, count + 1):
        freshest = sorted(islice(endless, _CHOICE), key=lambda one: _mean_feature_count(one.fields, said))
        best = next((one for one in freshest if _is_unambiguous(one, form, catalogue)), freshest[0])
        for piece in _balance_features(best.fields):
            said[piece] = said.get(piece, 0) + 1
        chosen.append(Prompt(number, best.text, best.fields))
    return tuple(chosen)


def _is_unambiguous(sentence: SampledSentence, form: Form, catalogue: Catalogue) -> bool:
    """Whether the parser reads exactly the intended fields from the sentence."""
    words = [Word(word, 0.0, 0.0, 1.0) for word in sentence.text.split()]
    return {name: one.value for name, one in read_fields(words, form, catalogue).items()} == sentence.fields


def _balance_features(fields: Mapping[str, FieldValue]) -> Iterator[str]:
    """The features to balance: each value of a small set; else first and last character, and length."""
    for name, value in fields.items():
        text = str(value)
        yield f"{name} {text}"
        yield from (f"{name} ends {text[-1]}", f"{name} begins {text[0]}", f"{name} of {len(text)}")


def _mean_feature_count(fields: Mapping[str, FieldValue], said: Mapping[str, int]) -> float:
    pieces = list(_balance_features(fields))
    return sum(said.get(piece, 0) for piece in pieces) / len(pieces)


@dataclass(frozen=True, slots=True)
class RecordedTake:
    """One recording of a prompt, with silence around it."""

    pcm: bytes
    speech_end_s: float  # End of the last word by voice activity detection: some 50 ms late.
    level_db: float  # Level of the speech, dB of full scale.
    spoilt: bool  # Frames were lost during the speech, or the speech did not end.


class _RecordingSource(Source):
    """Wraps a source and stores its frames as they pass."""

    def __init__(self, source: Source, first: Callable[[], None]) -> None:
        self.name = source.name
        self.live = source.live
        self._source = source
        self._first = first
        self.kept: list[Frame] = []
        self.until: int | None = None  # Where to end, once that is known: a sample index.

    def frames(self) -> Iterator[Frame]:
        for frame in self._source.frames():
            if not self.kept:
                self._first()
            self.kept.append(frame)
            yield frame
            if self.until is not None and frame.end >= self.until:
                return


def record_take(
    microphone: StoppableSource, endpoint: Endpoint, vad: Vad, listening: Callable[[], None]
) -> RecordedTake | None:
    """Record one utterance; None if the source ends first.

    `listening` is called when the first sound arrives: speech before that is not recorded.
    """
    kept = _RecordingSource(microphone, listening)
    segment: Segment | None = None
    for event in listen(kept, make_speech_scorer(vad), Endpointer(endpoint)):
        if segment is None and isinstance(event, UtteranceClosed):
            segment = event.segment
            kept.until = segment.speech_end + round(AFTER_S * SAMPLE_RATE)
    microphone.close()
    return None if segment is None else _cut_take(kept.kept, segment)


def _cut_take(frames: Sequence[Frame], segment: Segment) -> RecordedTake:
    begin = segment.speech_start - round(BEFORE_S * SAMPLE_RATE)
    end = segment.speech_end + round(AFTER_S * SAMPLE_RATE)
    wanted = [frame for frame in frames if frame.start >= begin and frame.end <= end]
    gap = any(first.end != second.start for first, second in pairwise(wanted))
    pcm = b"".join(frame.pcm for frame in wanted)
    said = to_floats(segment.pcm).astype(np.float64)
    return RecordedTake(
        pcm=pcm,
        speech_end_s=round((segment.speech_end - wanted[0].start) / SAMPLE_RATE, 3),
        level_db=round(20 * float(np.log10(max(active_rms(said), 1e-6))), 1),
        spoilt=gap or segment.closing is not ClosedBy.PAUSE,
    )


def record_noise(microphone: StoppableSource, seconds: float, tell_seconds: Callable[[float], None]) -> bytes:
    """Record `seconds` of background noise; `tell_seconds` is called once a second with the seconds so far."""
    pieces: list[bytes] = []
    samples = 0
    for frame in microphone.frames():
        pieces.append(frame.pcm)
        samples += frame.samples
        if samples % SAMPLE_RATE == 0:
            tell_seconds(samples / SAMPLE_RATE)
        if samples >= seconds * SAMPLE_RATE:
            break
    microphone.close()
    return b"".join(pieces)


_MANIFEST = "manifest.jsonl"


class TruthSet:
    """A folder of recordings with their manifest."""

    def __init__(self, folder: Path, form: str) -> None:
        """Create the folder, or continue an existing one. Raises StorageFailed or UnreadableInput."""
        self._folder = folder
        self._form = form
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # voices are personal data
        except OSError as fault:
            raise StorageFailed(f"{folder}: cannot be made ({fault.strerror}); name another folder") from None
        self.manifest = folder / _MANIFEST
        self._lines = list(self._read_manifest())

    def recorded_prompts(self, speaker: str) -> set[int]:
        """Numbers of the prompts that this speaker has recorded."""
        return {line["prompt"] for line in self._lines if line.get("speaker") == speaker and "prompt" in line}

    @property
    def noise_minutes(self) -> int:
        """Number of noise clips, a minute each."""
        return sum(line.get("kind") == "noise" for line in self._lines)

    def store_take(self, prompt: Prompt, speaker: str, condition: str, taken: RecordedTake) -> Path:
        """Store a take in the set; return its file."""
        line = {
            "fields": dict(prompt.fields),
            "condition": condition,
            "speaker": speaker,
            "speech_end": taken.speech_end_s,
            "text": prompt.text,
            "kind": "said",
            "prompt": prompt.number,
        }
        return self._append_recording(f"{speaker}-{prompt.number:03d}", to_floats(taken.pcm), line)

    def store_settled(
        self,
        utterance_id: str,
        pcm: bytes,
        speech_end_s: float,
        fields: Mapping[str, FieldValue] | None,
        speaker: str,
        condition: str,
        **beside: object,
    ) -> Path | None:
        """Store an utterance of the record with its truth, None for nothing to record; None where it is stored already.

        `beside` are further keys of its line. Silence is added behind it, in which endpointing ends it.
        """
        if any(line.get("utterance") == utterance_id for line in self._lines):
            return None
        line = {
            "fields": None if fields is None else dict(fields),
            "condition": condition,
            "speaker": speaker,
            "speech_end": speech_end_s,
            "kind": "settled",
            "utterance": utterance_id,
            **beside,
        }
        silence = bytes(2 * round(AFTER_S * SAMPLE_RATE))
        return self._append_recording(utterance_id, to_floats(pcm + silence), line)

    def settled_lines(self) -> tuple[dict[str, Any], ...]:
        """The lines of utterances of the record."""
        return tuple(dict(line) for line in self._lines if line.get("kind") == "settled")

    def settle(self, audio: str, truth: Mapping[str, Any] | None) -> None:
        """Put what a person heard into the line of a recording; None removes line and recording."""
        kept = [line for line in self._lines if truth is not None or line["audio"] != audio]
        self._lines = [{**line, **(truth or {})} if line["audio"] == audio else line for line in kept]
        part = self.manifest.with_suffix(".part")
        try:
            part.write_text("".join(json.dumps(line) + "\n" for line in self._lines), encoding="utf-8")
            part.replace(self.manifest)
            if truth is None:
                (self._folder / audio).unlink(missing_ok=True)
        except OSError as fault:
            raise StorageFailed(f"{self._folder}: cannot be written ({fault.strerror}); make room there") from None

    def store_noise(self, pcm: bytes) -> Path:
        """Store a noise clip in the set; return its file."""
        line = {"fields": None, "condition": "site noise", "speaker": None, "speech_end": None, "kind": "noise"}
        return self._append_recording(f"noise-{self.noise_minutes + 1:02d}", to_floats(pcm), line)

    def mix_noise(self, snrs_db: Sequence[int]) -> Iterator[Path]:
        """Add each recorded sentence mixed with the site's noise at each ratio, unless it exists; yield the new files.

        Raises UnreadableInput if no noise has been recorded.
        """
        noises = [self.read_sound(line) for line in self._lines if line.get("kind") == "noise"]
        if not noises:
            raise UnreadableInput(f"{self.manifest}: holds no noise to mix with; record some with --noise-minutes")
        mixed = {(line.get("of"), line["condition"]) for line in self._lines}
        around = np.concatenate(noises)
        for line in [line for line in self._lines if line.get("kind") == "said"]:
            for snr_db in snrs_db:
                condition = f"{snr_db}dB"
                if (line["audio"], condition) in mixed:
                    continue
                stretch = np.roll(around, -Random(f"{line['audio']} {snr_db}").randrange(len(around)))  # noqa: S311
                sound = mix_at_snr(self.read_sound(line), stretch, snr_db)
                mixed_line = {**line, "condition": condition, "kind": "mixed", "of": line["audio"]}
                yield self._append_recording(f"{Path(line['audio']).stem}-{condition}", sound, mixed_line)

    def _read_manifest(self) -> Iterator[dict[str, Any]]:
        if not self.manifest.exists():
            return
        try:
            lines = plain_file.read_regular_file(self.manifest, plain_file.LINES).decode("utf-8").splitlines()
            for number, text in enumerate(lines, 1):
                line = json.loads(text)
                if line["form"] != self._form:
                    raise UnreadableInput(
                        f"{self.manifest}, line {number}: is of the form {line['form']!r}; name another folder"
                    )
                yield line
        except (OSError, ValueError, KeyError, TypeError) as fault:
            raise UnreadableInput(
                f"{self.manifest}: is no manifest ({fault}); mend it or name another folder"
            ) from None

    def read_sound(self, line: Mapping[str, Any]) -> Sound:
        """The samples of a line's recording. Raises UnreadableInput."""
        try:
            sound, _ = soundfile.read(self._folder / line["audio"], dtype="float64")
        except soundfile.LibsndfileError as fault:
            raise UnreadableInput(f"{self._folder / line['audio']}: {fault.error_string}; remove its line") from None
        return np.asarray(sound)

    def _append_recording(self, stem: str, sound: Any, line: Mapping[str, Any]) -> Path:
        """Write the recording, then its manifest line, so that a line never names an incomplete file."""
        flac = io.BytesIO()
        soundfile.write(flac, sound, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
        try:
            file = self._write_new_file(stem, flac.getvalue())
            whole = {**line, "audio": file.name, "form": self._form}
            with self.manifest.open("a", encoding="utf-8") as manifest:
                manifest.write(json.dumps(whole) + "\n")
                manifest.flush()
                os.fsync(manifest.fileno())
        except OSError as fault:
            raise StorageFailed(f"{self._folder}: cannot be written ({fault.strerror}); make room there") from None
        self._lines.append(whole)
        return file

    def _write_new_file(self, stem: str, content: bytes) -> Path:
        # A file without a line in the manifest is left from a run that was broken off: it stays, under its name.
        names = (f"{stem}.flac", *(f"{stem}-{again}.flac" for again in range(2, 1000)))
        file = next(path for name in names if not (path := self._folder / name).exists())
        with file.open("xb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        return file
