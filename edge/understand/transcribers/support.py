"""Is what a text model gives borne out by the transcript it was given?

That a value is what its words say, digit by digit, is settled before (`verbatim`). Here the words must stand in the
transcript as they are: a model that reads text has heard nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from edge.records import Act, FieldReading, NotUnderstood, Reading
from edge.understand.transcribers.transcribed import bare

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
    fields = {name: _beside(_standing(field, spellings), parsed.get(name)) for name, field in read.fields.items()}
    return replace(read, fields=fields)


def _standing(field: FieldReading, spellings: Sequence[Sequence[str]]) -> FieldReading:
    return field if _stand(field.words, spellings) else replace(field, value=None, rivals=())


def _stand(words: Sequence[str], spellings: Sequence[Sequence[str]]) -> bool:
    return any(_contains(said, words) for said in spellings)


def _beside(field: FieldReading, parsed: FieldReading | None) -> FieldReading:
    if field.value is None or parsed is None or parsed.value is None:
        return field
    others = (*field.rivals, parsed.value, *parsed.rivals)
    return replace(field, rivals=tuple(dict.fromkeys(other for other in others if other != field.value)))


def _contains(said: Sequence[str], words: Sequence[str]) -> bool:
    """Do the words stand in what was said, one after the other, with nothing between them?"""
    wanted = [part for word in words for part in bare(word)]
    size = len(wanted)
    return size > 0 and any(list(said[at : at + size]) == wanted for at in range(len(said) - size + 1))
