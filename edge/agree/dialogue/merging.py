"""Merging: an answer, a correction or another breath, and the draft that it is for, become the next draft. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from edge.agree.decide import ANNOUNCED_OTHERWISE, Circumstances, Rules, decide
from edge.forms.spoken import are_one_number, begins, corrects, ends, preface, read, read_given, without_cue
from edge.forms.spoken.folding import Phrase, fold
from edge.forms.spoken.grammar.lexicon import Match, Role
from edge.forms.spoken.grammar.meaning import as_corrected
from edge.forms.spoken.grammar.tokens import Token, tokens
from edge.forms.spoken.reader import lexicon
from edge.records import Act, Closing, Draft, FieldReading, FieldValue, NotUnderstood, Outcome, Reading, Reason, Word

BREATH_S = 4.0  # Who pauses for longer in the middle of a sentence begins it anew.

STAYING = ANNOUNCED_OTHERWISE | {
    *(Reason.TOO_NOISY, Reason.CLIPPED, Reason.SECOND_VOICE, Reason.DOUBLE_COUNT, Reason.COUNT_DIFFERS),
}
"""Doubts about a field that rest on how and when it was said, which a draft that grows does not tell any more."""


# What was said becomes a reading to go on with.


def as_heard(reading: Reading, known: Circumstances, rules: Rules) -> Reading:
    """The reading, in which what the circumstances make doubtful wants to be confirmed, however the draft goes on."""
    said = replace(reading, act=Act.RECORD, not_understood=None)
    doubts = decide(said, Closing.PAUSE, rules, known).reasons
    doubted = {doubt.field for doubt in doubts if doubt.reason in STAYING}
    fields = {name: replace(one, confirmed=name not in doubted and one.confirmed) for name, one in said.fields.items()}
    return replace(reading, fields=fields)


def answer_to(name: str, reading: Reading, rules: Rules) -> Reading:
    """What was said, as an answer to the question for a field: a bare "fifteen" is that field's value."""
    said = replace(reading, act=Act.RECORD)
    if any(one.value is not None or one.runner_up is not None for one in said.fields.values()):
        return unconfirmed(said, among_talk(said, rules, asked=name))
    words = without_cue(said.words, rules.language)
    if not words:
        return said
    fields = read(said.words, rules.form, rules.catalogue, rules.language, asked=name)
    told = fields if name in fields and _may_be(fields[name]) else _counted(said, name, rules)
    counted = rules.form[name].unit_of
    if not told and counted is not None and corrects(said.words, rules.language):  # "no, twelve": of the count itself
        told = read(words, rules.form, rules.catalogue, rules.language, asked=counted)
    return replace(said, fields=told, not_understood=None if told else said.not_understood)


def _counted(said: Reading, asked: str, rules: Rules) -> dict[str, FieldReading]:
    """The other fields for which a number is said that is no one value: "ten plus two cases" contradicts a count.

    A label or a unit alone says nothing against what is known.
    """
    numbers = {name: says_number(one.words, rules) for name, one in said.fields.items()}
    return {name: one for name, one in said.fields.items() if numbers[name] and name != asked}


def says_number(words: Iterable[str], rules: Rules) -> bool:
    """Is any of the words a number, or part of one?"""
    numerals = rules.language.numerals
    return any(word.isdigit() or numerals.is_part(word) for word in map(fold, words))


def _may_be(field: FieldReading) -> bool:
    """Has it a value, or one that may be meant?"""
    return field.value is not None or field.runner_up is not None


# A draft becomes the next one.


def with_answer(
    before: Reading, asked: str, answer: Reading, closing: Closing, rules: Rules, *, correcting: bool = False
) -> Reading:
    """The reading with the answer to the question for the field `asked`; `closing` is why the answer ended.

    An answer in which no field can be read, or whose end was not heard, changes nothing. The field asked for takes the
    value that the answer gives. Said twice and read alike it is surer than once, unless the answer is `correcting`: the
    operator heard the field read back wrong. What the answer says beside it fills a field that was not heard; where it
    contradicts one that was, that field is in doubt and will be asked for.
    """
    said = replace(answer, act=Act.RECORD) if answer.act is Act.AMEND else answer
    if not said.fields or decide(said, closing, rules).outcome in {Outcome.IGNORE, Outcome.REPEAT}:
        return before
    fields = dict(before.fields)
    for name, one in said.fields.items():
        if name not in fields or (name == asked and correcting):
            fields[name] = one
        else:
            fields[name] = _said_twice(fields[name], one) if name == asked else _said_beside(fields[name], one)
    merged = replace(before, fields=fields, not_understood=None)
    unclear = [name for name, one in said.fields.items() if not _may_be(one)]
    if not unclear or (asked not in said.fields and all(name in before.fields for name in unclear)):
        return merged  # Who answers something else than was asked means what he names.
    # Words that make no value may be meant for what else was known: "forty cases, door twelve" over dock B.
    return unconfirmed(merged, [name for name in before.fields if name not in said.fields])


