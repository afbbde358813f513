"""Whose journal it is: its newest event names the device, and the newest always stays.

An inventory counts the events of each device by its name, from 1. Under another name those of a journal begin in the
middle, and those from before the change are refused for naming another device: nothing of them would get into stock.
"""

from __future__ import annotations

import json

from edge.errors import Misconfigured
from edge.keep.database import JOURNAL
from edge.keep.view import JournalView


def demand_owner(journal: JournalView, source: str) -> None:
    """Raise Misconfigured where the journal's events are those of another device than `source`, as events name it."""
    newest = journal.last()
    owner = source if newest is None else json.loads(newest.body)["source"]
    if owner != source:
        raise Misconfigured(
            f"{journal.directory / JOURNAL}: is that of {owner}, {journal.unsettled()} of its entries not confirmed "
            f"yet, and the settings name {source}; set site and device back, wait until `dockvoice queue unsettled` "
            f"says 0, then move {journal.directory} aside and keep it: a new name begins with a new journal"
        )
