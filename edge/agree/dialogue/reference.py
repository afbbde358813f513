"""Reference: which thing is meant by words that name none: always the one that the device named last.

While a thing is open, that is the open one: behind another thing that the device names, its question says whose it is,
and its readback is spoken again (`end_with_open_thing`). So does the question of a value that was said before the name.
With nothing open it is the entry that the device named last; where that is not the last one on record, a correction of
it needs a yes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dockvoice_protocol.forms.spoken import names_last_one
from dockvoice_protocol.records import Act, FieldValue, Reading
from edge.agree.decide import ANNOUNCED_OTHERWISE
from edge.agree.dialogue import drafting, parking
from edge.agree.dialogue.claims import Relation
from edge.agree.dialogue.interface import DialogueInput, Order, UtteranceHeard
from edge.agree.dialogue.questions import Question, Topic
from edge.agree.dialogue.session import DialogueSession, build_prompt
from edge.agree.dialogue.table import AGREEING
from edge.agree.merging import find_fields_with_another_old_value
from edge.agree.one_breath import find_first_field, split_if_several
from edge.agree.readings import likely_values, possible_values, values_of, without_inherited
from edge.records import Commit, Draft, LastEntry
from edge.records.speech import Prompt, Say

_PUT_ASIDE = frozenset({Prompt.PARKED, Prompt.PARKED_ENTRY, Prompt.ASIDE, Prompt.ASIDE_BEFORE})
"""They tell that something was put in review."""


_COUNTS_RECORDS = frozenset({Prompt.SUMS, Prompt.SUMS_RECORDED, Prompt.TALLY, Prompt.TALLY_ALL, Prompt.TOTAL})
"""They count what is on record: an entry that is held is not among it, and is read back again behind them."""


def end_with_open_thing(session: DialogueSession, happening: DialogueInput, orders: list[Order]) -> list[Order]:
    """The orders, with the open question put again behind all else that they say, by name behind another thing.

    So an answer, a correction, a yes or a drop without a name is always of what the device said last. A held entry is
    read back again behind another thing. The standing context and the closing of a trailer name no thing.
    """
    _remember_named_things(session, happening, orders)
    draft, question = session.draft, session.question
    says = [order for order in orders if isinstance(order, Say)]
    if not says or draft is None or session.state not in AGREEING or (question and question.unspoken):
        return orders
    another, last = _names_another(session, draft, says), says[-1]
    early = _asks_of_value_before_name(session, draft, orders) or _asks_of_other_place(session, draft)
    is_asked = question is not None and last.prompt is build_prompt(session, question).prompt
    if is_asked and _say_name_of_question(session, last, behind_another=bool(another), early=early) in (
        [],
        says[-2:-1],
    ):
        return orders
    if another:
        session.named = replace(session.named, things=(another, session.open_identifiers or another))
    if question is None:
        counts = not _COUNTS_RECORDS.isdisjoint(one.prompt for one in says)
        return [*orders, *(drafting.hold_draft(session) if another or counts else [])]
    at = orders.index(last) if is_asked else len(orders)
    again = session.spoken.again if session.spoken.again == tuple(says) and not (another or is_asked) else ()
    asked = session.say_question(question)
    name = _say_name_of_question(session, asked, behind_another=bool(another), early=early)
    session.make_repeatable_together([*again, *name, asked])
    return [*orders[:at], *name, asked, *orders[at + 1 :]]


def _names_another(session: DialogueSession, draft: Draft, says: Sequence[Say]) -> Mapping[str, FieldValue]:
    """The identifiers of the thing that the prompts name last, where it is not the open one; else empty."""
    named = next(filter(None, (_identifiers_in(session, one) for one in reversed(says))), {})
    own = session.open_identifiers
    is_same = bool(own) and all(own.get(name, value) == value for name, value in named.items())
    return {} if is_same or draft.act is Act.CONTEXT or session.settings.is_closing(draft) else named


def _asks_of_value_before_name(session: DialogueSession, draft: Draft, orders: Sequence[Order]) -> bool:
    """Whether the question is of a value that was said before the name: it may be of the thing before."""
    asked = session.current_question.field
    named = values_of(without_inherited(draft.reading)).keys() & {*session.needed_identifiers}
    if asked is None or asked in named or not named or draft.support:
        return False
    follows = session.recorded.last is not None or any(isinstance(order, Commit) for order in orders)
    return follows and find_first_field(draft.reading, session.rules) == asked


def _asks_of_other_place(session: DialogueSession, draft: Draft) -> bool:
    """Whether the question is of a place other than the one that holds: it may be of what follows the entry."""
    asked, form = session.current_question.field, session.rules.form
    if asked is None or asked not in form.standing_fields or asked in form.identifies or not session.open_identifiers:
        return False
    holds, said = session.context.fields.get(asked), draft.reading.fields.get(asked)
    if session.topic is not Topic.FIELD_RIGHT or session.current_question.why in ANNOUNCED_OTHERWISE:
        return False
    return holds is not None and said is not None and {*possible_values(said)} != {holds.value}


def _say_name_of_question(
    session: DialogueSession, asked: Say, *, behind_another: bool, early: bool = False
) -> list[Say]:
    """The name of the open thing before its question, behind another thing; empty where that has a name itself.

    Always before whether another part of the name takes its place: "item B715 instead of item B714?".
    """
    corrects, last = session.recorded.replaces_recorded_entry(session.open_draft), session.recorded.last
    own = session.identifiers_of(last.fields) if corrects and last is not None else session.open_identifiers
    beside = {name: own[name] for name in session.needed_identifiers if name in own and name != asked.asked}
    if asked.prompt is Prompt.CONFIRM_INSTEAD and asked.asked in session.rules.identifying_fields and beside:
        return [Say(Prompt.ABOUT, beside)]
    # Neither the place nor a count would tell which entry is corrected, and not the one that waits.
    behind_another |= corrects and (asked.prompt is Prompt.PROVE or session.queue.first is not None)
    named = _identifiers_in(session, asked)
    if early and named.keys().isdisjoint(beside):  # Of a value said before the name.
        return [Say(Prompt.ABOUT, beside)] if beside else []
    if not behind_another or named:
        return []
    return parking.say_draft(session, session.open_draft, Prompt.ABOUT)


def _identifiers_in(session: DialogueSession, say: Say) -> Mapping[str, FieldValue]:
    """The identifiers that a prompt names; of a choice, the first one offered."""
    offered = {say.asked: say.candidates[0]} if say.asked is not None and say.candidates else {}
    return session.identifiers_of({**offered, **say.fields}, say.form)


def _remember_named_things(session: DialogueSession, happening: DialogueInput, orders: Sequence[Order]) -> None:
    """Remember which thing the prompts named, or an utterance began, whether they told of more, and what was parked."""
    draft, says, things = session.draft, [order for order in orders if isinstance(order, Say)], session.named.things
    if isinstance(happening, UtteranceHeard) and draft is not None and draft.utterance_id == happening.utterance_id:
        things = tuple(filter(None, [session.identifiers_of(values_of(draft.reading)) or _thing_named_last(session)]))
    asked = None if session.question is None or draft is None else build_prompt(session, session.question).prompt
    for say in (one for one in says if one.prompt is not Prompt.DROPPED_ENTRY):  # What is gone is not meant next.
        things = things[-1:] if all(things) else things
        if named := _identifiers_in(session, say):
            things = (named,)
        elif say.fields and say.prompt is not asked:  # The question is of the open thing.
            things = (*filter(None, things), {})
    aside = session.named.aside or any(say.prompt in _PUT_ASIDE for say in says)
    session.named = replace(session.named, things=things, aside=aside)


def _thing_named_last(session: DialogueSession) -> Mapping[str, FieldValue]:
    """The identifiers of the thing that was named last; empty: none was since the start."""
    return next(filter(None, reversed(session.named.things)), {})


def _is_behind_another(session: DialogueSession) -> bool:
    """Whether the device named another thing before the one named last, or has told of more behind it."""
    return len(session.named.things) > 1 or not all(session.named.things)


def find_entry_at_hand(session: DialogueSession) -> LastEntry | None:
    """The entry that is meant without a name: the last one, unless the device has named another one since."""
    last = session.recorded.last
    if last is not None and is_named_last(session, last.fields):
        return last
    return session.find_own_entry(_thing_named_last(session)) or last


def find_put_aside(session: DialogueSession, named: Mapping[str, FieldValue]) -> Draft | None:
    """The first of `list_put_aside`; None if an entry on record has these identifiers."""
    known = session.find_own_entry(named) is not None
    return None if known else next(iter(list_put_aside(session, named)), None)


def find_known(session: DialogueSession, named: Mapping[str, FieldValue]) -> Draft | None:
    """The operator's entry of this name, on record or else in review: what is told of it corrects that.

    None for one that waits for its turn.
    """
    entry, aside = session.find_own_entry(named), find_put_aside(session, session.identifiers_of(named))
    if entry is not None:
        return entry.draft
    waits = aside is not None and any(one.utterance_id == aside.utterance_id for one in session.queue.drafts)
    return None if aside is None or aside.act is not Act.RECORD or waits else aside


def list_put_aside(session: DialogueSession, named: Mapping[str, FieldValue]) -> list[Draft]:
    """The operator's drafts in review that have all of these identifiers, maybe beside others; none without any."""
    if not named:
        return []
    own = (one for one in session.recorded.in_review.drafts if one.operator in {None, session.recording_operator})
    here = (one for one in own if one.form == session.rules.form.name)
    parts = ((one, split_if_several(one.reading, session.rules) or (one.reading,)) for one in here)
    return [one for one, of in parts if any(named.items() <= likely_values(part).items() for part in of)]


