"""The state of a conversation: one object, which holds all of it, and which each step reads and changes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from dockvoice_protocol.field_roles import FieldRole
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import is_correction
from dockvoice_protocol.forms.spoken.language import Language
from dockvoice_protocol.records import Act, FieldReading, FieldValue, Operator, Reading, Word, as_text
from edge.agree.crew import SignOnCandidate
from edge.agree.cut_numbers import PreviousUtterance
from edge.agree.decide import Rules
from edge.agree.dialogue import claims
from edge.agree.dialogue.draft_queue import DraftQueue
from edge.agree.dialogue.interface import Order
from edge.agree.dialogue.questions import Question, Topic, judge_draft, render_question
from edge.agree.dialogue.table import State
from edge.agree.expectations import NOTHING_EXPECTED, Expectations, find_expected_place
from edge.agree.readings import find_differing_identifiers, possible_values, values_of
from edge.agree.terms import build_terms, find_spoken_units
from edge.agree.two_values import find_units_of_two_counts
from edge.records import (
    NOTHING_STANDS,
    ConfirmationKind,
    Draft,
    LastEntry,
    RecentEntries,
    Shift,
    StandingContext,
    Verdict,
)
from edge.records.speech import FIELD_CONFIRMATIONS, Prompt, Say, Terms

MOST_EXTENSIONS = 3  # Extensions of a deadline by the start of speech; noise must not extend it for ever.

MOST_ENTRIES = 200  # More than an operator dictates, and asks about, in a shift.

REACTION_S = 0.4
"""The shortest reaction to a prompt, in seconds: the synthetic voice takes 0.1 s to be audible, hearing and speaking
the rest."""

LONGEST_UNLOADING = timedelta(days=1)
"""A trailer is unloaded within a day; on another day its number may be used again."""

_NOT_LOOKED_UP = RecentEntries(datetime(1970, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class DialogueSettings:
    """Settings of the dialogue at one site."""

    undo_s: float = 4.0  # The undo window after a readback, in seconds: an objection comes at once or not at all.
    patience_s: float = 8.0  # Timeout of a question, in seconds; it is asked twice.
    holds_sure: bool = True  # Read back and hold also entries that the policy would record with an earcon only.
    operators: tuple[Operator, ...] | None = None  # The roster; None: no sign-on is needed.
    operator: str | None = None  # The operator on record while none is signed on.
    closing: Form | None = None  # The form of a trailer's closing entry; None: trailers cannot be closed here.
    idle_s: float | None = None  # Sign-off timeout while nothing is open, in seconds; None: never.

    def spoken_name_of(self, operator: str) -> str:
        """The first spoken name of an operator; `operator` itself if the roster has none."""
        known = (one.spoken[0] for one in self.operators or () if one.name == operator and one.spoken)
        return next(known, operator)

    def is_closing(self, draft: Draft | None) -> bool:
        """Whether the draft closes a trailer, or cancels its closing."""
        return draft is not None and self.closing is not None and draft.form == self.closing.name

    def to_trailer_field(self, fields: Mapping[str, FieldValue], form: Form) -> Mapping[str, FieldValue]:
        """The fields of a closing entry, under the trailer field of `form`."""
        closes, trailer = None if self.closing is None else self.closing.closes, form.roles.get(FieldRole.TRAILER)
        return fields if closes is None or trailer is None or closes not in fields else {trailer: fields[closes]}


@dataclass(frozen=True, slots=True)
class SignOnQuestion:
    """The candidates of a doubtful sign-on, asked about one after the other."""

    candidates: tuple[SignOnCandidate, ...]  # The first is being asked about.
    form: str | None  # The form named in the same utterance.
    back: State  # The state to return to if no candidate agrees.


@dataclass(frozen=True, slots=True)
class DeferredAction:
    """A sign-on, sign-off or change of form, deferred until the open entry is finished."""

    carry_out: Callable[[], list[Order]]
    newcomer: bool = False  # Whether it signs on another operator, who dictates from then on.
    leaves: bool = False  # Whether it signs the operator off: what is said of another thing is not his any more.


@dataclass(frozen=True, slots=True)
class InReview:
    """The utterances in review."""

    count: int = 0  # How many.
    drafts: tuple[Draft, ...] = field(default=(), repr=False)  # Those that can be asked about, oldest first.
    elsewhere: tuple[str, ...] = ()  # Other forms that have utterances in review.

    def without(self, utterance_id: str) -> InReview:
        """Those that are left when this one is recorded."""
        left = tuple(one for one in self.drafts if one.utterance_id != utterance_id)
        return replace(self, count=self.count - len(self.drafts) + len(left), drafts=left)

    def with_draft(self, draft: Draft) -> InReview:
        """Those that there are when this one is put aside, or again with more of it."""
        others = self.without(draft.utterance_id)
        return replace(others, count=others.count + 1, drafts=(*others.drafts, draft))


@dataclass(slots=True)
class History:
    """The latest entries on record, and the inventory's answers to them."""

    last: LastEntry | None = None  # The entry that "cancel" and "correction" apply to while no draft is open.
    left: dict[str, LastEntry | None] = field(default_factory=dict)
    """By form, its last entry when another form was chosen."""
    entries: deque[LastEntry] = field(default_factory=lambda: deque(maxlen=MOST_ENTRIES), repr=False)
    """The committed entries, oldest first, including cancellations: for look-ups by identifier."""
    owed: int = 0  # How many events have no receipt yet.
    in_review: InReview = field(default_factory=InReview)
    asked_again: set[str] = field(default_factory=set, repr=False)
    """Utterances in review that were asked about in this round, which ends when all were."""
    refused: set[str] = field(default_factory=set, repr=False)
    """The events that the inventory refused, with neither a correction nor a decision yet."""
    turned_down: dict[str, str | None] = field(default_factory=dict)
    """Every refused event, with the event that it was to replace: a correction may be refused as well."""
    cancelled: tuple[str, LastEntry | None] | None = field(default=None, repr=False)
    """The last cancellation's event, and the last entry before it."""
    mending: tuple[str, str] | None = field(default=None, repr=False)
    """The utterance whose entry is to replace a refused event, and that event."""

    def list_standing_entries(self) -> list[LastEntry]:
        """The entries that were neither replaced, cancelled nor refused, newest first."""
        taken = [one for one in self.entries if not (one.refused or one.event_id in self.turned_down)]
        replaced = {one.draft.replaces for one in taken}
        return [one for one in reversed(taken) if one.draft.act is not Act.CANCEL and one.event_id not in replaced]

    def find_closing(self, trailer: str, settings: DialogueSettings, now: datetime) -> LastEntry | None:
        """The entry of any operator of this device that closed a trailer within a day; None while it is open."""
        closings = (
            one
            for one in self.list_standing_entries()
            if settings.is_closing(one.draft) and trailer in one.fields.values()
        )
        lately = (one for one in closings if one.recorded_at is None or now - one.recorded_at < LONGEST_UNLOADING)
        return next(lately, None)

    def find_applied_event(self, event_id: str | None) -> str | None:
        """The event that the inventory has: from a refused one back along `turned_down`; None: it has none."""
        while event_id is not None and event_id in self.turned_down:
            event_id = self.turned_down[event_id]
        return event_id

    def is_in_review(self, draft: Draft) -> bool:
        """Whether the draft is already in review."""
        return any(one.utterance_id == draft.utterance_id for one in self.in_review.drafts)

    def replaces_recorded_entry(self, draft: Draft) -> bool:
        """Whether the draft replaces an entry on record."""
        return self.find_replaced_event(draft) is not None

    def find_replaced_event(self, draft: Draft) -> str | None:
        """The event that the draft replaces; None: it is a new entry."""
        mending, refused = self.mending or (None, None)
        return draft.replaces or (refused if mending == draft.utterance_id else None)

    def changes_nothing(self, draft: Draft) -> bool:
        """Whether the draft has the values of the entry that it replaces, and no more: it only objects to that."""
        mending, refused = self.mending or (None, None)
        of = refused if mending == draft.utterance_id else draft.replaces
        same = [one for one in self.entries if one.event_id == of and one.fields == values_of(draft.reading)]
        rivals = any(one.rivals for one in draft.reading.fields.values())
        return draft.act is not Act.CANCEL and bool(same) and not rivals

    def resolve_refusals(self, refused: str | None) -> None:
        """Resolve a refused event and all refused events that it was to replace: corrected, or given up."""
        while refused is not None:
            self.refused.discard(refused)
            refused = self.turned_down.get(refused)

    def clear_refusals(self, event_ids: Iterable[str]) -> None:
        """Clear the refusals of these events: the inventory accepted them on a later try."""
        for event_id in self.turned_down.keys() & event_ids:
            del self.turned_down[event_id]
            self.refused.discard(event_id)
            if self.cancelled is not None and self.cancelled[0] == event_id:
                self.last = None if self.last == self.cancelled[1] else self.last
        self.mark_last_if_refused()

    def mark_last_if_refused(self) -> None:
        """Set the refused flag of the last entry."""
        if self.last is not None:
            self.last = replace(self.last, refused=self.last.event_id in self.turned_down)


