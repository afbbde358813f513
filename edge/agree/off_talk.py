"""Off-talk: the words around the values of a sentence, and whether it is meant for the device at all. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from dockvoice_protocol.forms.spoken import begins_with_no, is_correction, parse_meaning, read_fields, without_cue
from dockvoice_protocol.forms.spoken.account import Sense, account_for
from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.forms.spoken.grammar.lexicon import Match, Role
from dockvoice_protocol.forms.spoken.grammar.tokens import Token, token_texts, tokenize
from dockvoice_protocol.forms.spoken.phrase_list import PhraseList
from dockvoice_protocol.forms.spoken.reader import cached_lexicon
from dockvoice_protocol.records import FieldValue, Reading
from edge.agree.decide import Rules
from edge.agree.readings import split_at_leading_next


def find_field_named_without_value(reading: Reading, rules: Rules) -> str | None:
    """The one field named without a value, "the dock is wrong"; None for a question or several fields."""
    tokens, matches = _matches(reading, rules)
    labelled = {start for start, match in matches if match.role is Role.LABEL}
    # "Don't go to dock C" and "the truck is at the dock" are about something else; "the trailer" is a field, too.
    moods = {match.value for start, match in matches if match.role is Role.MOOD and start not in labelled} - {"denials"}
    if (
        moods
        or _begins_with_question(matches)
        or any(rules.language.may_be_in_identifier(token.text) for token in tokens)
    ):
        return None
    named = {match.field for _, match in matches if match.role is Role.LABEL}
    return named.pop() if len(named) == 1 else None


def _matches(reading: Reading, rules: Rules) -> tuple[Sequence[Token], list[tuple[int, Match]]]:
    """The tokens, and every known phrase in them with its start."""
    tokens = tokenize(reading.words, rules.language)
    known = cached_lexicon(rules.form, rules.catalogue, rules.language)
    return tokens, [(start, match) for start in range(len(tokens)) for match in known.matches(tokens, start)]


def _begins_with_question(matches: Iterable[tuple[int, Match]]) -> bool:
    return any(start == 0 and match.role is Role.QUESTION for start, match in matches)


_TELLING_OF_FIELD = frozenset({Role.LABEL, Role.VALUE, Role.VALUE_VERB})


def find_mentioned_fields(reading: Reading, rules: Rules, known: AbstractSet[str] = frozenset()) -> set[str]:
    """The fields that it gives, or has a label or a listed value of: "it was wet", "the same seal".

    A unit alone tells nothing of a `known` count, or of one that is asked for: "the cases are heavy".
    """
    matches = _matches(reading, rules)[1]
    longest = {start: max(one.end for at, one in matches if at == start) for start, _ in matches}  # "good morning"
    units = {one.field for start, one in matches if one.role is Role.UNIT and one.end == longest[start]}
    return {one.field for _, one in matches if one.role in _TELLING_OF_FIELD} | {*reading.fields} | (units - known)


def begins_with_foreign_words(reading: Reading, rules: Rules, *, behind_cue: bool = False) -> bool:
    """Whether words of no field precede the first one: "where is dock C", "not dock C", "zero eight, dock A".

    Not words that begin the next thing: "next pallet 743". `behind_cue`: only those behind a word of correction, "no,
    crushed", which may be a part of what follows.
    """
    words = without_cue(reading.words, rules.language) if behind_cue else reading.words
    preface: Sequence[object] | None = None if behind_cue else reading.preface
    if preface is None:
        preface = parse_meaning(words, rules.form, rules.catalogue, rules.language).preface
    begins = split_at_leading_next(words, rules) if preface else None
    return len(preface) > (0 if begins is None else len(begins[0]))


_PLAIN_ROLES = frozenset({Role.AFTER_LABEL, Role.REPEAT, Role.CUE, Role.CONTRAST})
"""The roles of words that may surround a corrected field: "it's fifteen units, not twelve"."""


def has_only_fields(reading: Reading, rules: Rules) -> bool:
    """Whether it has only fields: "dock D", "dock D, that's it", but not "I am going to dock D"."""
    field_positions, tokens, roles = _find_field_words(reading, rules)
    behind = max(field_positions, default=-1) + 1
    concludes = token_texts(reading.words, rules.language)[behind:] in rules.language.words["conclusions"]
    read = range(behind if concludes else len(tokens))
    return all(at in field_positions or roles[at] & _PLAIN_ROLES for at in read)


def has_no_other_words(reading: Reading) -> bool:
    """Whether all of its words are in its fields: "item A200", but not "that's item A200"."""
    field_words = {word for one in reading.fields.values() for word in one.words}
    return all(word.text in field_words for word in reading.words)


_UNREAD = frozenset({Sense.UNEXPLAINED, Sense.MOOD})


def has_unread_words(reading: Reading, rules: Rules) -> bool:
    """Whether it has words that are in none of its values, and may change what it says: "on hold", "not ours"."""
    if reading.is_scan:
        return False
    parts = account_for(reading.words, rules.form, rules.catalogue, rules.language)
    return any(part.sense in _UNREAD for part in parts)


_OF_VALUES = frozenset({Sense.VALUE, Sense.LABEL, Sense.UNIT})


def says_values_only(reading: Reading, rules: Rules) -> bool:
    """Whether all of its words give values, or mean nothing, and none corrects: not "twelve cases, scratch that"."""
    parts = account_for(reading.words, rules.form, rules.catalogue, rules.language)
    plain = (one for one in parts if one.sense not in _OF_VALUES)
    return all(one.sense is Sense.PHRASE and tuple(map(fold, one.words)) not in rules.language.cues for one in plain)


def has_remark(reading: Reading, rules: Rules) -> bool:
    """Whether words beside its values mean nothing for the form: "no, pallet 742 has a blue label"."""
    said = {fold(word.text) for word in without_cue(reading.words, rules.language)}
    return any(not said.isdisjoint(map(fold, one.unexplained)) for one in reading.fields.values())


_BEFORE, _BEHIND = (
    _PLAIN_ROLES | {Role.OPENING, Role.BEGINNING, Role.LINK},
    _PLAIN_ROLES - {Role.AFTER_LABEL} | {Role.CLOSING_REMARK},
)
"""The roles of words that may stand before and after fields that set the context: "I'm at door twelve please"."""


def states_context(reading: Reading, rules: Rules) -> bool:
    """Whether it tells the operator's place: "next trailer is 5503, at door 12"; not "door twelve is full"."""
    field_positions, tokens, roles = _find_field_words(reading, rules)
    last = max(field_positions, default=0)
    if any(
        (token.text,) in rules.language.words["moves"] for at, token in enumerate(tokens) if at not in field_positions
    ):
        return False
    return all(at in field_positions or roles[at] & (_BEFORE if at < last else _BEHIND) for at in range(len(tokens)))


