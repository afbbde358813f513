"""Unclear numbers: digits without a label that may name another thing, and numbers that a pause cut in two. Pure.

"743, three cases" over pallet 742 names another one; "two hundred" | "and fifty" is one number.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from dockvoice_protocol.forms.pattern import SEPARATORS
from dockvoice_protocol.forms.spoken import are_one_number, is_murmur, number_head, number_tail, read_fields
from dockvoice_protocol.forms.spoken.folding import Phrase, fold
from dockvoice_protocol.forms.spoken.grammar.weights import COMMA_S
from dockvoice_protocol.records import Act, FieldReading, FieldValue, NotUnderstoodReason, Reading, Word, as_text
from edge.agree.decide import Rules
from edge.agree.readings import possible_values, read_part, without_inherited
from edge.records import Draft

SHORTEST_NAME = 3  # The fewest digits that may be an identifier.

_NO_SEPARATORS = str.maketrans(dict.fromkeys(SEPARATORS))


def add_unlabelled_identifier(reading: Reading, claim: Reading, rules: Rules) -> Reading:
    """The reading, in which digits without a field become a doubtful identifier of the other values.

    The open claim's own identifier is not added, nor read as a value: it names no other thing.
    """
    name = next(iter(rules.identifying_fields), None)
    if (
        name is None
        or name in without_inherited(reading).fields
        or not reading.words
        or reading.act not in {Act.RECORD, Act.AMEND}
    ):
        return reading
    for start, end, value in _find_stray_names(name, reading, rules):
        words = reading.words[start:end]
        rest = read_part(reading, (*reading.words[:start], *reading.words[end:]), rules)
        if not without_inherited(rest).fields or _ends_with_unclear_name(reading.words[:start], rest, rules):
            continue
        least = min(word.confidence for word in words)
        bare = FieldReading(None, tuple(word.text for word in words), least, runner_up=value)
        fields = rest.fields if value in possible_values(claim.fields.get(name)) else {name: bare, **rest.fields}
        return replace(rest, words=reading.words, preface=reading.preface, fields=fields)
    return reading


def read_with_label(reading: Reading, rules: Rules) -> Reading:
    """The reading while nothing is open, in which digits of no field are read as if their label led to them: asked.

    "742 is wet", "two damaged on 742".
    """
    name = next(iter(rules.identifying_fields), None)
    if name is None or name in without_inherited(reading).fields or reading.not_understood or not reading.fields:
        return reading
    labels = rules.form[name].wording(rules.language.code).labels
    for start, end, value in _find_stray_names(name, reading, rules):
        words = reading.words[start:end]
        label = [replace(words[0], text=text, end=words[0].start) for text in next(iter(labels), "").split()]
        labelled = read_part(reading, (*reading.words[:start], *label, *reading.words[start:]), rules)
        named = labelled.fields.get(name)
        if named is None or named.value != value or not reading.fields.keys() <= labelled.fields.keys():
            continue
        named = replace(named, words=tuple(word.text for word in words), confirmed=False)
        return replace(labelled, words=reading.words, fields={**labelled.fields, name: named})
    return reading


def _find_stray_names(name: str, reading: Reading, rules: Rules) -> Iterator[tuple[int, int, FieldValue]]:
    """Each span of digits of no understood field that may be an identifier, as its start, its end and that value."""
    for start, end in _find_digit_spans(reading.words, rules):
        words = reading.words[start:end]
        named = read_fields(words, rules.form, rules.catalogue, rules.language, asked=name).get(name)
        value = None if named is None or named.rivals else named.value
        if value is None or len(as_text(value)) < SHORTEST_NAME or _belongs_to_understood_field(reading, words, value):
            continue
        yield start, end, value


def _ends_with_unclear_name(words: Sequence[Word], reading: Reading, rules: Rules) -> bool:
    """Whether the words end with a name that was not understood, which digits behind them go on: "item was B" | 714."""
    said = tuple(word.text for word in words)
    unclear = (one for name, one in reading.fields.items() if one.value is None and rules.form[name].identifier)
    return any(one.words and said[-len(one.words) :] == one.words for one in unclear)


def unconfirm_behind_stray_name(reading: Reading, rules: Rules) -> Reading:
    """The reading; what is said behind digits that may name a second thing is unconfirmed, and asked with them.

    "Pallet 742, 54 units, and 743 dock C": the dock may be that of 743.
    """
    name, named = next(iter(rules.identifying_fields), None), False
    if name is None or not reading.words or reading.act not in {Act.RECORD, Act.AMEND}:
        return reading
    for start, end, _ in _find_stray_names(name, reading, rules):
        if not (named or name in without_inherited(read_part(reading, reading.words[:start], rules)).fields):
            named = True
            continue
        behind = read_part(reading, reading.words[end:], rules).fields
        stray = tuple(word.text for word in reading.words[start:end])
        doubted = {
            other: replace(one, confirmed=False, unexplained=(*one.unexplained, *stray))
            for other, one in reading.fields.items()
            if not one.is_inherited and other in behind and behind[other].value == one.value
        }
        return replace(reading, fields={**reading.fields, **doubted})
    return reading


def doubt_values_before_name(reading: Reading, rules: Rules) -> Reading:
    """The reading; of two values around a name, its own is the one behind it, and asked with the other.

    "No, 64 units, and pallet 972, 96 units": the 64 are of another thing.
    """
    named = {name: reading.fields[name].value for name in rules.identifying_fields if name in reading.fields}
    name, value = next(((name, value) for name, value in named.items() if value is not None), ("", None))
    doubted = [other for other, one in reading.fields.items() if one.rivals and other not in named]
    if value is None or not doubted or reading.fields[name].rivals:
        return reading
    for at in range(len(reading.words) - 1, 0, -1):
        before, behind = (read_part(reading, words, rules).fields for words in (reading.words[:at], reading.words[at:]))
        if name in behind and behind[name].value == value:
            own = {
                other: replace(behind[other], confirmed=False, unexplained=before[other].words)
                for other in doubted
                if all(other in part and len(possible_values(part[other])) == 1 for part in (before, behind))
            }
            return reading if name in before else replace(reading, fields={**reading.fields, **own})
    return reading


def read_number_as_place(reading: Reading, names: Collection[str], rules: Rules) -> Reading:
    """The reading, in which a number behind the label of one of these places is its value: "dock nine" among letters.

    There is none such, which the operator is told; the number is no count.
    """
    for name, said in reading.fields.items():
        catalogue = rules.form[name].catalogue
        if (
            name not in names
            or catalogue is None
            or possible_values(said)
            or not said.words
            or reading.act not in {Act.RECORD, Act.AMEND}
        ):
            continue
        start, end, number = _find_number_behind(said.words, reading.words, rules)
        if number is None or rules.catalogue.has_values(catalogue, number):
            continue
        rest = read_part(reading, (*reading.words[:start], *reading.words[end:]), rules)
        sure = {one: other.value for one, other in reading.fields.items() if other.value is not None}
        if any(one not in rest.fields or rest.fields[one].value != value for one, value in sure.items()):
            continue  # The number has a unit, or another label.
        if any(other.value is None for other in rest.fields.values()):
            continue  # More is unclear.
        words = reading.words[start:end]
        least = min(word.confidence for word in words)
        place = FieldReading(number, tuple(word.text for word in words), least)
        return replace(rest, words=reading.words, preface=reading.preface, fields={**rest.fields, name: place})
    return reading


def _find_number_behind(label: Sequence[str], words: Sequence[Word], rules: Rules) -> tuple[int, int, str | None]:
    """Where the label begins, the number right behind it ends, and that number; None where there is none."""
    folded = [fold(word.text).strip(".,;:!? ") for word in words]
    named, language = [fold(word).strip(".,;:!? ") for word in label], rules.language
    for start in range(len(folded) - len(named)):
        end = begins = start + len(named)
        while end < len(folded) and number_head(words[end : end + 1], language):
            end += 1
        if folded[start:begins] == named and end > begins:
            counts = language.numerals.counts(folded[begins:end], 0)
            return start, end, next((str(one.value) for one in counts if one.end == end - begins), None)
    return 0, 0, None


def is_long_number(value: FieldValue | None) -> bool:
    """Whether a number has as many digits as an identifier."""
    return isinstance(value, int) and not isinstance(value, bool) and len(as_text(value)) >= SHORTEST_NAME


def take_stray_digits_as_identifier(reading: Reading, utterance_id: str, rules: Rules) -> Reading:
    """The reading; if it has values but no identifier, unexplained digits become the words of one without a value.

    After "we got seven four six with, let me see, eighteen cases" another number is another thing.
    """
    name = next(iter(rules.identifying_fields), None)
    explained = {word for one in reading.fields.values() if possible_values(one) for word in one.words}
    bare = [one for one in reading.words if rules.language.may_be_in_identifier(one.text) and one.text not in explained]
    if name is None or name in reading.fields or not reading.fields or len(bare) < SHORTEST_NAME:
        return reading
    words, least = tuple(one.text for one in bare), min(one.confidence for one in bare)
    return replace(reading, fields={name: FieldReading(None, words, least, said_in=(utterance_id,)), **reading.fields})


def has_digits_besides(words: Sequence[Word], values: Collection[FieldValue], rules: Rules) -> bool:
    """Whether it has a number besides the values', which it says: "743 is nine" for 743; not "the first one"."""
    runs = [
        "".join(_parse_digit(word.text, rules) for word in words[start:end])
        for start, end in _find_digit_spans(words, rules)
    ]
    own = [run for run in runs if any(run in as_text(value) for value in values)]
    return any(len(run) >= SHORTEST_NAME for run in own) and len(own) < len(runs)