@dataclass(slots=True)
class _DeviceSpeech:
    """What the device has spoken."""

    again: tuple[Say, ...] = ()  # What "say again" repeats.
    latest: Say | None = None  # The last prompt.
    put: tuple[Question | SignOnQuestion | None, Draft | None] = (None, None)  # The last question or readback.
    put_at: float | None = None  # When it began, in seconds of the driver's clock; None: unknown.


@dataclass(frozen=True, slots=True)
class Named:
    """What was named: words that name nothing may be of it, as `reference` tells."""

    things: tuple[Mapping[str, FieldValue], ...] = field(default=(), repr=False)
    """The identifiers of the thing that prompts named last; before it another one, if it was named again behind that;
    behind it an empty one, if prompts have told of a place, a sum or what holds from now on since."""
    left: bool = False  # Since the last entry an unrecorded thing was named, which the next values may belong to.
    lacks: frozenset[str] = field(default=frozenset(), repr=False)  # Since the last commit, by what was put aside.
    aside: bool = False  # Since the last commit a thing was put in review.


@dataclass(frozen=True, slots=True)
class Addition:
    """What an utterance added to: a draft that was read back as a whole, one that waited, or what holds for all."""

    before: Draft
    named: bool = False  # Whether the utterance named it: "742 is wet".
    waited: bool = False  # Whether it was in review, and is open only since.
    queued: bool = False  # Whether it waited for its turn there.
    held: StandingContext | None = None  # What held for all before that; None: it was added to the draft.


