"""Cut numbers: what a pause cuts in two is one number: "two hundred" | "and fifty", "minus" | "eighteen". Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from dockvoice_protocol.forms.spoken import are_one_number, is_murmur, number_head, number_tail, read_fields
from dockvoice_protocol.forms.spoken.folding import Phrase, fold
from dockvoice_protocol.records import Act, FieldReading, FieldValue, NotUnderstoodReason, Reading, Word
from edge.agree.decide import Rules
from edge.agree.readings import possible_values
from edge.records import Draft

BREATH_S = 4.0  # After a longer pause in the middle of a sentence, people begin it anew.
_MOST_BEGUN = 32  # Utterances that are remembered besides the last number: more than one entry has.


@dataclass(slots=True)
class PreviousUtterance:
    """The words of the last utterance with a number, which a pause may have cut, whatever else was said since.

    `begun`: those of others whose end no field took: "minus" | "door 12" | "eighteen", "vierund" | "zwanzig".
    """

    words: tuple[Word, ...] = ()
    begun: tuple[tuple[Word, ...], ...] = ()
    sign: tuple[Word, ...] = ()  # The utterance whose sign the open question offers, with the number and without.
    is_taken: bool = False  # A field took the number at the end of `words`.
    is_last: bool = False  # Nothing was said since.
    is_lost: bool = False  # The power was cut since: any number may have begun before.
    ended: float | None = None  # When the last of all utterances ended, in seconds of one clock; None: unknown.

    def is_just_before(self, began: float) -> bool:
        """Whether an utterance beginning at `began` surely continues this one."""
        return self.ended is not None and 0 <= began - self.ended <= BREATH_S

    def is_long_ago(self, began: float | None) -> bool:
        """Whether an utterance beginning at `began` surely does not continue this one."""
        return began is not None and self.ended is not None and began > self.ended + BREATH_S

    def remember_unless_wordless(
        self, reading: Reading, ended: float | None, rules: Rules, goes_on_with: Sequence[Reading] = ()
    ) -> bool:
        """Remember an utterance; False, and unchanged, for one that says nothing: a cough, "one moment".

        One with fields has no open end, unless it goes on with open ones.
        """
        says_nothing = reading.act not in {Act.YES, Act.NO} and is_murmur(reading.words, rules.language)
        if says_nothing or not reading.words or reading.not_understood is NotUnderstoodReason.NO_WORDS:
            return False
        self.ended, self.is_last = ended, False
        self.is_lost &= reading.act not in {Act.YES, Act.NO}
        before = self._find_begun(reading, rules)
        self.sign = before if _ends_with_sign_or_point(before, rules) else self.sign
        if not any(_has_doubtful_measure(one, rules) for one in goes_on_with):
            self.sign = ()  # The measure was said whole.
        if reading.fields and not goes_on_with:
            self.forget()
        elif _has_part_of_number(reading.words, rules):
            untaken = (self.words,) if self.words and not self.is_taken else ()
            is_whole = bool(before or _find_measures(reading, rules))
            self.begun = () if is_whole else (*self.begun, *untaken)[-_MOST_BEGUN:]
            self.is_taken = any(find_cut_fields(one, reading.words, rules) for one in goes_on_with or (reading,))
            # A number in pieces is one: "minus" | "twenty" | "two".
            self.words = _join_utterance_words(before, _until_sign_or_point(reading, rules))
            self.is_last, self.is_lost = True, False
        else:
            self.begun = (*self.begun, reading.words)[-_MOST_BEGUN:]
        return True

    def forget(self) -> None:
        """Forget what was begun: it was recorded, dropped or put aside."""
        self.words, self.begun, self.sign, self.is_lost = (), (), (), False

    def go_on_with(self, draft: Draft | None, before: Draft | None) -> Draft | None:
        """The open draft, which takes along what is begun; another one than before brings back what was begun of it."""
        if draft is None:
            return None
        if before is None or before.utterance_id != draft.utterance_id:
            self.begun = (*self.begun, *draft.begun)[-_MOST_BEGUN:]
        open_ends = (self.words if not self.is_taken else (), self.sign, *self.begun)
        return replace(draft, begun=tuple(filter(None, open_ends)))

    def forget_taken(self) -> None:
        """Forget the last number if a field took it, and nothing that was begun: a sign goes on behind a place."""
        self.words = () if self.is_taken else self.words

    def is_continued_by(self, reading: Reading, rules: Rules) -> bool:
        """Whether one number may begin in this utterance and go on in the next."""
        return bool(self._find_continued(reading, rules))

    def _find_continued(self, reading: Reading, rules: Rules) -> tuple[Word, ...]:
        """The utterance whose last number may go on in `reading`; behind others, one taken goes on in no new field."""
        measures = any(field.spoken.measures for field in rules.form.fields)
        may_go_on = self.is_last or not (self.is_taken and reading.fields)
        each, said = (self.words if may_go_on else (), *self.begun), reading.words
        if measures and _ends_with_point(said, rules):  # "Minus" | "eighteen point" | "five"
            said = said[:-1]
            if not said:
                return each[0]
        return next((one for one in each if are_one_number(one, said, rules.language, measures=measures)), ())

    def _find_begun(self, reading: Reading, rules: Rules, claim: Reading | None = None) -> tuple[Word, ...]:
        """The utterance whose last number goes on in `reading`, also behind other words."""
        signs = [one for one in (self.words, *self.begun) if _ends_with_sign_or_point(one, rules)]
        unsigned, known = _find_unsigned_measures(reading, rules), {} if claim is None else claim.fields
        if any(value not in possible_values(known.get(name)) for name, value in unsigned.items()):
            signs.append(self.sign)  # One that was offered is chosen, without the sign.
        return self._find_continued(reading, rules) or (next(iter(signs), ()) if unsigned else ())

    def doubt_continued_number(self, reading: Reading, claim: Reading | None, rules: Rules) -> Reading:
        """The reading, with the number in doubt that may have begun in the previous utterance: "minus" | "eighteen".

        `claim`: the open one, whose values were offered.
        """
        before = self._find_continued(reading, rules)
        if before or (self.is_lost and number_head(reading.words, rules.language)):
            begun = [name for name in _fields_of_first_number(reading, rules) if rules.form[name].unit_of is None]
            return _doubt(reading, begun, before, reading, rules)
        # A sign goes on behind other words: "minus" | "the temperature is eighteen".
        before = self._find_begun(reading, rules, claim)
        return _doubt(reading, _find_unsigned_measures(reading, rules), before, reading, rules) if before else reading

    def doubt_cut_number(self, claim: Reading, reading: Reading, rules: Rules) -> Reading:
        """The claim, with the number in doubt that this utterance ends with: `reading` may go on with it.

        Not what `reading` says anew.
        """
        before = self._find_continued(reading, rules) or (self.words if self.is_last else ())
        cut = [name for name in find_cut_fields(claim, before, rules) if name not in reading.fields]
        if self.is_lost:
            cut = [name for name, one in claim.fields.items() if isinstance(one.value, int | float)]
        return _doubt(claim, cut, before, reading, rules)

    def makes_no_place_with(self, reading: Reading, name: str, rules: Rules) -> bool:
        """Whether this utterance and `reading` together are no place there is: "door ninety-nine" | "thirteen"."""
        whole, field = _join_utterance_words(self.words, reading.words), rules.form[name]
        said = read_fields(whole, rules.form, rules.catalogue, rules.language, asked=name).get(name)
        return field.catalogue is not None and not any(rules.allows_value(field, one) for one in possible_values(said))


def _ends_with_sign(words: Sequence[Word], rules: Rules) -> bool:
    """Whether a sign ends it, or one that is said behind a number, and is behind none: "it's below"."""
    said, texts = rules.language.table["decimals"], [fold(word.text) for word in words]
    below = {*map(fold, said["below"])}
    number_end = next((at for at in range(len(words)) if " ".join(texts[at:]) in below), None)
    if number_end is not None:
        return not _has_part_of_number(words[number_end - 1 : number_end], rules)
    return bool(texts) and texts[-1] in map(fold, said["minus"])


def _ends_with_point(words: Sequence[Word], rules: Rules) -> bool:
    points = {*map(fold, rules.language.table["decimals"]["points"])}
    return any(fold(word.text) in points for word in words[-1:])


def _ends_with_sign_or_point(words: Sequence[Word], rules: Rules) -> bool:
    return _ends_with_sign(words, rules) or _ends_with_point(words, rules)


def _until_sign_or_point(reading: Reading, rules: Rules) -> tuple[Word, ...]:
    """The words; without a measure, only up to the last sign or point, which has no number yet: "minus, hang on"."""
    words, measures = reading.words, {field.name for field in rules.form.fields if field.spoken.measures}
    if not measures or measures & reading.fields.keys():
        return words
    ends = (end for end in range(len(words), 0, -1) if _ends_with_sign_or_point(words[:end], rules))
    return words[: next(ends, len(words))]


def _has_part_of_number(words: Sequence[Word], rules: Rules) -> bool:
    """Whether it has a number, or a sign or a point of one."""
    language = rules.language
    return any(
        number_head((one,), language)
        or language.numerals.is_part(fold(one.text))
        or _ends_with_sign_or_point((one,), rules)
        for one in words
    )


def _find_measures(reading: Reading, rules: Rules) -> dict[str, int | float]:
    """The measures that have a value."""
    values = {name: one.value for name, one in reading.fields.items() if rules.form[name].spoken.measures}
    return {name: value for name, value in values.items() if isinstance(value, int | float)}


def _find_unsigned_measures(reading: Reading, rules: Rules) -> dict[str, int | float]:
    """The measures above zero that were said without a "plus"."""
    values = _find_measures(reading, rules)
    return {name: value for name, value in values.items() if value >= 0 and not has_plus(reading.fields[name], rules)}


def has_plus(reading: FieldReading, rules: Rules) -> bool:
    """Whether its number was said to be above zero: "plus four"."""
    plus = {fold(word) for word in rules.language.table["decimals"]["plus"]}
    return not plus.isdisjoint(map(fold, reading.words))


def _has_doubtful_measure(claim: Reading, rules: Rules) -> bool:
    measures = [field.name for field in rules.form.fields if field.spoken.measures]
    said = [claim.fields[name] for name in measures if name in claim.fields]
    return any(one.value is None or one.rivals or not one.confirmed for one in said)


def _doubt(doubted: Reading, names: Iterable[str], before: Sequence[Word], after: Reading, rules: Rules) -> Reading:
    """The reading with these fields unconfirmed; a measure may be that of both utterances together: -18, or 18."""
    whole = _join_utterance_words(before, after.words)
    fields = dict(doubted.fields)
    unsigned = _find_unsigned_measures(doubted, rules) if _ends_with_sign(before, rules) else {}
    for name in names:
        one = fields[name] = replace(fields[name], confirmed=False)
        value = _read_one_value(whole, name, rules) if rules.form[name].spoken.measures else None
        if value in {None, one.value} and name in unsigned:
            value = -unsigned[name]
        if one.value is not None and value is not None and value not in possible_values(one):
            fields[name] = replace(one, value=value, rivals=(one.value, *one.rivals))
    return replace(doubted, fields=fields)


def _read_one_value(words: Sequence[Word], name: str, rules: Rules) -> FieldValue | None:
    """The only value that the words give the field, which is asked for; None where it is doubtful or not allowed."""
    said = read_fields(words, rules.form, rules.catalogue, rules.language, asked=name).get(name)
    if said is None or said.value is None or said.rivals or not rules.allows_value(rules.form[name], said.value):
        return None
    return said.value


def begins_with_unclear_number(reading: Reading, rules: Rules) -> bool:
    """Whether its first number gives its field no value, "eight five two twelve units", or belongs to no field.

    "Oh, dock A": the zero may continue the last utterance.
    """
    counted = _fields_of_first_number(reading, rules)
    unclear = (name for name in counted if reading.fields[name].value is None)
    return not counted or not all(begins_with_clear_number(name, reading, rules) for name in unclear)


def begins_with_clear_number(name: str, reading: Reading, rules: Rules) -> bool:
    """Whether it begins with a number that is the field's value by itself, whatever follows: "24 cases I think"."""
    words, head = reading.words, number_head(reading.words, rules.language)
    number = next((words[:end] for end in range(len(words)) if number_head(words[:end], rules.language) == head), words)
    return name in _fields_of_first_number(reading, rules) and _read_one_value(number, name, rules) is not None


