"""Parses mentions, the values of fields, labelled, bare or spelt, with their costs given earlier mentions.

A value may be spelt group by group, digits and letters: "seven four | two", "B dash one four".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import FormField
from dockvoice_protocol.forms.spoken.grammar import costs
from dockvoice_protocol.forms.spoken.grammar.cached_method import cached_method
from dockvoice_protocol.forms.spoken.grammar.lexicon import Role
from dockvoice_protocol.forms.spoken.grammar.marks import (
    ALTERNATIVE,
    ANNOUNCED_AGAIN,
    BARE,
    CORRECTS,
    CORRECTS_RECORD,
    DENIED,
    DENIED_BY_NO,
    HEDGED,
    NOT_THIS_PLACE,
    NUMBERLESS,
    OTHER_FIELD,
    PLUS,
    REPEATED,
    UNEXPLAINED,
    UNITLESS,
    marked,
)
from dockvoice_protocol.forms.spoken.grammar.path import (
    EventKind,
    ExplanationEvent,
    ParserState,
    Path,
    PathQueue,
    Spelling,
    differ_by_one_error,
)
from dockvoice_protocol.forms.spoken.grammar.spans import (
    SpanReader,
    Spans,
    ids_before_correction,
    is_article,
    leads_to_place,
    letters_in_one_word,
    named_letters,
)
from dockvoice_protocol.forms.spoken.grammar.tokens import AMBIGUOUS, Token, ends_word, letters_at, may_be_letters
from dockvoice_protocol.forms.spoken.language import LETTERS
from dockvoice_protocol.forms.spoken.numerals import DigitGroup
from dockvoice_protocol.records import FieldValue

_DIGITS_IN_GROUP = 2  # Maximum digits in a spoken group of an identifier; figures may have more.


class Speller(SpanReader):
    """Parser steps that spell a value."""

    def __init__(self, spans: Spans, queue: PathQueue, counts_at: Sequence[Sequence[object]]) -> None:
        """`counts_at`: the counts with their units that begin at a token."""
        super().__init__(spans)
        self._counts_at = counts_at
        self._queue = queue
        self._numerals, self._alphabet = spans.language.numerals, spans.language.alphabet
        self._homophones, self._separators = spans.language.homophones, spans.language.separators
        self._counted = any(
            one.role is Role.UNIT or (one.role is Role.LABEL and spans.fields[str(one.field)].spoken.counts)
            for some in spans.matches
            for one in some
        )
        """Whether the utterance has a unit or the label of a count, so that no loose number is one."""
        self._next_groups = cached_method(self._find_next_groups)
        self.endings = cached_method(self._find_endings)
        """Each possible value of a spelt one, given with its field's name, that ends here, and the cost of the end."""

    def begin(self, path: Path, field: FormField, at: int, cost: float, marks: str) -> None:
        """Step over the first group of a value."""
        for end, dearer, longer in self._next_groups(field.name, Spelling(at, cost, "", marks), at, 0):
            self._queue.add(
                end, Path(path.cost + cost + dearer, ParserState.SPELLING, field.name, path.pending, longer, *path[5:])
            )

    def add_group(self, path: Path, spelling: Spelling, at: int) -> None:
        """Step over another group of a value."""
        # By the silence, or by the lengthened word before.
        pause = max(self._tokens[at].pause_inside, costs.SLIGHT if self._tokens[at - 1].final else 0)
        for end, cost, longer in self._next_groups(str(path.field), spelling, at, pause):
            self._queue.add(end, Path(path.cost + cost, path.state, path.field, path.pending, longer, *path[5:]))
        self._step_between_groups(path, spelling, at, pause)

    def _find_next_groups(
        self, name: str, spelling: Spelling, at: int, pause: int
    ) -> Sequence[tuple[int, float, Spelling]]:
        """The possible next groups of a value: end, cost, and the value with the group. Many paths share them."""
        field = self._spans.fields[name]
        most = field.item_field.max_length
        return [
            (group.end, *self._with_group(field, spelling, at, group, pause))
            for group in self._possible_groups(field, at, begins=not spelling.groups)
            if most is None or len(spelling.text) + len(group.text) <= most
        ]

    def _step_between_groups(self, path: Path, spelling: Spelling, at: int, pause: int) -> None:
        """Step over words between two groups without a meaning: a separator, or an "oh" of surprise."""
        word = self._words[at]
        if word in self._separators and not pause and self._words[at - 1] not in self._separators:
            self._queue.add(at + 1, path._replace(cost=path.cost + costs.LINK, spelling=spelling._replace(joined=True)))
        if pause and word == "oh" and at + 1 < len(self._tokens):
            # Behind a hesitation it is equally likely the digit.
            surprise = costs.HESITATED if self._tokens[at].hesitated else 0.0
            surprise += costs.BREATHLESS if self._numbers.goes_on(at) else 0.0
            if self._tokens[at + 1].pause >= costs.COMMA:
                # Between two pauses it may be the zero that a slow speaker goes on with.
                path = path._replace(spelling=spelling._replace(marks=marked(spelling.marks, UNEXPLAINED)))
            self._queue.continue_at(path, at + 1, costs.RESTART + surprise)

    def _with_group(
        self, field: FormField, spelling: Spelling, at: int, group: DigitGroup, pause: int
    ) -> tuple[float, Spelling]:
        """The cost of another group, and the value with it."""
        word, text = self._words[at], group.text
        # A number of hundreds is usually a whole value; among other digits it is rare.
        whole = len(text) > _DIGITS_IN_GROUP and not word.isdigit() and word not in self._numerals.times
        digits_before = any(one.isdigit() for one in spelling.text)
        cost = group.cost + (0.0 if pause >= costs.SHORT else spelling.cut)
        cost += costs.WHOLE if digits_before and whole else 0.0
        if spelling.groups:
            cost += self._style_change_cost(at, pause)
        elif self._numbers.is_headless(at):
            cost += costs.HEADLESS
        cost += costs.RIVALRY if spelling.text and self._leads_to_count(at) else 0.0
        if word == AMBIGUOUS and field.spoken.is_code and spelling.text:
            cost += costs.LETTER_OR_DIGIT if spelling.text[-1].isdigit() != text.isdigit() else 0.0
        singles = spelling.singles and len(text) == 1
        paused, spared = _pause_and_spared_cost(spelling, pause, singles=singles)
        breathes = self._breathes(spelling, at, text, pause) and not spared
        parted = pause > 0 or len(spelling.breaths) > 0
        torn = parted and group.end < self._spans.size and self._numbers.are_one(at, group.end)
        run = len(text) + (0 if pause else spelling.run)
        waived = costs.PAUSED[pause] - costs.ENUMERATED if breathes else 0.0
        unpaid = waived or spelling.unpaid
        if breathes:
            paused = costs.ENUMERATED
        elif pause:
            paused, unpaid = paused + unpaid, 0.0
        waived += spelling.waived
        if run >= _DIGITS_IN_GROUP:
            unpaid = waived if torn else 0.0
        cost += paused
        # Digits behind a number of hundreds may be a part of it: 70055 sounds like 755, and 20034 ("two hundred three
        # four") like 2034.
        doubtful = word in self._homophones or (spelling.round and digits_before)
        # So may the first word of the count be that a pause cut: "four | one | hundred and two units".
        written = word.isdigit() or self._words[at - 1].isdigit()
        doubtful |= torn and pause > 0 and not written and self._numbers.is_headless(group.end)
        # A number that no catalogue and no usual length tells from what follows: "item A100 twelve".
        open_ended = field.usual is not None or (field.identifier and field.required and field.catalogue is None)
        doubtful |= spelling.groups > 0 and open_ended and self._may_be_two(field, spelling.text, at, text)
        return cost, Spelling(
            spelling.start,
            spelling.cost + cost,
            spelling.text + text,
            marked(spelling.marks, UNEXPLAINED) if doubtful else spelling.marks,
            singles,
            whole and _may_continue(text, several=not all(one.inner for one in self._tokens[at + 1 : group.end])),
            spelling.groups + 1,
            spelling.paused + (pause > 0),
            spared,
            cut=group.behind,
            run=run,
            breaths=(*spelling.breaths, len(spelling.text)) if breathes else spelling.breaths,
            waived=waived,
            unpaid=unpaid,
        )

    def _may_be_two(self, field: FormField, before: str, at: int, text: str) -> bool:
        """Whether a further group of a value may be another one, or a count."""
        # Groups of figures of one length are spelt so, "2683 2416"; of two lengths one may be a count.
        if self._words[at].isdigit() and before.isdigit() and 1 < len(text) != len(before) > 1:
            return True
        # So may be words behind long figures: "4093 thirty, five boxes".
        if self._style_change_cost(at, 0) == costs.MIXED and field.item_field.allows(before):
            return True
        # Two complete values are doubtful too: "pallet 742 743".
        return self._spans.lexicon.is_usual(field.name, before) and self._spans.lexicon.is_usual(field.name, text)

    def _breathes(self, spelling: Spelling, at: int, text: str, pause: int) -> bool:
        """Whether a pause only parts groups of digits: "one five | five three", in an utterance with a count.

        A single digit between pauses may be a hesitation: "um" comes as "one", "uh" as "oh". Words of another style,
        or figures, may be another number.
        """
        if not self._counted or pause < costs.SHORT or spelling.run < _DIGITS_IN_GROUP or len(text) > _DIGITS_IN_GROUP:
            return False
        pairs = not spelling.singles and len(spelling.text) == _DIGITS_IN_GROUP * spelling.groups
        pairs &= spelling.text[0] != "0"
        number = len(text) == _DIGITS_IN_GROUP and self._words[at] not in self._numerals.times
        written = self._words[at].isdigit() or self._words[at - 1].isdigit()
        return (spelling.text + text).isdigit() and number == pairs and not written

    def _leads_to_count(self, at: int) -> bool:
        """Whether a letter is a word, or begins a link, before a count with its unit: French "a dix-huit pièces"."""
        word = self._words[at]
        said = word in LETTERS and self._spans.goes_straight_on(at) and self._spans.goes_straight_on(at + 1)
        links = self._spans.role_ends(at, Role.LINK)
        if said and any(end > at + 1 and self._counts_at[end] for end in links):
            return True  # Spanish "muelle 20 y además doce rotas".
        small = said and (self._spans.lexicon.joins(word) or (word,) in self._spans.language.words["particles"])
        return small and bool(self._counts_at[at + 1] or self._spans.unitless(at + 1))

    def _possible_groups(self, field: FormField, at: int, *, begins: bool) -> Iterator[DigitGroup]:
        """The groups of characters that may come next in a spelt value."""
        yield from self._numbers.digit_groups[at]
        word = self._words[at]
        if field.spoken.is_code and not self._tokens[at].inner:
            if word == AMBIGUOUS:
                yield DigitGroup(at + 1, AMBIGUOUS.upper(), 0.0)
            for end, text, cost in letters_at(self._words, at, self._alphabet, names=False, times=self._numerals.times):
                yield DigitGroup(end, text, cost)
            for end, text, cost in (
                *named_letters(self._spans, at),
                *(letters_in_one_word(self._spans, at) if begins else ()),
            ):
                yield DigitGroup(end, text, cost)
        sounds = self._homophones.get(word)
        label = any(end > at + 1 for end in self._spans.role_ends(at, Role.LABEL))
        if sounds is not None and not label and (begins or self._spans.may_be_digit(at)):
            for group in self._numerals.groups([sounds], 0):
                yield DigitGroup(at + 1, group.text, costs.HOMOPHONE)

    def _style_change_cost(self, at: int, pause: int) -> float:
        """The cost of a change of style within a value: between figures and words, or a dash between figures."""
        before, word = self._words[at - 1], self._words[at]
        longer = max(len(one) if one.isdigit() else 0 for one in (before, word)) > _DIGITS_IN_GROUP
        words = (one for one in (before, word) if not one.isdigit())
        if before.isdigit() != word.isdigit() and all(map(self._numerals.is_part, words)):
            return costs.MIXED if pause or longer else 0.0
        return costs.DASHED if self._tokens[at].dash and longer and before.isdigit() and word.isdigit() else 0.0

    def _find_endings(self, name: str, spelling: Spelling) -> Sequence[tuple[str | None, float]]:
        if not spelling.groups or spelling.joined:
            return ()
        if spelling.groups == 1 and BARE in spelling.marks and self._words[spelling.start] in self._homophones:
            return ()  # Bare and alone it is the other word, not the number that it sounds like: "non, pas toi".
        field = self._spans.fields[name]
        cost = spelling.unpaid + (spelling.spared if spelling.groups < costs.ENUMERATION else 0.0)
        parts = [(spelling.text[:at], spelling.text[at:]) for at in spelling.breaths]
        item = field.item_field
        again = any(last.startswith(first) or (item.is_usual(first) and item.is_usual(last)) for first, last in parts)
        if again or (parts and not item.is_usual(spelling.text)):
            # The value may be begun anew at the pause, or be another one; so may what is longer than usual.
            cost += spelling.waived - spelling.unpaid
        shape = self._spans.lexicon.shapes.get(field.name)
        said = spelling.text if shape is None else shape.insert_separators(spelling.text)
        # Leading zeros may be omitted only digit by digit; "A ten one" is another place than "A one oh one".
        fit = self._spans.lexicon.shortened.get(name, {}).get(spelling.text, ()) if spelling.singles else ()
        values = (fit or (None,)) if said is None else _values_ending_in(said, field, self._spans.catalogue)
        return [(value, cost) for value in values]