@dataclass(slots=True)
class _News:
    """News of the inventory, queued until nothing is open."""

    queued: deque[Say] = field(default_factory=deque)
    cut_off: bool = False  # The inventory is unreachable.
    interrupted: bool = False  # The operator is speaking, and the utterance is not read yet: hold back news.


@dataclass(slots=True)
class _Timer:
    """The one timer, which the driver runs."""

    runs: bool = False
    seconds: float | None = None  # Its duration.
    extensions: int = 0  # How often speech may still extend it.


@dataclass(slots=True)
class FormSet:
    """The forms and languages of the device, and which are chosen."""

    forms: tuple[Form, ...]  # The device's forms, in the order in which prompts list them.
    recogniser_language: Language  # The device's own.
    allowed: frozenset[str] | None = None  # The forms that the operator may fill; None: all.
    chosen: bool = True  # Whether a form is chosen.
    language: str | None = None  # The chosen language's code; None: the device's own.

    @property
    def allowed_forms(self) -> tuple[Form, ...]:
        """The forms that the operator may fill here."""
        return tuple(form for form in self.forms if self.allowed is None or form.name in self.allowed)

    def find_form(self, form: str | None) -> Form | None:
        """The form of that name; None if the device does not have it."""
        return next((one for one in self.forms if one.name == form), None)


