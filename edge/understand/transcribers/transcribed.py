"""From a transcript to a reading: what is made of text, whoever wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from edge.forms.catalogue import Catalogue
from edge.forms.form import Form
from edge.forms.spoken import read_transcript, transcript_preface, vocabulary
from edge.forms.spoken.languages import language_named
from edge.records import FieldReading, Hallucination, NotUnderstood, Reading, Transcript, Word
from edge.understand.proposal import proposed
from edge.understand.transcribers.labels import relabelled
from edge.understand.transcribers.wire import spread

ENGLISH = "en"
"""The language whose other words are known, so that misspelt labels can be told from them."""

UNBELIEVED = "[{}]"
"""What stands in the words of a reading in place of a text that was set aside: `[stock_phrase]`."""

SILENT = frozenset({Hallucination.STOCK_PHRASE, Hallucination.NO_SPEECH})
"""What comes from sound without speech. A loop or a returned prompt may cover speech that was not understood."""


class TranscriptReader:
    """Reads transcripts for one form, in one language, without asking anybody."""

    def __init__(self, form: Form, catalogue: Catalogue, language: str) -> None:
        """`language` is a tag that begins with a language of `edge.forms.spoken.LANGUAGES`."""
        self._form = form
        self._catalogue = catalogue
        self._language = language
        self._known = vocabulary(form, catalogue) if language[:2] == ENGLISH else None

    def read(self, transcript: Transcript, confidence: float, seconds: float) -> Reading:
        """What the words say. `confidence` stands in where the transcriber gives none; the sound lasts `seconds`."""
        sure = confidence if transcript.confidence is None else transcript.confidence
        words = words_of(transcript, sure, seconds)
        if not transcript.text:
            silent = transcript.hallucination is None or transcript.hallucination in SILENT
            reason = NotUnderstood.NO_WORDS if silent else NotUnderstood.NOT_DICTATION
            return Reading(transcript.transcriber, self._form.name, words, {}, reason, usage=transcript.usage)
        fields = {name: doubted(field, transcript.words) for name, field in self._said(transcript.text, sure).items()}
        before = transcript_preface(self.mended(transcript.text), self._form, self._catalogue, self._language)
        language = language_named(self._language)
        said = proposed(transcript.transcriber, self._form, words, fields, language, preface=before)
        return replace(said, usage=transcript.usage)

    def mended(self, text: str) -> str:
        """The text with the form's labels spelt as the form has them, in English; as it is in other languages."""
        return text if self._known is None else relabelled(text, self._form, self._known)

    def _said(self, text: str, sure: float) -> Mapping[str, FieldReading]:
        return read_transcript(self.mended(text), self._form, self._catalogue, self._language, confidence=sure)


def words_of(transcript: Transcript, sure: float, seconds: float) -> tuple[Word, ...]:
    """The words as they go on record: with their own times where the service gives them."""
    if transcript.hallucination is not None:
        return (Word(UNBELIEVED.format(transcript.hallucination), 0.0, seconds, 0.0),)
    texts = transcript.text.split()
    return transcript.words or spread(texts, [sure] * len(texts), seconds)


def doubted(field: FieldReading, words: Iterable[Word]) -> FieldReading:
    """The field as sure as the least sure of its words in the transcript, where words have a confidence of their own.

    Which mention of a word is meant is not known, so that the least sure one counts.
    """
    wanted = set(field.words)
    sure = [word.confidence for word in words if wanted & set(bare(word.text))]
    return replace(field, confidence=min(sure)) if sure else field


def bare(text: str) -> list[str]:
    """The words of a text in small letters without punctuation, as a field's words are given."""
    apart = "".join(character if character.isalnum() or character == "'" else " " for character in text.casefold())
    return apart.split()
