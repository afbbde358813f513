"""The part of the dialogue about the entry that was recorded last: corrected, cancelled, objected to."""

from __future__ import annotations

from dataclasses import replace

from edge.agree.answering import other_identifier
from edge.agree.breaths import astray
from edge.agree.drafting import Drafting
from edge.agree.happenings import Heard
from edge.agree.orders import Note, Order, Say
from edge.agree.prompt import Prompt
from edge.agree.questions import About, Question
from edge.agree.states import State
from edge.agree.telling import heeded
from edge.forms.spoken import corrects
from edge.records import Act, Because, Confirmation, Draft, LastEntry, Outcome, Reading, Reason, Verdict


class Amending(Drafting):
    """The steps that are about the last entry while nothing is open."""

    def _said_whole(self, heard: Heard) -> list[Order]:
        """A sentence while nothing is open: a new entry, or the last one, where it begins by taking that back."""
        if self.last is None or not corrects(heard.reading.words, self._rules.language):
            return self._begin(heard)
        said = replace(self._said_by(heard), act=Act.RECORD)
        draft = self._of_last(self.last, said, heard)
        verdict = self._judged(draft, heard)
        if self._takes_back(heard) and not self._names_another(draft):
            return self._first(heard, draft, verdict)
        held = Verdict(Outcome.HOLD, verdict.reasons, verdict.fields)
        return [Note(heard.utterance_id, heard.reading, held), *self._ask_which(draft, verdict)]

    def _names_another(self, draft: Draft) -> bool:
        """Whether a correction, said as a whole sentence, is of another thing than the last entry."""
        if self.last is None or draft.act is not Act.AMEND or not corrects(draft.reading.words, self._rules.language):
            return False
        return other_identifier(self.last.draft.reading, draft.reading, self._rules)

    def _ask_which(self, draft: Draft, verdict: Verdict) -> list[Order]:
        """Whether it takes the place of the last entry, or is one of its own: only the operator knows."""
        self.draft, self._verdict = draft, verdict
        said = {name: one.value for name, one in draft.reading.fields.items() if one.value is not None}
        identifiers = (field.name for field in self._rules.form.fields if field.identifier)
        named = {name: said[name] for name in identifiers if name in said}
        alone = replace(draft, act=Act.RECORD, replaces=None, agreed=(), proved=())
        return [*self._last_told(), *self._ask(Question(About.INSTEAD, fields=named or said, other=alone))]

    def _last_told(self) -> list[Order]:
        """The entry that a question is about to be about."""
        if self.last is None:
            return []
        return [Say(Prompt.LAST_REFUSED if self.last.refused else Prompt.LAST_ENTRY, self.last.fields)]

    def _alone(self, other: Draft, heard: Heard) -> list[Order]:
        """It is an entry of its own. What it was said over is committed before it, if it is an open one."""
        verdict = replace(self._judged(other, heard), confirm=Confirmation.READBACK)
        if other.utterance_id != self._open_draft().utterance_id:
            held = replace(verdict, outcome=Outcome.HOLD) if verdict.outcome is Outcome.ACCEPT else verdict
            # It is agreed from here on, and waits for no other person.
            kept = Note(other.utterance_id, other.reading, held)
            # A "no" to the one is no yes to the other, where nobody had said that it is right.
            before = self._park() if self._doubted else self._commit()
            return [kept, *before, *self._consider(other, verdict, None)]
        self._mending = None
        orders = self._consider(other, verdict, None)
        # The "no" may have meant all of it: silence would be no consent.
        return self._ask(self._whole()) if self.state is State.HELD else orders

    def _amend(self, heard: Heard) -> list[Order]:
        """A correction while nothing is open: of the last entry. If the inventory refused that, it is recorded anew."""
        if self.last is None:
            return [heeded(heard, Reason.ANSWER), self._say(Prompt.NOTHING_TO_CORRECT)]
        before, said = self.last.draft.reading, self._said_by(heard)
        if astray(said, self._rules):
            return self._not_understood(heard)
        draft = self._of_last(self.last, replace(before, fields={**before.fields, **said.fields}), heard)
        return self._first(heard, draft, self._judged(draft, heard))

    def _object(self, heard: Heard) -> list[Order]:
        """A "no" that came too late for the undo window: what was recorded over it may be wrong."""
        if self.last is None:
            return [heeded(heard, Reason.ANSWER)]
        self.draft = self._of_last(self.last, self.last.draft.reading, heard)
        held = Verdict(Outcome.HOLD, (Because(Reason.ANSWER),), {})
        noted = Note(heard.utterance_id, heard.reading, held)
        return [noted, *self._last_told(), *self._ask(Question(About.WRONG))]

    def _of_last(self, last: LastEntry, reading: Reading, heard: Heard) -> Draft:
        """A draft that takes the place of the last entry: where the inventory refused that, an entry of its own."""
        standing = self._standing(last.event_id)
        if last.refused:
            self._mending = heard.utterance_id, last.event_id
        return Draft(
            utterance_id=heard.utterance_id,
            form=self._rules.form.name,
            reading=reading,
            operator=self._who,
            act=Act.RECORD if standing is None else Act.AMEND,
            replaces=standing,
            agreed=last.draft.agreed,
            proved=last.draft.proved,
        )

    def _give_up_last(self) -> list[Order]:
        """The inventory has nothing of the last entry, so there is nothing to cancel."""
        self._give_up_on(None if self.last is None else self.last.event_id)
        self.last = None
        return [self._say(Prompt.DROPPED)]

    def _take_back(self, heard: Heard) -> list[Order]:
        """Cancel the last entry, which is published: it takes a yes. One that was refused is given up at once."""
        if self.last is None:
            return [heeded(heard, Reason.ANSWER), self._say(Prompt.NOTHING_TO_CANCEL)]
        standing = self._standing(self.last.event_id)
        if standing is None:
            return [heeded(heard, Reason.ANSWER), *self._give_up_last()]
        if self.last.refused:
            self._mending = heard.utterance_id, self.last.event_id
        self.draft = Draft(
            heard.utterance_id,
            self._rules.form.name,
            heard.reading,
            self._who,
            act=Act.CANCEL,
            replaces=standing,
        )
        self._verdict = Verdict(Outcome.ACCEPT, (), {})
        held = replace(self._verdict, outcome=Outcome.HOLD)
        asked = Question(About.CANCEL, fields=self.last.fields)
        return [Note(heard.utterance_id, heard.reading, held), *self._ask(asked)]
