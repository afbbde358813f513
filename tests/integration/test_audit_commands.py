from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dockvoice_protocol.errors import DockvoiceError, Misconfigured, StorageFailed, UnreadableInput
from dockvoice_protocol.hash_chain import PublicKey
from edge.cli.audit import commands
from edge.keep import device_key
from edge.keep.device_key import KEY
from edge.keep.journal import Journal
from tests.sayings import ACCEPT, entry, render, utterance


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """Open all the while, as beside a running agent."""
    with Journal.open(tmp_path) as opened:
        for number in range(3):
            said = utterance(number)
            opened.commit(entry(said, opened.store_utterance(said)), ACCEPT, render)
        yield opened


def tamper(journal: Journal, statement: str) -> None:
    """Change the journal's file from outside."""
    with closing(sqlite3.connect(journal.directory / "journal.db")) as db, db:
        db.execute(statement)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(commands, [str(argument) for argument in arguments])


def test_a_whole_journal_is_told_to_people_and_programs(journal: Journal) -> None:
    people = run("verify", "--state", journal.directory)
    lines = ["events that hold: 3", f"1 to 3: signed with {journal.public_key.keyid}"]
    assert (people.exit_code, people.stdout.splitlines(), people.stderr) == (0, lines, "")
    told = json.loads(run("verify", "--json", "--state", journal.directory).stdout)
    spans = [{"keyid": journal.public_key.keyid, "first": 1, "last": 3}]
    nothing: dict[str, object] = {
        "removed": 0,
        "broken": None,
        "forgotten": 0,
        "erased": [],
        "acknowledged": [],
        "found": None,
        "reviews": 0,
        "review_broken": None,
    }
    assert told == {"whole": True, "events": 3, "spans": spans, **nothing}


def test_a_broken_journal(journal: Journal) -> None:
    tamper(journal, "UPDATE audit SET link = 'none' WHERE sequence = 2")
    told = run("verify", "--state", journal.directory)
    assert told.exit_code == 1
    assert told.stdout.splitlines()[-1] == ("BROKEN at 2: the event, its link or the hash of its recording was altered")
    told = run("verify", "--json", "--state", journal.directory)
    assert told.exit_code == 1
    found = json.loads(told.stdout)
    assert (found["whole"], found["events"]) == (False, 1)
    assert {name: found["broken"][name] for name in ("sequence", "wrong")} == {"sequence": 2, "wrong": "altered"}


def test_a_recording_removed_to_make_room_is_told(journal: Journal) -> None:
    (_, second, _) = journal.trail.events()
    journal.outbox.settle(second.event_id, None)
    journal.retention.remove_evidence(journal.retention.list_spare_evidence(1))
    told = run("verify", "--state", journal.directory)
    assert told.exit_code == 0
    assert told.stdout.startswith("events that hold: 3, 1 of them without recording: the device removed it\n")


def test_keys_from_elsewhere_are_those_that_count(journal: Journal, tmp_path: Path) -> None:
    state, own, other = ("--state", journal.directory), tmp_path / "own.pem", tmp_path / "other.pem"
    own.write_bytes(journal.public_key.pem)
    (tmp_path / "another").mkdir()
    other.write_bytes(device_key.load_or_create(tmp_path / "another").public.pem)
    assert run("verify", "--key", own, *state).exit_code == 0
    told = run("verify", "--key", other, *state)
    assert told.exit_code == 1
    assert "BROKEN at 1: is signed with a key that is not known here" in told.stdout


def test_no_event_at_all_is_no_proof(tmp_path: Path) -> None:
    Journal.open(tmp_path).close()
    told = run("verify", "--state", tmp_path)
    assert told.exit_code == 1
    assert told.stdout == "no event: there is nothing that could be whole\n"


