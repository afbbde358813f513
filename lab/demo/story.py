"""The demo's stories: what its operator says.

In English it is recorded, and nobody answers what the device asks: the recordings go as they are known to go. In other
languages a synthetic voice says it, and an operator who knows what is meant answers.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import takewhile
from pathlib import Path

from dockvoice_protocol.records import FieldValue
from edge.agree.dialogue.questions import Question, Topic

_RECORDINGS = Path(__file__).parents[1] / "recordings", Path(__file__).parents[2] / "tests/data/speech/trailer"
"""Where the English recordings are: in the package, else in the source tree."""

_FROM_ELSEWHERE = frozenset({"trailer", "door", "item"})
"""Fields that an entry may have without being said: of the standing context, or of the notice."""

_Fields = Mapping[str, FieldValue]


class StoryLanguage(StrEnum):
    """The languages in which the demo can be played."""

    ENGLISH = "en"
    GERMAN = "de"


@dataclass(frozen=True, slots=True)
class Sentence:
    """What is said, and the event before it."""

    text: str
    audio: Path | None = None  # The recording; None: it is synthesised.
    by_colleague: bool = False
    before: str = ""  # The event before it.
    truth: _Fields = field(default_factory=dict)
    """The values that are meant; empty: nothing is to be recorded, or nobody answers."""
    answers: Mapping[str, str] = field(default_factory=dict)  # By field, what is answered about it.
    aside: bool = False  # Whether it is put aside, whatever the device asks.

    @property
    def is_context(self) -> bool:
        """Whether it says what applies to all that follow: the trailer at its door."""
        return "door" in self.truth


@dataclass(frozen=True, slots=True)
class Story:
    """What is said, in order, and the usual answers; those are empty where nobody answers."""

    sentences: Sequence[Sentence]
    yes: str = ""
    no: str = ""
    aside: str = ""

    @property
    def entries(self) -> list[Sentence]:
        """The sentences that each become an entry."""
        return [one for one in self.sentences if one.truth and not one.is_context]


def load_recorded_story(*, short: bool) -> Story:
    """The English story; events before a recording that the `short` one leaves out still happen."""
    manifest = next(filter(Path.is_dir, _RECORDINGS)) / "manifest.jsonl"
    sentences: list[Sentence] = []
    before = ""
    for clip in map(json.loads, manifest.read_text(encoding="utf-8").splitlines()):
        before = clip.get("before", before)
        if clip.get("story", "long") in {"both", "short" if short else "long"}:
            audio, by_colleague = manifest.parent / clip["audio"], clip["speaker"] != "rms"
            sentences.append(Sentence(clip["text"], audio, by_colleague, before))
            before = ""
    return Story(sentences)


def load_story(language: StoryLanguage) -> Story:
    """The story in another language than English."""
    content = tomllib.loads((Path(__file__).parent / "stories" / f"{language}.toml").read_text(encoding="utf-8"))
    return Story(tuple(Sentence(**one) for one in content.pop("sentences")), **content)


def gives(truth: _Fields, fields: _Fields) -> bool:
    """Whether the fields are those that are meant, besides what comes from elsewhere."""
    return truth.items() <= fields.items() and fields.keys() - truth.keys() <= _FROM_ELSEWHERE


class AnsweringOperator:
    """Answers what the device asks about one sentence, until what is meant is held or recorded."""

    def __init__(self, story: Story, sentence: Sentence) -> None:
        self._story = story
        self._sentence = sentence
        self._wrong: str | None = None  # The field that was read back otherwise than it is meant.

    def react(self, question: Question | None, held: _Fields | None, settled: Sequence[_Fields]) -> str | None:
        """What is said next; None: nothing more.

        `held` is the entry that was read back, if one is held; `settled` are those that stand, or are recorded.
        """
        meant = self._sentence
        if meant.aside or not meant.truth:
            return None if question is None else self._story.aside
        if question is not None:
            return self._answer(question)
        if held is not None and not gives(meant.truth, held):
            self._wrong = self._find_wrong(held)
            return self._story.no
        return None if any(gives(meant.truth, one) for one in (held or {}, *settled)) else meant.text

    def _answer(self, asked: Question) -> str:
        match asked.about:
            case Topic.ENTRY_RIGHT | Topic.INSTEAD:
                self._wrong = self._find_wrong(asked.fields)
                return self._story.yes if self._wrong is None else self._story.no
            case Topic.FIELD_RIGHT if asked.candidates[0] == self._sentence.truth.get(str(asked.field)):
                return self._story.yes
            case Topic.FIELD_RIGHT | Topic.FIELD | Topic.CHOICE:
                return self._word(asked.field)
            case Topic.WRONG:
                return self._word(self._wrong)
            case Topic.CLOSE | Topic.CANCEL | Topic.DROP:
                return self._story.yes if asked.about is Topic.CLOSE else self._story.no
            case _:
                return self._sentence.text

    def _find_wrong(self, fields: _Fields) -> str | None:
        truth = self._find_truth(fields)
        return next(
            (one for one in fields if one not in _FROM_ELSEWHERE - truth.keys() and fields[one] != truth.get(one)), None
        )

    def _find_truth(self, fields: _Fields) -> _Fields:
        """What was meant with an entry: the device may ask about a pallet said earlier behind the next sentence."""
        own, pallet = self._sentence.truth, fields.get("pallet_id")
        if pallet in {None, own.get("pallet_id")}:
            return own
        earlier = takewhile(lambda one: one is not self._sentence, self._story.sentences)
        return next((one.truth for one in reversed([*earlier]) if one.truth.get("pallet_id") == pallet), own)

    def _word(self, name: str | None) -> str:
        # A unit is said with its number.
        answers = self._sentence.answers
        return answers.get("quantity" if name == "uom" else str(name), self._sentence.text)