@dataclass(slots=True)
class DialogueSession:
    """The state of a conversation, which steps change; the machine runs its timer."""

    rules: Rules  # Of the current form and language.
    settings: DialogueSettings
    works: FormSet
    state: State = field(init=False)
    operator: str | None = None  # The operator who is signed on.
    called: str | None = field(default=None, repr=False)  # The name in his greeting; None since a restart.
    on_break: str | None = None  # The reason of a break, if one was given.
    draft: Draft | None = None  # The draft being agreed; None: nothing is open.
    verdict: Verdict | None = None  # The verdict on the draft.
    doubted: bool = False  # A possible "no" was heard over the draft: silence no longer commits it.
    doubted_number: bool = False  # That utterance had a number, perhaps of another thing.
    another_unclear: bool = False  # That utterance may name another thing: the next values without a name are of it.
    question: Question | None = None  # The open question.
    lapsed: bool = False  # The question timed out once.
    queue: DraftQueue = field(default_factory=DraftQueue)  # The drafts that wait behind the open one.
    needs_yes: set[str] = field(default_factory=set, repr=False)
    """The claims that need an explicit yes: queued behind another once, or named only by an answer."""
    named_again: Mapping[str, FieldReading] = field(default_factory=dict, repr=False)
    """The held entry's identifiers, if repeated alone: the next entry's, if that has other values and none of its
    own."""
    denied_identifiers: frozenset[str] = field(default=frozenset(), repr=False)
    """Required fields of the held entry set last without identifier or word of correction: perhaps the next entry's."""
    set_over_question: frozenset[str] = frozenset()
    """The fields of the context that were set over the open entry: a correction may be of them."""
    read_back: Draft | None = None  # The draft that was read back last, as it was then.
    renamed: Draft | None = None  # The open draft as it was before it got another name; None: it has its first one.
    last_addition: Addition | None = None  # What the last utterance added to; None: it added to no complete draft.
    expected: Expectations = NOTHING_EXPECTED
    """The expected receipts as of the last utterance: a draft taken up from review is validated against them too."""
    lately: RecentEntries = _NOT_LOOKED_UP  # The entries on record as of the last query.
    scanned: tuple[tuple[Word, ...], float | None] = ((), None)
    """The last label, and when it was scanned, on the driver's clock: drops a double pull of the trigger."""
    context: StandingContext = NOTHING_STANDS  # Values that later entries inherit.
    shift: Shift | None = None  # The site's current shift; None: unknown.
    identifying: SignOnQuestion | None = None  # The sign-on being confirmed.
    waiting_orders: tuple[Draft, ...] = field(default=(), repr=False)
    """What waits until nothing is open, also after a restart: orders to close a trailer, and to cancel, that another
    order or a correction came before, each asked about again, the last one first; and the context of what follows."""
    deferred_action: DeferredAction | None = field(default=None, repr=False)
    placeless: Reading | None = field(default=None, repr=False)
    """The last utterance, where it is "trailer done" and its trailer was asked for."""
    leaving: bool = False  # The operator was asked to finish the entry before a sign-on, sign-off or change.
    tries: int = 0  # Failed answers to the open question.
    challenges: int = 0  # Check-digit questions so far: a sign with several is asked in turn.
    breath: PreviousUtterance = field(default_factory=PreviousUtterance)
    recorded: History = field(default_factory=History)
    spoken: _DeviceSpeech = field(default_factory=_DeviceSpeech)
    named: Named = Named()
    news: _News = field(default_factory=_News)
    timer: _Timer = field(default_factory=_Timer)

    def __post_init__(self) -> None:
        self.state = self.state_without_open_entry

    @property
    def state_without_open_entry(self) -> State:
        """The state with no open entry: SIGNED_OFF, CHOOSING_WORK or IDLE."""
        if self.settings.operators and not self.operator:
            return State.SIGNED_OFF
        return State.IDLE if self.works.chosen else State.CHOOSING_WORK

    @property
    def signed_on(self) -> Operator | None:
        """The roster entry of the operator who is signed on."""
        return next((one for one in self.settings.operators or () if one.name == self.operator), None)

    @property
    def recording_operator(self) -> str | None:
        """The operator to record entries under."""
        return self.operator or self.settings.operator

    def own_entry_or_none(self, entry: LastEntry | None) -> LastEntry | None:
        """The entry, if it is the current operator's and of the current form, or a closing; else None.

        A "no" must not change another operator's entry, and the current form cannot read a correction of another
        form's.
        """
        known = entry is not None and (
            entry.draft.form == self.rules.form.name or self.settings.is_closing(entry.draft)
        )
        return entry if entry is not None and known and entry.draft.operator == self.recording_operator else None

    def find_own_entry(self, values: Mapping[str, FieldValue]) -> LastEntry | None:
        """The first of `list_own_entries`; None: none."""
        return next(iter(list_own_entries(self, values)), None)

    def is_recorded_or_in_review(self, named: Mapping[str, FieldValue]) -> bool:
        """Whether an entry of this device, or an utterance in review, has all of these identifiers."""
        return bool(named) and any(named.items() <= one.items() for one in list_known_things(self))

    def identifiers_of(self, values: Mapping[str, FieldValue], form: str | None = None) -> dict[str, FieldValue]:
        """The identifying values, by the current form or the named one."""
        of = self.rules.form if form is None else self.works.find_form(form)
        return {name: values[name] for name in (() if of is None else of.identifies) if name in values}

    def relate_to_claim(self, reading: Reading, claim: Draft | None = None) -> claims.Relation:
        """How `reading` relates to a claim; None: the open one. A correction that names it in part is of it."""
        of = claim or self.open_draft
        corrects = reading.act is Act.AMEND or is_correction(reading.words, self.rules.language)
        needed = () if corrects else self.needed_identifiers
        relation = claims.relate_claims(of.reading, reading, self.rules.identifying_fields, needed)
        moved = relation in {claims.Relation.NONE, claims.Relation.SAME} and has_context_changed(self, reading, of)
        return claims.Relation.ANOTHER if moved else relation

    @property
    def needed_identifiers(self) -> list[str]:
        """The identifying fields that are required: the thing's name, without its item."""
        form = self.rules.form
        return [name for name in form.identifies if form[name].required]

    def require_yes_if_partly_named(self, reading: Reading, claim: Draft) -> None:
        """Require a yes for the claim if `reading` names it only in part: it may mean another thing."""
        if claims.is_partly_named(claim.reading, reading, self.needed_identifiers):
            self.needs_yes.add(claim.utterance_id)

    @property
    def open_identifiers(self) -> dict[str, FieldValue]:
        """The open claim's identifiers that have a value."""
        fields = self.open_draft.reading.fields
        return {name: one for name in self.rules.identifying_fields for one in possible_values(fields.get(name))[:1]}

    @property
    def open_draft(self) -> Draft:
        """The open draft. Raises ValueError if there is none."""
        if self.draft is None:
            raise ValueError(f"the dialogue is {self.state} without a draft")
        return self.draft

    @property
    def values(self) -> Mapping[str, FieldValue]:
        """The draft's accepted values."""
        return self.verdict.fields if self.verdict else {}

    @property
    def entry_question(self) -> Question:
        """The question about the draft as a whole."""
        return Question(Topic.ENTRY_RIGHT, fields=self.values)

    @property
    def current_question(self) -> Question:
        """The open question; while an entry is held, whether it is right."""
        return self.question or self.entry_question

    @property
    def topic(self) -> Topic | None:
        """The kind of the open question."""
        return None if self.question is None else self.question.about

    def open(self, draft: Draft, verdict: Verdict) -> None:
        """Open a draft: sets its verdict and clears all doubts.

        A verdict on other values than the draft has is made anew: what is read out and recorded is the verdict's.
        """
        known = values_of(draft.reading)
        if any(known.get(name) != value for name, value in verdict.fields.items()):
            verdict = replace(judge_draft(draft, self.rules), confirm=ConfirmationKind.READBACK)
        self.draft, self.verdict, self.doubted, self.doubted_number = draft, verdict, False, False
        self.named_again, self.denied_identifiers, self.another_unclear = {}, frozenset(), False

    def ask(self, question: Question) -> list[Order]:
        """Open a question; returns the order to ask it, or none while it is unspoken."""
        self.question, self.state, self.lapsed, self.leaving, self.tries = question, question.state, False, False, 0
        self.challenges += question.about is Topic.PROOF
        return [] if question.unspoken else [self.say_question(question)]

    def say_open_question(self) -> Say:
        """The order to ask the open question, which is no longer unspoken."""
        self.question = replace(self.current_question, unspoken=False)
        return self.say_question(self.question)

    def say_question(self, question: Question) -> Say:
        """The order to ask a question, or repeat it."""
        return self.make_repeatable(build_prompt(self, question))

    def close_draft(self) -> None:
        """Close the draft and its question."""
        self.draft = self.verdict = self.question = None
        self.leaving = False
        self.named_again, self.denied_identifiers, self.set_over_question = {}, frozenset(), frozenset()
        self.state = State.IDLE

    def say(self, prompt: Prompt, fields: Mapping[str, FieldValue] | None = None, **slots: str) -> Say:
        """The order to speak a prompt, which "say again" repeats."""
        return self.make_repeatable(Say(prompt, fields or {}, slots))

    def make_repeatable(self, say: Say) -> Say:
        """Record the prompt for "say again", and return it."""
        return self.make_repeatable_together([say])[0]

    def make_repeatable_together(self, says: Sequence[Say]) -> Sequence[Say]:
        """Let "say again" repeat these prompts together."""
        self.spoken.again = tuple(says)
        return says


