"""Receipts and news: the steps that count what the inventory answered, and tell the operator of a refusal.

A receipt comes here from `agent/settlement.py`, by way of the news that `agent/app.py` passes on and
`agent/dialogue_steps.py` `answered`; where there is no dialogue, `agent/voice_output.py` says it.
"""

from __future__ import annotations

from dataclasses import replace

from dockvoice_protocol.records import Act, ReceiptOutcome
from edge.agree.dialogue.events import Committed, InventoryAnswered, Link
from edge.agree.dialogue.orders import Order
from edge.agree.dialogue.session import DialogueSession, terms_on_record
from edge.records.speech import Earcon, Prompt, Say, Sound

TURNED_DOWN = frozenset({Prompt.REFUSED, Prompt.DUPLICATE, Prompt.DECLINED})
"""News that an entry was not taken, here or behind the inventory: a sound of its own comes before it."""


def remember(session: DialogueSession, committed: Committed) -> list[Order]:
    """An entry is on disk."""
    recorded, entry = session.recorded, committed.entry
    recorded.owed += 1
    recorded.entries.append(entry)
    cancels = entry.draft.act is Act.CANCEL
    is_here = entry.draft.form == session.rules.form.name or session.settings.is_closing(entry.draft)
    if not is_here:  # another form was taken up over it
        recorded.left[entry.draft.form] = None if cancels else entry
    elif not cancels:
        recorded.last = session.owned(entry)
    elif recorded.last is None or recorded.standing(recorded.last.event_id) == entry.draft.replaces:
        recorded.cancelled = entry.event_id, recorded.last
        recorded.last = None
    if entry.draft.replaces is not None:
        recorded.refused = {one for one in recorded.refused if recorded.standing(one) != entry.draft.replaces}
    if recorded.mending is not None and recorded.mending[0] == entry.draft.utterance_id:
        recorded.resolve(recorded.mending[1])
    return [Sound(Earcon.STORED)]


def count(session: DialogueSession, answered: InventoryAnswered) -> list[Order]:
    """The inventory answered an event."""
    recorded, receipt = session.recorded, answered.receipt
    recorded.owed = max(0, recorded.owed - 1)
    if not receipt.turned_down:
        recorded.mark_accepted({receipt.event_id})
        return []
    recorded.refused.add(receipt.event_id)
    recorded.turned_down[receipt.event_id] = answered.replaces
    if recorded.last is None and recorded.cancelled is not None and recorded.cancelled[0] == receipt.event_id:
        recorded.last = session.owned(recorded.cancelled[1])  # there is still something to cancel
    recorded.mark_last()
    return []


def keep_news(session: DialogueSession, happening: InventoryAnswered | Link) -> list[Order]:
    """An event was turned down, or the link was lost or is back: to be told at the next quiet moment."""
    if isinstance(happening, Link):
        _keep_link_news(session, up=happening.up)
        return []
    if happening.receipt.event_id not in session.recorded.refused:  # receipts may come more than once
        told = refusal(happening)
        session.news.untold.append(replace(told, terms=terms_on_record(session, happening.receipt.event_id)))
    return count(session, happening)


def _keep_link_news(session: DialogueSession, *, up: bool) -> None:
    """Told once when it is lost, and once when it is back; nothing where nobody heard of the trouble yet."""
    news, trouble = session.news, Say(Prompt.TROUBLE)
    if not up and not news.cut_off:
        news.untold.append(trouble)
    elif up and trouble in news.untold:
        news.untold.remove(trouble)
    elif up and news.cut_off:
        news.untold.append(Say(Prompt.DELIVERING))
    news.cut_off = not up


def refusal(answered: InventoryAnswered) -> Say:
    """What is told of an entry that the inventory does not take. The first reason says enough."""
    receipt = answered.receipt
    prompt = Prompt.DUPLICATE if receipt.outcome is ReceiptOutcome.DUPLICATE else Prompt.REFUSED
    return Say(prompt, answered.fields, {"reason": receipt.reasons[0]}, form=answered.form)


def tell_news(session: DialogueSession) -> list[Order]:
    """All that was kept to be told."""
    told: list[Order] = []
    while session.news.untold:
        say = session.repeatable(session.news.untold.popleft())
        told += [Sound(Earcon.REFUSED), say] if say.prompt in TURNED_DOWN else [say]
    return told
