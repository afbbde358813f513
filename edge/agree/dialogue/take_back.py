"""Takes back what was added last to the open entry, "two damaged", and leaves it as it was before that."""

from __future__ import annotations

from dockvoice_protocol.records import Act
from edge.agree.dialogue import drafting, parking
from edge.agree.dialogue.interface import Order, UtteranceHeard
from edge.agree.dialogue.session import DialogueSession
from edge.agree.dialogue.table import Event, State
from edge.agree.merging import with_support
from edge.agree.readings import likely_values
from edge.records import Draft


def find_draft_before(
    session: DialogueSession, before: Draft | None, event: Event, *, was_read_back: bool
) -> Draft | None:
    """The open draft as it was before the last utterance, where that added to a complete one.

    None where it changed a value, began or completed the draft, or took something back: then "take that back" drops all
    of it. `before` is the draft before the step; `was_read_back`: as a whole.
    """
    draft = session.draft
    if draft is None or before is None or draft.utterance_id != before.utterance_id or event is Event.CANCEL:
        return None
    left, now = likely_values(before.reading), likely_values(draft.reading)
    if left == now:
        return session.before_last
    return before if was_read_back and left.items() <= now.items() else None


def take_back_last(session: DialogueSession, utterance: UtteranceHeard) -> list[Order]:
    """Take back what the last utterance added to the open draft, and read out what is left; else empty.

    Silence does not commit an entry then: the whole of it may have been meant.
    """
    draft, before = session.open_draft, session.before_last
    if before is None or utterance.reading.fields:
        return []
    left = likely_values(before.reading)
    gone = {name: value for name, value in likely_values(draft.reading).items() if left.get(name) != value}
    told = parking.say_dropped_values(session, gone, draft)
    before = with_support(before, utterance.utterance_id)
    verdict = drafting.judge_after_utterance(session, before, utterance, aloud=True)
    orders = drafting.ask_or_read_back_or_commit(session, before, verdict, None)
    if session.state is State.HELD and before.act is not Act.CONTEXT:
        orders = session.ask(session.entry_question)
    return [utterance.note_as_heeded(), told, *orders]
