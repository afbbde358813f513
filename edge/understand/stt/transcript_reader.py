"""Transcripts to readings: corrects misspelt labels, parses values, and checks a model's reading against the text.

That a value equals its words digit by digit is checked before (`verbatim`); here the words must be in the transcript.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import parse_meaning, vocabulary
from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.forms.spoken.reader import make_timed_words
from dockvoice_protocol.records import (
    Act,
    FieldReading,
    HallucinationKind,
    NotUnderstoodReason,
    Reading,
    Transcript,
    Word,
)
from edge.understand.reading_builder import build_reading
from edge.understand.stt.transcriber import spread_words

_TELLING = 3
"""So many consonants in a label tell it from most words. "Dock" has two, and so do "duck", "take" and "dog"."""

_ALIKE = 0.5
"""How alike in spelling a word must be to a telling label that it sounds like (`SequenceMatcher.ratio`): "ballad" is to
"pallet", "count" is not to "quantity"."""
_ALIKE_BUT_FIRST = 0.65
"""… that it sounds like but for the first consonant, which is lost most easily: "hallet" and "allied"."""
_ALIKE_SHORT = 0.7  # … or to one that is not telling: "doc" and "duck" are to "dock", "take" and "dog" are not.

_CLASSES = str.maketrans(
    {
        **dict.fromkeys("bp", "p"),
        **dict.fromkeys("dt", "t"),
        **dict.fromkeys("gkqc", "k"),
        **dict.fromkeys("fv", "f"),
        **dict.fromkeys("sz", "s"),
        **dict.fromkeys("mn", "n"),
        "x": "ks",
        "l": "l",
        "r": "r",
        "j": "j",
        **dict.fromkeys("aeiouwyh", ""),
    }
)
"""Consonants that a recogniser takes for one another, after the classes of Soundex, but l and r apart; vowels, w, y and
h carry too little."""

_INFLECTED = re.compile(r"(?:'s|s|ed)$")  # Endings that language models add to a label: "pallets", "docked".

_SIGH = re.compile(r"\b(?:ah|aah|uhh?)\b[,.]?", re.IGNORECASE)
"""A hesitation, as models spell it that take it for an exclamation."""
_GLUED = re.compile(r"\b(?:um|uh)(?=[a-z]{4})", re.IGNORECASE)  # A hesitation run into the word after it: "Umpalette".

_WORD = re.compile(r"[^\W\d_]+(?:'s)?")


def correct_labels(text: str, form: Form, known: Iterable[str]) -> str:
    """The text, with each unknown word that sounds like labels or units of the form replaced by the most similar.

    `known`: words that stay as they are: numbers, letters, links, catalogue names.
    """
    own = frozenset(_label_words(form))
    taken = own | {word.casefold() for word in known}

    def spelt(match: re.Match[str]) -> str:
        word = match[0].casefold()
        meant = [] if word in taken else [label for label in own if _sounds_like(word, label)]
        return max(meant, key=lambda label: (_similarity(word, label), label), default=match[0])

    return _WORD.sub(spelt, _GLUED.sub("um ", _SIGH.sub("uh", text)))


def _sounds_like(word: str, label: str) -> bool:
    """Whether a lower-case word may be a misspelling of the label."""
    return _matches_consonants_and_spelling(word, label) or _matches_consonants_and_spelling(
        _INFLECTED.sub("", word), label
    )


def _matches_consonants_and_spelling(word: str, label: str) -> bool:
    spoken, meant, alike = _consonant_key(word), _consonant_key(label), _similarity(word, label)
    if len(meant) < _TELLING:
        return spoken == meant and alike >= _ALIKE_SHORT
    return (spoken == meant and alike >= _ALIKE) or (spoken == meant[1:] and alike >= _ALIKE_BUT_FIRST)


def _similarity(word: str, label: str) -> float:
    return SequenceMatcher(None, word, label).ratio()


def _consonant_key(word: str) -> str:
    """A word's consonants by class, without repeats: "pallet", "ballad" and "palette" are "plt"."""
    return re.sub(r"(.)\1+", r"\1", word.translate(_CLASSES))


def _label_words(form: Form) -> Iterator[str]:
    for field in form.fields:
        for phrase in (*field.labels, *field.units.keys(), *field.units.values()):
            yield from phrase.casefold().split()


_ENGLISH = "en"  # The language whose other words are known, so that misspelt labels can be told from them.
_UNBELIEVED = "[{}]"  # What stands in the words of a reading in place of a text that was set aside: `[stock_phrase]`.

_SILENT = frozenset({HallucinationKind.STOCK_PHRASE, HallucinationKind.NO_SPEECH})
"""What comes from sound without speech. A loop or a returned prompt may cover speech that was not understood."""