def _said_twice(before: FieldReading, said: FieldReading) -> FieldReading:
    """The answer counts. Agreement of two sayings is worth what two independent witnesses are worth.

    1 - (1 - a)(1 - b): both would have to be misheard, and as the same value.
    """
    if said.value is None or said.rivals or said.value != before.value:
        return said
    sure = 1 - (1 - before.confidence) * (1 - said.confidence)
    return replace(said, confidence=sure, confirmed=True)


def _said_beside(before: FieldReading, said: FieldReading) -> FieldReading:
    """A field said again that nobody asked for: alike it changes nothing, else neither value is certain.

    Words that make no value are not alike: "door twelve" says that the dock is none of those that are known.
    """
    if before.value is None or said.value is None:
        return said
    if said.value == before.value:
        return before
    return replace(before, rivals=tuple(dict.fromkeys((*before.rivals, said.value, *said.rivals))))


def settled_by(name: str, before: Reading, draft: Draft, rules: Rules) -> Draft:
    """The draft, in which an answer that settled one field settles what else its words left open with it.

    "Pallet 8096 thirty one pieces" is 8096 with 31, or 809630 with one: who says which pallet has said how many. Only
    where the doubt is one about words: what the sound or another reader makes of them is asked about all the same.
    """
    value, words, asked = draft.reading.fields[name].value, draft.reading.words, before.fields.get(name)
    if value is None or asked is None or not asked.rivals or words != before.words:
        return draft
    return replace(draft, reading=given(name, value, draft.reading, rules))


def given(name: str, value: FieldValue, said: Reading, rules: Rules) -> Reading:
    """The reading, in which what its words left open with a field is settled, where it is known what that field is."""
    known = rules.form, rules.catalogue, rules.language
    as_read, likely = read(said.words, *known), read_given(name, value, said.words, *known)
    open_by_words = {
        other: likely[other].value
        for other, one in said.fields.items()
        if one.rivals and other in likely and other != name and _offers_the_same(one, as_read.get(other))
    }
    one = {other: found for other, found in open_by_words.items() if found is not None and not likely[other].rivals}
    settled = {other: replace(said.fields[other], value=found, rivals=()) for other, found in one.items()}
    return replace(said, fields={**said.fields, **settled})


def is_one_of(name: str, value: FieldValue, said: Reading, rules: Rules) -> bool:
    """Is it, where the field has this value, said to have no other? It was one number heard in two ways, not two."""
    known = rules.form, rules.catalogue, rules.language
    as_read = read(said.words, *known).get(name)
    if as_read is None or not as_read.rivals:
        return True  # the other was heard in other words
    likely = read_given(name, value, said.words, *known).get(name)
    return likely is not None and likely.value == value and not likely.rivals


def _offers_the_same(one: FieldReading, other: FieldReading | None) -> bool:
    return other is not None and {one.value, *one.rivals} == {other.value, *other.rivals}


def with_fields(draft: Draft, fields: Mapping[str, FieldReading], utterance_id: str) -> Draft:
    """The draft with these fields in the place of its own."""
    reading = replace(draft.reading, fields={**draft.reading.fields, **fields}, not_understood=None)
    stands = tuple((name, utterance_id if name in fields else by) for name, by in draft.stands)
    return with_support(replace(draft, reading=reading, stands=stands), utterance_id)


