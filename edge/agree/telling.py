"""The part of the dialogue that agrees on nothing: commands, news, and who is signed on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from edge.agree.decide import Rules
from edge.agree.happenings import Answered, Committed, Hardware, Heard, Link
from edge.agree.orders import Adjust, Earcon, Hush, Note, Order, Park, Say, Sound
from edge.agree.prompt import Prompt
from edge.agree.replies import turned_down
from edge.agree.states import AGREEING, State
from edge.records import Act, Because, Command, Draft, FieldValue, LastEntry, Outcome, Reason, Verdict

HELP = {
    State.SIGNED_OFF: Prompt.HELP_SIGNED_OFF,
    State.IDLE: Prompt.HELP,
    State.HELD: Prompt.HELP_HELD,
    State.ASKING: Prompt.HELP_ASKING,
    State.CHOOSING: Prompt.HELP_CHOOSING,
    State.CONFIRMING: Prompt.HELP_CONFIRMING,
    State.PROVING: Prompt.HELP_PROVING,
    State.PAUSED: Prompt.HELP_PAUSED,
}
"""What can be said in each state."""

TURNED_DOWN = frozenset({Prompt.REFUSED, Prompt.DUPLICATE})
"""News that the inventory does not have an entry: a sound of its own comes before it."""

UNASKED = frozenset({State.SIGNED_OFF, State.PAUSED})
"""States in which what is dictated is put aside."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How the device converses at a site."""

    undo_s: float = 4.0
    """An entry is held for so long after its readback: time to say "no", which is said at once or not at all."""
    patience_s: float = 8.0
    """An answer is waited for so long, twice."""
    holds_sure: bool = True
    """Also what the policy would record with a mere sound is read back and held."""
    operators: Mapping[str, str] | None = None
    """Who may sign on, as spoken, to the name that goes on record; None: nobody needs to."""
    operator: str | None = None
    """Who is on record while nobody has signed on."""


