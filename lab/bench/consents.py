"""Measures how often a word is misrecognised as "yes" or "no": `python -m lab.bench.consents [--words N] [--seed S]`.

Common words of `tests/data/common_words.txt`, and words that sound like "yes" and "no", are spoken alone by flite's
voices and recognised as in a conversation. Printed are the words taken for an answer at the default policy's
confidence, and whether "yes" and "no" themselves were recognised ("know" sounds like "no", and "wrong" means it). Needs
flite and the recogniser's weights.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import soundfile

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.records import Act
from edge.agent.parts import assemble_interpretation
from edge.config import Settings
from edge.ports import Interpreter
from lab.bench.command import REPOSITORY, make_parser
from lab.bench.library import cached_recording
from lab.bench.recogniser import recognise_clip
from lab.report.comparing import format_share

_WORDS = REPOSITORY / "tests" / "data" / "common_words.txt"

_ALIKE = (
    "us", "guess", "chess", "guest", "this", "as", "is", "has", "his", "yet", "just", "dress", "press", "mess",
    "less", "nest", "test", "west", "rest", "best",
    "now", "know", "nor", "note", "new", "low", "go", "so", "oh", "nine", "knows", "gnome", "dough", "though",
)  # fmt: skip
"""Words that sound like "yes" and "no"."""

_ANSWERS = {"yes": Act.YES, "no": Act.NO}

_VOICES = ("flite-slt", "flite-awb", "flite-rms", "flite-kal", "flite-kal16")


def main() -> None:
    """Synthesise words that are no answer; print those recognised as yes or no, and how often yes and no are."""
    parser = make_parser("lab.bench.consents", __doc__)
    parser.add_argument("--words", type=int, default=200, help="so many common words, besides those that sound alike")
    parser.add_argument("--seed", type=int, default=7, help="by which they are chosen")
    options = parser.parse_args()
    settings = load_settings(Settings, None, agree={"conversation": True})
    parts = assemble_interpretation(settings, operator_present=False)
    chosen = [*dict.fromkeys([*_ALIKE, *_sample_common_words(options.words, options.seed)])]
    ear = _AnswerRecogniser(parts.interpreter, parts.form.name, parts.rules.site_policy.uncalibrated)
    taken = [
        (word, voice, act)
        for word in chosen
        for voice in _VOICES
        if (act := ear.recognise_answer(word, voice)) is not None
    ]
    for word, voice, act in taken:
        print(f"{word!r} by {voice}: {act}")
    said = len(chosen) * len(_VOICES)
    print(f"{len(taken)} of {said} words that are no answer were taken for one: {format_share(len(taken), said)} %")
    for answer, act in _ANSWERS.items():
        voices = [voice for voice in _VOICES if ear.recognise_answer(answer, voice) is act]
        print(f"{answer!r} was understood of {len(voices)} of {len(_VOICES)} voices: {', '.join(voices) or 'none'}")


def _sample_common_words(number: int, seed: int) -> Sequence[str]:
    """A random sample of the common words, without answers."""
    lines = map(str.strip, _WORDS.read_text(encoding="utf-8").splitlines())
    words = [line for line in lines if line and not line.startswith("#") and line not in ("yes", "no", "yeah", "nope")]
    return Random(seed).sample(words, min(number, len(words)))  # noqa: S311 - chance, not secrecy


@dataclass(frozen=True, slots=True)
class _AnswerRecogniser:
    """The device's recogniser in a conversation."""

    interpreter: Interpreter
    form: str
    sure: float  # Least confidence of each word of an answer.

    def recognise_answer(self, word: str, voice: str) -> Act | None:
        """Recognise the word in this voice; return the yes or no understood, or None."""
        pcm, _ = soundfile.read(cached_recording(voice, word)[0], dtype="int16")
        reading = asyncio.run(recognise_clip(self.interpreter, self.form, pcm.tobytes())).reading
        heeded = reading.act in _ANSWERS.values() and all(one.confidence >= self.sure for one in reading.words)
        return reading.act if heeded else None


if __name__ == "__main__":
    main()
