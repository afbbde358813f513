"""The dialogue with the operator, from a verdict to an agreed entry. Pure: events come in, orders go out.

`states.py` has the table that says what is done about which event in which state; here and in the parts that this is
made of is how. Whoever drives it puts the durable orders on disk first, all in one transaction, together with the draft
as it is then; then he carries out the others. A driver whose disk refuses throws the dialogue away and begins again
from what is on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from edge.agree.asking import Asking
from edge.agree.decide import Rules
from edge.agree.happenings import Deadline, Happening, Heard, Started, event_of
from edge.agree.orders import Drop, Earcon, Order, Say, Sound, StartTimer, StopTimer
from edge.agree.prompt import Prompt
from edge.agree.questions import About, Question, judged
from edge.agree.states import AGREEING, QUESTIONS, TABLE, Event, State, Step
from edge.agree.telling import Manner, heeded, repeated
from edge.forms.spoken import command
from edge.forms.spoken.language import fold
from edge.records import Act, Draft, Outcome, Reason, Verdict

MOST_EXTENSIONS = 3
"""So often a deadline is put off because somebody begins to speak; noise must not do so for ever."""


class Dialogue(Asking):
    """The conversation of one device, which fills one form."""

    def __init__(self, rules: Rules, manner: Manner | None = None) -> None:
        """`manner` is how the site wants it; None: as is usual."""
        super().__init__(rules, manner or Manner())
        self._extensions = 0
        self._waiting = False
        self._on_speech: Mapping[Step, Callable[[Heard], list[Order]]] = {
            Step.NOTE: self._note,
            Step.BEGIN: self._said_whole,
            Step.NEXT: self._next,
            Step.CORRECT: self._correct,
            Step.AMEND: self._amend,
            Step.ANSWER: self._answer,
            Step.PROVE: self._prove,
            Step.AGREE: self._agree,
            Step.DISAGREE: self._disagree,
            Step.NEITHER: self._neither,
            Step.WHAT_IS_WRONG: self._what_is_wrong,
            Step.COMMIT: lambda heard: [heeded(heard, Reason.ANSWER), *self._commit()],
            Step.DOUBT: self._doubt,
            Step.NOT_UNDERSTOOD: self._not_understood,
            Step.ASK_AGAIN: lambda heard: [heeded(heard, Reason.ANSWER), *self._ask_again()],
            Step.NOT_HEARD: lambda heard: [repeated(heard), *self._ask_again()],
            Step.DROP: self._drop,
            Step.FORGET: self._forget,
            Step.GIVE_UP: self._give_up,
            Step.OBJECT: self._object,
            Step.TAKE_BACK: self._take_back,
            Step.DEFER: self._defer,
            Step.PUT_OFF: self._put_off,
            Step.TURN_AWAY: self._turn_away,
            Step.SAY_AGAIN: self._say_again,
            Step.TELL_WAITING: self._tell_waiting,
            Step.TELL_LAST: self._tell_last,
            Step.HELP: self._help,
            Step.PAUSE: self._pause,
            Step.NOT_PAUSED: self._not_paused,
            Step.RESUME: self._resume,
            Step.ADJUST: self._adjust,
            Step.SIGN_ON: self._sign_on,
            Step.SIGN_OFF: self._sign_off,
        }
        # The table gives each of these only the kind of happening that it takes.
        self._on_news: Mapping[Step, Callable[[Any], list[Order]]] = {
            Step.NOTHING: lambda _: [],
            Step.DUE: lambda _: self._due(),
            Step.LAPSE: lambda _: self._lapse(),
            Step.LET_GO: lambda _: self._let_go(),
            Step.LISTEN: lambda _: self._listen(),
            Step.REMEMBER: self._remember,
            Step.COUNT: self._count,
            Step.NEWS: self._hear_news,
            Step.ALARM: self._alarm,
            Step.ALARM_HELD: lambda fault: [*self._alarm(fault), *self._ask(self._whole())],
            Step.RESTORE: self._restore,
        }

    def take(self, happening: Happening) -> list[Order]:
        """What is to be done about `happening`, in order."""
        before, question = self.state, self._question
        if isinstance(happening, Heard):
            happening = self._in_context(happening)
        event = self._event(happening)
        step = TABLE[self.state][event]
        orders = self._on_speech[step](happening) if isinstance(happening, Heard) else self._on_news[step](happening)
        changed = (before, question) != (self.state, self._question)
        if isinstance(happening, Heard) and event is not Event.NOISE and Sound(Earcon.NOT_UNDERSTOOD) not in orders:
            asks = changed and self.state in QUESTIONS
            orders.insert(0, Sound(Earcon.QUESTION if asks else Earcon.HEARD))
        if isinstance(happening, Heard):
            self._remember_said(happening)
        over = isinstance(happening, Heard | Deadline)
        self._interrupted = event is Event.SPEAKING or (self._interrupted and not over)
        if self.state is State.IDLE and not self._interrupted:
            orders += self._tell_news()
        self._speaking = next((order for order in reversed(orders) if isinstance(order, Say)), self._speaking)
        return [*orders, *self._timer(event, changed=changed)]

    def _event(self, happening: Happening) -> Event:
        """The column of the table: talk that answers a question is none; a yes said too early is noise."""
        event = event_of(happening, self._rules)
        if not isinstance(happening, Heard):
            return event
        if event is Event.UNCLEAR and self.state is State.HELD and self._counts_anew(happening):
            return Event.CORRECTION
        if event is Event.NOISE:
            return Event.UNCLEAR if self._answers(happening) else event
        agrees = event is Event.YES or (event is Event.CANCEL and self._about() is About.CANCEL)
        return Event.NOISE if agrees and self._is_early(happening) else event

    def _timer(self, event: Event, *, changed: bool) -> list[Order]:
        """Nothing waits for ever: whatever is open has a deadline, which speech puts off and noise does not."""
        news = bool(self._news) and self.state is State.IDLE
        if not (self.state in AGREEING or (self.state is State.PAUSED and self.draft is not None) or news):
            stopping, self._waiting = self._waiting, False
            return [StopTimer()] if stopping else []
        if event is Event.SPEAKING:
            self._extensions -= 1
        elif changed or event not in _QUIET:
            self._extensions = MOST_EXTENSIONS
        put_off = event is Event.SPEAKING and self._extensions >= 0
        if self._waiting and not (changed or event not in _QUIET or put_off):
            return []
        self._waiting = True
        return [StartTimer(self._manner.undo_s if self.state is State.HELD else self._manner.patience_s)]

    # Shifts, pauses, restarts.

    def _pause(self, heard: Heard) -> list[Order]:
        orders: list[Order] = []
        if self.state is State.HELD and self._doubted:
            self._question = self._whole()
        elif self.state is State.HELD:
            orders = self._commit()
        if self.draft is not None and self.draft.act is Act.CANCEL:
            orders = self._set_aside()
        self.state = State.PAUSED
        return [*self._note_command(heard), *orders, self._say(Prompt.PAUSED)]

    def _resume(self, heard: Heard) -> list[Order]:
        noted = self._note_command(heard)
        if self.draft is None or self._question is None:
            self.state = State.IDLE
            return [*noted, self._say(Prompt.RESUMED)]
        return [*noted, Say(Prompt.RESUMED), *self._ask(self._question)]

    def _sign_on(self, heard: Heard) -> list[Order]:
        asked = command(heard.reading.words, self._rules.language)
        name = (asked.name if asked is not None else None) or ""
        known = self._manner.operators or {name: name}
        spoken = next((one for one in known if fold(one) == name), "")
        noted = self._note_command(heard)
        if not spoken:
            return [*noted, Sound(Earcon.NOT_UNDERSTOOD), self._say(Prompt.UNKNOWN_OPERATOR, operator=name)]
        orders = self._finish()
        self.operator, self.state = known[spoken], State.IDLE
        self.last = self._own(self.last)
        return [*noted, *orders, self._say(Prompt.SIGNED_ON, operator=spoken)]

    def _sign_off(self, heard: Heard) -> list[Order]:
        orders = self._finish()
        self.operator, self.state = None, State.SIGNED_OFF
        self.last = self._own(self.last)
        return [*self._note_command(heard), *orders, self._say(Prompt.SIGNED_OFF)]

    def _restore(self, started: Started) -> list[Order]:
        """Nothing that was open is committed without another word: nobody knows what was said in the dark."""
        self.operator, self.owed = started.operator, started.owed
        self.last = self._own(started.last)
        self.state = State.SIGNED_OFF if self._manner.operators and not self.operator else State.IDLE
        self._turned_down |= started.turned_down
        if self.last is not None and self.last.refused:
            self._refused.add(self.last.event_id)
        if started.draft is not None:
            return self._take_up(started.draft)
        if self.state is State.SIGNED_OFF:
            return [self._say(Prompt.SIGN_ON_FIRST)]
        return []

    def _take_up(self, draft: Draft) -> list[Order]:
        if draft.form != self._rules.form.name:
            return self._put_by(draft)
        if draft.act is Act.CANCEL:
            if self.last is None or self._standing(self.last.event_id) != self._standing(draft.replaces):
                return [Drop(draft)]
            self.draft, self._verdict = draft, Verdict(Outcome.ACCEPT, (), {})
            return self._ask(Question(About.CANCEL, fields=self.last.fields))
        if self._names_another(draft):
            return self._ask_which(draft, judged(draft, self._rules))
        orders = self._consider(draft, judged(draft, self._rules), None)
        return self._ask(replace(self._whole(), prompt=Prompt.RESTORED)) if self.state is State.HELD else orders

    def _put_by(self, draft: Draft) -> list[Order]:
        """To a person with a draft of another form: nothing of it can be asked in the words of this one."""
        values = {name: said.value for name, said in draft.reading.fields.items() if said.value is not None}
        self.draft, self._verdict, state = draft, Verdict(Outcome.HOLD, (), values), self.state
        orders = self._park()
        self.state = state
        return orders

    def _let_go(self) -> list[Order]:
        if self.draft is None:
            return []
        orders = self._set_aside()
        self.state = State.PAUSED
        self._news.append(Say(Prompt.PARKED))
        return orders

    def _finish(self) -> list[Order]:
        """Close what is open before somebody else speaks: what is held is committed, what is asked goes to a person."""
        if self.draft is None:
            return []
        sure = self.state is State.HELD and not self._doubted
        return self._commit() if sure else self._set_aside()

    def _note_command(self, heard: Heard) -> list[Order]:
        return [heeded(heard, Reason.COMMAND)]


_QUIET = frozenset(
    {
        Event.NOISE,
        Event.SPEAKING,
        Event.COMMITTED,
        Event.SETTLED,
        Event.REFUSED,
        Event.TROUBLE,
        Event.DELIVERING,
        Event.FAULT,
        Event.HEALED,
    }
)
"""Events that put off no deadline by themselves: the operator has no part in them."""