def asks_yes_or_no(session: DialogueSession) -> bool:
    """Whether a yes or a no is the value that the open question asks for: "Is it sealed?"."""
    name = session.current_question.field if session.topic is Topic.FIELD else None
    return name is not None and bool(session.rules.form[name].spoken.answers)


def list_own_entries(session: DialogueSession, values: Mapping[str, FieldValue]) -> list[LastEntry]:
    """The operator's entries with all identifiers in `values`: those that share most of its other values first.

    Of equals the standing ones before the refused, and the newest before the others.
    """
    named = session.identifiers_of(values)
    refused = (one for one in reversed(session.recorded.entries) if one.event_id in session.recorded.refused)
    known = (*session.recorded.list_standing_entries(), *(replace(one, refused=True) for one in refused))
    owned = (
        one for one in known if named and session.own_entry_or_none(one) is not None and one.draft.act is not Act.CANCEL
    )
    found = (one for one in owned if named.items() <= one.fields.items())
    return sorted(found, key=lambda one: -len(values.items() & one.fields.items()))


def list_own_standing_entries(session: DialogueSession) -> list[LastEntry]:
    """The operator's entries of the current form, and closings, that stand, newest first."""
    return [one for one in session.recorded.list_standing_entries() if session.own_entry_or_none(one) is not None]


