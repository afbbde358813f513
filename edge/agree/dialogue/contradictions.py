"""Contradictions: a second reader heard a value of the held entry otherwise, and the operator is asked which it was."""

from __future__ import annotations

from dataclasses import replace

from edge.agree.dialogue import drafting
from edge.agree.dialogue.events import Contradicted
from edge.agree.dialogue.merging import marked
from edge.agree.dialogue.orders import Earcon, Order, Sound
from edge.agree.dialogue.questions import judged
from edge.agree.dialogue.session import DialogueSession
from edge.forms.model import FormField
from edge.records import Draft, FieldReading, FieldValue, Outcome


def ask_which(session: DialogueSession, heard: Contradicted) -> list[Order]:
    """Ask "4744, or 474?" where the value still stands as it was read, and nobody has said yes to it.

    Who has begun to speak is not asked over his words: it is too late then, as it is after the undo window.
    """
    draft = session.open_draft
    if draft.utterance_id != heard.utterance_id or session.news.interrupted:
        return []
    fields = {name: _doubted(session, draft, name, *pair) for name, pair in heard.otherwise.items()}
    doubted = {name: said for name, said in fields.items() if said is not None}
    draft = replace(draft, reading=replace(draft.reading, fields={**draft.reading.fields, **doubted}))
    verdict = judged(draft, session.rules)
    if not doubted or verdict.outcome is not Outcome.ASK:
        return []
    return [Sound(Earcon.QUESTION), *drafting.consider(session, draft, verdict, None)]


def _doubted(
    session: DialogueSession, draft: Draft, name: str, value: FieldValue, other: FieldValue
) -> FieldReading | None:
    """The field with the other value beside its own; None where it is not in question."""
    said, field = draft.reading.fields.get(name), session.rules.form[name]
    if said is None or said.value != value or marked(name, value) in {*draft.agreed, *draft.proved}:
        return None
    return replace(said, rivals=(other,)) if _possible(session, field, other) else None


def _possible(session: DialogueSession, field: FormField, value: FieldValue) -> bool:
    return session.rules.catalogue.knows(field.catalogue, value) and field.allows(value)