def find_draft_put_aside_last(session: DialogueSession) -> Draft | None:
    """The operator's draft in review that the device named last, if no entry has that name; else None."""
    last = session.recorded.last
    if last is not None and is_named_last(session, last.fields):
        return None
    return find_put_aside(session, _thing_named_last(session))


def is_surely_at_hand(session: DialogueSession, entry: LastEntry) -> bool:
    """Whether the entry is surely meant without a name: nothing else was named or told of since the last one."""
    alone = not session.named.left and all(session.named.things)
    return alone and entry == session.recorded.last and is_named_last(session, entry.fields)


def is_named_last(session: DialogueSession, values: Mapping[str, FieldValue]) -> bool:
    """Whether the device named no other thing since it named the one with these values."""
    own, named = session.identifiers_of(values), _thing_named_last(session)
    if not (own and named):
        return True
    # An entry of another form has other identifiers.
    return not own.keys().isdisjoint(named) and all(own.get(name, value) == value for name, value in named.items())


def may_be_of_another(session: DialogueSession, reading: Reading, *, takes_back: bool, answers: bool = False) -> bool:
    """Whether words that name nothing may still be of another thing than the open one: then it needs a yes.

    They say of a value what it never was; they have a number of the last entry in place of its own, with more; they do
    not answer, where the next thing waits, named in one breath; they take something back directly behind another thing,
    a place or a sum, or put right what the last entry has, where the open one is asked for it; or they give what a
    thing that was put aside lacks, and do not answer the question.
    """
    if find_fields_with_another_old_value(session.open_draft.reading, reading):
        return True
    if len(reading.fields) > 1 and _has_number_of_last(session, values_of(reading)):
        return True
    if session.relate_to_claim(reading) is not Relation.NONE:
        return False
    known, places = values_of(session.open_draft.reading), session.rules.form.standing_fields
    is_place = reading.fields.keys() <= {*places}  # Put right, or the first there, it is of all of them.
    is_place &= takes_back or reading.fields.keys().isdisjoint(session.context.fields)
    tells = not (answers or is_place) and any(known.get(name) != value for name, value in values_of(reading).items())
    if tells and any(one.utterance_id not in session.needs_yes for one in session.queue.drafts):
        return True  # Those that were open before have what stood then.
    if takes_back:
        return _is_behind_another(session) or _puts_right_last(session, reading)
    return not (answers or session.named.lacks.isdisjoint(reading.fields))