def _may_continue(number: str, *, several: bool) -> bool:
    """Whether a number of hundreds may continue: it ends in "00", or it has several words and no tens."""
    return number.endswith("00") or (several and number[-2] == "0")


def _pause_and_spared_cost(spelling: Spelling, pause: int, *, singles: bool) -> tuple[float, float]:
    """The cost of a pause before the next group, and the cost waived as an enumeration: "seven, four, two"."""
    owed = min(spelling.spared, costs.PAUSED[costs.COMMA])
    if pause and spelling.text.isalpha():  # Letters alone are no value yet: "T, R, 4471".
        return costs.ENUMERATED, 0.0
    if not pause:
        return owed, 0.0
    if singles and spelling.paused + 1 == spelling.groups:
        return costs.ENUMERATED, spelling.spared + costs.PAUSED[pause] - costs.ENUMERATED
    return costs.PAUSED[pause] + owed, 0.0


def _values_ending_in(value: str, field: FormField, catalogue: Catalogue) -> tuple[str | None, ...]:
    """The possible values of spelt characters: themselves, or each catalogue value that ends in them.

    Only `last_digits` characters count as an end; where no value ends in them, the value is None.
    """
    if field.catalogue is None or len(value) != field.last_digits:
        return (value,)
    known = catalogue.values(field.catalogue)
    if value in known:
        return (value,)
    return tuple(one for one in known if one.endswith(value)) or (None,)


