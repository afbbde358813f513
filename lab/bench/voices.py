"""Synthetic speech for the benchmarks: freely packaged voices of English, and recordings of them kept on disk.

Needs flite, festival, festvox-us-slt-hts and festvox-kallpc16k, as far as their voices are used.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
import soundfile
import soxr

from edge.records import SAMPLE_RATE
from edge.speak.voices import EspeakVoice
from lab.noises import Sound
from lab.operator_speech import AFTER_S, BEFORE_S, say

Synthesiser = Callable[[str], Sound]

_SILENT = 0.01  # Silence threshold, as a share of the loudest sample, for trimming both ends of synthesised speech.


def make_synthesisers(
    names: Iterable[str], *, espeak_pace: float, stretch: float | None = None
) -> Mapping[str, Synthesiser]:
    """Return the function that synthesises a text, by voice: "flite-slt", "festival-kal_diphone", "espeak-m3".

    `espeak_pace` is a factor on espeak-ng's usual pace, `stretch` one on the duration of flite's and festival's words;
    None: as the voice has it.
    """
    programs = {
        "flite": partial(_synthesise_flite, stretch),
        "festival": partial(_synthesise_festival, stretch),
        "espeak": partial(_synthesise_espeak, espeak_pace),
    }
    parted = {name: name.split("-", 1) for name in names}
    return {name: partial(programs[program], voice) for name, (program, voice) in parted.items()}


def _synthesise_flite(stretch: float | None, voice: str, text: str) -> Sound:
    pace = [] if stretch is None else ["--setf", f"duration_stretch={stretch}"]
    return _run_synthesiser(["flite", "-voice", voice, *pace, "-t", text])


def _synthesise_festival(stretch: float | None, voice: str, text: str) -> Sound:
    pace = [] if stretch is None else ["-eval", f"(Parameter.set 'Duration_Stretch {stretch})"]
    return _run_synthesiser(["text2wave", "-eval", f"(voice_{voice})", *pace], text)


def _run_synthesiser(command: list[str], text: str = "") -> Sound:
    """Run a program that writes a sound file to its option `-o`; return the sound."""
    with NamedTemporaryFile(suffix=".wav") as file:
        subprocess.run([*command, "-o", file.name], input=text.encode(), capture_output=True, check=True)  # noqa: S603
        samples, rate = soundfile.read(file.name)
    return np.asarray(soxr.resample(samples, rate, SAMPLE_RATE), np.float64)


def _synthesise_espeak(pace: float, voice: str, text: str) -> Sound:
    return asyncio.run(say(EspeakVoice(pace, "" if voice == "plain" else voice), text))


def trim(speech: Sound) -> Sound:
    """The speech without the silence at both ends."""
    loud = np.flatnonzero(np.abs(speech) > _SILENT * np.abs(speech).max())
    return speech[loud[0] : loud[-1] + 1]


def keep_recording(folder: Path, name: str, synthesise: Callable[[], Sound]) -> tuple[Path, float]:
    """The recording of this name, made on first use, trimmed and put between silences; and where its speech ends, s."""
    audio = folder / f"{sha256(name.encode()).hexdigest()[:16]}.flac"
    if not audio.exists():
        folder.mkdir(parents=True, exist_ok=True)
        silence = tuple(round(seconds * SAMPLE_RATE) for seconds in (BEFORE_S, AFTER_S))
        speech = np.pad(trim(synthesise()), silence)
        part = audio.with_suffix(".part")
        soundfile.write(part, speech / max(1.0, np.abs(speech).max()), SAMPLE_RATE, "PCM_16", format="FLAC")
        part.replace(audio)
    return audio, round(soundfile.info(audio).duration - AFTER_S, 3)