def put_right(before: Reading, said: Reading, rules: Rules) -> Reading:
    """The correction, in which a number with a sign, or with places, may mean several: "no, nineteen" over -18."""
    plus = {fold(word) for word in rules.language.table["decimals"]["plus"]}
    fields = dict(said.fields)
    for name, one in said.fields.items():
        old = before.fields[name].value if name in before.fields else None
        if isinstance(old, float) and isinstance(one.value, float) and plus.isdisjoint(map(fold, one.words)):
            first, *others = as_corrected(old, one.value)
            fields[name] = replace(one, value=first, rivals=(*others, *one.rivals))
    return replace(said, fields=fields)


def with_reading(draft: Draft, reading: Reading, utterance_id: str) -> Draft:
    """The draft, said anew as a whole."""
    return with_support(replace(draft, reading=replace(reading, act=Act.RECORD)), utterance_id)


def with_yes(draft: Draft, name: str, value: FieldValue, utterance_id: str) -> Draft:
    """The draft, to one value of which the operator said yes, or that he said by a yes or a no."""
    said = draft.reading.fields.get(name, FieldReading(value, (), 1.0))
    sure = replace(said, value=value, rivals=(), confirmed=True, scanned=said.scanned and value == said.value)
    agreed = (*draft.agreed, marked(name, value))
    return replace(with_fields(draft, {name: sure}, utterance_id), agreed=agreed)


def marked(name: str, value: FieldValue) -> str:
    """How a draft notes what was agreed or proved."""
    return f"{name}={value}"


def counted_again(draft: Draft, name: str) -> Draft:
    """The draft that is about to take a second count of a field, which will stand: the first is kept beside it."""
    first = draft.reading.fields[name].value
    return draft if first is None else replace(draft, counted=(*draft.counted, (name, first)))


def with_support(draft: Draft, utterance_id: str) -> Draft:
    """The draft, resting on one utterance more."""
    if utterance_id in {draft.utterance_id, *draft.support}:
        return draft
    return replace(draft, support=(*draft.support, utterance_id))


# Is it about the same thing?


def names_unclearly(said: Reading, rules: Rules) -> bool:
    """Does it name something by an identifier that was not understood? What it is of nobody knows then."""
    return any(name in said.fields and said.fields[name].value is None for name in rules.identifies)


def names_field(said: Reading, rules: Rules) -> str | None:
    """The one field whose label is said, and no value: "the dock is wrong"; None where it is asked for, or several."""
    heard, matches = _matches(said, rules)
    # "Don't go to dock C" and "the truck is at the dock" are about something else.
    moods = {match.value for _, match in matches if match.role is Role.MOOD} - {"denials"}
    if moods or _asks(matches) or any(rules.language.tells(token.text) for token in heard):
        return None
    named = {match.field for _, match in matches if match.role is Role.LABEL}
    return named.pop() if len(named) == 1 else None


def _matches(said: Reading, rules: Rules) -> tuple[Sequence[Token], list[tuple[int, Match]]]:
    """The words, and every phrase in them that means something, with where it begins."""
    heard = tokens(said.words, rules.language)
    known = lexicon(rules.form, rules.catalogue, rules.language)
    return heard, [(start, match) for start in range(len(heard)) for match in known.matches(heard, start)]


def _asks(matches: Iterable[tuple[int, Match]]) -> bool:
    return any(start == 0 and match.role is Role.QUESTION for start, match in matches)


def part_of(said: Reading, words: Sequence[Word], rules: Rules) -> Reading:
    """What some of the words that were said mean by themselves. What stands for all is of each part."""
    stands = {name: one for name, one in said.fields.items() if one.is_taken}
    fields = {**stands, **read(words, rules.form, rules.catalogue, rules.language)}
    # What made a field doubtful as it was heard holds for either part.
    doubted = [name for name in fields if name in said.fields and not said.fields[name].confirmed]
    return unconfirmed(replace(said, words=tuple(words), fields=fields, not_understood=None), doubted)


# A sentence said in several breaths: a number that a pause cut in two counts in neither half by itself.


