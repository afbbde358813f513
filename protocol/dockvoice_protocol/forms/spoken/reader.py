"""Parses an utterance, as words or as a model's transcript, into the fields of a form.

One grammar (`grammar`) explains all words, in every possible way. A field has a value where all likely explanations
agree on it; otherwise it is in doubt.

A transcript ("Pallet 742, 12 units, Dock B.") has no times: commas and full stops stand for pauses. Numbers that the
grammar does not know ("$12", "7th") remain unexplained words, so that their field has no value.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.forms.spoken.grammar.chart import explanations
from dockvoice_protocol.forms.spoken.grammar.lexicon import Lexicon
from dockvoice_protocol.forms.spoken.grammar.meaning import Meaning, merge_explanations
from dockvoice_protocol.forms.spoken.grammar.path import EventKind, Path
from dockvoice_protocol.forms.spoken.grammar.spans import Spans
from dockvoice_protocol.forms.spoken.grammar.tokens import Token, is_compound, tokenize
from dockvoice_protocol.forms.spoken.language import LETTERS, Language, language_named, split_elision
from dockvoice_protocol.records import FieldReading, FieldValue, Word

_LEXICONS = 256  # Cache size: a dozen forms in seven languages, each in three variants; one takes 70 kB and 2 ms.
_EXPLAINED = 256  # Cache size: an utterance has a dozen alternatives, and the dialogue asks of some a dozen times.
FIGURE = "#"  # In unexplained phrases: stands for a number, a digit or a spelt letter.
_LONGEST = 3  # Words of such a phrase: a longer one is talk, no name for a thing.


def read_fields(
    words: Sequence[Word],
    form: Form,
    catalogue: Catalogue,
    language: Language | None = None,
    *,
    asked: str | None = None,
    held: Mapping[str, FieldValue] | None = None,
    correcting: bool = False,
) -> Mapping[str, FieldReading]:
    """The reading of each field of a form in an utterance, by field name; empty where no field is named.

    Args:
        words: As heard, with their times: pauses are evidence.
        form: The form.
        catalogue: The known values.
        language: The spoken language; None: English.
        asked: The requested field, whose value needs no label.
        held: The entry that a correction may refer to: "not B, D".
        correcting: Whether the whole utterance corrects that entry, as the answer to what is wrong.

    Returns:
        A field's words are its label, value and unit as heard. Its confidence is the lowest of its words. A named field
        without a single value has rivals or a runner-up, or neither.
    """
    return parse_meaning(words, form, catalogue, language, asked=asked, held=held, correcting=correcting).fields


def unexplained_phrases(words: Sequence[Word], form: Form, catalogue: Catalogue, language: Language) -> frozenset[str]:
    """The unexplained phrases beside figures: `door #`, `# colli`.

    None of an utterance that mentions no field: that is talk.
    """
    meant = parse_meaning(words, form, catalogue, language)
    tokens, events = meant.tokens, meant.paths[0].events if meant.paths else ()
    if not any(one.kind is EventKind.MENTION for one in events):
        return frozenset()
    strange = {at for one in events if one.kind is EventKind.UNMATCHED for at in range(one.start, one.end)}
    figures = {at for at, token in enumerate(tokens) if is_figure(token.text, language)}
    found: set[str] = set()
    run: list[int] = []
    for at in range(len(tokens) + 1):
        if at in strange - figures:
            run.append(at)
            continue
        if 0 < len(run) <= _LONGEST:
            before, behind = run[0] - 1 in figures, at in figures
            said = [FIGURE] * before + [tokens[one].text for one in run] + [FIGURE] * behind
            found |= {" ".join(said)} if before or behind else set()
        run = []
    return frozenset(found)


def is_figure(word: str, language: Language) -> bool:
    """Whether a word is a number, a digit, a spelt letter, or a part of one of them."""
    spelt = len(word) == 1 or (word,) in language.alphabet.code_words
    return spelt or word.isdigit() or language.numerals.is_part(word)


def parse_meaning(
    words: Sequence[Word],
    form: Form,
    catalogue: Catalogue,
    language: Language | None = None,
    *,
    asked: str | None = None,
    held: Mapping[str, FieldValue] | None = None,
    correcting: bool = False,
) -> Meaning:
    """The full meaning of an utterance, with its unexplained words. Arguments as for `read_fields`."""
    spoken = language or language_named("en")
    tokens = tokenize(words, spoken)
    today = datetime.now().astimezone().date() if form.depends_on_today else None
    entry = None if held is None else tuple((name, value, type(value)) for name, value in held.items())
    paths, asks = _explain(tokens, form, catalogue, spoken, today, asked, entry, correcting)
    return merge_explanations(paths, tokens, form, spoken, asks=asks)


@lru_cache(maxsize=_EXPLAINED)
def _explain(
    tokens: tuple[Token, ...],
    form: Form,
    catalogue: Catalogue,
    language: Language,
    today: date | None,
    asked: str | None,
    held: tuple[tuple[str, FieldValue, type], ...] | None,
    correcting: bool,
) -> tuple[tuple[Path, ...], bool]:
    """The explanations of the tokens, and whether these ask; alternatives that differ only in their times share them.

    `held`: with the type of each value, since 1 equals true.
    """
    spans = Spans(tokens, form, catalogue, language, cached_lexicon(form, catalogue, language), today)
    entry = None if held is None else {name: value for name, value, _ in held}
    return tuple(explanations(spans, asked, entry, correcting=correcting)), spans.has_question_mark()


@lru_cache(maxsize=_LEXICONS)
def cached_lexicon(form: Form, catalogue: Catalogue, language: Language) -> Lexicon:
    """The phrases of a form in a language."""
    return Lexicon(form, catalogue, language)


_LENGTH = 0.3  # Assumed duration of a word in seconds.
BRIEF = 0.1  # Seconds of a word like "to" that the model must have heard as a preposition: short.
_PAUSES = dict.fromkeys(",;:", 0.3) | dict.fromkeys(".!?\N{HORIZONTAL ELLIPSIS}", 0.6)
"""Seconds of silence for a punctuation mark: the model heard a pause, or the end of a thought."""

_DASHES = re.compile("[-\N{NON-BREAKING HYPHEN}\N{EN DASH}\N{EM DASH}\N{MINUS SIGN}/]")
_APOSTROPHE = "\N{RIGHT SINGLE QUOTATION MARK}"
_QUOTES = "\"'()[]{}\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}" + (
    "\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}\N{DOUBLE LOW-9 QUOTATION MARK}"
    "\N{LEFT SINGLE QUOTATION MARK}#*\N{INVERTED QUESTION MARK}\N{INVERTED EXCLAMATION MARK}" + _APOSTROPHE
)
"""Marks around words, without a meaning: "#742" is number 742."""
_CUT = ("\N{HORIZONTAL ELLIPSIS}", "...")
_COMPARED = frozenset("<>~\N{ALMOST EQUAL TO}\N{LESS-THAN OR EQUAL TO}\N{GREATER-THAN OR EQUAL TO}\N{PLUS-MINUS SIGN}")
_UNKNOWN = " unk "
"""In the place of a sign that changes the number beside it: "<12", "12\N{SUPERSCRIPT TWO}". Nothing explains it."""
_SPACES = "\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}"
"""Spaces that join: with one of them, "1 200" is one number."""
_NUMBER = re.compile(r"\b[nN](?:[º°]\.?|r\.|o\.(?=\s*[0-9]))\s*(?=[0-9])|№\s*")
"""Abbreviations of "number" before a number."""
_MIXED = re.compile(r"(?=.*[0-9])(?=.*[a-z])[0-9a-z]+")  # A code, or a number with its unit: "B714", "12pcs".
_CONTAINER = re.compile(r"\b([A-Z]{4}) (?=[0-9]{6,7}\b)")
"""The letters of a container or a domestic trailer, separated from its figures: "JBHU 234561" is one code."""
_INITIALS = re.compile(r"\b([A-Z]{2}|[A-Z]{4}) (?=[0-9]{3,7}\b)")
"""The same of other codes, in a text with small letters: "GFNE 4938", or "ER 2525", which is no hesitation there."""
_ORDINAL = re.compile(r"[0-9]+(?:st|nd|rd|th)")
_FRACTION = re.compile(r"[1-9]/[2-9]")
_BELOW_ONE = re.compile(r"[.,][0-9]")  # A decimal without its zero: ".5".
_PAIR = 2
_FIGURES = re.compile(r"[0-9]+")
_CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}")
"""A time of day, as models write "seven forty-two"; in a name it stands for the same digits."""


def read_transcript(
    text: str,
    form: Form,
    catalogue: Catalogue,
    language: str = "en",
    *,
    confidence: float = 1.0,
    asked: str | None = None,
    held: Mapping[str, FieldValue] | None = None,
) -> Mapping[str, FieldReading]:
    """The reading of each field of a form in a transcript, by field name; empty where no field is named.

    Args:
        text: The model's text: any capitals, punctuation, numbers in words or figures.
        form: Its labels and units in the language are those of `x-languages`, or else the English ones.
        catalogue: The known values.
        language: One of `LANGUAGES`, or a longer tag such as `de-AT`.
        confidence: The confidence of every word, 0 to 1: transcripts have none for single words.
        asked: As for `read_fields`.
        held: As for `read_fields`.

    Returns:
        As `read_fields` does. A field has the words of the transcript, in small letters and without punctuation.

    Raises:
        ValueError: The language is not supported.
    """
    spoken = language_named(language)
    words = make_timed_words(text, form, catalogue, spoken, confidence)
    return read_fields(words, form, catalogue, spoken, asked=asked, held=held)


def make_timed_words(
    text: str, form: Form, catalogue: Catalogue, language: Language, confidence: float = 1.0
) -> tuple[Word, ...]:
    """The words of a transcript, in lower case, with invented times: each punctuation mark becomes a pause."""
    known = cached_lexicon(form, catalogue, language)
    return tuple(_time_words(list(_split_transcript(text, language, known)), language, known, confidence))


def _time_words(pieces: Sequence[str], language: Language, known: Lexicon, confidence: float) -> Iterator[Word]:
    now, before = 0.0, ""
    for at, piece in enumerate(pieces):
        if piece in _PAUSES:
            now, before = now + _PAUSES[piece], ""
            continue
        length = 0.0 if piece == "-" else _LENGTH
        behind_figures = len(before) > 1 and before.isdigit()
        if fold(piece) in language.homophones and (behind_figures or _opens(pieces[at + 1 : at + 2], known)):
            length = BRIEF  # Behind "742" the model would have written a digit in figures.
        yield Word(piece, now, now + length, confidence)
        now, before = now + length, piece


def _opens(pieces: Sequence[str], known: Lexicon) -> bool:
    return any(known.opens(fold(piece)) or known.begins_code(piece) for piece in pieces)


def _split_transcript(text: str, language: Language, known: Lexicon) -> Iterator[str]:
    """Words in lower case, and a mark for each pause."""
    text = "".join(map(_plain_sign, text))
    text = unicodedata.normalize("NFKC", re.sub(f"(?<=[0-9])[{_SPACES}](?=[0-9]{{3}})", "", text))
    if language.thousands == " ":  # decimals only: whole numbers are left to the grammar, which knows other readings
        text = re.sub(rf"(?<![0-9])[1-9][0-9]{{0,2}}(?: [0-9]{{3}})+(?={language.decimal}[0-9])", _join_match, text)
    text = re.sub(r"\s+\?", "?", text)  # As French sets it.
    text = _CONTAINER.sub(r"\1", _NUMBER.sub("", text.replace(_APOSTROPHE, "'")))
    if text.upper() != text:
        text = _INITIALS.sub(r"\1", text)
    if text.lstrip().startswith(_CUT):
        yield _UNKNOWN.strip()  # What was cut off may be the beginning of the first number.
    for chunk in text.lower().split():
        yield from _split_chunk(chunk, language, known)


def _plain_sign(sign: str) -> str:
    """The sign with digits of all scripts as ASCII; a comparison or a small figure is a word that nothing explains."""
    if sign in _COMPARED or (sign.isdigit() and not sign.isdecimal()):
        return _UNKNOWN
    return str(unicodedata.digit(sign)) if sign.isdecimal() and not sign.isascii() else sign


def _join_match(match: re.Match[str]) -> str:
    return match[0].replace(" ", "")


def _split_chunk(chunk: str, language: Language, known: Lexicon) -> Iterator[str]:
    core = chunk.strip(_QUOTES).rstrip(_QUOTES + "".join(_PAUSES))
    core = core if _BELOW_ONE.match(core) else core.lstrip(_QUOTES + "".join(_PAUSES))
    if not core or _DASHES.fullmatch(core):
        yield ","
        if core:
            yield "-"
        elif "?" in chunk:
            yield _UNKNOWN.strip()  # "30 (?)": the model doubts what it heard.
        return
    if "(" in chunk:
        yield ","
    asks = "?" if "?" in chunk[-2:] else ""
    parts = [
        part
        for one in _split_at_dashes(_without_thousands(split_elision(core, language.elided), language), language)
        for part in _split_code(one, known)
    ]
    for at, part in enumerate(parts):
        yield part + asks if asks and at == len(parts) - 1 else part
    if (mark := chunk.rstrip(_QUOTES)[-1:]) in _PAUSES:
        yield mark


def _without_thousands(core: str, language: Language) -> str:
    """A number without thousands separators ("1,200" in English, "1.200" in German) and zero decimals."""
    core = re.sub(rf"^([0-9]+){re.escape(language.decimal)}0{{1,2}}$", r"\1", core)
    mark = re.escape(language.thousands)
    return re.sub(r"[,. ]", "", core) if re.fullmatch(rf"[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}})+", core) else core


def _split_at_dashes(core: str, language: Language) -> Iterator[str]:
    """The parts around dashes, slashes and spaces; a dash before a number is a minus, and stays with it."""
    if _DASHES.match(core) or _FRACTION.fullmatch(core) or is_compound(core, language):
        yield core
        return
    for piece in core.split():
        parts = [part for part in _DASHES.split(piece) if part]
        for at, part in enumerate(parts):
            # "12-15 units" and "two-three units" may be ranges; "7-4-2" is spelt.
            numbers = len(parts) == _PAIR and all(map(language.numerals.is_part, parts))
            if at and (numbers or (_FIGURES.fullmatch(part) and len(part) > 1)):
                yield "-"
            yield part


def _split_code(part: str, known: Lexicon) -> Iterator[str]:
    """A code split into letters and numbers, a number split from its unit; anything else unchanged."""
    if _FIGURES.fullmatch(part) or _CLOCK.fullmatch(part) or not _MIXED.fullmatch(part) or _ORDINAL.fullmatch(part):
        yield part
        return
    runs = re.findall(r"[0-9]+|[a-z]+", part)
    for at, run in enumerate(runs):
        # Before figures only a label is a word of its own: "dock7", but no "es90114".
        word = known.opens(fold(run)) if at + 1 < len(runs) else known.knows(fold(run))
        yield from [run] if _FIGURES.fullmatch(run) or word or not set(run) <= LETTERS else run
