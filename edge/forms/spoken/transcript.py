"""Text that a transcribing model wrote, to the fields of a form.

Models write what they take for good style: "Pallet 742, 12 units, Dock B." They have no times for words; commas and
full stops stand for the pauses. What they write for a number that is none here ("$12", "2.5", "7th") stays a word that
nobody can explain, so that its field has no value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from edge.forms.catalogue import Catalogue
from edge.forms.model import Form
from edge.forms.spoken.figures import CLOCK, is_figures
from edge.forms.spoken.language import LETTERS, Language, fold
from edge.forms.spoken.languages import language_named
from edge.forms.spoken.lexicon import Lexicon, lexicon
from edge.forms.spoken.reader import preface, read
from edge.records import FieldReading, Word

LENGTH = 0.3
"""Seconds that a word is taken to last."""
BRIEF = 0.1
"""Seconds of a word like "to" where the model must have heard it as such: short, as a preposition is."""
PAUSE = 0.3
"""Seconds of silence that a comma stands for."""

STOPS = ",;:.!?…"
"""Marks that end a part of a sentence: the model heard a pause, or the end of a thought."""
DASHES = re.compile("[-\N{NON-BREAKING HYPHEN}\N{EN DASH}\N{EM DASH}\N{MINUS SIGN}/]")
APOSTROPHE = "\N{RIGHT SINGLE QUOTATION MARK}"
QUOTES = "\"'()[]{}<>«»“”„\N{LEFT SINGLE QUOTATION MARK}#*¿¡" + APOSTROPHE
"""Marks around words that change nothing in them. "#742" is number 742."""
SPACES = "\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}"
"""Spaces that join: with one of them, "1 200" is one number."""
NUMBER = re.compile(r"\b[nN](?:[º°]\.?|r\.)\s*(?=[0-9])|№\s*")
"""Short for "number", before a number. English "No." is not among these: it may be a correction."""
MIXED = re.compile(r"(?=.*[0-9])(?=.*[a-z])[0-9a-z]+")
"""A code, or a number with its unit: "B714", "12pcs"."""
ORDINAL = re.compile(r"[0-9]+(?:st|nd|rd|th)")


def read_transcript(
    text: str, form: Form, catalogue: Catalogue, language: str = "en", *, confidence: float = 1.0
) -> Mapping[str, FieldReading]:
    """What a transcript says about each field of a form, by field name; empty where nothing in it names a field.

    Args:
        text: What the model wrote: any capitals, punctuation, numbers in words or figures.
        form: Its labels and units in the language are those of `x-languages`, or else the English ones.
        catalogue: The values that exist.
        language: `en`, `de`, `fr`, `es` or `it`, or a longer tag such as `de-AT`.
        confidence: What the transcript is given as a whole, 0 to 1: transcripts know no words better than others.

    Returns:
        As `read` does. The words of a field are those of the transcript, in small letters and without punctuation.

    Raises:
        ValueError: The language is none of these.
    """
    spoken = language_named(language)
    return read(_words(text, form, spoken, confidence), form, catalogue, spoken)


def transcript_preface(text: str, form: Form, catalogue: Catalogue, language: str = "en") -> tuple[str, ...]:
    """The words of a transcript before the first field that belong to none, as `preface` has them."""
    spoken = language_named(language)
    return preface(_words(text, form, spoken, 1.0), form, catalogue, spoken)


def _words(text: str, form: Form, language: Language, confidence: float) -> list[Word]:
    return list(_timed(_pieces(text, language, lexicon(form, language)), language, confidence))


def _timed(pieces: Iterable[str], language: Language, confidence: float) -> Iterator[Word]:
    """The words with times that tell what punctuation told; a piece that is a comma is a pause."""
    now, before = 0.0, ""
    for piece in pieces:
        if piece == ",":
            now, before = now + PAUSE, piece
            continue
        length = BRIEF if piece in language.homophones and not _may_be_digit(before, language) else LENGTH
        yield Word(piece, now, now + length, confidence)
        now, before = now + length, piece


def _may_be_digit(before: str, language: Language) -> bool:
    """After a digit that stands alone "to" may be a digit too; after "742" it would have been written as one."""
    if before in language.homophones:
        return True
    group = language.numbers.group([fold(before)])
    return group is not None and len(group[0]) == 1


def _pieces(text: str, language: Language, known: Lexicon) -> Iterator[str]:
    """Words in small letters, and "," for each pause."""
    text = re.sub(f"(?<=[0-9])[{SPACES}](?=[0-9]{{3}})", "" if language.thousands == " " else " ", text)
    text = NUMBER.sub("", text.replace(APOSTROPHE, "'"))
    for chunk in text.lower().split():
        yield from _chunk(chunk, language, known)


def _chunk(chunk: str, language: Language, known: Lexicon) -> Iterator[str]:
    core = chunk.strip(QUOTES + STOPS)
    if not core or DASHES.fullmatch(core):
        yield ","
        return
    written = _without_thousands(_unelided(core, language), language)
    for part in _parts(written, language):
        yield from _spelt(part, known)
    if chunk.rstrip(QUOTES)[-1:] in STOPS:
        yield ","


def _unelided(core: str, language: Language) -> str:
    """French "d'unités" is "unités"; Italian "un'unità" is "un unità"."""
    before, apostrophe, after = core.partition("'")
    if not language.elided or not apostrophe:
        return core
    return after if before in language.elided else f"{before} {after}"


def _without_thousands(core: str, language: Language) -> str:
    """Thousands as one number: "1,200" in English, "1.200" in German."""
    mark = re.escape(language.thousands)
    return re.sub(r"[,. ]", "", core) if re.fullmatch(rf"[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}})+", core) else core


def _parts(core: str, language: Language) -> list[str]:
    """What a dash, a stroke or a space joins; a dash before a number is a minus, and stays with it."""
    if DASHES.match(core) or language.numbers.is_part(fold(core)):
        return [core]
    return [part for piece in core.split() for part in DASHES.split(piece) if part]


def _spelt(part: str, known: Lexicon) -> Iterator[str]:
    """A code letter by letter and number by number, a number apart from its unit; anything else as it is."""
    if is_figures(part) or CLOCK.fullmatch(part) or not MIXED.fullmatch(part) or ORDINAL.fullmatch(part):
        yield part
        return
    for run in re.findall(r"[0-9]+|[a-z]+", part):
        yield from [run] if is_figures(run) or (run,) in known or not set(run) <= LETTERS else run