@dataclass(slots=True)
class BreathBefore:
    """What was said last, where it may have been cut off in the middle of an entry."""

    words: tuple[Word, ...] = ()
    ended: float | None = None  # When that was said, in seconds of one clock; None where that is not known.

    def is_just_before(self, began: float) -> bool:
        """Whether what began at this time surely is the same sentence."""
        return self.ended is not None and 0 <= began - self.ended <= BREATH_S

    def is_long_ago(self, began: float | None) -> bool:
        """Whether what began at this time surely is another sentence."""
        return began is not None and self.ended is not None and began > self.ended + BREATH_S

    def remember(self, said: Reading, ended: float | None, *, goes_on: bool = False) -> bool:
        """This was said last, unless it is a cough, or words that nobody knows: whether it is.

        What has fields is no beginning of anything, unless it `goes_on` with an entry that is asked about.
        """
        if not said.words or said.not_understood is NotUnderstood.NO_WORDS:
            return False
        self.words, self.ended = () if said.fields and not goes_on else said.words, ended
        return True

    def continued(self, said: Reading, rules: Rules) -> Reading:
        """The reading, in which a count is to be confirmed whose beginning may be what was said before."""
        if not are_one_number(self.words, said.words, rules.language):
            return said
        return unconfirmed(said, _counted_first(said, rules))


def begins_astray(said: Reading, rules: Rules) -> bool:
    """Do words go before the first field that belong to none: "where is dock C", "not dock C", "zero eight, dock A"?"""
    return bool(preface(said.words, rules.form, rules.catalogue, rules.language))


def begins_in_doubt(said: Reading, rules: Rules) -> bool:
    """Does the number that it begins with make no value of its field, "eight five two twelve units", or belong to none?

    "Oh, dock A": a zero, maybe, of what was said before.
    """
    counted = _counted_first(said, rules)
    return not counted or any(said.fields[name].value is None for name in counted)


def _counted_first(said: Reading, rules: Rules) -> tuple[str, ...]:
    """The fields that the number at the beginning may count."""
    number = begins(said.words, rules.language)
    return tuple(name for name, one in said.fields.items() if number and _is_counted(one, number))


def _is_counted(said: FieldReading, number: Phrase) -> bool:
    """Does the field begin with the number, as it was written: "ninety-three", "dreiundneunzig", "a dozen"?"""
    first = [fold(word) for word in said.words[:2]]
    return first[:1] != [] and (first[0] in number or any(number[0] in word for word in first))


def cut_off(reading: Reading, before: Sequence[Word], rules: Rules) -> tuple[str, ...]:
    """The fields whose value is a number that the words `before` end with: it may have had an end of its own."""
    last = tuple(word for word in ends(before, rules.language) if rules.language.tells(word))[-1:]
    return tuple(name for name, one in reading.fields.items() if last and tuple(map(fold, one.words[-1:])) == last)


def says_nothing(said: Reading) -> bool:
    """Does no field have a value that may be meant: "not dock D"?"""
    return not any(one.value is not None or one.runner_up is not None for one in said.fields.values())


PLAIN = frozenset({Role.WITHIN, Role.REPEAT, Role.CUE, Role.CONTRAST})
"""What may stand around a field by which somebody puts right what was read back: "it's fifteen units, not twelve"."""


def is_plain(said: Reading, rules: Rules) -> bool:
    """Is nothing said but fields: "dock D", and not "I am going to dock D"?"""
    told, heard, roles = _told(said, rules)
    return all(at in told or roles[at] & PLAIN for at in range(len(heard)))


BEFORE, BEHIND = PLAIN | {Role.OPENING, Role.LINK}, PLAIN - {Role.WITHIN} | {Role.TAIL}
"""What may stand before and behind fields that are said for their own sake: "I'm at door twelve please"."""


def is_statement(said: Reading, rules: Rules) -> bool:
    """Is it said where somebody is: "next trailer is 5503, at door 12", not "door twelve is full" nor "bring 5503"?"""
    told, heard, roles = _told(said, rules)
    last = max(told, default=0)
    if any((token.text,) in rules.language.words["moves"] for at, token in enumerate(heard) if at not in told):
        return False
    return all(at in told or roles[at] & (BEFORE if at < last else BEHIND) for at in range(len(heard)))


def _told(said: Reading, rules: Rules) -> tuple[set[int], Sequence[Token], Sequence[set[Role]]]:
    """Which of the words say fields, the words, and what each of them may do in a sentence."""
    told = {fold(word) for one in said.fields.values() for word in one.words}
    heard, matches = _matches(said, rules)
    roles: list[set[Role]] = [set() for _ in heard]
    for start, match in matches:
        for at in range(start, match.end):
            roles[at].add(match.role)
    return {at for at, token in enumerate(heard) if fold(token.heard) in told}, heard, roles