def test_a_known_break_is_acknowledged_and_what_is_changed_afterwards_is_not(journal: Journal) -> None:
    state = ("--state", journal.directory)
    tamper(journal, "UPDATE entries SET fields = '{}' WHERE sequence = 2")
    assert run("verify", *state).exit_code == 1
    assert isinstance(run("acknowledge", "3", "--reason", "…", *state).exception, UnreadableInput)
    told = run("acknowledge", "2", "--reason", "the night of the flood", *state)
    assert told.exit_code == 0
    assert "2: acknowledged" in told.stdout
    told = run("verify", *state)
    assert told.exit_code == 0
    assert "events that hold: 2\n" in told.stdout
    assert "KNOWN at 2: its second copy, in entries.log, is missing or says something else (" in told.stdout
    assert "the night of the flood" in told.stdout
    tamper(journal, "UPDATE entries SET fields = '{\"quantity\":1}' WHERE sequence = 2")
    assert run("verify", *state).exit_code == 1


def test_an_acknowledgement_that_the_device_did_not_sign_excuses_nothing(journal: Journal) -> None:
    state, path = ("--state", journal.directory), journal.directory / "journal.acknowledged"
    tamper(journal, "UPDATE entries SET fields = '{}' WHERE sequence = 2")
    run("acknowledge", "2", "--reason", "the night of the flood", *state)
    path.write_text(path.read_text().replace("flood", "blood"))
    assert run("verify", *state).exit_code == 1
    path.write_text("{}\n")
    assert isinstance(run("verify", *state).exception, StorageFailed)


def test_the_key_as_it_is_printed_can_be_read(journal: Journal) -> None:
    told = run("key", "--state", journal.directory)
    assert PublicKey.from_pem(told.stdout_bytes) == journal.public_key
    assert told.stdout.splitlines()[0] == journal.public_key.keyid
    as_json = json.loads(run("key", "--json", "--state", journal.directory).stdout)
    assert as_json == {"keyid": journal.public_key.keyid, "public_key": journal.public_key.pem.decode()}


def test_the_private_key_is_never_printed(journal: Journal) -> None:
    secret = (journal.directory / KEY).read_text().splitlines()[1]
    (journal.directory / KEY).chmod(0o644)
    for arguments in (("key",), ("verify",), ("export", "--all", journal.directory / "all.zip")):
        told = run(*arguments, "--state", journal.directory)
        assert secret not in told.output + str(told.exception)
    assert secret.encode() not in (journal.directory / "all.zip").read_bytes()


def test_some_events_or_all_are_exported(journal: Journal, tmp_path: Path) -> None:
    first, second, _ = journal.trail.events()
    told = run("export", first.event_id, second.event_id, tmp_path / "two.zip", "--state", journal.directory)
    assert (told.exit_code, told.stdout) == (0, f"{tmp_path / 'two.zip'}: 2 exported\n")
    told = run("export", "--all", tmp_path / "all.zip", "--state", journal.directory)
    assert (told.exit_code, told.stdout) == (0, f"{tmp_path / 'all.zip'}: 3 exported\n")


def test_a_recording_that_is_not_in_a_bundle_is_told(journal: Journal, tmp_path: Path) -> None:
    _, second, _ = journal.trail.events()
    (journal.directory / second.audio_path).unlink()
    told = run("export", "--all", tmp_path / "all.zip", "--state", journal.directory)
    assert told.stdout.splitlines()[1:] == ["1 of them without their recording: it is no longer on this device"]


def failed(told: Result) -> DockvoiceError:
    assert isinstance(told.exception, DockvoiceError)
    return told.exception


def test_faults_are_named(journal: Journal, tmp_path: Path) -> None:
    state = journal.directory
    unknown = failed(run("export", "nobody", tmp_path / "one.zip", "--state", state))
    assert isinstance(unknown, UnreadableInput)
    assert "nobody: no such event here; `dockvoice queue list --json` shows those there are" in str(unknown)
    assert not (tmp_path / "one.zip").exists()
    for command in ("verify", "key"):
        assert "none" in str(failed(run(command, "--state", tmp_path / "none")))
    (state / KEY).chmod(0o644)
    assert isinstance(failed(run("key", "--state", state)), Misconfigured)


@pytest.mark.parametrize("arguments", [(), ("--all", "some id"), ("--all", "--trailer", "5501")])
def test_either_some_events_or_all(journal: Journal, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    told = run("export", *arguments, tmp_path / "b.zip", "--state", journal.directory)
    assert told.exit_code == 2
    assert "give event ids, --all or --trailer" in told.stderr
    assert "no entry here names it" in str(
        failed(run("export", "--trailer", "9", tmp_path / "b", "--state", journal.directory))
    )
