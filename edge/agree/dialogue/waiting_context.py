"""What was said to hold behind an open entry, "then trailer 5502". Pure.

It waits among the session's orders, which are stored with the open draft, until that entry is closed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from dockvoice_protocol.records import Act
from edge.agree.dialogue.interface import UtteranceHeard
from edge.agree.dialogue.session import DialogueSession
from edge.records import Draft


def queue(session: DialogueSession, utterance: UtteranceHeard, until: str) -> None:
    """Let what an utterance says of the context wait `until` the entry of this utterance, or of its copy, is closed."""
    if utterance.context_behind is None:
        return
    waits = Draft(
        utterance.utterance_id,
        session.rules.form.name,
        replace(utterance.context_behind, act=Act.RECORD),
        session.recording_operator,
        act=Act.CONTEXT,
        support=(until,),
    )
    session.waiting_orders = (waits, *session.waiting_orders)


def list_waiting(session: DialogueSession, draft: Draft | None) -> list[Draft]:
    """What waits to be the context behind this draft; None: behind any."""
    waits = [one for one in session.waiting_orders if one.act is Act.CONTEXT]
    return [one for one in waits if draft is None or not {*one.support}.isdisjoint(draft.utterances)]


def list_fields(session: DialogueSession, draft: Draft | None) -> set[str]:
    """The context fields that were said for what follows this draft; None: any draft."""
    return {name for one in list_waiting(session, draft) for name in one.reading.fields}


def wait_longer(session: DialogueSession, utterance_id: str, until: str) -> None:
    """Let the context that waits for the entry of one utterance wait for that of another, which was said before it."""
    waits = [one for one in session.waiting_orders if one.act is Act.CONTEXT and one.support == (utterance_id,)]
    session.waiting_orders = tuple(
        replace(one, support=(until,)) if one in waits else one for one in session.waiting_orders
    )


def forget(session: DialogueSession, anew: Iterable[str]) -> None:
    """Forget what waits to be the context, where these fields are said anew."""
    again, waits = {*anew}, list_waiting(session, None)
    gone = [one for one in waits if one.reading.fields.keys() <= again]
    session.waiting_orders = tuple(one for one in session.waiting_orders if one not in gone)


def doubt(session: DialogueSession) -> None:
    """Doubt all that waits to be the context: it is told, and does not hold."""
    session.waiting_orders = tuple(map(_without_values, session.waiting_orders))


def take(session: DialogueSession, draft: Draft | None) -> list[Draft]:
    """Remove and return what waits to be the context behind this draft, as `list_waiting`."""
    waits = list_waiting(session, draft)
    session.waiting_orders = tuple(one for one in session.waiting_orders if one not in waits)
    return waits


def _without_values(order: Draft) -> Draft:
    fields = {
        name: replace(said, value=None, runner_up=said.value or said.runner_up)
        for name, said in order.reading.fields.items()
    }
    return replace(order, reading=replace(order.reading, fields=fields)) if order.act is Act.CONTEXT else order