def among_talk(
    said: Reading, rules: Rules, *, asked: str | None = None, held: Mapping[str, FieldValue] | None = None
) -> list[str]:
    """The fields whose values stand among other words than those of an answer or a correction: "no, I'm at dock C"."""
    answered = read(said.words, rules.form, rules.catalogue, rules.language, asked=asked, held=held)
    doubted = {name for name, one in said.fields.items() if one.value is None}  # and so is the unit of such a count
    return [
        name
        for name, one in said.fields.items()
        if one.value is not None
        and name in answered
        and answered[name].value is None
        and rules.form[name].unit_of not in doubted
    ]


FOR_THE_FORM = frozenset({Role.LABEL, Role.UNIT, Role.VALUE, Role.CUE, Role.CONTRAST, Role.TAKEN_BACK})
"""What may be said of an entry: its words, and whatever may take them back."""

FEWEST_IN_TALK = 3  # A word or two that nobody knows may be a "no" that was misheard.

FEWEST_WITH_NAMES = 4  # From so many words on, one that may stand for a letter does not: "right mike see you at lunch".


def is_beside(said: Reading, rules: Rules) -> bool:
    """Are the words plainly of nothing in an entry: a hesitation, or talk to somebody else?

    There are more ways to object than any list has. So talk is only what is put as a question, or to a "you", and
    holds no word in which people speak of an entry, of what they did, or of themselves.
    """
    language, (heard, matches) = rules.language, _matches(said, rules)
    if not heard:
        return bool(said.words)
    asks = _asks(matches)
    objects = any(_are_in(heard, at, language.words["objections"]) for at in range(len(heard)))
    addresses = asks or any(_are_in(heard, at, language.words["addresses"]) for at in range(len(heard)))
    meant = objects or any(match.role in FOR_THE_FORM or _is_mood_of_entry(match, asks=asks) for _, match in matches)
    told = [token.text for token in heard if language.tells(token.text)]
    named = len(told) == 1 and len(heard) >= FEWEST_WITH_NAMES and not language.numerals.is_part(told[0])
    return len(heard) >= FEWEST_IN_TALK and addresses and not meant and (not told or named)


def _are_in(heard: Sequence[Token], at: int, phrases: Collection[Phrase]) -> bool:
    """Do the words begin one of the phrases there? A part before or behind an apostrophe is a word too: "it's"."""
    said = tuple(token.text for token in heard[at:])
    parts = {(part,) for part in said[0].split("'")}
    return any(said[: len(one)] == one or one in parts for one in phrases)


def _is_mood_of_entry(match: Match, *, asks: bool) -> bool:
    """Whether a mood may take an entry back: "they want it elsewhere" may, "did you see that" may not."""
    if match.role is not Role.MOOD or match.value == "strangers":
        return False
    return match.value == "denials" or not asks


def completed(draft: Draft, before: Sequence[Word], said: Reading, rules: Rules) -> Draft | None:
    """The draft with the number that a pause cut in two, to be confirmed: "two hundred" | "and fifty"; or None."""
    if said.fields or not are_one_number(before, said.words, rules.language):
        return None
    whole = one_after_the_other(before, said.words)
    for name in cut_off(draft.reading, before, rules):
        heard = read(whole, rules.form, rules.catalogue, rules.language, asked=name).get(name)
        if heard is not None and heard.value is not None and not heard.rivals:
            fields = {**draft.reading.fields, name: replace(heard, confirmed=False)}
            return replace(draft, reading=replace(draft.reading, fields=fields))
    return None


def one_after_the_other(before: Sequence[Word], after: Sequence[Word]) -> tuple[Word, ...]:
    """The words of two breaths as if no pause had been between them."""
    end, start = before[-1].end, after[0].start
    moved = (replace(word, start=word.start - start + end, end=word.end - start + end) for word in after)
    return (*before, *moved)


def unconfirmed(reading: Reading, names: Iterable[str]) -> Reading:
    """The reading, in which these fields are to be confirmed."""
    doubted = {name: replace(reading.fields[name], confirmed=False) for name in names}
    return replace(reading, fields={**reading.fields, **doubted}) if doubted else reading
