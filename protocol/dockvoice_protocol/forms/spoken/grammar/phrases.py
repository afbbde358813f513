"""Parser steps over labels, units and other phrases, by their role."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar

from dockvoice_protocol.forms.spoken.grammar import costs
from dockvoice_protocol.forms.spoken.grammar.counts import UnitCounts
from dockvoice_protocol.forms.spoken.grammar.lexicon import OF_FIELDS, REMARKS, Match, Role
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
    UNEXPLAINED,
    marked,
)
from dockvoice_protocol.forms.spoken.grammar.mentions import Mentions
from dockvoice_protocol.forms.spoken.grammar.path import EventKind, ExplanationEvent, ParserState, Path, PathQueue
from dockvoice_protocol.forms.spoken.grammar.spans import (
    SMALL,
    SpanReader,
    Spans,
    asks_whether,
    is_before_id_label,
    is_correcting_phrase,
    may_choose,
)

_LONGEST_GOAL = 3  # Words of the longest phrase before a destination: "on to the".

_MOVED_TO = frozenset({"load", "move"})
"""The deeds that bring a thing to a place: "for trailer 5501" says where it is to go, and not that it is there."""

_Step = Callable[["SmallWords", Path, Match, int], None]  # A path's step over a phrase at a token.


def _is_known_alone(spans: Spans, path: Path, at: int) -> bool:
    """Whether a letter is a known value, with remarks alone up to a pause: Italian "B, e così va bene, il pallet"."""
    remarked = {at + 1}
    for end in range(at + 1, spans.size):
        remarked.update(spans.role_ends(end, Role.CLOSING_REMARK) if end in remarked else ())
    alone = any(not spans.goes_straight_on(end) for end in remarked - {at + 1})
    known = spans.lexicon.values.get(str(path.field), ())
    return alone and spans.words[at].upper() in known


class _Links(SpanReader):
    """Tests of the small words behind values, which may be parts of them: a digit, a letter, an "and"."""

    def __init__(self, spans: Spans, counts: UnitCounts) -> None:
        super().__init__(spans)
        self._counts = counts

    def may_begin(self, match: Match, at: int) -> bool:
        """Whether a link may stand before the first value: not a verb that asks or orders, "okay, is", "bring".

        Nor one that leads to a place, before a thing that is none: "waiting on pallet 906".
        """
        asks = self._spans.role_ends(at, Role.QUESTION)
        leads = at + 1 < match.end and (self._words[match.end - 1],) in self._language.words["before_places"]
        astray = leads and is_before_id_label(self._spans, match.end)
        return not (asks or astray) and self._said(at, match.end) not in self._language.words["moves"]

    def denies_next_value(self, path: Path, match: Match, at: int) -> bool:
        """Whether a denial of several words, behind a value, denies the next one: Italian "non è"."""
        if not path.story.said or not at + 1 < match.end < self._spans.size:
            return False
        contrasts = match.end in self._spans.role_ends(at, Role.CONTRAST)
        # Not "that's not true", even where a field may be true.
        truth = any(one.spoken.answers and self._spans.unlabelled(one.name, match.end) for one in self._fields.values())
        return contrasts and not truth and self._leads_to_value(match.end)

    def may_name_destination(self, path: Path, match: Match, at: int) -> bool:
        """Whether a label of an origin may name the destination of an already named thing: "to door nine"."""
        if (
            CORRECTS in path.pending
            or (path.last is not None and path.last.field == match.field)  # "Correct trailer 8510 to trailer 8511".
            or not self._fields[match.field].source
            or path.story.said <= frozenset(self._spans.form.standing_fields)
        ):
            return False
        said = (self._said(start, at) for start in range(max(0, at - _LONGEST_GOAL), at))
        return any(one in self._language.words["goals"] for one in said)

    def says_where_to(self, path: Path, match: Match, at: int) -> bool:
        """Whether a phrase says where the thing named before is to go: "pallet 742 is for trailer 5501"."""
        form = self._spans.form
        named = any(one.name in path.story.said for one in form.fields if one.identifier or one.is_place)
        return form.deed in _MOVED_TO and named and self._said(at, match.end) in self._language.words["purposes"]

    def may_be_letters(self, path: Path, match: Match, at: int) -> bool:
        """Whether a small word behind the label of a code may be its letters: "trailer at 5501" may be AT5501."""
        if path.state is not ParserState.LABELLED or match.end != at + 1:
            return False
        return self._fields[str(path.field)].spoken.is_code and self._numbers.begins(match.end)

    def sounds_like_digit(self, path: Path, at: int) -> bool:
        """Whether a word behind a value that is not spelt may be a misheard number."""
        if path.state is not ParserState.SAID or self._words[at] not in self._language.homophones:
            return False
        return not self._fields[str(path.field)].spoken.spelt and self._spans.may_be_digit(at)

    def is_another_letter(self, path: Path, match: Match, at: int) -> bool:
        """Whether a small word may be a letter, behind one or digits: "dock F with A", "dock E, A that is", "742 A".

        Behind digits only at the end of a clause; behind a letter also where neither an "and" nor a value goes on.
        """
        goes_on = self._spans.goes_straight_on(match.end)
        if path.field is None or path.state not in {ParserState.SAID, ParserState.BETWEEN}:
            return False
        if path.state is ParserState.SAID and self._fields[path.field].spoken.is_digits:
            return not goes_on and self._spans.is_letter(at, match.end)
        joins = self._said(at, match.end) in self._language.words["conjunctions"]
        joins = joins and not _is_known_alone(self._spans, path, at)
        if goes_on and (self._leads_to_value(match.end) or (joins and not self._spans.role_ends(match.end, Role.CUE))):
            return False
        single = self._fields[path.field].spoken.is_single_letter
        return single and self._spans.may_be_letter(path.field, match.end - 1, match.end)

    def belongs_to_next_value(self, match: Match, at: int) -> bool:
        """Whether a hedge belongs to the next value, not the one before: ", about 24", ", maybe wet"."""
        if not self._spans.goes_straight_on(match.end):
            return False
        roles = {one.role for one in self._spans.matches[at] if one.end == match.end}
        counted = bool(self._counts.counts_at[match.end])
        if counted and Role.LINK in roles and self._spans.lexicon.has_several_counts:
            return True  # "Plus two damaged".
        hedges = Role.HEDGE_BEFORE in roles and self._tokens[at].pause > 0
        return hedges and (counted or self._spans.begins_unlabelled_value(match.end))

    def adds_another_count(self, path: Path, match: Match, at: int) -> bool:
        """Whether a link leads to a count of another field, which is no other value of this one: "plus two damaged"."""
        counts = self._counts.counts_at[match.end] if self._spans.goes_straight_on(match.end) else ()
        links = match.end in self._spans.role_ends(at, Role.LINK)
        return links and bool(counts) and all(count.field != path.field for count in counts)

    def says_further_count(self, path: Path, match: Match, at: int) -> bool:
        """Whether a hedge that opens clauses, too, adds a count to others: French "et six abîmés en plus"."""
        counts = {name for name in path.story.said if name is not None and self._fields[name].spoken.counts}
        own = self._spans.form.unit_field(str(path.field)) is None
        added = path.state is ParserState.SAID and path.field in counts and len(counts) > 1 and own
        return added and self._said(at, match.end) in self._language.words["openings"]

    def is_part_of_count(self, match: Match, at: int) -> bool:
        """Whether a further count begins inside a hedge, and ends behind it: Italian "più due danneggiati"."""
        counts = (count for begin in range(at + 1, match.end) for count in self._counts.counts_at[begin])
        return any(count.end > match.end and self._spans.form.unit_field(count.field) is None for count in counts)

    def may_be_portion(self, path: Path, match: Match, at: int) -> bool:
        """Whether a small word is between two counts, one of which may be a part of the other: "two short of 24"."""
        last = path.last
        if not self._spans.lexicon.has_several_counts or last is None or last.kind is not EventKind.MENTION:
            return False
        said = self._said(at, match.end)
        counted = self._fields[str(last.field)].spoken.counts
        return counted and said in self._language.words["between_counts"] and bool(self._counts.counts_at[match.end])

    def may_deny(self, match: Match, at: int) -> bool:
        """Whether a cue and the next words may deny a value: Spanish "pero no trece", Polish "nie trzynaście"."""
        nots, bare, last = self._language.words["nots"], self._language.words["bare_nots"], match.end - 1
        if last > at and (self._words[last],) in nots and self._spans.goes_straight_on(match.end):
            contrasts = self._said(at, match.end) in self._language.words["contrasts"]
            return (contrasts or (self._words[last],) in bare) and self._numbers.begins(match.end)
        if (self._words[at],) not in nots or not self._spans.goes_straight_on(at + 1):
            return False
        said = self._numbers.begins(at + 1) or self._spans.role_ends(at + 1, Role.LABEL)
        if said and (self._words[at],) in bare:
            return True
        return self._spans.begins_unlabelled_value(at + 1) or any(end > at + 1 for end in self._denial_ends(at))

    def may_deny_deed(self, match: Match, at: int) -> bool:
        """Whether a cue says "not" of a deed: Spanish "no no he colocado". Its "not" may also begin a denial."""
        if not self._spans.goes_straight_on(match.end):
            return False
        said = self._words[match.end - 1]
        if self._spans.role_ends(match.end, Role.ACTION_DONE) and (said,) in self._language.words["nots"]:
            return True
        return match.end > at + 1 and any(end > match.end for end in self._spans.role_ends(match.end - 1, Role.MOOD))

    def find_denied_value(self, match: Match, at: int) -> int | None:
        """The start of the value that a cue denies without a pause ("no son trece", "que no es el 743"), or None.

        A pure denial needs no verb: German "doch nicht dreizehn", Italian "macché tredici". A verb of deletion removes
        its object: Spanish "quita dos cajas".
        """
        breath = next((one for one in range(at + 1, match.end) if not self._spans.goes_straight_on(one)), match.end)
        begins = (one for one in range(at, breath) if (self._words[one],) in self._language.words["nots"])
        ends = [end for begin in begins for end in self._denial_ends(begin) if end >= match.end]
        if (self._is_pure_denial(match.end - 1) or self.deletes(match, at)) and self._spans.goes_straight_on(match.end):
            ends.append(match.end)
        return next((end for end in ends if self._leads_to_value(end)), None)

    def deletes(self, match: Match, at: int) -> bool:
        """Whether a cue is a verb that deletes its object: "scratch"."""
        return self._said(at, match.end) in self._language.commands["deleting"]

    def _is_pure_denial(self, at: int) -> bool:
        """Whether a word only denies: "not", but not "no", which corrects too."""
        said = (self._words[at],)
        known = self._language.words
        return (
            said in known["contrasts"] and said in self._language.not_a_record["denials"] and said not in known["nots"]
        )

    def _denial_ends(self, at: int) -> Iterator[int]:
        """The ends of denials of several words that begin at a token, with words behind them and without a pause."""
        for one in self._spans.matches[at]:
            denies = one.role is Role.MOOD and one.value == "denials" and one.end > at + 1
            if denies and all(self._spans.goes_straight_on(inside) for inside in range(at + 1, one.end + 1)):
                yield one.end

    def _leads_to_value(self, at: int) -> bool:
        """Whether a number, label, unit or value begins at a token, or behind an article there: "el 743"."""
        article = self._spans.words[at] in self._language.articles and self._spans.goes_straight_on(at + 1)
        return self._spans.begins_value(at) or (article and self._spans.begins_value(at + 1))

    def ends_unfinished(self, path: Path, match: Match, at: int) -> bool:
        """Whether the utterance ends with a word that should lead on: "dock B and", German "Tor B ist zu"."""
        if match.end < self._spans.size or path.field is None:
            return False
        return match.end not in self._spans.role_ends(at, Role.CLOSING_REMARK, Role.AFTER_COUNT, Role.ACTION_DONE)

    def says_how(self, path: Path, match: Match, at: int) -> bool:
        """Whether an adjective ("full", "closed") describes the place before it, not the units of a count."""
        counts = path.field is not None and self._fields[path.field].spoken.counts
        return not counts and self._said(at, match.end) in self._language.words["adjectives"]

    def follows_without_pause(self, path: Path, at: int) -> bool:
        """Whether only small words, and no pause, are between a value and the token: "dock B is full"."""
        if path.state is ParserState.SAID:
            return not self._tokens[at].pause
        last = path.last
        said = last is not None and last.kind is EventKind.MENTION and path.state is ParserState.BETWEEN
        if last is None or not said or any(token.pause for token in self._tokens[last.end : at + 1]):
            return False
        return self._said(last.end, at) in self._language.words["links"]

    def sets_value(self, path: Path, match: Match, at: int) -> bool:
        """Whether a phrase says what is right of the only thing that was said: "743 was actually", "change 743 to"."""
        if match.role is Role.CORRECTS_TO_AGAIN:
            return CORRECTS_RECORD in path.pending and path.cue[1] == at
        last, changed = path.last, match.role is Role.CHANGES_TO
        if last is None or path.state is not ParserState.SAID or last.kind is not EventKind.MENTION:
            return False
        named = self._spans.fields[str(last.field)].identifier and len(path.story.said) == 1
        changes = not changed or (path.events[0] is last and path.cue[0] == 0 < path.cue[1])
        return named and changes and is_correcting_phrase(self._spans, match, changed=changed)


def _may_be_beside(spans: Spans, match: Match) -> bool:
    """Whether a phrase that may say "at" puts a thing beside a place: "by A-12-03", not "by dock F", nor counts."""
    labels = (one.field for one in spans.matches[match.end] if one.role is Role.LABEL)
    return spans.form.deed in _MOVED_TO and all(spans.fields[name].unlabelled for name in labels)


class SmallWords(SpanReader):
    """Parser steps over the lexicon's phrases."""

    def __init__(
        self, spans: Spans, counts: UnitCounts, queue: PathQueue, mentions: Mentions, asked: str | None
    ) -> None:
        """`asked`: the requested field."""
        super().__init__(spans)
        self._counts = counts
        self._queue = queue
        self._mentions = mentions
        self._asked = asked
        self._links = _Links(spans, counts)
        self._steps = [
            [
                (self._STEPS[one.role], one)
                for one in found
                if one.role in self._STEPS and not (one.role in SMALL and asks_whether(spans, at))
            ]
            for at, found in enumerate(spans.matches)
        ]
        """By token, the phrases that begin there, each with its step."""
        self._changing = [
            at for at, found in enumerate(spans.matches) if any(one.role is Role.CHANGES_TO for one in found)
        ]

    def step_over_phrases(self, path: Path, at: int) -> None:
        """Step over each phrase that begins at a token."""
        steps = self._steps[at]
        if at in self._changing:  # "Change 743 to eleven" says one thing.
            changes = [(step, one) for step, one in steps if one.role is Role.CHANGES_TO]
            steps = [one for one in changes if self._links.sets_value(path, one[1], at)] or steps
        labelled = path.state is ParserState.LABELLED
        for step, match in steps:
            hedges = labelled and match.role not in OF_FIELDS
            step(self, self._with_hedged_label(path, match, at) if hedges else path, match, at)

    def _with_hedged_label(self, path: Path, match: Match, at: int) -> Path:
        """The path, with a hedge where small words behind a label hold a digit or may be letters: "pallet A 742"."""
        digits = self._fields[str(path.field)].spoken.is_digits
        letter = digits and self._spans.is_letter(at, match.end) and self._numbers.begins(match.end)
        letter |= match.role in REMARKS and self._links.may_be_letters(path, match, at)
        if not letter and not any(self._numbers.is_digit(inside) for inside in range(at, match.end)):
            return path
        return path.with_event_added(ExplanationEvent(EventKind.HEDGE, path.field, start=at, end=match.end))

    # Fields.

    def _step_over_label(self, path: Path, match: Match, at: int) -> None:
        """Step over a label; "number", which may also follow one, only where a clause begins: no "phone number"."""
        named = self._fields[match.field].identifier
        if named and self._said(at, match.end) in self._language.words["after_label"]:
            begins = (path.state is ParserState.START and not path.events) or self._tokens[at].pause >= costs.COMMA
            if path.state is ParserState.LABELLED or not begins:
                return
        again = path.state is ParserState.LABELLED and path.field == match.field
        opened = path if again else self._queue.with_label_closed(path)
        if opened is not path and not any(token.pause for token in self._tokens[path.since + 1 : at + 1]):
            opened = self._queue.with_label_awaiting(path)
            if not path.story.said and self._said(path.since, at) in self._language.words["moves"]:
                order = ExplanationEvent(EventKind.MOOD, value="wishes", start=path.since, end=at)
                opened = opened.with_event_added(order)  # Italian "porta il rimorchio": its verb is a label, too.
        cost = costs.RESTART if again else 0.0
        pending = opened.pending
        if self._links.may_name_destination(path, match, at):
            pending = marked(pending, HEDGED)
        self._queue.continue_at(
            opened, match.end, cost, state=ParserState.LABELLED, field=match.field, since=at, pending=pending
        )

    def _step_over_unit(self, path: Path, match: Match, at: int) -> None:
        event = ExplanationEvent(EventKind.UNIT, match.field, start=at, end=match.end)
        cost = costs.LOOSE_UNIT
        if path.state is ParserState.SAID and self._fields[str(path.field)].spoken.spelt:
            cost = costs.LOST_COUNT - (1.0 if self._tokens[at].pause else 0.0)
        self._queue.continue_with(self._queue.with_label_closed(path), event, cost, state=ParserState.BETWEEN)
        unit = self._spans.form.unit_field(match.field)
        alone = path.state is ParserState.START and match.end == self._spans.size  # "It's cartons."
        if unit is not None and match.code is not None and self._mentions.may_be_bare(path, unit.name, alone=alone):
            self._mentions.add(path, at, match.end, unit.name, match.code, costs.ASKED, BARE)

    def _step_over_value(self, path: Path, match: Match, at: int) -> None:
        """Step over a value by itself, or a verb for one before its object: "refuse pallet 744"."""
        field = self._fields[match.field]
        if match.role is Role.VALUE_VERB:
            if path.state is ParserState.START and is_before_id_label(self._spans, match.end):
                self._mentions.add(path, at, match.end, match.field, match.value, costs.ASKED, "")
            return
        if path.state is ParserState.LABELLED or path.pending.strip(HEDGED):
            return
        if field.unlabelled:
            self._mentions.add(path, at, match.end, match.field, match.value, costs.ASKED, "")
        elif field.bare:
            self._mentions.add_named(path, at, match.end, match.field, match.value, 0.0)

    def _step_over_check_digits(self, path: Path, match: Match, _at: int) -> None:
        """Step over check digits or the check word of the place before; wrong ones put it in doubt."""
        last = path.last
        if path.state is not ParserState.SAID or last is None:
            return
        catalogue = self._fields[str(path.field)].catalogue
        checks = () if catalogue is None else self._spans.catalogue.check_words(catalogue, str(last.value))
        ends = {end for check in checks for end in self._numbers.check_ends(check, match.end)}
        cost, marks = (0.0, last.marks) if ends else (costs.WRONG_CHECK, marked(last.marks, UNEXPLAINED))
        if not ends:
            lengths = {len(check) for check in checks if check.isdigit()}
            ends = {end for length in lengths for end, _ in self._numbers.digits(length, match.end)}
        for end in ends:
            extended = path._replace(events=(*path.events[:-1], last._replace(end=end, marks=marks)))
            self._queue.continue_at(extended, end, cost, state=ParserState.BETWEEN)

    # Words around a value.

    def _step_over_opening(self, path: Path, match: Match, at: int) -> None:
        if self._links.says_further_count(path, match, at):
            return
        begins = self._tokens[at].pause or path.state is ParserState.START or at == 0
        changes = path.changes_behind_value
        hedges = self._spans.role_ends(match.end - 1, Role.HEDGE_BEFORE)
        if match.end in hedges and self._spans.goes_straight_on(match.end) and self._counts.counts_at[match.end]:
            changes = {**changes, "pending": marked(path.pending, HEDGED)}  # German "also gut dreißig Stück".
        if self._links.ends_unfinished(path, match, at):
            path = path.with_event_added(ExplanationEvent(EventKind.HEDGE, path.field, start=at, end=match.end))
        self._queue.continue_at(path, match.end, costs.OPENING if begins else costs.UNPAUSED_OPENING, **changes)

    def _step_over_link(self, path: Path, match: Match, at: int) -> None:
        """Step over a small word between two values, which may be a digit or a letter of the first."""
        if path.state is ParserState.START and match.role is Role.LINK and not self._links.may_begin(match, at):
            return
        several = path.field is not None and self._fields[path.field].many is not None
        labelled = path.state is ParserState.LABELLED
        expected = {path.field if path.pending or several else self._asked, path.field if labelled else None}
        if any(name is not None and self._spans.may_be_letter(name, at, match.end) for name in expected):
            return
        cost = costs.MISPLACED if labelled else costs.LINK
        coded = self._links.sounds_like_digit(path, at) or self._links.is_another_letter(path, match, at)
        if coded or self._links.ends_unfinished(path, match, at):
            path = path.with_event_added(ExplanationEvent(EventKind.HEDGE, path.field, start=at, end=match.end))
        if self._links.may_be_portion(path, match, at):
            path = path.with_event_added(ExplanationEvent(EventKind.PORTION, start=at, end=match.end))
        changes = path.changes_behind_value
        if self._asked is None and self._links.says_where_to(path, match, at):
            changes = {**changes, "pending": marked(path.pending, HEDGED)}
        self._queue.continue_at(path, match.end, cost, **changes)

    def _step_over_portion(self, path: Path, match: Match, at: int) -> None:
        """Step over a phrase that relates one count to another."""
        relates = EventKind.TOTAL if match.role is Role.TOTAL else EventKind.PORTION
        cost = costs.LINK if path.state is not ParserState.LABELLED else costs.MISPLACED
        self._queue.continue_with(
            path, ExplanationEvent(relates, start=at, end=match.end), cost, **path.changes_behind_value
        )

    def _step_over_word_after_label(self, path: Path, match: Match, at: int) -> None:
        """Step over a small word between the label and its value, or before the answer to a question."""
        labelled = path.state is ParserState.LABELLED
        expected = path.field if labelled else self._asked
        answers = expected is not None and (labelled or path.state is ParserState.START)
        coded = match.end in self._spans.role_ends(at, Role.LINK) and self._links.may_be_letters(path, match, at)
        if answers and not coded and not self._spans.may_be_letter(str(expected), at, match.end):
            self._queue.continue_at(path, match.end, costs.AFTER_LABEL)

    def _step_over_remark_behind_value(self, path: Path, match: Match, at: int) -> None:
        if path.state is ParserState.SAID and not self._links.says_how(path, match, at):
            measured = path.field is not None and self._fields[path.field].spoken.is_number
            if measured and self._said(at, match.end) in self._language.words["each"]:
                # "Ten kilos each" is of one piece.
                path = path.with_event_added(ExplanationEvent(EventKind.HEDGE, path.field, start=at, end=match.end))
            self._queue.continue_at(path, match.end, costs.LINK)

    def _step_over_closing_remark(self, path: Path, match: Match, at: int) -> None:
        """Step over a remark, at a lower cost between pauses; none that describes the place before it."""
        if self._links.follows_without_pause(path, at) and self._links.says_how(path, match, at):
            return
        begins = self._tokens[at].pause or at == 0
        parted = begins and not self._spans.goes_straight_on(match.end)
        cost = costs.CLOSING_REMARK if parted else costs.UNPAUSED_CLOSING_REMARK
        self._queue.continue_at(path, match.end, cost + path.interruption_cost, **path.changes_behind_value)

    # Phrases about the next value, or the last.

    def _step_over_cue(self, path: Path, match: Match, at: int) -> None:
        """Step over the cue of a correction; "no" before a count may deny everything behind it."""
        end = match.end
        if not path.events and (value := self._links.find_denied_value(match, at)) is not None:
            self._queue.continue_at(path, value, costs.DENIED, pending=marked(path.pending, DENIED))
            mood = ExplanationEvent(EventKind.MOOD, value="denials", start=at, end=value)
            self._queue.continue_with(path, mood, costs.MOOD if value == end else costs.MOOD_PHRASE)
            return
        if self._links.may_deny_deed(match, at):
            mood = ExplanationEvent(EventKind.MOOD, value="denials", start=at, end=end)
            self._queue.continue_with(path, mood, costs.CUE)
        pending = marked(path.pending.replace(DENIED, "").replace(DENIED_BY_NO, ""), CORRECTS)
        takes_off = self._links.deletes(match, at) and self._spans.goes_straight_on(end)
        if may_choose(self._spans, at, end) or (takes_off if path.events else self._links.may_deny(match, at)):
            pending = marked(pending, HEDGED)
        opened = self._queue.with_label_closed(path)
        denies = not path.events and self._said(at, end) in self._language.words["contrasts"]
        if denies and self._spans.goes_straight_on(end) and self._counts.counts_at[end]:
            opened = opened.with_event_added(ExplanationEvent(EventKind.NAY, start=at, end=end))
        begun = opened.cue[0] if opened.cue[1] == at else at
        self._queue.continue_at(opened, end, costs.CUE, pending=pending, cue=(begun, end))

    def _step_over_repetition_cue(self, path: Path, match: Match, _at: int) -> None:
        if self._asked is not None and path.state is ParserState.START:
            self._queue.continue_at(path, match.end, costs.REPEAT)
        elif path.state is ParserState.SAID:
            self._queue.continue_at(path, match.end, costs.REPEAT, pending=marked(path.pending, ANNOUNCED_AGAIN))

    def _step_over_contrast(self, path: Path, match: Match, at: int) -> None:
        """Step over a denial of the next value; a cue ("no") denies only behind other events and without a pause."""
        said = self._said(at, match.end)
        if said not in self._language.cues:
            self._queue.continue_at(path, match.end, costs.DENIED, pending=marked(path.pending, DENIED))
        elif path.events and self._spans.goes_straight_on(match.end):
            pending = DENIED if said in self._language.words["nots"] else DENIED_BY_NO
            self._queue.continue_at(path, match.end, costs.DENIED, pending=marked(path.pending, pending))

    def _step_over_place_denial(self, path: Path, match: Match, at: int) -> None:
        if match.end in self._spans.role_ends(at, Role.RANGE) and self._counts.counts_at[at]:
            return  # "Between two and four degrees" is no place.
        if any(end >= match.end for end in self._spans.role_ends(at, Role.VALUE)):
            return  # "Behind" is a value of this form.
        if match.end in self._spans.role_ends(at, Role.LINK) and not _may_be_beside(self._spans, match):
            return
        self._queue.continue_at(path, match.end, costs.DENIED, pending=marked(path.pending, NOT_THIS_PLACE))

    def _step_over_hedge_before(self, path: Path, match: Match, at: int) -> None:
        if at and any(end > match.end for end, _, _ in self._spans.letters(at - 1)):
            return  # It explains a letter: Spanish "B como Barcelona".
        roles = {one.role for one in self._spans.matches[at] if one.end == match.end}
        if {Role.NOT_THIS_PLACE, Role.RANGE} <= roles and not self._counts.counts_at[match.end]:
            return  # "From dock A" is where it was.
        self._queue.continue_at(path, match.end, costs.HEDGE, pending=marked(path.pending, HEDGED))

    def _step_over_hedge_behind(self, path: Path, match: Match, at: int) -> None:
        if self._links.says_further_count(path, match, at):
            self._queue.continue_with(path, ExplanationEvent(EventKind.ASIDE, start=at, end=match.end), costs.LINK)
        elif path.field is not None and not (
            self._links.belongs_to_next_value(match, at) or self._links.is_part_of_count(match, at)
        ):
            event = ExplanationEvent(EventKind.HEDGE, path.field, start=at, end=match.end)
            roles = {one.role for one in self._spans.matches[at] if one.end == match.end}
            # "A-02-03 is short | five cases": what is no count itself is not short.
            counted = self._counts.counts_at[match.end] and not self._fields[path.field].spoken.counts
            either = (Role.HEDGE_BEFORE in roles or counted) and self._spans.goes_straight_on(match.end)
            pending = marked(path.pending, HEDGED) if either else path.pending
            opened = self._queue.with_label_closed(path)
            self._queue.continue_with(opened, event, costs.HEDGE, state=ParserState.BETWEEN, pending=pending)

    def _step_over_choice(self, path: Path, match: Match, at: int) -> None:
        if path.state is not ParserState.SAID:
            return
        if self._links.adds_another_count(path, match, at):
            return
        labels = (one for one in self._spans.matches[match.end] if one.role is Role.LABEL)
        if match.end in self._spans.role_ends(at, Role.NOT_THIS_PLACE) and any(
            one.field != path.field for one in labels
        ):
            return  # German "Palette 742 von Tor A": "von" chooses only between two numbers.
        denied = path.last is not None and {HEDGED, DENIED} <= set(path.last.marks)
        if (denied or CORRECTS in path.pending) and match.end in self._spans.role_ends(at, Role.LINK, Role.OPENING):
            return  # "Dock B, sorry, to dock G", "from dock A to dock C".
        if not (path.pending and self._spans.may_be_letter(str(path.field), at, match.end)):
            cost = costs.UNLIKELY if self._words[at] in self._language.separators else costs.CHOICE
            self._queue.continue_at(path, match.end, cost, pending=marked(path.pending, ALTERNATIVE))

    def _step_over_correction(self, path: Path, match: Match, at: int) -> None:
        """Step over a phrase that corrects a named thing: "742 was actually fourteen", "change 743 to eleven"."""
        begun = path.cue[0] if match.role is Role.CORRECTS_TO_AGAIN else at
        if match.role is Role.CHANGES_TO and path.state is ParserState.LABELLED and path.cue[0] == 0 < path.cue[1]:
            self._queue.continue_at(path, match.end, costs.AFTER_LABEL)  # Or a letter: "cambia el remolque a 90012".
        if self._links.sets_value(path, match, at):
            self._queue.continue_at(
                path, match.end, costs.CUE, state=ParserState.BETWEEN, pending=CORRECTS_RECORD, cue=(begun, match.end)
            )

    # Phrases that keep the utterance off the record.

    def _step_over_question(self, path: Path, match: Match, at: int) -> None:
        """Step over the beginning of a question; behind a short pause it is less certain."""
        pause, started = self._tokens[at].pause, path.state is not ParserState.START
        if (not pause and started and at > 0) or self._links.denies_next_value(path, match, at):
            return
        begins = not started or pause >= costs.STOP
        event = ExplanationEvent(EventKind.MOOD, value=match.value, start=at, end=match.end)
        self._queue.continue_with(path, event, costs.QUESTION if begins else costs.MOOD)

    def _step_over_mood(self, path: Path, match: Match, at: int) -> None:
        goes_on = match.end < self._spans.size and self._tokens[match.end].pause < costs.STOP
        if match.value == "tags" and goes_on and self._said(at, match.end) in self._language.cues:
            return  # "Me equivoco, palé 743": only at the end does it ask.
        if self._links.denies_next_value(path, match, at):
            return
        event = ExplanationEvent(EventKind.MOOD, value=match.value, start=at, end=match.end)
        cost = costs.MOOD if match.end == at + 1 else costs.MOOD_PHRASE
        self._queue.continue_with(self._queue.with_label_closed(path), event, cost)

    def _step_over_cancellation(self, path: Path, match: Match, at: int) -> None:
        first = path.state is ParserState.START and self._said(at, match.end) not in self._language.cues
        if match.end == self._spans.size or first:
            event = ExplanationEvent(EventKind.MOOD, value="taken back", start=at, end=match.end)
            self._queue.continue_with(self._queue.with_label_closed(path), event, costs.QUESTION)

    _STEPS: ClassVar[Mapping[Role, _Step]] = {
        Role.LABEL: _step_over_label,
        Role.UNIT: _step_over_unit,
        Role.VALUE: _step_over_value,
        Role.VALUE_VERB: _step_over_value,
        Role.OPENING: _step_over_opening,
        Role.BEGINNING: _step_over_opening,
        Role.LINK: _step_over_link,
        Role.ACTION_DONE: _step_over_link,
        Role.AFTER_LABEL: _step_over_word_after_label,
        Role.AFTER_COUNT: _step_over_remark_behind_value,
        Role.CLOSING_REMARK: _step_over_closing_remark,
        Role.CUE: _step_over_cue,
        Role.REPEAT: _step_over_repetition_cue,
        Role.CORRECTS_TO: _step_over_correction,
        Role.CORRECTS_TO_AGAIN: _step_over_correction,
        Role.CHANGES_TO: _step_over_correction,
        Role.CONTRAST: _step_over_contrast,
        Role.HEDGE_BEFORE: _step_over_hedge_before,
        Role.HEDGE_BEHIND: _step_over_hedge_behind,
        Role.CHOICE: _step_over_choice,
        Role.PORTION: _step_over_portion,
        Role.TOTAL: _step_over_portion,
        Role.NOT_THIS_PLACE: _step_over_place_denial,
        Role.CHECK: _step_over_check_digits,
        Role.QUESTION: _step_over_question,
        Role.MOOD: _step_over_mood,
        Role.TAKEN_BACK: _step_over_cancellation,
    }
    """`Role.ADJECTIVE` has none: it is valid only before a unit (`UnitCounts`)."""