class TranscriptParser:
    """Reads transcripts for one form, in one language, with the form's own parser."""

    def __init__(self, form: Form, catalogue: Catalogue, language: str) -> None:
        """`language` is a tag that begins with a language of `dockvoice_protocol.forms.spoken.LANGUAGES`."""
        self._form = form
        self._catalogue = catalogue
        self._language = language
        self._known = vocabulary(form, catalogue) if language[:2] == _ENGLISH else None

    def read(self, transcript: Transcript, confidence: float, seconds: float) -> Reading:
        """The reading of a transcript. `confidence`: for transcribers that give none; `seconds`: the sound's length."""
        sure = confidence if transcript.confidence is None else transcript.confidence
        words = _words_of(transcript, sure, seconds)
        if not transcript.text:
            silent = transcript.hallucination is None or transcript.hallucination in _SILENT
            reason = NotUnderstoodReason.NO_WORDS if silent else NotUnderstoodReason.NOT_DICTATION
            return Reading(transcript.transcriber, self._form.name, words, {}, reason, usage=transcript.usage)
        text = self.correct_labels(transcript.text)
        form, catalogue, language = self._form, self._catalogue, language_named(self._language)
        said = parse_meaning(make_timed_words(text, form, catalogue, language, sure), form, catalogue, language)
        fields = {name: cap_confidence_by_words(field, transcript.words) for name, field in said.fields.items()}
        before, meant = said.preface_words(), parse_meaning(words, form, catalogue, language)
        reading = build_reading(
            transcript.transcriber, form, catalogue, words, fields, language, preface=before, meant=meant
        )
        return replace(reading, usage=transcript.usage)

    def correct_labels(self, text: str) -> str:
        """The text with misspelt labels of the form corrected, in English; unchanged in other languages."""
        return text if self._known is None else correct_labels(text, self._form, self._known)


def _words_of(transcript: Transcript, sure: float, seconds: float) -> tuple[Word, ...]:
    """The words to record: with their own times where the service gives them, else spread over the sound."""
    if transcript.hallucination is not None:
        return (Word(_UNBELIEVED.format(transcript.hallucination), 0.0, seconds, 0.0),)
    texts = transcript.text.split()
    return transcript.words or spread_words(texts, [sure] * len(texts), seconds)


def cap_confidence_by_words(field: FieldReading, words: Iterable[Word]) -> FieldReading:
    """The field, with the least confidence that its words have anywhere in the transcript; unchanged without any."""
    wanted = set(field.words)
    sure = [word.confidence for word in words if wanted & set(bare_words(word.text))]
    return replace(field, confidence=min(sure)) if sure else field


def bare_words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    apart = "".join(character if character.isalnum() or character == "'" else " " for character in text.casefold())
    return apart.split()


DICTATED = frozenset({Act.RECORD, Act.AMEND})
"""Acts whose fields carry the words; the words of any other stand in the reading itself."""


def drop_values_not_in_transcript(
    read: Reading, transcripts: Sequence[str], parsed: Mapping[str, FieldReading]
) -> Reading:
    """The reading without values whose words are not in the transcript; an act without its words is not understood.

    `transcripts`: the transcript in all allowed spellings, as written and with labels corrected. `parsed`: the form's
    own parser's fields, whose differing values are added as rivals.
    """
    spellings = [bare_words(transcript) for transcript in transcripts]
    if read.act not in DICTATED and not _is_in_any([word.text for word in read.words], spellings):
        return Reading(read.interpreter, read.form, (), {}, NotUnderstoodReason.NOT_DICTATION, usage=read.usage)
    fields = {
        name: field if _is_in_any(field.words, spellings) else replace(field, value=None, rivals=())
        for name, field in read.fields.items()
    }
    return replace(read, fields={name: _add_parsed_rivals(field, parsed.get(name)) for name, field in fields.items()})


def _is_in_any(words: Sequence[str], spellings: Sequence[Sequence[str]]) -> bool:
    """Whether the words are in a row in one of the spellings of the transcript."""
    wanted = [part for word in words for part in bare_words(word)]
    size = len(wanted)
    return size > 0 and any(
        list(said[at : at + size]) == wanted for said in spellings for at in range(len(said) - size + 1)
    )


def _add_parsed_rivals(field: FieldReading, parsed: FieldReading | None) -> FieldReading:
    if field.value is None or parsed is None or parsed.value is None:
        return field
    others = (*field.rivals, parsed.value, *parsed.rivals)
    return replace(field, rivals=tuple(dict.fromkeys(other for other in others if other != field.value)))
