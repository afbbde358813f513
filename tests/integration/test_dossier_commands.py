"""`dockvoice inventory dossier`, and the service, which writes dossiers by itself: what goes wrong, and its effects."""

from __future__ import annotations

import errno
import json
import logging
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from typer.testing import CliRunner, Result

from dockvoice_protocol.errors import DockvoiceError
from inventory.cli.main import commands
from inventory.dossier.dossier import build
from inventory.dossier.dossier_writer import POLL_S, DossierStore, DossierWriter
from inventory.store.keys import KeyDirectory
from inventory.store.outbox import BACKOFF
from inventory.store.tables import events
from inventory.verify_dossier import DossierCheck, Json
from inventory.words import languages
from tests.rows import every
from tests.trailer import INVENTORY, INVENTORY_PEM, VERIFIER, Dock, decided_late, line, scene
from tests.waiting import until

KEYID = INVENTORY.public.keyid


@pytest.fixture
def dock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dock]:
    made = Dock.at(f"sqlite:///{tmp_path / 'inventory.db'}", tmp_path / "forms")
    for one in made.keys:
        (tmp_path / "keys").mkdir(exist_ok=True)
        (tmp_path / "keys" / one.file).write_bytes(one.key.pem)  # both of the tests have the same
    (tmp_path / "inventory.key").write_bytes(INVENTORY_PEM)
    monkeypatch.setenv("DOCKVOICE_INVENTORY_FORMS_DIRECTORY", str(tmp_path / "forms"))
    monkeypatch.setenv("DOCKVOICE_INVENTORY_KEYS_DIRECTORY", str(tmp_path / "keys"))
    yield made
    made.store.close()


def run(dock: Dock, *arguments: str | Path) -> Result:
    given = ["dossier", "--database", dock.store.where, *map(str, arguments)]
    return CliRunner().invoke(commands, given)


def bundled(dock: Dock, path: Path) -> Path:
    """As a device makes one: with all it has, but for the recording of the first event."""
    with zipfile.ZipFile(path, "w") as bundle:
        for box in dock.boxes:
            for event in box.said:
                folder = f"{box.name}{event['sequence']}"
                bundle.writestr(f"{folder}/event.json", json.dumps(event))
                clip = box.clips[event["data"]["utterance"]["audio_sha256"]]
                if (box.name, event["sequence"]) != ("dock-3", "1"):
                    bundle.writestr(f"{folder}/audio.flac", clip)
    return path


def test_what_cannot_be_is_told_in_a_line(dock: Dock, tmp_path: Path) -> None:
    scene(dock)
    (tmp_path / "there.zip").touch()
    (tmp_path / "rubbish.zip").write_bytes(b"PK")
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("1/audio.flac", bytes(50_000_001))
    key = tmp_path / "inventory.key"
    rows: dict[str, tuple[tuple[str | Path, ...], str]] = {
        "an unknown trailer": (("9",), "9: no list and no entry names this trailer"),
        "a site without it": (("5501", "--site", "south"), "it is known at north; say which with --site"),
        "no such visit": (("5501", "--visit", "2"), "--visit 2: is 0 of the visits of 5501, which are 1: 2026-11-20"),
        "no such day": (("5501", "--visit", "2026-11-21"), "is 0 of the visits"),
        "a language": (("5501", "--language", "xx"), "allowed are " + ", ".join(languages("dossier"))),
        "no key": (("5501", "--out", tmp_path / "d.zip"), "nothing goes out unsigned"),
        "no private key": (("5501", "--out", tmp_path / "d.zip", "--sign", bomb), "is no Ed25519 private key"),
        "a file that is there": (("5501", "--out", tmp_path / "there.zip", "--sign", key), "exists already"),
        "a folder that is not": (("5501", "--out", tmp_path / "none" / "d.zip", "--sign", key), "cannot be written"),
        "no bundle": (("5501", "--bundle", tmp_path / "rubbish.zip"), "rubbish.zip: is no bundle"),
        "an absent bundle": (("5501", "--bundle", tmp_path / "none.zip"), "none.zip: No such file"),
        "a bomb": (("5501", "--bundle", bomb), "claims 50,000,001 bytes"),
    }

    def is_told(row: tuple[tuple[str | Path, ...], str]) -> None:
        arguments, told = row
        found = run(dock, *arguments)
        said = str(found.exception) if isinstance(found.exception, DockvoiceError) else " ".join(found.output.split())
        assert (found.exit_code != 0, told in said.replace("│ ", "").replace(" │", "")) == (True, True), said

    every(rows, is_told)
    assert not (tmp_path / "d.zip").exists()


def test_a_trailer_is_told_to_people_and_programs(dock: Dock) -> None:
    scene(dock)
    told = run(dock, "5501")
    assert told.exit_code == 0
    assert told.output.splitlines()[:2] == [
        "trailer 5501 at north, visit 1 of 1, closed at 2026-11-20T06:16:00.000Z",
        "pallets: 8 expected, 8 received",
    ]
    found = json.loads(run(dock, "5501", "--json", "--visit", "2026-11-20").output)
    assert (found["figures"]["short"], len(found["lines"])) == ({"CS": 2}, 9)


