from __future__ import annotations

import json
import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from dockvoice_protocol.errors import AlreadyRunning, UnreadableInput
from dockvoice_protocol.records import Receipt, ReceiptOutcome
from edge.cli.queue import commands
from edge.keep.journal import Journal
from edge.records import Cause, Outcome, Reason, Verdict
from tests.sayings import ACCEPT, READ, entry, render, utterance

DEFER = Verdict(Outcome.DEFER, (Cause(Reason.NO_MODEL),), {})


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Three entries, the second a dead letter, and an utterance under review."""
    directory = tmp_path / "state"
    with Journal.open(directory) as journal:
        rows = []
        for number in range(3):
            said = utterance(number)
            rows.append(journal.commit(entry(said, journal.store_utterance(said)), ACCEPT, render))
        journal.outbox.dead_letter(rows[1].event_id, "packet_too_large", lambda event: {"id": event["id"]})
        journal.outbox.settle(rows[1].event_id, Receipt(rows[1].event_id, ReceiptOutcome.APPLIED))
        journal.store_utterance(utterance(3))
    with closing(sqlite3.connect(directory / "journal.db")) as db, db:
        db.execute("UPDATE utterances SET review = 'journal_lost' WHERE outcome IS NULL")
    return directory


def run(state: Path, *arguments: str) -> Result:
    return CliRunner().invoke(commands, [*arguments, "--state", str(state)])


def told(state: Path, *arguments: str) -> list[dict[str, Any]]:
    result = run(state, *arguments, "--json")
    assert result.exit_code == 0, result.exception
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize("command", [("retry", "2"), ("discard", "2", "--reason", "why")])
def test_while_an_agent_runs_it_says_which_and_changes_nothing(state: Path, command: tuple[str, ...]) -> None:
    with Journal.open(state):
        result = run(state, *command)
    assert isinstance(result.exception, AlreadyRunning)
    assert "has this journal open; stop it first" in str(result.exception)
    assert len(told(state, "list", "--held")) == 2


def test_an_export_is_for_its_owner_alone_and_writes_over_no_file_unless_it_is_told_to(
    state: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("dear to somebody")
    out.chmod(0o644)
    result = run(state, "export", str(out))
    assert isinstance(result.exception, UnreadableInput)
    assert str(result.exception) == f"{out}: exists already; name another file, or write over it with --force"
    assert out.read_text() == "dear to somebody"
    assert run(state, "export", str(out), "--force").exit_code == 0
    assert len(out.read_text().splitlines()) == 3
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_what_waits_for_a_person(state: Path) -> None:
    held, review = told(state, "list", "--held")
    assert (held["sequence"], held["state"], held["reasons"]) == (2, "dead", ["packet_too_large"])
    assert review["state"] == "review"
    people = run(state, "list", "--held").stdout
    assert "packet_too_large" in people
    assert f"utterance {review['utterance_id']} (pallet-move) is under review" in people


def test_the_newest_come_first_and_one_is_shown(state: Path) -> None:
    assert [one["sequence"] for one in told(state, "list", "--limit", "2")] == [3, 2]
    assert "heard 4: recorded 3" in run(state, "list").stdout
    (found,) = told(state, "show", "2")
    assert (found["state"], found["reason"], found["fields"]) == (
        "dead",
        "packet_too_large",
        {"pallet_id": "007", "quantity": 12, "dock": "B"},
    )
    people = run(state, "show", "2").stdout
    assert "packet_too_large" in people
    assert "audio sha256" in people
    assert "operator" not in run(state, "show", told(state, "list", "--held")[1]["utterance_id"]).stdout


def test_what_was_recorded_once_more_is_not_sent_without_a_word(state: Path) -> None:
    with Journal.open(state) as journal:
        again = utterance(5)
        said = replace(entry(again, journal.store_utterance(again)), recorded_at=again.heard_at)
        journal.commit(said, ACCEPT, render)
        waiting = utterance(4)
        journal.store_utterance(waiting)
        journal.put_under_review(waiting.utterance_id, READ, replace(ACCEPT, outcome=Outcome.HOLD), "interrupted")
    for which in ("2", waiting.utterance_id):
        refused = run(state, "retry", which)
        assert isinstance(refused.exception, UnreadableInput)
        assert "the same thing was recorded since then, as entry 4" in str(refused.exception)
    assert {one.get("sequence") for one in told(state, "list", "--held")} >= {2}
    assert run(state, "retry", "2", "--anyway").stdout == "2: is sent at the agent's next start\n"


def test_what_was_recorded_before_it_holds_no_letter_up(state: Path) -> None:
    with Journal.open(state) as journal:
        said = utterance(6)
        row = journal.commit(
            replace(entry(said, journal.store_utterance(said)), recorded_at=said.heard_at), ACCEPT, render
        )
        journal.outbox.dead_letter(row.event_id, "packet_too_large", lambda event: {"id": event["id"]})
        journal.outbox.settle(row.event_id, Receipt(row.event_id, ReceiptOutcome.APPLIED))
    assert run(state, "retry", "4").exit_code == 0


def test_retrying_a_letter_and_an_utterance(state: Path) -> None:
    letter, utterance_id = (one.get("event_id") or one["utterance_id"] for one in told(state, "list", "--held"))
    assert run(state, "retry", letter).stdout == f"{letter}: is sent at the agent's next start\n"
    assert run(state, "retry", utterance_id).stdout == f"{utterance_id}: is read at the agent's next start\n"
    assert told(state, "list", "--held") == []
    assert run(state, "list", "--held").stdout == "nothing waits for a person\n"
    with Journal.inspect(state) as journal:
        assert journal.outbox.count_unsettled() == 3
        assert len(list(journal.queries.unread_utterances())) == 1


def test_who_gave_up_what_and_why_is_kept(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "kim")
    assert run(state, "discard", "2", "--reason", "entered by hand").stdout == "2: given up\n"
    (found,) = told(state, "show", "2")
    assert found["state"] == "discarded"
    (decision,) = found["decisions"]
    assert (decision["who"], decision["reason"]) == ("kim", "entered by hand")


def test_an_export_has_each_entry_with_its_event_and_its_recording(state: Path, tmp_path: Path) -> None:
    assert run(state, "export", str(tmp_path / "out.jsonl")).stdout == f"{tmp_path / 'out.jsonl'}: 3 entries\n"
    assert stat.S_IMODE((tmp_path / "out.jsonl").stat().st_mode) == 0o600
    exported = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [one["sequence"] for one in exported] == [1, 2, 3]
    for one in exported:
        assert one["event"]["id"] == one["event_id"]
        assert (state / one["audio_path"]).exists()
        assert len(one["audio_sha256"]) == 64
    assert [json.loads(line) for line in run(state, "export", "-").stdout.splitlines()] == exported
    assert not Path("-").exists()


def test_what_models_leave_behind_waits_for_a_person_too(state: Path) -> None:
    with Journal.open(state) as journal:
        for number, why in ((10, None), (11, "deferred")):
            said = utterance(number)
            journal.store_utterance(said)
            journal.conclude(said.utterance_id, READ, DEFER)
            if why is not None:
                journal.readings.send_to_review(said.utterance_id, ACCEPT, why)
        journal.readings.flag_entry(journal.queries.history("3").utterance_id, "contradicted by gpt")
    kinds = [one.get("flag") or one["state"] for one in told(state, "list", "--held")]
    assert kinds == ["dead", "review", "review", "contradicted by gpt", "deferred"]
    people = run(state, "list", "--held").stdout
    assert "is contradicted by gpt; it stands" in people
    assert "1 utterance waits for a model" in people
    assert "is under review: pallet_id 007" in people
    assert "deferred 2" in people

    assert run(state, "stand", "3", "--reason", "the label says so").stdout == "3: stands\n"
    assert [one for one in told(state, "list", "--held") if "flag" in one] == []
    (found,) = told(state, "show", "3")
    assert (found["flag"], found["decisions"][0]["decision"], found["state"]) == (None, "stand", "waiting")
