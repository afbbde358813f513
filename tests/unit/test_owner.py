"""A journal belongs to the device that began it: under another name its numbers would mean nothing to the inventory."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.events import Topics
from edge.deliver.device_events import entry_event
from edge.keep.journal import Journal
from tests.sayings import ACCEPT, entry, utterance

OWNER = Topics("dockvoice", "hall", "dock-1").source


def commit(journal: Journal) -> str:
    said = utterance(journal.trail.last_sequence())
    meant = entry(said, journal.store_utterance(said))
    return journal.commit(meant, ACCEPT, partial(entry_event, meant, site="hall", device="dock-1")).event_id


@pytest.mark.parametrize(("site", "device"), [("hall", "dock-2"), ("yard", "dock-1")])
def test_another_name_is_refused_and_told_what_to_do_first(
    journal: Journal, tmp_path: Path, site: str, device: str
) -> None:
    commit(journal)
    with pytest.raises(Misconfigured) as refused:
        journal.outbox.demand_owner(Topics("dockvoice", site, device).source)
    assert str(refused.value) == (
        f"{tmp_path / 'journal.db'}: is that of /sites/hall/devices/dock-1, 1 of its entries not confirmed yet, and "
        f"the settings name /sites/{site}/devices/{device}; set site and device back, wait until `dockvoice queue "
        f"unsettled` says 0, then move {tmp_path} aside and keep it: a new name begins with a new journal"
    )


def test_also_where_all_that_was_delivered_made_room(journal: Journal) -> None:
    for _ in range(3):
        journal.outbox.settle(commit(journal), None)
    journal.retention.remove_evidence(journal.retention.list_spare_evidence(3))
    assert journal.retention.prune(3) == 2
    with pytest.raises(Misconfigured):
        journal.outbox.demand_owner("/sites/hall/devices/dock-2")
    journal.outbox.demand_owner(OWNER)


def test_its_own_name_and_a_journal_without_entries_are_well(journal: Journal) -> None:
    journal.outbox.demand_owner("/sites/anywhere/devices/new")
    commit(journal)
    journal.outbox.demand_owner(OWNER)