def test_a_visit_of_which_there_is_an_entry_is_meant_before_the_next_notice(dock: Dock) -> None:
    scene(dock)
    dock.announce(line("1", notice="4550099"))
    assert "visit 1 of 2" in run(dock, "5501").output
    assert "visit 2 of 2, still open" in run(dock, "5501", "--visit", "2").output


def test_recordings_go_in_from_the_bundles_that_are_named(dock: Dock, tmp_path: Path) -> None:
    scene(dock)
    made, key = tmp_path / "d.zip", tmp_path / "inventory.key"
    told = run(dock, "5501", "--out", made, "--sign", key, "--bundle", bundled(dock, tmp_path / "b.zip"))
    assert told.output.splitlines()[-1].endswith("with 13 of 15 recordings")
    found = DossierCheck(made.read_bytes(), KEYID)
    assert (found.faults, made.stat().st_mode & 0o777) == ([], 0o600)
    states = list(found.dossier["clips"].values())
    assert (states.count("given"), states.count("gone"), states.count("not_given")) == (13, 1, 1)
    assert "elsewhere" not in zipfile.ZipFile(made).namelist()
    again = tmp_path / "again.zip"
    assert run(dock, "5501", "--out", again, "--sign", key, "--bundle", tmp_path / "b.zip").exit_code == 0
    assert again.read_bytes() == made.read_bytes()


@pytest.fixture
def dossiers(dock: Dock, tmp_path: Path) -> DossierStore:
    keys = KeyDirectory(tmp_path / "keys")
    return DossierStore(dock.store.issues, dock.store.outbox, dock.roles, keys, INVENTORY, tmp_path / "out", "de")


def settled(writer: DossierWriter) -> None:
    """Beat until nothing is being written."""

    def idle() -> bool:
        writer.start_due_writing()
        return writer._writing is None

    writer.start_due_writing()
    until(idle, "it is still being written")


def test_a_closed_trailer_is_written_once_also_after_a_restart(dossiers: DossierStore, dock: Dock) -> None:
    scene(dock)
    for _ in range(2):
        writer = DossierWriter(dossiers)
        settled(writer)
        writer.stop()
    (path,) = dossiers.folder.iterdir()
    assert path.name.startswith("north.5501.1.")
    assert DossierCheck(path.read_bytes(), KEYID).faults == []
    path.unlink()  # somebody fetched it
    settled(DossierWriter(dossiers))
    assert list(dossiers.folder.iterdir()) == []


def test_what_fails_is_told_and_tried_again_and_holds_up_nothing_else(
    dossiers: DossierStore, dock: Dock, caplog: pytest.LogCaptureFixture
) -> None:
    one, _ = scene(dock).boxes
    now = [0.0]
    writer = DossierWriter(dossiers, lambda: now[0])
    dossiers.folder.touch()  # a file in its place, as a share that is not mounted
    settled(writer)
    assert "dossier of trailer 5501" in caplog.text
    (waits,) = dock.store.outbox.count_pending_by_kind()
    assert (waits.kind, waits.number, waits.attempts) == ("dossier", 1, 1)
    assert str(dossiers.folder) in (waits.error or "")
    dossiers.folder.unlink()
    settled(writer)
    assert not dossiers.folder.exists()  # not before its time
    dock.hear(one.record("close-trailer", trailer="88/../../x"))
    with dock.store.engine.begin() as transaction:
        wrong = events.c.event_id == one.said[0]["id"]
        transaction.execute(update(events).where(wrong).values(body="gone"))
    assert "event 1 of north/dock-3: is none any more" in str(run(dock, "5501").exception)
    writer.note_applied("receive-notice")
    settled(writer)
    assert not dossiers.folder.exists()
    writer.note_applied("close-trailer")
    caplog.set_level(logging.INFO)
    settled(writer)
    (path,) = dossiers.folder.iterdir()
    assert path.name.startswith("north.88%2F..%2F..%2Fx.1.")
    with dock.store.engine.begin() as transaction:
        body = json.dumps(one.said[0], ensure_ascii=False, separators=(",", ":"))
        transaction.execute(update(events).where(wrong).values(body=body))
    now[0] += POLL_S
    dock.clock.on(BACKOFF.wait_s(99))
    settled(writer)
    assert len(list(dossiers.folder.iterdir())) == 2
    assert dock.store.outbox.count_pending_by_kind() == []