def _find_digit_spans(words: Sequence[Word], rules: Rules) -> Iterator[tuple[int, int]]:
    """The spans of digits that are spoken one by one, or written as one number, without a pause."""
    start = 0
    for at in range(len(words) + 1):
        goes_on = at < len(words) and _parse_digit(words[at].text, rules) != ""
        if goes_on and (at == start or words[at].start - words[at - 1].end < COMMA_S):
            continue
        if at > start:
            yield start, at
        start = at if goes_on else at + 1


def _parse_digit(word: str, rules: Rules) -> str:
    """The digit of a spoken word, or the digits of a written one; empty for any other word."""
    bare = fold(word).strip(".,;:!?")
    groups = (one.text for one in rules.language.numerals.groups([bare], 0))
    return bare if bare.isdigit() else next((one for one in groups if len(one) == 1), "")


def _belongs_to_understood_field(reading: Reading, words: Sequence[Word], value: FieldValue) -> bool:
    """Whether the digits belong to a field that was understood: a seal, an order, a count."""
    digits = {fold(word.text) for word in words}
    return any(
        # The separators of a value are not spoken: "A0102" of A-01-02.
        (as_text(value) in one.translate(_NO_SEPARATORS) if isinstance(one, str) else as_text(value) == as_text(one))
        and digits <= {*map(fold, field.words)}
        for field in without_inherited(reading).fields.values()
        for one in (*possible_values(field), *field.denied)
    )


