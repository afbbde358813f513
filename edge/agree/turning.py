"""The part of the dialogue that tells a correction of the open entry from the next entry, and either from mere talk."""

from __future__ import annotations

from dataclasses import replace

from edge.agree.amending import Amending
from edge.agree.answering import another, corrected, other_identifier, replaced
from edge.agree.breaths import astray
from edge.agree.drafting import UNANSWERED
from edge.agree.happenings import Heard
from edge.agree.orders import Drop, Note, Order, Park
from edge.agree.questions import About, Question
from edge.agree.telling import heeded
from edge.forms.spoken import begins, corrects, without_cue
from edge.records import Act, Confirmation, Draft, Outcome, Reason


class Turning(Amending):
    """The steps about an entry as a whole: what is said over one that is held, or instead of a yes or a no."""

    def _next(self, heard: Heard) -> list[Order]:
        """A whole sentence while another entry is held: the next one, unless it takes that one back."""
        draft = self._open_draft()
        if not another(draft.reading, heard.reading, self._rules):
            return self._instead(heard, replaced(draft, self._said_by(heard), heard.utterance_id))
        if self._takes_back(heard):
            return self._afresh(heard)
        if self._doubted or corrects(heard.reading.words, self._rules.language):
            return self._ask_instead(heard)
        # Held in any case: a step commits one entry.
        sure = replace(heard, verdict=replace(heard.verdict, confirm=Confirmation.READBACK))
        return [*self._commit(), *self._begin(sure)]

    def _correct(self, heard: Heard) -> list[Order]:
        """A part of a sentence while an entry is held: in words that are strange before it, it may be mere talk."""
        draft, said = self._open_draft(), self._said_by(heard)
        if astray(said, self._rules):
            return self._doubt(heard)
        if not self._takes_back(heard) and other_identifier(draft.reading, said, self._rules):
            return self._ask_instead(heard)
        return self._instead(heard, corrected(draft, said.fields, heard.utterance_id))

    def _counts_anew(self, heard: Heard) -> bool:
        """Whether it corrects a held entry, though the "no" before it is doubtful: a bare "fifteen units" does so, too.

        What begins with a label does not: "not dock C" sounds like it.
        """
        said, language = heard.reading, self._rules.language
        return bool(said.fields) and said.act is Act.AMEND and bool(begins(without_cue(said.words, language), language))

    def _afresh(self, heard: Heard) -> list[Order]:
        """A whole sentence about another thing, which takes the open one back: that stays on record as taken back."""
        draft = self._open_draft()
        if self._is_of_last(draft):
            return self._instead(heard, replaced(draft, self._said_by(heard), heard.utterance_id))
        self._close()
        return [Drop(draft), *self._begin(heard)]

    def _ask_instead(self, heard: Heard) -> list[Order]:
        """Whether what names another thing corrects the open entry, or begins the next: only the operator knows."""
        # That nobody has said that the entry is right is not forgotten over another question.
        self._doubted = self._doubted or self._about() is About.ENTRY_RIGHT
        said = replace(self._said_by(heard), act=Act.RECORD)
        other = Draft(heard.utterance_id, self._open_draft().form, said, self._who)
        held = replace(heard.verdict, outcome=Outcome.HOLD)
        kept = held if heard.verdict.outcome is Outcome.ACCEPT else heard.verdict
        return [Note(heard.utterance_id, heard.reading, kept), *self._ask_whether(other)]

    def _ask_whether(self, other: Draft) -> list[Order]:
        """In review until it is answered what it was meant for: no end of this question may lose it."""
        values = {name: one.value for name, one in other.reading.fields.items() if one.value is not None}
        asked = Question(About.INSTEAD, fields=values, other=other)
        return [Park(other.utterance_id, UNANSWERED, values), *self._ask(asked)]

    def _answer_about_all(self, heard: Heard) -> list[Order]:
        """A correction in the place of a yes or a no, or a new sentence."""
        said, draft = self._said_by(heard), self._open_draft()
        if heard.verdict.outcome is Outcome.ACCEPT:
            return self._answer_anew(heard)
        if not said.fields or astray(said, self._rules):
            return self._unanswered(heard)
        other = self._about() is About.ENTRY_RIGHT and other_identifier(draft.reading, said, self._rules)
        if other and not self._takes_back(heard):
            return self._ask_instead(heard)
        return self._instead(heard, corrected(draft, said.fields, heard.utterance_id))

    def _answer_whether(self, heard: Heard) -> list[Order]:
        """Neither yes nor no: what goes on with the other thing, or names one more, leaves the open entry as it is."""
        said, draft, other = self._said_by(heard), self._open_draft(), self._asked().other
        if heard.verdict.outcome is Outcome.ACCEPT:
            return self._answer_anew(heard)
        if other is None or other.utterance_id == draft.utterance_id or not said.fields or astray(said, self._rules):
            return self._unanswered(heard)
        if not other_identifier(other.reading, said, self._rules):
            return self._unanswered(heard) if self._takes_back(heard) else self._go_on(heard, other)
        third = other_identifier(draft.reading, said, self._rules)
        return self._ask_instead(heard) if third else self._unanswered(heard)

    def _go_on(self, heard: Heard, other: Draft) -> list[Order]:
        more = corrected(other, self._said_by(heard).fields, heard.utterance_id)
        return [heeded(heard, Reason.ANSWER), *self._ask_whether(more)]

    def _answer_anew(self, heard: Heard) -> list[Order]:
        """A whole sentence in the place of an answer."""
        draft, said = self._open_draft(), self._said_by(heard)
        if another(draft.reading, said, self._rules):
            return self._anew(heard)
        return self._instead(heard, replaced(draft, said, heard.utterance_id))

    def _anew(self, heard: Heard) -> list[Order]:
        """Another whole sentence in the place of an answer: the open one goes to a person, this one goes on.

        Not where it takes the open one back, or says what is wrong with the last: then it takes the place of that.
        """
        draft = self._open_draft()
        if self._about() is About.WRONG and self._is_of_last(draft):
            return self._instead(heard, replaced(draft, self._said_by(heard), heard.utterance_id))
        if self._takes_back(heard) and (self._about() is not About.INSTEAD or self._is_of_last(draft)):
            return self._afresh(heard)
        return [*self._set_aside(), *self._begin(heard)]

    def _turn_from_cancelling(self, heard: Heard) -> list[Order]:
        """The operator goes on with something else: the last entry stays."""
        said, dictated = heard.reading, heard.verdict.outcome in {Outcome.ACCEPT, Outcome.ASK}
        if not (dictated or said.fields) or astray(said, self._rules):
            return self._unanswered(heard)
        dropped = Drop(self._open_draft())
        self._close()
        return [dropped, *(self._amend(heard) if said.act is Act.AMEND else self._said_whole(heard))]