def begins_with_pointer(reading: Reading, rules: Rules) -> bool:
    """Whether the words before its first field say what a thing is: "that's door 4", "it's door 4"; not "at door 4"."""
    field_positions, _, roles = _find_field_words(reading, rules)
    return any(Role.AFTER_LABEL in roles[at] for at in range(min(field_positions, default=0)))


def _find_field_words(reading: Reading, rules: Rules) -> tuple[set[int], Sequence[Token], Sequence[set[Role]]]:
    """The positions of the words that give fields; all tokens; for each token, its possible roles."""
    field_words = {fold(word) for one in reading.fields.values() for word in one.words}
    tokens, matches = _matches(reading, rules)
    roles: list[set[Role]] = [set() for _ in tokens]
    for start, match in matches:
        for at in range(start, match.end):
            roles[at].add(match.role)
    return {at for at, token in enumerate(tokens) if fold(token.surface) in field_words}, tokens, roles


def find_fields_worded_as_talk(
    reading: Reading, rules: Rules, *, asked: str | None = None, held: Mapping[str, FieldValue] | None = None
) -> list[str]:
    """The fields whose values are not worded as an answer or a correction: "no, I'm at dock C"."""
    answered = read_fields(reading.words, rules.form, rules.catalogue, rules.language, asked=asked, held=held)
    doubted = {name for name, one in reading.fields.items() if one.value is None}  # and the unit of such a count
    return [
        name
        for name, one in reading.fields.items()
        if one.value is not None
        and name in answered
        and answered[name].value is None
        and (held or {}).get(name) not in one.denied  # "13, not 12" over 12
        and rules.form[name].unit_of not in doubted
    ]


_FOR_THE_FORM = frozenset({Role.LABEL, Role.UNIT, Role.VALUE, Role.CUE, Role.CONTRAST, Role.TAKEN_BACK})
"""The roles of words that may be about an entry: its fields, and what may deny them."""

FEWEST_IN_TALK = 3  # One or two unknown words may be a misheard "no".

_FEWEST_WITH_NAMES = 4  # From here on a single letter name is talk: "right mike see you at lunch".