SINGLY = 3
"""Single digits after which the whole id is assumed to be said digit by digit: "one nine four eighty six cases" is 194
and 86, since behind "one nine four", "eighty" is not the digits 8 and 0."""
_PAIR = 2  # Least number of digits of a repetition at an id's end that is no coincidence.
_LONGEST_LINK = 2  # Words up to which a link before a place is no sentence: "is at".
_SHORT_FIGURES = 2  # Of so many figures, no letters are missed before them.
_SHORT_CODE = 2  # Of codes so short, two differ in one character by chance.
HUNDRED = 100  # Least count that may begin with the word "hundred".
_SHORTEST_TWICE = 4
"""Characters of a code that is corrected without a word; of shorter ones, halves are alike by chance."""
_SHORTEST_CONFIRMED = 3
"""The same where a remark behind it may confirm the second: "943 973 that is", "is the right one"."""
SMALLEST_COUNT = 10
"""Least count without a unit: a single digit after a pause is part of the id, since operators pause anywhere in one."""


def _doubt_word_behind_cue(spans: Spans, field: FormField, at: int, end: int, pending: str, marks: str) -> str:
    """The marks of a mention, with doubt where its code begins with a small word behind a cue: "corrige a 12".

    So where a remark begins with it: "pallet 742, mejor dicho, mil gracias" thanks, and corrects nothing to a thousand.
    """
    small = spans.goes_straight_on(at) and spans.words[at] in spans.language.common and field.spoken.is_code
    small |= any(behind > end for behind in spans.role_ends(at, Role.CLOSING_REMARK))
    return marked(marks, UNEXPLAINED) if small and BARE in marks and CORRECTS in pending else marks


