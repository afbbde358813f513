"""The state of a conversation: one object, which each step reads and changes, and beside which there is none."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from dockvoice_protocol.forms.model import Expects, Form
from dockvoice_protocol.forms.spoken.language import Language
from dockvoice_protocol.records import Act, FieldReading, FieldValue, Operator, Reading, Word
from edge.agree.crew import Meant
from edge.agree.cut_numbers import BreathBefore
from edge.agree.decide import Rules
from edge.agree.dialogue import claims
from edge.agree.dialogue.orders import Order
from edge.agree.dialogue.questions import About, Question, worded
from edge.agree.dialogue.table import State
from edge.agree.expectations import NOTHING_EXPECTED, Expectations, where_expected
from edge.agree.readings import values_in, values_of
from edge.agree.terms import terms, units_said
from edge.records import NOTHING_STANDS, Draft, LastEntry, Lately, Shift, StandingContext, Verdict
from edge.records.speech import CONFIRMING, Prompt, Say, Terms

MOST_EXTENSIONS = 3  # So often a deadline is put off because somebody begins to speak; noise must not do so for ever.

MOST_ENTRIES = 200  # More than anybody dictates in a shift, and asks of.

REACTION_S = 0.4
"""Nobody begins to answer sooner after the device was told to speak: its voice takes a tenth of a second to be heard,
and an ear and a mouth more than the rest."""


AT_THE_DOOR = timedelta(days=1)
"""A trailer is unloaded within a day; another day one of the same number may come again."""

NOT_LOOKED_UP = Lately(datetime(1970, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class DialogueSettings:
    """Settings of the dialogue at one site."""

    undo_s: float = 4.0
    """An entry is held for so long after its readback: time to say "no", which is said at once or not at all."""
    patience_s: float = 8.0  # An answer is waited for so long, twice.
    holds_sure: bool = True  # Also what the policy would record with a mere sound is read back and held.
    operators: tuple[Operator, ...] | None = None  # Who may sign on; None: nobody needs to.
    operator: str | None = None  # Who is on record while nobody has signed on.
    closing: Form | None = None  # The form of the entry that closes a trailer; None: none can be closed here.
    idle_s: float | None = None  # Whoever says nothing for so long, with nothing open, is signed off; None: nobody.

    def called(self, operator: str) -> str:
        """How an operator who is on record is called."""
        known = (one.spoken[0] for one in self.operators or () if one.name == operator and one.spoken)
        return next(known, operator)

    def is_closing(self, draft: Draft | None) -> bool:
        """Whether the draft closes a trailer, or takes that back."""
        return draft is not None and self.closing is not None and draft.form == self.closing.name

    def as_told(self, fields: Mapping[str, FieldValue], form: Form) -> Mapping[str, FieldValue]:
        """The fields of a closing, in the words of the form that is filled."""
        closes, trailer = None if self.closing is None else self.closing.closes, form.place_field(Expects.TRAILER)
        return fields if closes is None or trailer is None or closes not in fields else {trailer: fields[closes]}


@dataclass(frozen=True, slots=True)
class Identifying:
    """Who may be meant that signs on, asked about one after the other."""

    candidates: tuple[Meant, ...]  # The first is asked about.
    form: str | None  # What he said besides that he does.
    back: State  # Where it leads when it is none of them.


@dataclass(frozen=True, slots=True)
class Behind:
    """What somebody wants over what is open, to sign on, to change the work or to close a trailer: for behind that."""

    carry_out: Callable[[], list[Order]]
    newcomer: bool  # Whether another speaks from then on: whatever is dictated next is his.
    counts: bool = False  # Whether it tells what is on record: what is just committed must be.


@dataclass(frozen=True, slots=True)
class InReview:
    """What waits for a person."""

    count: int = 0  # How many utterances.
    drafts: tuple[Draft, ...] = field(default=(), repr=False)  # Of those that can be asked about, the oldest first.
    elsewhere: tuple[str, ...] = ()  # The other forms for which something waits.


@dataclass(slots=True)
class Recorded:
    """The entries on record that may still be spoken of, and what the inventory answered to them."""

    last: LastEntry | None = None  # What "cancel" and "correction" are about while there is no draft.
    left: dict[str, LastEntry | None] = field(default_factory=dict)
    """By form, what was last when another form was taken up."""
    entries: deque[LastEntry] = field(default_factory=lambda: deque(maxlen=MOST_ENTRIES), repr=False)
    """What was committed, the oldest first, cancellations too: what is asked by its number is looked up here."""
    left_since: bool = False  # A thing was named since the last entry, and is not on record: what follows may be of it.
    owed: int = 0  # How many events are owed to the inventory.
    aside: InReview = field(default_factory=InReview)
    asked_again: set[str] = field(default_factory=set, repr=False)
    """Of those that wait for a person, the utterances that were asked about since all had had their turn."""
    refused: set[str] = field(default_factory=set, repr=False)
    """The events that the inventory turned down and that nothing has taken the place of."""
    turned_down: dict[str, str | None] = field(default_factory=dict)
    """Every event that it turned down, with the one that it was to replace: what has taken its place may be turned down
    in its turn."""
    cancelled: tuple[str, LastEntry | None] | None = field(default=None, repr=False)
    """The last cancellation, and what was the last entry before it."""
    mending: tuple[str, str] | None = field(default=None, repr=False)
    """The utterance whose entry is to take the place of a refused one, and the event of that."""

    def stand(self) -> list[LastEntry]:
        """The entries that nothing has taken the place of, the newest first."""
        taken = [one for one in self.entries if not (one.refused or one.event_id in self.turned_down)]
        replaced = {one.draft.replaces for one in taken}
        return [one for one in reversed(taken) if one.draft.act is not Act.CANCEL and one.event_id not in replaced]

    def closing_of(self, trailer: str, settings: DialogueSettings, now: datetime) -> LastEntry | None:
        """The entry by which a trailer was closed, of all who speak to this device; None while it is open."""
        closings = (one for one in self.stand() if settings.is_closing(one.draft) and trailer in one.fields.values())
        lately = (one for one in closings if one.recorded_at is None or now - one.recorded_at < AT_THE_DOOR)
        return next(lately, None)

    def standing(self, event_id: str | None) -> str | None:
        """The event that the inventory has: from one that it turned down, back to what that was to replace."""
        while event_id is not None and event_id in self.turned_down:
            event_id = self.turned_down[event_id]
        return event_id

    def in_review(self, draft: Draft) -> bool:
        """Whether the draft was put aside before, and waits for a person while it is asked about."""
        return any(one.utterance_id == draft.utterance_id for one in self.aside.drafts)

    def replaces_one(self, draft: Draft) -> bool:
        """Whether the draft takes the place of an entry on record."""
        return self.replaced_by(draft) is not None

    def replaced_by(self, draft: Draft) -> str | None:
        """The event in whose place the draft is to stand; None where that is none."""
        mending, refused = self.mending or (None, None)
        return draft.replaces or (refused if mending == draft.utterance_id else None)

    def resolve(self, refused: str | None) -> None:
        """Something has taken the place of a refused event, and so of what that was to replace; or nothing will."""
        while refused is not None:
            self.refused.discard(refused)
            refused = self.turned_down.get(refused)

    def mark_accepted(self, event_ids: Iterable[str]) -> None:
        """Clear the refusals of these events: the inventory accepted them on a later try."""
        for event_id in self.turned_down.keys() & event_ids:
            del self.turned_down[event_id]
            self.refused.discard(event_id)
            if self.cancelled is not None and self.cancelled[0] == event_id:
                self.last = None if self.last == self.cancelled[1] else self.last
        self.mark_last()

    def mark_last(self) -> None:
        """Let the last entry tell whether it was turned down."""
        if self.last is not None:
            self.last = replace(self.last, refused=self.last.event_id in self.turned_down)


@dataclass(slots=True)
class DeviceSpeech:
    """What the device has said."""

    again: tuple[Say, ...] = ()  # What "say again" is about.
    latest: Say | None = None  # What was said last, of all that was said.
    put: tuple[Question | Identifying | None, Draft | None] = (None, None)  # What was asked or read back last.
    put_at: float | None = None  # When that began, in seconds of the driver's clock; None where that is not known.


@dataclass(slots=True)
class News:
    """What the operator is to hear of the inventory at the next quiet moment."""

    untold: deque[Say] = field(default_factory=deque)
    cut_off: bool = False  # The inventory cannot be reached.
    interrupted: bool = False  # The operator has begun to speak, and what he says is not known yet: no time for news.


@dataclass(slots=True)
class Timer:
    """The one deadline, which the driver counts."""

    runs: bool = False
    seconds: float | None = None  # What it was started with.
    extensions: int = 0  # How often speech may still put it off.


@dataclass(slots=True)
class Works:
    """Which forms and languages are at hand, and what was chosen of them."""

    forms: tuple[Form, ...]  # Those at hand on this device, as they are told.
    own_language: Language  # The device's own.
    allowed: frozenset[str] | None = None  # The forms that whoever speaks may fill, by name; None: all at hand.
    chosen: bool = True  # Whether it is known which form he fills.
    language: str | None = None  # The language that was changed to, by its code; None: the device's own.

    @property
    def open(self) -> tuple[Form, ...]:
        """The forms that whoever speaks may fill here."""
        return tuple(form for form in self.forms if self.allowed is None or form.name in self.allowed)

    def named(self, form: str | None) -> Form | None:
        """The form at hand of that name; None where none is."""
        return next((one for one in self.forms if one.name == form), None)


@dataclass(slots=True)
class DialogueSession:
    """Where a conversation stands. Steps change it; the machine keeps its timer."""

    rules: Rules  # Of the form that is filled now, in the language that is spoken now.
    settings: DialogueSettings
    works: Works
    state: State = field(init=False)
    operator: str | None = None  # Who is signed on.
    called: str | None = field(default=None, repr=False)  # As he was greeted; None since a restart.
    on_break: str | None = None  # Why it is paused, where a reason was given.
    draft: Draft | None = None  # What is being agreed; None where nothing is open.
    verdict: Verdict | None = None  # What was decided about the draft.
    doubted: bool = False  # Something was said over the draft that may have been "no": silence is no consent any more.
    doubted_number: bool = False  # And held a number, which may be that of another thing.
    question: Question | None = None  # What was asked last and is not answered yet.
    lapsed: bool = False  # One deadline of the question has passed without an answer.
    next: Draft | None = None  # What was said in one breath with the draft, and is asked about behind it.
    next_is_own: bool = False  # It was said by itself, and does not correct the draft.
    needs_yes: set[str] = field(default_factory=set, repr=False)
    """The claims to which silence is no consent: put behind another one once, or named by an answer only."""
    named_again: Mapping[str, FieldReading] = field(default_factory=dict, repr=False)
    """The name of the held entry, said alone once more: of the next one, if that has other values and no such name."""
    nameless: frozenset[str] = field(default=frozenset(), repr=False)
    """What the held entry needs and was said last without a name and a word of correction: it may be of the next."""
    read_back: Draft | None = None  # What stands for all entries, as it was read back last.
    expected: Expectations = NOTHING_EXPECTED
    """What was announced when something was heard last: what is taken up again is held against it too."""
    lately: Lately = NOT_LOOKED_UP
    """What stood on record when something was asked about it last."""
    scanned: tuple[tuple[Word, ...], float | None] = ((), None)
    """The last label that was read, and when, on the driver's clock: the trigger may be pulled twice."""
    context: StandingContext = NOTHING_STANDS  # What was said once, and holds for each entry that says nothing else.
    shift: Shift | None = None  # Which it is at the site; None where that is not known.
    identifying: Identifying | None = None  # Who is asked about that signs on.
    behind: Behind | None = field(default=None, repr=False)
    leaving: bool = False  # Somebody signs on or off over what is open, and was asked to finish it first.
    tries: int = 0  # How many answers to the question answered nothing.
    challenges: int = 0  # How often check digits were asked for, of any place: signs with several are asked in turn.
    breath: BreathBefore = field(default_factory=BreathBefore)
    recorded: Recorded = field(default_factory=Recorded)
    spoken: DeviceSpeech = field(default_factory=DeviceSpeech)
    news: News = field(default_factory=News)
    timer: Timer = field(default_factory=Timer)

    def __post_init__(self) -> None:
        self.state = self.resting

    @property
    def resting(self) -> State:
        """The state in which nothing is open."""
        if self.settings.operators and not self.operator:
            return State.SIGNED_OFF
        return State.IDLE if self.works.chosen else State.CHOOSING_WORK

    @property
    def signed_on(self) -> Operator | None:
        """What the roster has of whoever is signed on."""
        return next((one for one in self.settings.operators or () if one.name == self.operator), None)

    @property
    def who(self) -> str | None:
        """Who goes on record."""
        return self.operator or self.settings.operator

    def owned(self, entry: LastEntry | None) -> LastEntry | None:
        """The entry, if it is of whoever speaks now: nobody corrects or cancels another's by saying "no".

        And if it is of this form: what corrects it could not be read in the words of another.
        """
        known = entry is not None and (
            entry.draft.form == self.rules.form.name or self.settings.is_closing(entry.draft)
        )
        return entry if entry is not None and known and entry.draft.operator == self.who else None

    def entry_named(self, said: Reading) -> LastEntry | None:
        """The entry of whoever speaks that has all identifiers which were said: what stands, else what was refused."""
        named = self.identifiers_of(values_of(said))
        refused = (one for one in reversed(self.recorded.entries) if one.event_id in self.recorded.refused)
        known = (*self.recorded.stand(), *(replace(one, refused=True) for one in refused))
        owned = (one for one in known if named and self.owned(one) is not None and one.draft.act is not Act.CANCEL)
        return next((one for one in owned if named.items() <= one.fields.items()), None)

    def was_named(self, said: Reading) -> bool:
        """Whether a thing was recorded or put aside here that has all identifiers which were said."""
        named = self.identifiers_of(values_of(said))
        known = [one.fields for one in self.recorded.entries]
        known += [values_of(one.reading) for one in self.recorded.aside.drafts]
        return bool(named) and any(named.items() <= one.items() for one in known)

    def identifiers_of(self, values: Mapping[str, FieldValue], form: str | None = None) -> dict[str, FieldValue]:
        """Those of the values by which the thing is known; by the fields of another form, where that is named."""
        of = self.rules.form if form is None else self.works.named(form)
        return {name: values[name] for name in (() if of is None else of.identifies) if name in values}

    def relation(self, said: Reading, claim: Draft | None = None) -> claims.Relation:
        """What was said is to the thing of a claim; None: of the open one."""
        return claims.relation((claim or self.open_draft).reading, said, self.rules.identifies, self._needed)

    @property
    def _needed(self) -> list[str]:
        """The identifying fields that an entry must have."""
        form = self.rules.form
        return [name for name in form.identifies if form[name].required]

    def join(self, said: Reading, claim: Draft) -> None:
        """What was said is joined to a claim: where it names that in part, another may be meant, and it needs a yes."""
        if claims.is_partly_named(claim.reading, said, self._needed):
            self.needs_yes.add(claim.utterance_id)

    @property
    def thing(self) -> dict[str, FieldValue]:
        """The name of the open claim, as far as it was understood."""
        fields = self.open_draft.reading.fields
        return {name: one for name in self.rules.identifies for one in values_in(fields.get(name))[:1]}

    @property
    def open_draft(self) -> Draft:
        """The draft, in states that have one."""
        if self.draft is None:
            raise ValueError(f"the dialogue is {self.state} without a draft")
        return self.draft

    @property
    def values(self) -> Mapping[str, FieldValue]:
        """Those of the draft that stand."""
        return self.verdict.fields if self.verdict else {}

    @property
    def is_entry_right(self) -> Question:
        """The question about the draft as a whole."""
        return Question(About.ENTRY_RIGHT, fields=self.values)

    @property
    def asked(self) -> Question:
        """The question that is open; while an entry is held, whether it is right."""
        return self.question or self.is_entry_right

    @property
    def about(self) -> About | None:
        """What the open question is about."""
        return None if self.question is None else self.question.about

    def open(self, draft: Draft, verdict: Verdict) -> None:
        """This is agreed about now."""
        self.draft, self.verdict, self.doubted, self.doubted_number = draft, verdict, False, False
        self.named_again, self.nameless = {}, frozenset()

    def ask(self, question: Question) -> list[Order]:
        """This question is open now."""
        self.question, self.state, self.lapsed, self.leaving, self.tries = question, question.state, False, False, 0
        self.challenges += question.about is About.PROOF
        return [] if question.unspoken else [self.put(question)]

    def put_aloud(self) -> Say:
        """The order to ask the open question, whether it was spoken before or not."""
        self.question = replace(self.asked, unspoken=False)
        return self.put(self.question)

    def put(self, question: Question) -> Say:
        """The order to ask it, also once more; of the open draft in the terms of whoever dictated that."""
        known = values_of(self.open_draft.reading)
        beside = where_expected(known, self.rules.form, self.expected)
        say = worded(question)
        if say.prompt in CONFIRMING and (self.open_draft.support or self.open_draft.act is Act.AMEND):
            say = replace(say, fields={**self.identifiers_of(known), **say.fields})  # more was said since it was named
        return self.repeatable(replace(say, known=known, beside=beside, terms=_terms_of(self, question)))

    def close(self) -> None:
        """Nothing is agreed about any more."""
        self.draft = self.verdict = self.question = None
        self.leaving = False
        self.named_again, self.nameless = {}, frozenset()
        self.state = State.IDLE

    def say(self, prompt: Prompt, fields: Mapping[str, FieldValue] | None = None, **slots: str) -> Say:
        """The order to say this, which "say again" repeats."""
        return self.repeatable(Say(prompt, fields or {}, slots))

    def repeatable(self, say: Say) -> Say:
        """The order, which "say again" repeats."""
        return self.several([say])[0]

    def several(self, says: Sequence[Say]) -> Sequence[Say]:
        """Orders that "say again" repeats together."""
        self.spoken.again = tuple(says)
        return says