BREATH_S = 4.0  # After a longer pause in the middle of a sentence, people begin it anew.
_MOST_BEGUN = 32  # Utterances that are remembered besides the last number: more than one entry has.


@dataclass(slots=True)
class PreviousUtterance:
    """The words of the last utterance with a number, which a pause may have cut, whatever else was said since.

    `begun`: those of others whose end no field took: "minus" | "door 12" | "eighteen", "vierund" | "zwanzig".
    """

    words: tuple[Word, ...] = ()
    begun: tuple[tuple[Word, ...], ...] = ()
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
        if reading.fields and not goes_on_with:
            self.forget()
        elif _has_part_of_number(reading.words, rules):
            untaken = (self.words,) if self.words and not self.is_taken else ()
            self.begun = () if self._find_begun(reading, rules) else (*self.begun, *untaken)[-_MOST_BEGUN:]
            self.is_taken = any(find_cut_fields(one, reading.words, rules) for one in goes_on_with or (reading,))
            self.words, self.is_last, self.is_lost = reading.words, True, False
        else:
            self.begun = (*self.begun, reading.words)[-_MOST_BEGUN:]
        return True

    def forget(self) -> None:
        """Forget what was begun: it was recorded, dropped or put aside."""
        self.words, self.begun, self.is_lost = (), (), False

    def is_continued_by(self, reading: Reading, rules: Rules) -> bool:
        """Whether one number may begin in this utterance and go on in the next."""
        return bool(self._find_continued(reading, rules))

    def _find_continued(self, reading: Reading, rules: Rules) -> tuple[Word, ...]:
        """The utterance whose last number may go on in `reading`; behind others, one taken goes on in no new field."""
        measures = any(field.spoken.measures for field in rules.form.fields)
        may_go_on = self.is_last or not (self.is_taken and reading.fields)
        each = (self.words if may_go_on else (), *self.begun)
        return next((one for one in each if are_one_number(one, reading.words, rules.language, measures=measures)), ())

    def _find_begun(self, reading: Reading, rules: Rules) -> tuple[Word, ...]:
        """The utterance whose last number goes on in `reading`, also behind other words."""
        signs = (one for one in (self.words, *self.begun) if _ends_with_sign_or_point(one, rules))
        unsigned = _find_unsigned_measures(reading, rules)
        return self._find_continued(reading, rules) or (next(signs, ()) if unsigned else ())

    def doubt_continued_number(self, reading: Reading, rules: Rules) -> Reading:
        """The reading, with the number in doubt that may have begun in the previous utterance: "minus" | "eighteen"."""
        before = self._find_continued(reading, rules)
        if before or (self.is_lost and number_head(reading.words, rules.language)):
            begun = [name for name in _fields_of_first_number(reading, rules) if rules.form[name].unit_of is None]
            return _doubt(reading, begun, before, reading, rules)
        # A sign goes on behind other words: "minus" | "the temperature is eighteen".
        before = self._find_begun(reading, rules)
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