def _may_be_confirmed(spans: Spans, at: int) -> bool:
    """Whether a phrase at a token may say that the number before it is the right one: "it is", not a mere "is at"."""
    links = spans.role_ends(at, Role.LINK)
    sentence = any(end > at + _LONGEST_LINK for end in links)  # "that is in"
    alone = spans.role_ends(at, Role.OPENING) - links
    return bool(sentence or alone or spans.role_ends(at, Role.CLOSING_REMARK, Role.REPEAT, Role.AFTER_COUNT))


class Mentions(SpanReader):
    """Parser steps that mention a value."""

    def __init__(
        self, spans: Spans, queue: PathQueue, speller: Speller, asked: str | None, held: Mapping[str, FieldValue]
    ) -> None:
        """`asked`: the requested field. `held`: the entry that a correction may refer to."""
        super().__init__(spans)
        self._queue = queue
        self._speller = speller
        self._asked = asked
        self._held = held
        self._implausible = spans.lexicon.implausible
        self._named = next((field.name for field in spans.form.fields if field.identifier and field.required), None)
        # A number before a place is the identifier, where no other field but places has numbers.
        others = {field.name for field in spans.form.fields if field.spoken.of_numbers} - set(spans.lexicon.codes)
        self._put = self._named if others == {self._named} else None
        yes_or_no = [field.name for field in spans.form.fields if field.spoken.answers]
        self._yes_or_no = [
            [(name, *one) for name in yes_or_no for one in spans.unlabelled(name, at)] for at in range(spans.size)
        ]
        """By token, the values of yes-or-no fields without their labels: field, end, value, cost."""
        counted = {field.name for field in spans.form.fields if field.units}
        # Where one count has units of measure, the others have words of their own: "short".
        self._counted = {name for name in counted if spans.form.unit_field(name) is not None} or counted
        self._measured = [name for name in counted if spans.form.unit_field(name) is not None] or list(counted)[:1]
        signed = [field for field in spans.form.fields if field.spoken.measures and (field.least or 0) < 0]
        self._below_zero = signed[0] if len(signed) == 1 else None

    def step_over_value(self, path: Path, name: str, at: int, cost: float, marks: str) -> None:
        """Step over a value of a field from the token `at` on, or begin to spell it."""
        field = self._fields[name]
        if field.spoken.spelt:
            self._speller.begin(path, field, at, cost, marks)
        for end, value, dearer in self._spans.values(name, at):
            self.add(path, at, end, name, value, cost + dearer, marks)

    def finish_spelling(self, path: Path, at: int) -> Iterator[Path]:
        """The paths in which the spelt value ends before the token `at`, one for each possible value."""
        spelling = path.spelling
        if spelling is None:
            return
        name, marks = str(path.field), spelling.marks
        if not (endings := self._speller.endings(name, spelling)):
            return
        if _may_be_said_twice(spelling.text, _SHORTEST_CONFIRMED) and (
            len(spelling.text) >= 2 * _SHORTEST_TWICE or _may_be_confirmed(self._spans, at)
        ):
            marks = marked(marks, UNEXPLAINED)
        for value, cost in endings:
            without = Path(path.cost + cost, ParserState.SAID, path.field, path.pending, None, *path[5:])
            yield self._with_mention(without, spelling.start, at, name, value, spelling.cost + cost, marks)

    def add(self, path: Path, at: int, end: int, name: str, value: FieldValue | None, cost: float, marks: str) -> None:
        """Add a mention with the tokens from `at` to before `end`."""
        self._queue.add(end, self._with_mention(path.with_added_cost(cost), at, end, name, value, cost, marks))

    def _with_mention(
        self, path: Path, at: int, end: int, name: str, value: FieldValue | None, cost: float, marks: str
    ) -> Path:
        """The path with a mention, marked and priced by the path's state and pending marks."""
        pending, before = path.pending, path.last_mention(name)
        letter = self._fields[name].spoken.is_single_letter
        marks = _doubt_word_behind_cue(self._spans, self._fields[name], at, end, pending, marks)
        if OTHER_FIELD in marks and letter and not self._may_be_of_another_field(path, name, value):
            marks = marks.replace(OTHER_FIELD, "")
        if self._fields[name].spoken.measures and self._numbers.says_plus(at):
            marks += PLUS
        dearer = 0.0 if NUMBERLESS in marks else self._implausible(name, value)
        dearer += self._second_mention_cost(before, value, marks, pending, at)
        dearer += _doubtful_correction_cost(path, before, value, marks, self._spans)
        dearer += self._length_change_cost(name, before, value, marks)
        if pending:
            dearer += self._unmentioned_field_cost(path, before, at)
            if DENIED in pending and BARE in marks and before is None and self._held.get(name, value) != value:
                dearer += costs.UNLIKELY  # "Not twelve" should deny a value that is twelve.
            said = any(one[:3] == (EventKind.MENTION, name, value) for one in path.events)
            more, pending = self._denial_cost_and_marks(
                name, pending, stands=before is not None or BARE in marks, said=said
            )
            dearer += more
        labelled = path.since <= at and path.field == name and (before is None or before.basis != path.since)
        start = path.since if labelled and BARE not in marks else at
        if before is not None and {HEDGED, DENIED} <= set(before.marks):
            # "From dock A to dock C" is C; "between dock A and dock C" and "behind dock A or dock C" are neither.
            led = start > before.end and (self._words[before.end],) not in self._language.words["conjunctions"]
            pending = pending if led and ALTERNATIVE not in pending else marked(pending, HEDGED)
        cue = path.cue if {CORRECTS, CORRECTS_RECORD} & set(pending) else (0, 0)
        if (echoed := self._echoed_id_field(path, name, value, start)) is not None:
            path, marks = (
                path.with_event_added(ExplanationEvent(EventKind.HEDGE, echoed, start=at, end=end)),
                marked(marks, UNEXPLAINED),
            )
        marks = marked(marks, *self._doubts_by_words_beside(name, at, end))
        event = ExplanationEvent(EventKind.MENTION, name, value, marked(marks, *pending), cost, start, end, at, cue)
        events, story = (*path.events, event), path.story.with_event(event)
        return Path(path.cost + dearer, ParserState.SAID, name, "", None, events, story, at, path.cue)

    def _doubts_by_words_beside(self, name: str, at: int, end: int) -> str:
        """The marks of doubt that the words directly before or behind a value put on it."""
        spoken = self._fields[name].spoken
        if spoken.is_code and _may_lack_letters(self._tokens[at]):
            return UNEXPLAINED
        return HEDGED if spoken.answers and _may_deny_what_follows(self._spans, end) else ""

    def _echoed_id_field(self, path: Path, name: str, value: FieldValue | None, start: int) -> str | None:
        """The id field whose end may be the first of a number said twice: "742 fifteen one five units"."""
        last = path.last
        if not self._fields[name].spoken.counts or last is None or last.end != start:
            return None
        field = self._fields.get(str(last.field))
        if field is None or not field.spoken.spelt or self._tokens[start].pause:
            return None
        said = f"{last.value}{value}"
        for size in range(max(_PAIR, len(str(value))), len(said) // 2 + 1):
            rest = said[: -2 * size]
            if said[-size:] == said[-2 * size : -size] and self._spans.lexicon.is_usual(field.name, rest):
                return last.field
        return None

    # Costs of a mention.

    def _second_mention_cost(
        self, before: ExplanationEvent | None, value: FieldValue | None, marks: str, pending: str, at: int
    ) -> float:
        if REPEATED in marks and before is not None:
            return self._unannounced_value_cost(before, value, at)
        # An announced repetition with another value.
        return costs.UNLIKELY if ANNOUNCED_AGAIN in pending and before is not None and before.value != value else 0.0

    def _unannounced_value_cost(self, before: ExplanationEvent, value: FieldValue | None, at: int) -> float:
        """The cost of an unannounced second value from the token `at` on."""
        earlier = before.value
        if DENIED in before.marks or self._fields[str(before.field)].many is not None:
            return 0.0  # "Not B, D", and a further value of a list.
        # A hesitation is likelier inside a value than before a restart.
        anew = costs.HESITATED if self._tokens[at].hesitated else 0.0
        if earlier == value:
            return costs.AGAIN + anew
        if not isinstance(earlier, str) or not isinstance(value, str):
            return costs.UNLIKELY
        if value.startswith(earlier) and (set(earlier) != {"0"} or self._tokens[at].hesitated):
            # The broken-off part need not be a plausible value.
            again = costs.RESTART + anew
            again += costs.BREATHLESS if self._numbers.goes_on(at) else 0.0
            return again - self._implausible(str(before.field), earlier)
        return costs.UNLIKELY + (costs.OTHER_LENGTH if len(earlier) != len(value) else 0.0)

    def _length_change_cost(
        self, name: str, before: ExplanationEvent | None, value: FieldValue | None, marks: str
    ) -> float:
        """The cost of correcting an id by one of another length."""
        if not isinstance(value, str) or (before is not None and OTHER_FIELD not in marks):
            return 0.0
        corrected = before.value if before is not None else self._held.get(name) if BARE in marks else None
        return costs.OTHER_LENGTH if corrected is not None and len(value) != len(str(corrected)) else 0.0

    def _unmentioned_field_cost(self, path: Path, before: ExplanationEvent | None, at: int) -> float:
        """The cost of correcting an unmentioned field behind others, with neither a withdrawn number nor a pause."""
        others = any(event.field and event.end <= at for event in path.events)
        if CORRECTS not in path.pending or before is not None or not others:
            return 0.0
        withdrawn = any(event.kind is EventKind.WITHDRAWN for event in path.events)
        begins = path.since if path.state is ParserState.LABELLED else at
        return 0.0 if withdrawn or self._tokens[begins].pause else costs.UNMENTIONED

    def _denial_cost_and_marks(self, name: str, pending: str, *, stands: bool, said: bool) -> tuple[float, str]:
        """The cost of a denial, and its marks on the value.

        Args:
            name: The field.
            pending: The marks so far.
            stands: There is a value to be corrected.
            said: The denied value was said before.
        """
        field, cost = self._fields[name], 0.0
        if DENIED_BY_NO in pending:
            # "No" and a value corrects an earlier mention; without one it denies the value.
            cost += costs.UNLIKELY if stands else 0.0
            pending = marked(pending.replace(DENIED_BY_NO, ""), DENIED)
        if DENIED in pending and field.spoken.answers:
            cost += costs.UNLIKELY  # "Not sealed" is a value of its own.
        if NOT_THIS_PLACE in pending:
            # Only a place can be denied by phrases for another place.
            place = not field.identifier and not field.spoken.counts
            cost += 0.0 if place else costs.UNLIKELY
            pending = marked(pending.replace(NOT_THIS_PLACE, ""), DENIED, *("" if said else HEDGED))
        return cost, pending

    # Values without label or unit.

    def step_over_unlabelled_value(self, path: Path, at: int) -> None:
        """Step over a value without its label."""
        expected = path.pending or path.field is not None or self._asked is not None
        joins = (self._words[at],) in self._language.words["conjunctions"]  # Spanish "dock D, no | e cantidad siete".
        article = (CORRECTS in path.pending or joins) and is_article(self._spans, at)
        if expected and at not in self._spans.pointer_ends and not article:
            for name, cost, marks in self._possible_bare_fields(path, at):
                self.step_over_value(path, name, at, cost, marks)
        for name, end, value, cost in self._yes_or_no[at]:
            self.add_named(path, at, end, name, value, cost)
        self._step_over_known_code(path, at)
        if self._below_zero is not None:
            self._step_over_unitless_measurement(path, self._below_zero.name, at)
        if not path.pending.strip(HEDGED) and self.is_behind_spelt(path):
            self._step_over_unitless_count(path, at)

    def _step_over_known_code(self, path: Path, at: int) -> None:
        """Step over a catalogue's code, or an identifier before its corrected value: "742 should be fourteen"."""
        if path.state is ParserState.START and self._named is not None:
            for end, number in ids_before_correction(self._spans, at):
                self.add(path, at, end, self._named, number, costs.ASKED, "")
        if path.state is ParserState.START and self._put is not None and leads_to_place(self._spans, at):
            self.step_over_value(path, self._put, at, costs.ASKED, "")
        codes = self._spans.place_codes(at)
        if codes and not path.pending.strip(HEDGED + DENIED + NOT_THIS_PLACE + ANNOUNCED_AGAIN):
            for end, name, code, cost in codes:
                self.add(path, at, end, name, code, cost + costs.ASKED, REPEATED if name in path.story.said else "")

    def may_be_bare(self, path: Path, name: str, *, alone: bool) -> bool:
        """Whether a bare value of the field is valid: as the answer to its question, or as a correction."""
        if name == self._asked or (alone and name in self._held):
            return True
        return CORRECTS in path.pending and (name in path.story.said or name in self._held)

    def add_named(self, path: Path, at: int, end: int, name: str, value: FieldValue, cost: float) -> None:
        """Add a mention of a value with its own words.

        Doubtful where they describe something else, "light broken", or end in the label of another field's value:
        German "kein Platz A-01-02". "Seal 778812 | intact | door 12" describes what is before.
        """
        behind = path.last.end if path.last is not None else 0
        ending = self._spans.matches[end - 1] if end > at + 1 else ()
        labels = any(one.role is Role.LABEL and one.end == end and one.field != name for one in ending)
        describes_last = self._fields[name].spoken.answers and 0 < behind == at and self._spans.goes_straight_on(at)
        doubtful = self._spans.follows_adjective(behind, at)
        doubtful |= not describes_last and self._spans.is_adjective_of_next_label(at, end)
        begins = self._spans.goes_straight_on(end) and (
            self._numbers.begins(end) or self._spans.is_letter(end, end + 1)
        )
        doubtful |= labels and begins
        marks = UNEXPLAINED if doubtful else ""
        self.add(path, at, end, name, value, cost + costs.ASKED, marks)

    def _step_over_unitless_measurement(self, path: Path, name: str, at: int) -> None:
        """Step over a number that needs no unit, of the only field that may be negative: "minus eighteen"."""
        if not (found := self._spans.unitless(at)) or path.pending.strip(HEDGED + CORRECTS) or name in path.story.said:
            return
        for end, value, cost in found:
            self.add(path, at, end, name, value, cost + costs.ASKED, "")

    def _possible_bare_fields(self, path: Path, at: int) -> Iterator[tuple[str, float, str]]:
        """The possible fields of a bare value: name, cost, marks."""
        asked, last, pending = self._asked, path.field, path.pending
        said = path.story.said
        if CORRECTS_RECORD in pending:
            yield from ((name, costs.ASKED, BARE) for name in self._measured)
            return
        if asked is not None and (asked not in said or pending):
            yield asked, costs.ASKED, BARE
        if ANNOUNCED_AGAIN in pending or ALTERNATIVE in pending:
            if last is not None and last != asked:
                yield last, 0.0, BARE
        elif pending.strip(HEDGED):
            yield from self._corrected_fields(said, last)
        elif last is not None and self._may_field_continue(path, last, at):
            yield last, 0.0, REPEATED + BARE

    def _corrected_fields(self, said: frozenset[str | None], last: str | None) -> Iterator[tuple[str, float, str]]:
        for field in self._spans.form.fields:
            name = field.name
            if name != self._asked and (name in said or name in self._held):
                elsewhere = bool(said) and name != last
                yield name, costs.OTHER_FIELD if elsewhere else 0.0, BARE + OTHER_FIELD if elsewhere else BARE

    def _may_be_of_another_field(self, path: Path, name: str, value: FieldValue | None) -> bool:
        """Whether a bare correction fits another said field than `name`: "dock B, pallet 742, sorry, D" does not."""
        others = {*path.story.said, *self._held} - {name, None}
        return any(self._spans.may_be_value(self._fields[str(other)], value) for other in others)

    def _may_field_continue(self, path: Path, name: str, at: int) -> bool:
        """Whether the last field may be repeated, or continue as a list."""
        field, token = self._fields[name], self._tokens[at]
        if path.last is None or path.last.kind is not EventKind.MENTION:
            return False
        if DENIED in path.last.marks and path.last.end == at and BARE in path.last.marks and token.pause:
            return True  # "Not ten, twelve."
        figures = self._words[at - 1]
        listed = token.dash and len(figures) > 1 and figures.isdigit()  # "742-743" may be two values; "7-4-2" is one.
        apart = path.state is ParserState.SAID and (token.pause > 0 or listed)
        return (apart or field.many is not None) and (not field.spoken.counts or name == self._asked)

    def is_behind_spelt(self, path: Path) -> bool:
        """Whether the path is directly behind digits or a code."""
        return path.state is ParserState.SAID and self._fields[str(path.field)].spoken.spelt

    def _step_over_unitless_count(self, path: Path, at: int) -> None:
        """Step over a count without its unit, a rival of the id's end: "seven four two | twelve".

        A hedge may come between: "seven four two, maybe twenty".
        """
        said, last = path.story.said, path.last
        if last is None or last.kind is not EventKind.MENTION:
            return
        pause = max(token.pause for token in self._tokens[last.end : at + 1])
        if not pause:
            return
        for name in self._counted - {*said, self._asked}:
            for end, value, cost in self._numbers.cardinals[at]:
                if value >= SMALLEST_COUNT and ends_word(self._tokens, end):
                    apart = pause >= costs.COMMA and cost < costs.DIGITWISE and self._is_id_complete(last, at, value)
                    # Of a temperature, "minus" may be lost.
                    apart &= self._fields[name].spoken.counts
                    dearer = costs.UNITLESS_APART if apart else costs.UNITLESS
                    self.add(path, at, end, name, value, cost + dearer, UNITLESS)

    def _is_id_complete(self, spelt: ExplanationEvent, at: int, value: int) -> bool:
        """Whether an id is complete, and the number behind it is neither another id nor a part of the same number.

        A complete id is usual, and either written in figures or said digit by digit without longer pauses.
        """
        field, begin = self._fields[str(spelt.field)], spelt.start if spelt.basis is None else spelt.basis
        said = range(begin, spelt.end)
        figures = len(said) == 1 and self._words[begin].isdigit()
        singly = len(said) >= SINGLY and all(self._numbers.is_digit(one) for one in said)
        one_breath = all(self._tokens[one].pause_inside <= costs.SHORT for one in said[1:])
        another = field.item_field.is_usual(str(value)) or self._numbers.are_one(spelt.end - 1, at)
        return (figures or singly) and one_breath and field.item_field.is_usual(str(spelt.value)) and not another


def _may_lack_letters(token: Token) -> bool:
    """Whether a hesitation directly before the figures of a code may be its letters: "trailer em 5535"."""
    figures = token.text.isdigit() and len(token.text) > _SHORT_FIGURES
    return figures and may_be_letters(token.hesitated) and token.pause <= costs.SHORT


def _may_deny_what_follows(spans: Spans, end: int) -> bool:
    """Whether a "no" before the token `end` may deny the words behind it: Spanish "recuento no 10 unidades sino 15"."""
    return (spans.words[end - 1],) in spans.language.words["nots"] and spans.goes_straight_on(end)


def _doubtful_correction_cost(
    path: Path, before: ExplanationEvent | None, value: FieldValue | None, marks: str, spans: Spans
) -> float:
    """The cost of a correction that is more likely one of another value, or a denial."""
    if before is None:
        return 0.0
    cost = 0.0
    said = next((one for one in reversed(path.events) if one.end == path.cue[0]), None)
    if OTHER_FIELD in marks and said is not None and _differs_by_one_error(said, value):
        cost += costs.UNLIKELY  # "Pallet 86464, no, 86424": one digit is another.
    if BARE not in marks and _withdraws_end(path, spans.tokens):
        cost += costs.UNLIKELY  # Its label says what is corrected: "seal 4739, no, trailer 5501".
    denies = tuple(spans.words[slice(*path.cue)]) in spans.language.words["nots"]
    if CORRECTS in path.pending and denies and before.value == value:
        cost += costs.UNLIKELY  # "No muelle C, muelle G" denies what was said, and repeats nothing.
    return cost


def _differs_by_one_error(said: ExplanationEvent, value: FieldValue | None) -> bool:
    """Whether a bare value of another field differs by one error from the code or id directly before its cue."""
    old, new = str(said.value), str(value)
    codes = said.kind is EventKind.MENTION and isinstance(said.value, str)
    return codes and len(old) == len(new) > _SHORT_CODE and differ_by_one_error(old, new)


def _withdraws_end(path: Path, tokens: Sequence[Token]) -> bool:
    """Whether what was just withdrawn may be the end of the value before it."""
    found = (at for at, one in enumerate(path.events) if one.kind is EventKind.WITHDRAWN and one.end == path.cue[0])
    if not (at := next(found, 0)):
        return False
    before, withdrawn = path.events[at - 1 : at + 1]
    return before.kind is EventKind.MENTION and before.end == withdrawn.start and not tokens[withdrawn.start].pause


def _may_be_said_twice(text: str, shortest: int) -> bool:
    """Whether characters may be a code, of so many at least, and its correction: "8348 8848"."""
    half = len(text) // 2
    return half >= shortest and len(text) == 2 * half and differ_by_one_error(text[:half], text[half:])