def _puts_right_last(session: DialogueSession, said: Reading) -> bool:
    """Whether it has the value that is asked for, as the last entry has one; not the no to "Is it sealed?"."""
    last, known, asked = session.recorded.last, session.open_draft.reading.fields, session.current_question.field
    if asked is None or asked not in said.fields or asked in known or session.rules.form[asked].spoken.answers:
        return False
    return last is not None and asked in last.fields


def _has_number_of_last(session: DialogueSession, said: Mapping[str, FieldValue]) -> bool:
    """Whether it has a number of the last entry, as of its seal, where the open one has another."""
    last, known = session.recorded.last, values_of(session.open_draft.reading)
    if last is None or session.recorded.replaces_recorded_entry(session.open_draft):
        return False
    codes = {one.name for one in session.rules.form.fields if one.spoken.is_code and one.catalogue is None}
    of_last = {name for name in codes & said.keys() & known.keys() if last.fields.get(name) == said[name]}
    return any(known[name] != said[name] for name in of_last)


def require_yes_if_named_later(session: DialogueSession, said: Reading, asked: str | None = None) -> None:
    """Require a yes where the open thing gets its name only now, spoken or by a label, and had another name before.

    Its values may be of the thing that was named before, and the name of the next one. So it may where its own name was
    not understood; and where it was begun without one, and `asked` is answered.
    """
    draft, name = session.open_draft, next(iter(session.rules.identifying_fields), "")
    if asked is not None and is_begun_without_name(session, asked):
        session.needs_yes.add(draft.utterance_id)
    if name not in said.fields or possible_values(draft.reading.fields.get(name)):
        return
    recorded, named = session.recorded, name in draft.reading.fields or _thing_named_last(session)
    if recorded.last is not None or recorded.in_review.drafts or named:
        session.needs_yes.add(draft.utterance_id)