def is_off_talk(reading: Reading, rules: Rules) -> bool:
    """Whether the words are plainly not about an entry: a hesitation, or talk to others.

    No list has all ways to object. So talk is only a question or an address ("you") without any word about an entry,
    about what the operators did, or about themselves.
    """
    language, (tokens, matches) = rules.language, _matches(reading, rules)
    if not tokens:
        return bool(reading.words)
    asks = _begins_with_question(matches)
    addresses = asks or any(_begins_a_phrase(tokens, at, language.words["addresses"]) for at in range(len(tokens)))
    meant = any(one.role in _FOR_THE_FORM or _may_take_entry_back(one, asks=asks) for _, one in matches)
    meant |= any(_begins_a_phrase(tokens, at, language.words["objections"]) for at in range(len(tokens)))
    return len(tokens) >= FEWEST_IN_TALK and addresses and not meant and not _may_identify(tokens, rules)


def _may_identify(tokens: Sequence[Token], rules: Rules) -> bool:
    """Whether it has a number, or letters; a single letter in a longer sentence is somebody's name."""
    language = rules.language
    words = [token.text for token in tokens if language.may_be_in_identifier(token.text)]
    named = len(words) == 1 and len(tokens) >= _FEWEST_WITH_NAMES and not language.numerals.is_part(words[0])
    return bool(words) and not named


def calls_somebody(reading: Reading, rules: Rules, concerned: AbstractSet[str]) -> bool:
    """Whether it is surely for somebody who is called first, by a name that is no word of ours: "hey Joe, door's open".

    Not with a number, a value or an objection, nor with the label of a `concerned` field, for it may tell of that.
    """
    language, (tokens, matches) = rules.language, _matches(reading, rules)
    said = [token.text for token in tokens]
    called = max(language.words["calls"].ends(said, 0), default=len(said))
    if called >= len(said) or any(start == called for start, _ in matches):
        return False
    meant = any(
        (one.role in _FOR_THE_FORM and not (one.role is Role.LABEL and one.field not in concerned))
        or _may_take_entry_back(one, asks=False)
        for _, one in matches
    )
    objects = any(_begins_a_phrase(tokens, at, language.words["objections"]) for at in range(called, len(said)))
    sure = rules.trusts(reading.words)
    return sure and not (meant or objects or _may_identify(tokens, rules))


_TAKING_BACK = frozenset({Role.CONTRAST, Role.TAKEN_BACK})


def has_correcting_word(reading: Reading, rules: Rules) -> bool:
    """Whether it has a word that corrects or denies: "I was wrong", "that's not the one"."""
    denies = any(match.role in _TAKING_BACK for _, match in _matches(reading, rules)[1])
    return not is_off_talk(reading, rules) and (denies or is_correction(reading.words, rules.language))


def rejects_value(reading: Reading, rules: Rules) -> bool:
    """Whether it has a word that rejects a value: "the count is wrong"."""
    tokens, rejections = _matches(reading, rules)[0], rules.language.words["rejections"]
    return any(_begins_a_phrase(tokens, at, rejections) for at in range(len(tokens)))


def may_object(reading: Reading, rules: Rules) -> bool:
    """Whether it begins with "no", or has a word that denies or rejects; not a mere "hold on"."""
    denies = any(match.role in _TAKING_BACK for _, match in _matches(reading, rules)[1])
    return denies or rejects_value(reading, rules) or begins_with_no(reading.words, rules.language)


def mentions_entry(reading: Reading, rules: Rules) -> bool:
    """Whether it has part of a number with a field's label or a word of correction, or is a number: "742", "twelve"."""
    tokens, matches = _matches(reading, rules)
    language, named = rules.language, any(match.role in {Role.LABEL, *_TAKING_BACK} for _, match in matches)
    numbers = [token.text for token in tokens if language.may_be_in_identifier(token.text)]
    if named or is_correction(reading.words, language):
        return bool(numbers)
    joins = sum((token.text,) in language.words["conjunctions"] for token in tokens)  # also within "zweiundvierzig"
    counts = [one.value for text in numbers for one in language.numerals.counts([text], 0)]
    return len(numbers) + joins == len(tokens) and bool(counts) and counts != [1]  # "One" alone may be anything.


def _begins_a_phrase(tokens: Sequence[Token], at: int, phrases: PhraseList) -> bool:
    """Whether the tokens from `at` begin one of the phrases; a part around an apostrophe counts as a word: "it's"."""
    said = [token.text for token in tokens[at:]]
    return bool(phrases.ends(said, 0)) or any((part,) in phrases for part in said[0].split("'"))


def _may_take_entry_back(match: Match, *, asks: bool) -> bool:
    """Whether a mood may take an entry back: "they want it elsewhere" may, "did you see that" may not."""
    if match.role is not Role.MOOD or match.value == "strangers":
        return False
    return match.value == "denials" or not asks