def test_a_disk_that_is_full_half_way_leaves_nothing_and_costs_nothing_though_its_work_is_dropped(
    dossiers: DossierStore, dock: Dock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    scene(dock)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        dossiers.write_pending()
    assert "No space left on device" in caplog.text
    assert list(dossiers.folder.iterdir()) == []
    assert dock.store.outbox.drop("dossier") == 1
    dossiers.write_pending()
    assert len(list(dossiers.folder.iterdir())) == 1


def test_a_database_that_is_away_is_asked_again(
    dossiers: DossierStore, dock: Dock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scene(dock)
    dock.store.close()
    file = tmp_path / "inventory.db"
    file.rename(tmp_path / "away.db")
    now = [0.0]
    writer = DossierWriter(dossiers, lambda: now[0])
    settled(writer)
    assert "next try in 5 s" in caplog.text
    dock.store.close()
    for one in tmp_path.glob("inventory.db*"):
        one.unlink()
    (tmp_path / "away.db").rename(file)
    now[0] += BACKOFF.first_s
    settled(writer)
    assert len(list(dossiers.folder.iterdir())) == 1


def read(path: Path) -> DossierCheck:
    found = DossierCheck(path.read_bytes(), KEYID)
    assert found.faults == []
    return found


def test_what_comes_of_a_closed_visit_later_is_in_another_version_that_says_what_changed(
    dossiers: DossierStore, dock: Dock, repository: Path
) -> None:
    said, decide = decided_late(dock)
    for _ in range(2):
        dossiers.write_pending()
    (first,) = dossiers.folder.iterdir()
    decide()
    now = [0.0]
    writer = DossierWriter(dossiers, lambda: now[0])
    settled(writer)
    second = next(path for path in dossiers.folder.iterdir() if path != first)
    assert second.name == first.name.replace(".zip", ".v2.zip")
    before, after = read(first).dossier["issue"], read(second).dossier["issue"]
    assert (before["version"], before["replaces"], before["changed"]) == (1, None, None)
    assert (after["version"], after["replaces"]) == (2, before["basis"])
    assert after["changed"]["added"] == ["events/dock-3.0000000003.json"]
    assert len(after["changed"]["other"]) == 1
    assert after["changed"]["figures"]["missing"] == {"before": {"CS": 30}, "now": {}}
    shown = subprocess.run([*VERIFIER, second, KEYID], capture_output=True, text=True, check=True).stdout
    assert f"version 2, rests on {after['basis'][:16]}, in the place of the one that rests on" in shown
    assert "changed: events/dock-3.0000000003.json: new" in shown
    assert "changed: missing: CS 30; now nothing" in shown

    dock.hear(dock.boxes[0].cancel(said))
    writer.note_applied("receive-notice")
    settled(writer)
    assert len(list(dossiers.folder.iterdir())) == 2  # more may come at once: it is one version
    now[0] += POLL_S
    settled(writer)
    assert any(path.name.endswith(".v3.zip") for path in dossiers.folder.iterdir())
    assert "Geändert seit Fassung 2: Nr. 4" in page_of(next(dossiers.folder.glob("*.v3.zip")))


def page_of(path: Path) -> str:
    return zipfile.ZipFile(path).read("index.html").decode()


def test_whoever_asks_gets_the_version_that_the_visit_is_at(dossiers: DossierStore, dock: Dock, tmp_path: Path) -> None:
    _, decide = decided_late(dock)
    for name in ("a", "b"):
        assert run(dock, "5501", "--out", tmp_path / f"{name}.zip", "--sign", tmp_path / "inventory.key").exit_code == 0
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    decide()
    assert run(dock, "5501", "--out", tmp_path / "c.zip", "--sign", tmp_path / "inventory.key").exit_code == 0
    assert [read(tmp_path / f"{name}.zip").dossier["issue"]["version"] for name in "ac"] == [1, 2]
    dossiers.write_pending()
    (written,) = dossiers.folder.iterdir()
    assert read(written).dossier["issue"] == read(tmp_path / "c.zip").dossier["issue"]


def test_a_version_that_its_maker_altered_is_named(dossiers: DossierStore, dock: Dock) -> None:
    _, decide = decided_late(dock)
    gathered = dock.gathered()
    (visit,) = gathered.visits()

    def checked(**wrong: Any) -> list[str]:
        def issue(content: Json, files: Mapping[str, bytes]) -> Json | None:
            told = dock.store.issues.store(gathered.site, "5501", visit, content, files)
            return told and told | wrong

        return DossierCheck(build(visit, gathered, dock.keys, INVENTORY, "en", issue=issue).file, KEYID).faults

    decide()
    assert checked() == []
    none: Json = {"added": [], "gone": [], "other": [], "figures": {}}
    assert ["version" in fault for fault in checked(basis="0" * 64)] == [True]
    assert ["from 1 on" in fault for fault in checked(version=0)] == [True]
    assert ["other files" in fault for fault in checked(changed=none | {"added": ["events/x.json"]})] == [True]
    wrong = {"missing": {"before": {}, "now": {"CS": 7}}}
    assert ["figures" in fault for fault in checked(changed=none | {"figures": wrong})] == [True]
