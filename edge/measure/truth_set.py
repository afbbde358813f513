"""A folder of recordings with truth, as `dockvoice record-truth` makes it and `dockvoice evaluate` reads it.

Each recording is a FLAC and a line of `manifest.jsonl`; the line is written last, so that a set that was broken off
anywhere is whole. No file is ever overwritten.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import soundfile

from edge.errors import StorageFailed, UnreadableInput
from edge.hear.framing import floats
from edge.measure.noises import Sound, mix
from edge.measure.truth import Prompt, Take
from edge.records import SAMPLE_RATE

MANIFEST = "manifest.jsonl"


class TruthSet:
    """A folder with recordings and their manifest. It only ever grows."""

    def __init__(self, folder: Path, form: str) -> None:
        """Make the folder, or go on in it. Raises StorageFailed or UnreadableInput where that cannot be."""
        self._folder = folder
        self._form = form
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise StorageFailed(f"{folder}: cannot be made ({fault.strerror}); name another folder") from None
        self.manifest = folder / MANIFEST
        self._lines = list(self._read())

    def said(self, speaker: str) -> set[int]:
        """The prompts that this speaker has said."""
        return {line["prompt"] for line in self._lines if line.get("speaker") == speaker and "prompt" in line}

    @property
    def noise_minutes(self) -> int:
        """How many clips of noise there are."""
        return sum(line.get("kind") == "noise" for line in self._lines)

    def keep(self, prompt: Prompt, speaker: str, condition: str, taken: Take) -> Path:
        """Put a take into the set; returns its file."""
        line = {
            "fields": dict(prompt.fields),
            "condition": condition,
            "speaker": speaker,
            "speech_end": taken.speech_end_s,
            "text": prompt.text,
            "kind": "said",
            "prompt": prompt.number,
        }
        return self._add(f"{speaker}-{prompt.number:03d}", floats(taken.pcm), line)

    def keep_noise(self, pcm: bytes) -> Path:
        """Put a clip of noise into the set."""
        line = {"fields": None, "condition": "site noise", "speaker": None, "speech_end": None, "kind": "noise"}
        return self._add(f"noise-{self.noise_minutes + 1:02d}", floats(pcm), line)

    def mix_noise(self, snrs_db: Sequence[int]) -> Iterator[Path]:
        """Each saying again in the site's noise at each ratio, where that is not there yet.

        Raises UnreadableInput when no noise has been recorded.
        """
        noises = [self._sound(line) for line in self._lines if line.get("kind") == "noise"]
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
                sound = mix(self._sound(line), stretch, snr_db)
                told = {**line, "condition": condition, "kind": "mixed", "of": line["audio"]}
                yield self._add(f"{Path(line['audio']).stem}-{condition}", sound, told)

    def _read(self) -> Iterator[dict[str, Any]]:
        if not self.manifest.exists():
            return
        try:
            for number, text in enumerate(self.manifest.read_text(encoding="utf-8").splitlines(), 1):
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

    def _sound(self, line: Mapping[str, Any]) -> Sound:
        try:
            sound, _ = soundfile.read(self._folder / line["audio"], dtype="float64")
        except soundfile.LibsndfileError as fault:
            raise UnreadableInput(f"{self._folder / line['audio']}: {fault.error_string}; remove its line") from None
        return np.asarray(sound)

    def _add(self, stem: str, sound: Any, line: Mapping[str, Any]) -> Path:
        """Recording first, then its line: a line never names a file that is not whole."""
        flac = io.BytesIO()
        soundfile.write(flac, sound, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
        try:
            file = self._written(stem, flac.getvalue())
            whole = {**line, "audio": file.name, "form": self._form}
            with self.manifest.open("a", encoding="utf-8") as manifest:
                manifest.write(json.dumps(whole) + "\n")
                manifest.flush()
                os.fsync(manifest.fileno())
        except OSError as fault:
            raise StorageFailed(f"{self._folder}: cannot be written ({fault.strerror}); make room there") from None
        self._lines.append(whole)
        return file

    def _written(self, stem: str, content: bytes) -> Path:
        # A file without a line in the manifest is left from a run that was broken off: it stays, under its name.
        names = (f"{stem}.flac", *(f"{stem}-{again}.flac" for again in range(2, 1000)))
        file = next(path for name in names if not (path := self._folder / name).exists())
        with file.open("xb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        return file