def name_of(session: DialogueSession, values: Mapping[str, FieldValue]) -> dict[str, FieldValue]:
    """The required identifying values alone, without an item; empty where one of them is missing."""
    named = {name: values[name] for name in session.needed_identifiers if name in values}
    return named if len(named) == len(session.needed_identifiers) else {}


def list_known_things(session: DialogueSession) -> list[dict[str, FieldValue]]:
    """The identifiers of this device's entries, and of the utterances in review."""
    recorded = session.recorded
    known = [*(one.fields for one in recorded.entries), *(values_of(one.reading) for one in recorded.in_review.drafts)]
    return [session.identifiers_of(one) for one in known]


def build_prompt(session: DialogueSession, question: Question) -> Say:
    """The prompt of a question about the open draft, in the units that the operator used."""
    known = values_of(session.open_draft.reading)
    beside = find_expected_place(known, session.rules.form, session.expected)
    say = render_question(question)
    if say.prompt in FIELD_CONFIRMATIONS and (session.open_draft.support or session.open_draft.act is Act.AMEND):
        say = replace(say, fields={**session.identifiers_of(known), **say.fields})  # the values were joined later
    counted = None if question.field is None else session.rules.form[question.field].unit_of
    if say.prompt in FIELD_CONFIRMATIONS and counted is not None and counted in known:
        say = replace(say, fields={**say.fields, counted: known[counted]})  # "24 cases?"; "cases?" tells nothing
    named = frozenset(name for name, one in session.open_draft.reading.fields.items() if one.value != 0)
    terms = _terms_of_question(session, question)
    before = session.find_own_entry(known) if say.prompt is Prompt.CONFIRM_AGAIN else None
    if before is not None and any(before.fields.get(name, value) != value for name, value in known.items()):
        say = replace(say, prompt=Prompt.CONFIRM_ANOTHER, fields=before.fields)
        terms = entry_terms(session, before)
    return replace(say, known=known, named=named, beside=beside, terms=terms)


