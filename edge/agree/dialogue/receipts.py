"""Receipts and news: the steps that count the inventory's receipts, and announce refusals.

A receipt arrives from `agent/settlement.py`, through the news of `agent/app.py` and `to_inventory_answer` of
`agent/dialogue_driver.py`; without a dialogue, `agent/voice_output.py` announces it.
"""

from __future__ import annotations

from dataclasses import replace

from dockvoice_protocol.records import Act, ReceiptOutcome
from edge.agree.dialogue.interface import EntryCommitted, InventoryAnswered, InventoryLinkChanged, Order
from edge.agree.dialogue.session import DialogueSession, terms_on_record
from edge.records.speech import Earcon, PlayEarcon, Prompt, Say

_TURNED_DOWN = frozenset({Prompt.REFUSED, Prompt.DUPLICATE, Prompt.DECLINED})
"""Prompts of an entry that was refused or declined: an earcon precedes them."""

_ENDS_CONTEXT = frozenset({Prompt.SHIFT_BEGAN, Prompt.DAY_BEGAN, Prompt.STANDING_ENDED})
"""News that the next entry needs: these do not wait for a quiet moment behind it."""


def record_commit(session: DialogueSession, committed: EntryCommitted) -> list[Order]:
    """Remember an entry that is on disk: as the last one, or for a cancellation clear that. Plays an earcon."""
    recorded, entry = session.recorded, committed.entry
    recorded.owed += 1
    recorded.entries.append(entry)
    cancels = entry.draft.act is Act.CANCEL
    is_here = entry.draft.form == session.rules.form.name or session.settings.is_closing(entry.draft)
    if not is_here:  # another form was chosen meanwhile
        recorded.left[entry.draft.form] = None if cancels else entry
    elif not cancels:
        recorded.last = session.own_entry_or_none(entry)
    elif recorded.last is None or recorded.find_applied_event(recorded.last.event_id) == entry.draft.replaces:
        recorded.cancelled = entry.event_id, recorded.last
        recorded.last = None
    if entry.draft.replaces is not None:
        recorded.refused = {one for one in recorded.refused if recorded.find_applied_event(one) != entry.draft.replaces}
    if recorded.mending is not None and recorded.mending[0] == entry.draft.utterance_id:
        recorded.resolve_refusals(recorded.mending[1])
    return [PlayEarcon(Earcon.STORED)]


def count_receipt(session: DialogueSession, answered: InventoryAnswered) -> list[Order]:
    """Count a receipt, and record a refusal."""
    recorded, receipt = session.recorded, answered.receipt
    recorded.owed = max(0, recorded.owed - 1)
    if not receipt.is_rejected:
        recorded.clear_refusals({receipt.event_id})
        return []
    recorded.refused.add(receipt.event_id)
    recorded.turned_down[receipt.event_id] = answered.replaces
    if recorded.last is None and recorded.cancelled is not None and recorded.cancelled[0] == receipt.event_id:
        recorded.last = session.own_entry_or_none(recorded.cancelled[1])  # the entry can still be cancelled
    recorded.mark_last_if_refused()
    return []


def queue_refusal_or_link_news(
    session: DialogueSession, happening: InventoryAnswered | InventoryLinkChanged
) -> list[Order]:
    """Queue the news of a refusal, whose receipt is counted, or of a lost or restored link."""
    if isinstance(happening, InventoryLinkChanged):
        _queue_link_news(session, up=happening.up)
        return []
    if happening.receipt.event_id not in session.recorded.refused:  # a receipt may arrive more than once
        refusal = render_refusal(happening)
        session.news.queued.append(replace(refusal, terms=terms_on_record(session, happening.receipt.event_id)))
    return count_receipt(session, happening)


def _queue_link_news(session: DialogueSession, *, up: bool) -> None:
    """Announce a lost link once, and once that it is back; neither if it is back before the announcement."""
    news, trouble = session.news, Say(Prompt.TROUBLE)
    if not up and not news.cut_off:
        news.queued.append(trouble)
    elif up and trouble in news.queued:
        news.queued.remove(trouble)
    elif up and news.cut_off:
        news.queued.append(Say(Prompt.DELIVERING))
    news.cut_off = not up


def render_refusal(answered: InventoryAnswered) -> Say:
    """The prompt for a refused entry, with the first reason only."""
    receipt = answered.receipt
    prompt = Prompt.DUPLICATE if receipt.outcome is ReceiptOutcome.DUPLICATE else Prompt.REFUSED
    return Say(prompt, answered.fields, {"reason": receipt.reasons[0]}, form=answered.form)


def announce_queued_news(session: DialogueSession) -> list[Order]:
    """Announce all queued news."""
    orders: list[Order] = []
    while session.news.queued:
        say = session.make_repeatable(session.news.queued.popleft())
        orders += [PlayEarcon(Earcon.REFUSED), say] if say.prompt in _TURNED_DOWN else [say]
    return orders


def announce_ended_context_before(session: DialogueSession, orders: list[Order]) -> list[Order]:
    """The orders of a step that began an entry, behind the queued news that no context is filled into it any more."""
    ended = [say for say in session.news.queued if say.prompt in _ENDS_CONTEXT]
    for say in ended:
        session.news.queued.remove(say)
    at = next((at for at, order in enumerate(orders) if isinstance(order, Say)), len(orders))
    return [*orders[:at], *ended, *orders[at:]]