class Telling:
    """What the dialogue remembers, and the steps that change nothing about the draft."""

    def __init__(self, rules: Rules, manner: Manner) -> None:
        self._rules = rules
        self._manner = manner
        self.state = State.SIGNED_OFF if manner.operators else State.IDLE
        self.draft: Draft | None = None
        """What is being agreed."""
        self.operator: str | None = None
        """Who is signed on."""
        self.last: LastEntry | None = None
        """What "cancel" and "correction" are about while there is no draft."""
        self.owed = 0
        """How many events are owed to the inventory."""
        self._refused: set[str] = set()
        """The events that the inventory turned down and that nothing has taken the place of."""
        self._turned_down: dict[str, str | None] = {}
        """Every event that it turned down, with the one that it was to replace: what has taken its place may be turned
        down in its turn."""
        self._cancelled: tuple[str, LastEntry | None] | None = None
        """The last cancellation, and what was the last entry before it."""
        self._mending: tuple[str, str] | None = None
        """The utterance whose entry is to take the place of a refused one, and the event of that."""
        self._news: deque[Say] = deque()
        self._interrupted = False
        """The operator has begun to speak, and what he says is not known yet: no time for news."""
        self._cut_off = False
        self._said: Say | None = None
        """What "say again" is about."""
        self._speaking: Say | None = None
        """What was said last, of all that was said."""

    @property
    def open(self) -> bool:
        """Whether the operator is in the middle of an entry."""
        return self.state in AGREEING

    @property
    def turned_down(self) -> frozenset[str]:
        """The events that the inventory turned down, as far as is known."""
        return frozenset(self._turned_down)

    @property
    def _who(self) -> str | None:
        return self.operator or self._manner.operator

    def _say(
        self, prompt: Prompt, fields: Mapping[str, FieldValue] | None = None, *, priority: bool = False, **slots: str
    ) -> Say:
        return self._told(Say(prompt, fields or {}, slots, priority))

    def _told(self, say: Say) -> Say:
        self._said = say
        return say

    def _note(self, heard: Heard) -> list[Order]:
        reason = Reason.COMMAND if heard.reading.act is Act.COMMAND else Reason.ANSWER
        if self.state in UNASKED:
            reason = Reason.NOT_LISTENING
        if heard.verdict.outcome is Outcome.IGNORE:
            return [Note(heard.utterance_id, heard.reading, heard.verdict)]
        return [heeded(heard, reason)]

    def _not_understood(self, heard: Heard) -> list[Order]:
        return [
            repeated(heard),
            Sound(Earcon.NOT_UNDERSTOOD),
            self._say(Prompt.REPEAT),
        ]

    def _defer(self, heard: Heard) -> list[Order]:
        return [Note(heard.utterance_id, heard.reading, heard.verdict), self._say(Prompt.DEFERRED)]

    def _turn_away(self, heard: Heard) -> list[Order]:
        prompt = Prompt.PAUSED if self.state is State.PAUSED else Prompt.SIGN_ON_FIRST
        parked = Park(heard.utterance_id, Reason.NOT_LISTENING, heard.verdict.fields)
        return [parked, Sound(Earcon.NOT_UNDERSTOOD), self._say(prompt)]

    def _say_again(self, heard: Heard) -> list[Order]:
        told = self._say(Prompt.NOTHING_SAID) if self._said is None else self._said
        return [*self._note(heard), told]

    def _tell_waiting(self, heard: Heard) -> list[Order]:
        owed, refused = str(self.owed), str(len(self._refused))
        none = Prompt.WAITING if self.owed else Prompt.WAITING_NONE
        prompt = Prompt.WAITING_REFUSED if self._refused else none
        return [*self._note(heard), self._say(prompt, count=owed, refused=refused)]

    def _tell_last(self, heard: Heard) -> list[Order]:
        if self.last is None:
            return [*self._note(heard), self._say(Prompt.NO_ENTRY)]
        prompt = Prompt.LAST_REFUSED if self.last.refused else Prompt.LAST_ENTRY
        return [*self._note(heard), self._say(prompt, self.last.fields)]

    def _help(self, heard: Heard) -> list[Order]:
        """What can be said here; then the question once more, for that is what help was needed with."""
        asked = self._repeated()
        told = [Say(HELP[self.state])] if asked else [self._say(HELP[self.state])]
        return [*self._note(heard), *told, *asked]

    def _repeated(self) -> list[Say]:
        """The question that is open."""
        return []

    def _not_paused(self, heard: Heard) -> list[Order]:
        return [*self._note(heard), self._say(Prompt.LISTENING)]

    def _adjust(self, heard: Heard) -> list[Order]:
        what = heard.reading.command or Command.SAY_AGAIN
        return [*self._note(heard), Adjust(what), Say(Prompt(what.value))]

    def _listen(self) -> list[Order]:
        return [] if self._speaking is not None and self._speaking.priority else [Hush()]

    def _remember(self, committed: Committed) -> list[Order]:
        self.owed += 1
        entry = committed.entry
        if entry.draft.act is Act.CANCEL:
            self._cancelled = entry.event_id, self.last
        self.last = self._own(None if entry.draft.act is Act.CANCEL else entry)
        if entry.draft.replaces is not None:
            self._refused = {one for one in self._refused if self._standing(one) != entry.draft.replaces}
        if self._mending is not None and self._mending[0] == entry.draft.utterance_id:
            self._give_up_on(self._mending[1])
        return [Sound(Earcon.STORED)]

    def _give_up_on(self, refused: str | None) -> None:
        """Something has taken the place of a refused event, and so of what that was to replace; or nothing will."""
        while refused is not None:
            self._refused.discard(refused)
            refused = self._turned_down.get(refused)

    def _standing(self, event_id: str | None) -> str | None:
        """The event that the inventory has: from one that it turned down, back to what that was to replace."""
        while event_id is not None and event_id in self._turned_down:
            event_id = self._turned_down[event_id]
        return event_id

    def _own(self, last: LastEntry | None) -> LastEntry | None:
        """The entry, if it is of whoever speaks now: nobody corrects or cancels another's by saying "no".

        And if it is of this form: what corrects it could not be read in the words of another.
        """
        ours = last is not None and (last.draft.operator, last.draft.form) == (self._who, self._rules.form.name)
        return last if ours else None

    def _count(self, answered: Answered) -> list[Order]:
        self.owed = max(0, self.owed - 1)
        receipt = answered.receipt
        if not receipt.turned_down:
            self.taken({receipt.event_id})
            return []
        self._refused.add(receipt.event_id)
        self._turned_down[receipt.event_id] = answered.replaces
        if self.last is None and self._cancelled is not None and self._cancelled[0] == receipt.event_id:
            self.last = self._own(self._cancelled[1])  # there is still something to cancel
        self._mark_last()
        return []

    def taken(self, event_ids: Iterable[str]) -> None:
        """The inventory has these, also where it had turned them down: it was mended, or restored, and asked again."""
        for event_id in self._turned_down.keys() & event_ids:
            del self._turned_down[event_id]
            self._refused.discard(event_id)
            if self._cancelled is not None and self._cancelled[0] == event_id:
                self.last = None if self.last == self._cancelled[1] else self.last
        self._mark_last()

    def _mark_last(self) -> None:
        if self.last is not None:
            self.last = replace(self.last, refused=self.last.event_id in self._turned_down)

    def _hear_news(self, happening: Answered | Link) -> list[Order]:
        if isinstance(happening, Link):
            self._hear_of_link(happening)
            return []
        if happening.receipt.event_id not in self._refused:  # receipts may come more than once
            self._news.append(turned_down(happening))
        return self._count(happening)

    def _hear_of_link(self, link: Link) -> None:
        """Told once when it is lost, and once when it is back; nothing where nobody heard of the trouble yet."""
        trouble = Say(Prompt.TROUBLE)
        if not link.up and not self._cut_off:
            self._news.append(trouble)
        elif link.up and trouble in self._news:
            self._news.remove(trouble)
        elif link.up and self._cut_off:
            self._news.append(Say(Prompt.DELIVERING))
        self._cut_off = not link.up

    def _tell_news(self) -> list[Order]:
        told: list[Order] = []
        while self._news:
            say = self._told(self._news.popleft())
            told += [Sound(Earcon.REFUSED), say] if say.prompt in TURNED_DOWN else [say]
        return told

    def _alarm(self, hardware: Hardware) -> list[Order]:
        slots = {"fault": hardware.fault}
        # Not remembered: "say again" is about the work.
        if hardware.healed:
            return [Say(Prompt.HEALED, slots=slots)]
        return [Sound(Earcon.FAULT), Say(Prompt.FAULT, slots=slots, priority=True)]


def heeded(heard: Heard, reason: Reason) -> Note:
    """On record, and no entry by itself."""
    return Note(heard.utterance_id, heard.reading, Verdict(Outcome.HEED, (Because(reason),), {}))


def repeated(heard: Heard) -> Note:
    """On record as not understood; a command that was not heard surely has another verdict by itself."""
    unclear = Verdict(Outcome.REPEAT, (Because(Reason.NOT_UNDERSTOOD),), {})
    return Note(
        heard.utterance_id, heard.reading, heard.verdict if heard.verdict.outcome is Outcome.REPEAT else unclear
    )