def _terms_of_question(session: DialogueSession, question: Question) -> Terms:
    """The terms of the values that the question reads out."""
    match question.about:
        case Topic.CANCEL if question.other is None:
            return terms_on_record(session, session.open_draft.replaces)
        case Topic.INSTEAD | Topic.NEXT_OR_INSTEAD | Topic.CANCEL:
            other = {} if question.other is None else _find_units(question.other, session.rules)
            units = _find_units(session.open_draft, session.rules)
            return Terms({name: {**units.get(name, {}), **other.get(name, {})} for name in {**units, **other}})
        case Topic.CHOICE if question.field is not None:
            terms = terms_of_open_draft(session)
            said = find_units_of_two_counts(question.field, session.open_draft.reading, session.rules)
            return replace(terms, units={**terms.units, question.field: said}) if said else terms
        case _:
            return terms_of_open_draft(session)


def _find_units(draft: Draft, rules: Rules) -> Mapping[str, Mapping[FieldValue, str]]:
    """By count, the unit as it was said, or that of the draft: "6 pieces instead of 12 cases?"."""
    values = values_of(draft.reading)
    coded = ((name, rules.form.unit_field(name)) for name in values)
    of_draft = {
        name: {values[name]: as_text(values[unit.name])} for name, unit in coded if unit and unit.name in values
    }
    return {**of_draft, **find_spoken_units(draft.reading, rules)}


def terms_on_record(session: DialogueSession, event_id: str | None) -> Terms:
    """The terms of an event's entry, or of the entry that it cancels; empty if no longer remembered."""
    entry = next((one for one in session.recorded.entries if one.event_id == event_id), None)
    if entry is None:
        return Terms()
    if entry.draft.act is Act.CANCEL:
        return terms_on_record(session, entry.draft.replaces)
    return entry_terms(session, entry)


def entry_terms(session: DialogueSession, entry: LastEntry) -> Terms:
    """The terms of an entry, read by its own form; empty if the device does not have that."""
    form = session.works.find_form(entry.draft.form)
    return Terms() if form is None else Terms(find_spoken_units(entry.draft.reading, replace(session.rules, form=form)))


def terms_of_open_draft(session: DialogueSession) -> Terms:
    """The terms of the open draft, compared with the entries on record and in review."""
    draft, waiting = session.open_draft, session.recorded.in_review.drafts
    aside = (values_of(one.reading) for one in waiting if one.utterance_id != draft.utterance_id)
    return build_terms(draft, [*(one.fields for one in session.recorded.entries), *aside], session.rules)


def read_out_entry(session: DialogueSession, entry: LastEntry, prompt: Prompt = Prompt.LAST_ENTRY) -> Say:
    """The order to read out the last entry, or with another prompt an earlier one."""
    prompt = Prompt.LAST_REFUSED if entry.refused else prompt
    if session.settings.is_closing(entry.draft):
        return Say(prompt, session.settings.to_trailer_field(entry.fields, session.rules.form))
    return Say(prompt, entry.fields, terms=entry_terms(session, entry), form=entry.draft.form)


def has_context_changed(session: DialogueSession, reading: Reading, claim: Draft) -> bool:
    """Whether the context names another thing since the claim began, and `reading` has values that may be of that.

    "Trailer 5502 from now on", then "rear, minus twenty" over an open entry of trailer 5501. The answer to the open
    question is still of the claim.
    """
    before, identifies = claim.reading.fields, session.rules.identifying_fields
    own = {name for name, one in reading.fields.items() if not one.is_inherited}
    if not own - {*identifies} or (session.question is not None and own <= {session.question.field}):
        return False
    taken = [name for name in identifies if name in before and before[name].is_inherited]
    return bool(find_differing_identifiers(claim.reading, replace(reading, fields=session.context.fields), taken))