def is_begun_without_name(session: DialogueSession, asked: str) -> bool:
    """Whether the open entry was begun without a name of its own: the answer to a question may be of the next thing.

    "Refused" behind a reading at the rear, and then "front minus eight".
    """
    draft, recorded = session.open_draft, session.recorded
    said = {name for name, one in draft.reading.fields.items() if not one.is_inherited and possible_values(one)}
    follows = recorded.last is not None or recorded.in_review.drafts or asked in draft.reading.fields
    unnamed = said.isdisjoint(session.rules.identifying_fields) and not said <= {asked}
    return bool(follows) and draft.act is Act.RECORD and unnamed


def ask_whose_is_dropped(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Ask whether to drop the open thing, where a drop without a name may be of another; empty for any other drop.

    Whether it is right is not asked: who means "yes, drop it" would record it.
    """
    of_another = session.topic in {Topic.CANCEL, Topic.CLOSE, Topic.DROP}
    is_named = all(session.named.things) or (session.open_identifiers and session.open_draft.act is not Act.CONTEXT)
    # "The last entry", while a value is asked for, may be the one on record.
    of_last = names_last_one(utterance.reading.words, session.rules.language) and session.recorded.last is not None
    of_last &= session.topic is Topic.FIELD and session.current_question.prompt is not Prompt.ONE_BY_ONE
    if utterance.reading.fields or of_another or not (is_named and (_is_behind_another(session) or of_last)):
        return []
    noted, question = utterance.note_as_heeded(), session.question
    if question is not None and question.other is not None:
        asked = session.say_question(question)
        return [noted, *_say_name_of_question(session, asked, behind_another=True), asked]
    session.doubted |= session.topic in {Topic.ENTRY_RIGHT, Topic.WRONG}  # The missing yes survives the other question.
    return [noted, *session.ask(Question(Topic.DROP, fields=likely_values(session.open_draft.reading)))]
