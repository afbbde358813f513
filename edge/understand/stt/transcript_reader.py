"""Transcripts to readings: misspelt labels recognised, values parsed by the form, a model kept to the text.

That a value is what its words say, digit by digit, is settled before (`verbatim`). Here the words must stand in the
transcript as they are: a model that reads text has heard nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import read_meaning, vocabulary
from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.forms.spoken.reader import transcript_words
from dockvoice_protocol.records import Act, FieldReading, Hallucination, NotUnderstood, Reading, Transcript, Word
from edge.understand.proposal import proposed
from edge.understand.stt.transcriber import spread

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

_INFLECTED = re.compile(r"(?:'s|s|ed)$")
"""Endings that language models add to a label: "pallets", "docked"."""

_SIGH = re.compile(r"\b(?:ah|aah|uhh?)\b[,.]?", re.IGNORECASE)
"""A hesitation, as models spell it that take it for an exclamation."""
_GLUED = re.compile(r"\b(?:um|uh)(?=[a-z]{4})", re.IGNORECASE)  # A hesitation run into the word after it: "Umpalette".

_WORD = re.compile(r"[^\W\d_]+(?:'s)?")


def relabelled(text: str, form: Form, known: Iterable[str]) -> str:
    """The text, with every word that sounds like one label or unit of the form, and is no known word, spelt as that.

    `known` are the words that mean something as they stand: numbers, letters, links, catalogue names.
    """
    own = frozenset(_own(form))
    taken = own | {word.casefold() for word in known}

    def spelt(match: re.Match[str]) -> str:
        word = match[0].casefold()
        meant = [] if word in taken else [label for label in own if sounds_like(word, label)]
        return max(meant, key=lambda label: (_alike(word, label), label), default=match[0])

    return _WORD.sub(spelt, _GLUED.sub("um ", _SIGH.sub("uh", text)))


def sounds_like(word: str, label: str) -> bool:
    """Whether a word, in small letters, may be a misspelling of the label."""
    return _alone_like(word, label) or _alone_like(_INFLECTED.sub("", word), label)


def _alone_like(word: str, label: str) -> bool:
    heard, meant, alike = sound(word), sound(label), _alike(word, label)
    if len(meant) < _TELLING:
        return heard == meant and alike >= _ALIKE_SHORT
    return (heard == meant and alike >= _ALIKE) or (heard == meant[1:] and alike >= _ALIKE_BUT_FIRST)


def _alike(word: str, label: str) -> float:
    return SequenceMatcher(None, word, label).ratio()


def sound(word: str) -> str:
    """A word's consonants, each by its class and none twice in a row: "pallet", "ballad" and "palette" are "plt"."""
    return re.sub(r"(.)\1+", r"\1", word.translate(_CLASSES))


def _own(form: Form) -> Iterator[str]:
    for field in form.fields:
        for phrase in (*field.labels, *field.units.keys(), *field.units.values()):
            yield from phrase.casefold().split()


_ENGLISH = "en"  # The language whose other words are known, so that misspelt labels can be told from them.
_UNBELIEVED = "[{}]"  # What stands in the words of a reading in place of a text that was set aside: `[stock_phrase]`.

_SILENT = frozenset({Hallucination.STOCK_PHRASE, Hallucination.NO_SPEECH})
"""What comes from sound without speech. A loop or a returned prompt may cover speech that was not understood."""


class TranscriptReader:
    """Reads transcripts for one form, in one language, with the form's own parser."""

    def __init__(self, form: Form, catalogue: Catalogue, language: str) -> None:
        """`language` is a tag that begins with a language of `dockvoice_protocol.forms.spoken.LANGUAGES`."""
        self._form = form
        self._catalogue = catalogue
        self._language = language
        self._known = vocabulary(form, catalogue) if language[:2] == _ENGLISH else None

    def read(self, transcript: Transcript, confidence: float, seconds: float) -> Reading:
        """What the words say. `confidence` stands in where the transcriber gives none; the sound lasts `seconds`."""
        sure = confidence if transcript.confidence is None else transcript.confidence
        words = _words_of(transcript, sure, seconds)
        if not transcript.text:
            silent = transcript.hallucination is None or transcript.hallucination in _SILENT
            reason = NotUnderstood.NO_WORDS if silent else NotUnderstood.NOT_DICTATION
            return Reading(transcript.transcriber, self._form.name, words, {}, reason, usage=transcript.usage)
        text = self.mended(transcript.text)
        language, known = language_named(self._language), (self._form, self._catalogue)
        said = read_meaning(transcript_words(text, *known, language, sure), *known, language)
        fields = {name: doubted(field, transcript.words) for name, field in said.fields.items()}
        before, meant = said.preface_words(), read_meaning(words, *known, language)
        reading = proposed(transcript.transcriber, *known, words, fields, language, preface=before, meant=meant)
        return replace(reading, usage=transcript.usage)

    def mended(self, text: str) -> str:
        """The text with the form's labels spelt as the form has them, in English; as it is in other languages."""
        return text if self._known is None else relabelled(text, self._form, self._known)


def _words_of(transcript: Transcript, sure: float, seconds: float) -> tuple[Word, ...]:
    """The words as they go on record: with their own times where the service gives them."""
    if transcript.hallucination is not None:
        return (Word(_UNBELIEVED.format(transcript.hallucination), 0.0, seconds, 0.0),)
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


DICTATED = frozenset({Act.RECORD, Act.AMEND})
"""Acts whose fields carry the words; the words of any other stand in the reading itself."""


def borne_out(read: Reading, transcripts: Sequence[str], parsed: Mapping[str, FieldReading]) -> Reading:
    """The reading with those values alone whose words stand in the transcript; an act without its words is none.

    `transcripts` is the one transcript in every spelling that is allowed: as it was written, and with the form's labels
    mended, which models do too. `parsed` is what the form's own parser made of it: where it read another value, that
    one stands beside as a rival.
    """
    spellings = [bare(transcript) for transcript in transcripts]
    if read.act not in DICTATED and not _stand([word.text for word in read.words], spellings):
        return Reading(read.interpreter, read.form, (), {}, NotUnderstood.NOT_DICTATION, usage=read.usage)
    fields = {
        name: field if _stand(field.words, spellings) else replace(field, value=None, rivals=())
        for name, field in read.fields.items()
    }
    return replace(read, fields={name: _beside(field, parsed.get(name)) for name, field in fields.items()})


def _stand(words: Sequence[str], spellings: Sequence[Sequence[str]]) -> bool:
    return any(_contains(said, words) for said in spellings)


def _beside(field: FieldReading, parsed: FieldReading | None) -> FieldReading:
    if field.value is None or parsed is None or parsed.value is None:
        return field
    others = (*field.rivals, parsed.value, *parsed.rivals)
    return replace(field, rivals=tuple(dict.fromkeys(other for other in others if other != field.value)))


def _contains(said: Sequence[str], words: Sequence[str]) -> bool:
    wanted = [part for word in words for part in bare(word)]
    size = len(wanted)
    return size > 0 and any(list(said[at : at + size]) == wanted for at in range(len(said) - size + 1))
