"""Inventories that share a Kafka topic: what each is told, and the topic's records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.counting.ledger import SITE, Ledger

TOPIC, APPLIED, PARTITIONS = "dock.entries", "dock.applied", 6

SESSION_S = 6  # The least that is allowed: so long the partitions of one that was killed are nobody's.


def group_member(name: str, keys: Path, servers: str, group: str = "inventory") -> dict[str, str]:
    """What a consumer is told that reads the topic."""
    told = {
        "CLIENT_ID": name, "KEYS_DIRECTORY": str(keys), "TRUST_FIRST_USE": "false", "KAFKA__SERVERS": servers,
        "KAFKA__TOPIC": TOPIC, "KAFKA__GROUP": group, "KAFKA__APPLIED": APPLIED, "KAFKA__SESSION_S": str(SESSION_S),
        "CONSUMER__HOLD_S": "20",
    }  # fmt: skip
    return {f"DOCKVOICE_INVENTORY_{key}": value for key, value in told.items()}


def records_of(ledger: Ledger) -> Iterator[tuple[str, bytes]]:
    """Each event as a bridge writes it."""
    return ((f"dockvoice/{SITE}/{one.device}/entries", one.body) for one in ledger.events)