def _terms_of(session: DialogueSession, question: Question) -> Terms:
    """Those of whoever dictated what the question tells."""
    match question.about:
        case About.CANCEL:
            return terms_on_record(session, session.open_draft.replaces)
        case About.INSTEAD | About.NEXT_OR_INSTEAD:
            other = {} if question.other is None else units_said(question.other.reading, session.rules)
            units = units_said(session.open_draft.reading, session.rules)
            return Terms({name: {**units.get(name, {}), **other.get(name, {})} for name in {**units, **other}})
        case _:
            return terms_at_hand(session)


def terms_on_record(session: DialogueSession, event_id: str | None) -> Terms:
    """Those in which the entry of an event was dictated, or the one that it cancels, while that is remembered."""
    entry = next((one for one in session.recorded.entries if one.event_id == event_id), None)
    if entry is None:
        return Terms()
    if entry.draft.act is Act.CANCEL:
        return terms_on_record(session, entry.draft.replaces)
    return terms_of(session, entry)


def terms_of(session: DialogueSession, entry: LastEntry) -> Terms:
    """Those in which an entry was dictated, whichever form at hand it is of."""
    form = session.works.named(entry.draft.form)
    return Terms() if form is None else Terms(units_said(entry.draft.reading, replace(session.rules, form=form)))


def terms_at_hand(session: DialogueSession) -> Terms:
    """Those in which the open draft is told, beside what is recorded and what waits for a person."""
    draft, waiting = session.open_draft, session.recorded.aside.drafts
    aside = (values_of(one.reading) for one in waiting if one.utterance_id != draft.utterance_id)
    return terms(draft, [*(one.fields for one in session.recorded.entries), *aside], session.rules)


def last_told(session: DialogueSession, entry: LastEntry, prompt: Prompt = Prompt.LAST_ENTRY) -> Say:
    """The order to tell the last entry, or by another prompt one before."""
    prompt = Prompt.LAST_REFUSED if entry.refused else prompt
    if session.settings.is_closing(entry.draft):
        return Say(prompt, session.settings.as_told(entry.fields, session.rules.form))
    return Say(prompt, entry.fields, terms=terms_of(session, entry), form=entry.draft.form)