def _fields_of_first_number(reading: Reading, rules: Rules) -> tuple[str, ...]:
    """The fields that the first number may count."""
    # "Vingt" | "un": a number that goes on may begin with a common word.
    number = number_head(reading.words, rules.language) or tuple(fold(word.text) for word in reading.words[:2])
    return tuple(name for name, one in reading.fields.items() if number and _starts_with_number(one, number))


def _starts_with_number(reading: FieldReading, number: Phrase) -> bool:
    """Whether the field begins with the number as it was written: "ninety-three", "dreiundneunzig", "a dozen"."""
    first = [fold(word) for word in reading.words[:2]]
    return first[:1] != [] and (first[0] in number or any(number[0] in word for word in first))


def find_cut_fields(reading: Reading, before: Sequence[Word], rules: Rules) -> tuple[str, ...]:
    """The fields whose value is the number at the end of `before`, which a pause may have cut."""
    names = rules.language.may_be_in_identifier
    # "Ein" | "hundert", "quatre-vingt" | "dix", "siebenhundert" | "zwei"
    end = {fold(one.text) for one in before[-1:] if _has_part_of_number((one,), rules)}
    last = {*[word for word in number_tail(before, rules.language) if names(word)][-1:], *filter(names, end)}
    return tuple(
        name
        for name, one in reading.fields.items()
        if one.words and fold(one.words[-1]) in (last | end if isinstance(one.value, int | float) else last)
    )


def complete_cut_number(draft: Draft, before: Sequence[Word], reading: Reading, rules: Rules) -> Draft | None:
    """The draft with the whole of a number that a pause cut, unconfirmed: "two hundred" | "and fifty"; or None."""
    if reading.fields or not are_one_number(before, reading.words, rules.language):
        return None
    whole = _join_utterance_words(before, reading.words)
    for name in find_cut_fields(draft.reading, before, rules):
        if rules.form[name].identifier:  # It would be another thing: "pallet seven hundred" | "forty two".
            continue
        field_reading = read_fields(whole, rules.form, rules.catalogue, rules.language, asked=name).get(name)
        if field_reading is not None and field_reading.value is not None and not field_reading.rivals:
            fields = {**draft.reading.fields, name: replace(field_reading, confirmed=False)}
            return replace(draft, reading=replace(draft.reading, fields=fields))
    return None


def _join_utterance_words(before: Sequence[Word], after: Sequence[Word]) -> tuple[Word, ...]:
    """The words of two utterances, timed without the pause between them."""
    gap = after[0].start - before[-1].end if before and after else 0.0
    return (*before, *(replace(word, start=word.start - gap, end=word.end - gap) for word in after))