def _ends_with_sign_or_point(words: Sequence[Word], rules: Rules) -> bool:
    """Whether a sign or a point ends it, or it is but a sign that is said behind numbers: "below"."""
    said, whole = rules.language.table["decimals"], fold(" ".join(word.text for word in words))
    ends = fold(words[-1].text) in {*map(fold, (*said["minus"], *said["points"]))} if words else False
    return ends or whole in map(fold, said["below"])


def _has_part_of_number(words: Sequence[Word], rules: Rules) -> bool:
    """Whether it has a number, or a sign or a point of one."""
    language = rules.language
    return any(
        number_head((one,), language)
        or language.numerals.is_part(fold(one.text))
        or _ends_with_sign_or_point((one,), rules)
        for one in words
    )


def _find_unsigned_measures(reading: Reading, rules: Rules) -> list[str]:
    values = {name: one.value for name, one in reading.fields.items() if rules.form[name].spoken.measures}
    return [name for name, value in values.items() if isinstance(value, int | float) and value >= 0]


def _doubt(doubted: Reading, names: Iterable[str], before: Sequence[Word], after: Reading, rules: Rules) -> Reading:
    """The reading with these fields unconfirmed; a measure may be that of both utterances together: -18, or 18."""
    whole = _join_utterance_words(before, after.words)
    fields = dict(doubted.fields)
    for name in names:
        one = fields[name] = replace(fields[name], confirmed=False)
        value = _read_one_value(whole, name, rules) if rules.form[name].spoken.measures else None
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
    return not counted or any(reading.fields[name].value is None for name in counted)


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
    last = tuple(word for word in number_tail(before, rules.language) if rules.language.may_be_in_identifier(word))[-1:]
    # "Ein" | "hundert", "quatre-vingt" | "dix"
    end = {fold(one.text) for one in before[-1:] if _has_part_of_number((one,), rules)}
    return tuple(
        name
        for name, one in reading.fields.items()
        if one.words and fold(one.words[-1]) in ({*last, *end} if isinstance(one.value, int | float) else last)
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
