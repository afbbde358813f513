"""Who may sign in to the console: on its page, and by the commands."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from inventory.audit import audit_log
from inventory.console import accounts
from inventory.console.accounts import Role
from inventory.console.command import commands
from tests.console import PASSWORD, Console, console, send
from tests.rows import every


def everybody(site: Console) -> dict[str, str]:
    with site.place.transaction() as transaction:
        return {one.name: str(one.role) for one in accounts.load_users(transaction)}


def done(site: Console) -> list[tuple[str, str]]:
    with site.place.transaction() as transaction:
        return [(line.deed.deed, line.deed.about) for line in reversed(audit_log.load_latest_actions(transaction, 100))]


def test_an_admin_lets_people_in_changes_what_they_may_and_lets_them_go(site: Console) -> None:
    with site.client("boss") as browser:

        def do(path: str, **given: str) -> int:
            return int(send(browser, path, seen="/people", **given).status_code)

        assert do("/people", name="ana", password=PASSWORD, role="reviewer") == 303
        assert do("/people", name="ben", by_proxy="yes", role="viewer") == 303
        assert everybody(site) == {"ana": "reviewer", "ben": "viewer", "boss": "admin"}
        assert do("/people/ana", change="role", role="viewer") == 303
        assert do("/people/ana", change="password", password=f"{PASSWORD} staple") == 303
        assert do("/people/ben", change="remove") == 303
        assert everybody(site) == {"ana": "viewer", "boss": "admin"}
    told = [
        ("added", "ana"),
        ("added", "ben"),
        ("role_changed", "ana"),
        ("password_changed", "ana"),
        ("removed", "ben"),
    ]
    assert done(site) == told


def test_what_cannot_be_is_told_and_changes_nothing(site: Console) -> None:
    with site.client("boss") as browser:

        def is_told(row: tuple[str, dict[str, str], int, str]) -> None:
            path, given, status, told = row
            answer = send(browser, path, seen="/people", **given)
            assert (answer.status_code, told in answer.text) == (status, True)

        every(
            [
                ("/people", {"name": "ana", "password": "short"}, 422, "12 characters"),
                ("/people", {"name": "<b>", "password": PASSWORD}, 422, "A name has letters"),
                ("/people", {"name": "boss", "password": PASSWORD}, 409, "called so already"),
                ("/people/boss", {"change": "role", "role": "viewer"}, 409, "the only admin"),
                ("/people/boss", {"change": "remove"}, 409, "the only admin"),
                ("/people/boss", {"change": "password", "password": "short"}, 422, "12 characters"),
                ("/people/nobody", {"change": "remove"}, 404, "Nobody is called so."),
                ("/people/boss", {"change": "everything"}, 404, "Nobody is called so."),
            ],
            is_told,
        )
    assert (everybody(site), done(site)) == ({"boss": "admin"}, [])
    with site.client("ana", Role.REVIEWER) as browser:
        assert send(browser, "/people", seen="/reviews", name="x", password=PASSWORD).status_code == 403


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKVOICE_INVENTORY_DATABASE", f"sqlite:///{tmp_path / 'inventory.db'}")


def command(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(commands, words, input=typed)


@pytest.mark.usefixtures("database")
def test_the_first_admin_is_let_in_at_a_terminal(tmp_path: Path) -> None:
    assert (
        command("user", "add", "ana", "--role", "admin", typed=f"{PASSWORD}\n").stdout == "ana: may sign in as admin\n"
    )
    assert command("user", "add", "ben", "--by-proxy").exit_code == 0
    assert command("user", "role", "ben", "--role", "reviewer").stdout == "ben: is reviewer\n"
    listed = command("user", "list").stdout
    assert "with a password" in listed
    assert "by the proxy" in listed
    assert command("user", "password", "ana", typed=f"{PASSWORD}2\n").exit_code == 0
    assert command("user", "remove", "ben").stdout == "ben: may sign in no more\n"
    assert command("audit").stdout == f"whole: 5 deeds hold (sqlite:///{tmp_path / 'inventory.db'})\n"
    with console(tmp_path) as site, site.place.transaction() as transaction:
        kept = accounts.load_password_hash(transaction, "ana")
        assert accounts.verify_password(kept, f"{PASSWORD}2")
        assert PASSWORD not in str(kept)


def test_each_command_takes_the_settings_file_behind_its_name_and_the_audit_tells_the_database(tmp_path: Path) -> None:
    settings = tmp_path / "inventory.toml"
    settings.write_text(f'database = "sqlite:///{tmp_path}/site.db"\n', encoding="utf-8")
    added = command("user", "add", "ana", "--config", str(settings), typed=f"{PASSWORD}\n")
    assert added.stdout == "ana: may sign in as viewer\n"
    assert "ana" in command("user", "list", "-c", str(settings)).stdout
    assert command("audit", "-c", str(settings)).stdout == f"whole: 1 deeds hold (sqlite:///{tmp_path}/site.db)\n"
    elsewhere = f"sqlite:///{tmp_path}/other.db"
    assert command("audit", "--database", elsewhere).stdout == f"whole: 0 deeds hold ({elsewhere})\n"


@pytest.mark.usefixtures("database")
def test_what_a_command_cannot_do_it_says() -> None:
    def says_so(row: tuple[tuple[str, ...], str]) -> None:
        words, told = row
        assert told in str(command(*words, typed="short\n").exception)

    every(
        [
            (("user", "add", "ana"), "password: has 5 characters, allowed are 12 to 1000"),
            (("user", "add", "a b", "--by-proxy"), "name: found 'a b'"),
            (("user", "remove", "nobody"), "nobody: nobody is called so"),
        ],
        says_so,
    )
    wrong = command("user", "add", "ana", "--role", "king", typed=f"{PASSWORD}\n")
    assert wrong.exit_code == 2
    assert "role: found 'king', allowed are viewer, reviewer, admin" in " ".join(wrong.stderr.split())
