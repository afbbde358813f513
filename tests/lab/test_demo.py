from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edge.agent.events import Decided
from edge.errors import Misconfigured
from edge.records import Closing, FieldValue, OutboxRow, Outcome, Reading, Segment, Utterance, Verdict
from lab.demo import BrokerKind, Count, broker, count

FIELDS: dict[str, FieldValue] = {"pallet_id": "007", "quantity": 12, "dock": "B"}


def accepted(event_id: str) -> Decided:
    utterance = Utterance("u", "pallet-move", "s", datetime.now(UTC), Segment(0, 0, 1, 2, Closing.PAUSE, b""))
    row = OutboxRow(event_id, 1, "{}")
    return Decided(utterance, Reading("r", "pallet-move", (), {}), Verdict(Outcome.ACCEPT, (), FIELDS), row, 0.0)


def row(event_id: str, **changed: FieldValue) -> dict[str, Any]:
    return {"event_id": event_id, "sequence": 1, "fields": {**FIELDS, **changed}}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([row("a")], Count(recorded=2, applied=1, lost=1, duplicated=0)),
        ([row("a"), row("b"), row("b")], Count(recorded=2, applied=2, lost=0, duplicated=1)),
        ([row("a"), row("b"), row("c")], Count(recorded=2, applied=2, lost=0, duplicated=1)),
        ([row("a"), row("b", dock="D")], Count(recorded=2, applied=1, lost=1, duplicated=1)),
        ([row("a"), row("b", pallet_id="7")], Count(recorded=2, applied=1, lost=1, duplicated=1)),
        ([], Count(recorded=2, applied=0, lost=2, duplicated=0)),
    ],
)
def test_what_the_table_lacks_or_has_too_much_is_counted(rows: list[dict[str, Any]], expected: Count) -> None:
    counted = count([accepted("a"), accepted("b")], rows)
    assert counted == expected
    assert not counted.whole


def test_all_there_once_is_whole() -> None:
    counted = count([accepted("a"), accepted("b")], [row("a"), row("b")])
    assert counted.whole
    assert str(counted) == "applied 2 of 2, lost 0, duplicated 0"


def test_mosquitto_asked_for_and_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(Misconfigured, match="--with embedded"), broker(BrokerKind.MOSQUITTO, tmp_path):
        pass


def test_without_mosquitto_the_embedded_broker_runs_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with broker(BrokerKind.AUTO, tmp_path) as running:
        assert "amqtt" in running.name


def test_no_broker_at_all_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    monkeypatch.setitem(sys.modules, "amqtt", None)
    with pytest.raises(Misconfigured, match=r"pip install 'dockvoice-lab\[demo\]'"), broker(BrokerKind.AUTO, tmp_path):
        pass
