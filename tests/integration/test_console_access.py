"""Who may do what on the console, and what stands against those who may not."""

from __future__ import annotations

import re
import socket
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from dockvoice_protocol.errors import Misconfigured, Unavailable
from inventory.audit import audit_log
from inventory.console import accounts
from inventory.console.accounts import Role
from inventory.console.app import create_app, serve
from inventory.console.context import COOKIE
from inventory.settings import InventorySettings
from tests.console import PASSWORD, Console, console, send
from tests.dictated import KEY
from tests.rows import every


@pytest.fixture(autouse=True)
def _fewer_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes a while, as a password is to be slow to guess."""
    monkeypatch.setattr(accounts, "PER_ADDRESS", 10)


def add(site: Console, name: str = "ana", role: Role = Role.ADMIN, password: str | None = PASSWORD) -> None:
    with site.place.transaction() as transaction:
        accounts.add_user(transaction, name, role, password, site.place.now())


def sign_in(browser: TestClient, name: str = "ana", password: str = PASSWORD, **given: str) -> Any:
    form = re.search(r'name="form" value="([^"]+)"', browser.get("/sign-in").text)
    assert form is not None
    return browser.post("/sign-in", data={"form": form[1], "name": name, "password": password, "next": "", **given})


def done(site: Console) -> list[str]:
    with site.place.transaction() as transaction:
        return [
            f"{line.deed.who} {line.deed.deed}" for line in reversed(audit_log.load_latest_actions(transaction, 100))
        ]


def test_nobody_sees_a_page_without_having_signed_in(site: Console) -> None:
    with site.client() as browser:
        answer = browser.get("/audit?before=3")
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/audit%3Fbefore%3D3")
        assert browser.post("/sign-out", data={"a": "b"}).headers["location"] == "/sign-in"
        assert browser.get("/audit", headers={"hx-request": "true"}).headers["hx-redirect"] == "/sign-in"
        form = browser.get("/sign-in")
    assert form.status_code == 200
    assert "default-src 'none'; script-src 'self'" in form.headers["content-security-policy"]
    assert "unsafe" not in form.headers["content-security-policy"]


def test_a_sign_in_has_a_session_of_its_own_whatever_cookie_was_there_before(site: Console) -> None:
    add(site)
    with site.client() as browser:
        browser.cookies.set(COOKIE, "chosen-by-somebody-else")
        answer = sign_in(browser, next="/audit")
        assert (answer.status_code, answer.headers["location"]) == (303, "/audit")
        told = answer.headers["set-cookie"]
        assert "chosen-by-somebody-else" not in told
        assert "HttpOnly" in told
        assert "SameSite=lax" in told
    with site.client() as other:
        other.cookies.set(COOKIE, "chosen-by-somebody-else")
        assert other.get("/audit").status_code == 303
    assert done(site) == ["ana signed_in"]


def test_who_signs_out_is_out_also_with_the_cookie_he_had(site: Console) -> None:
    with site.client("ana") as browser:
        cookie = browser.cookies[COOKIE]
        assert send(browser, "/sign-out").headers["location"] == "/sign-in"
        browser.cookies.set(COOKIE, cookie)
        assert browser.get("/audit").status_code == 303


def test_a_session_ends_by_itself_and_with_the_person(site: Console) -> None:
    add(site, "boss")
    with site.client("ana") as browser:
        site.later = timedelta(minutes=59)
        assert browser.get("/audit").status_code == 200
        site.later = timedelta(minutes=61)
        assert browser.get("/audit").status_code == 303
    with site.client("ana") as browser:
        with site.place.transaction() as transaction:
            accounts.change_role(transaction, "ana", Role.VIEWER)
        assert browser.get("/audit").status_code == 403
        with site.place.transaction() as transaction:
            accounts.remove_user(transaction, "ana")
        assert browser.get("/audit").status_code == 303


def test_after_too_many_wrong_passwords_the_right_one_waits_too(site: Console) -> None:
    add(site)
    with site.client() as browser:
        for _ in range(accounts.PER_NAME):
            assert sign_in(browser, "ana", "wrong").status_code == 401
        held_up = sign_in(browser)
        assert held_up.status_code == 429
        assert "Wait 15 minutes" in held_up.text
        site.later = accounts.WINDOW
        assert sign_in(browser).status_code == 303
    assert done(site)[-2:] == ["ana sign_in_held_up", "ana signed_in"]


def test_a_guesser_of_invented_names_locks_nobody_out_who_signed_in_there_before(site: Console) -> None:
    """All of them come by one proxy, which the settings do not name."""
    for name in ("ana", "ben"):
        add(site, name)
    with site.client() as browser:
        assert sign_in(browser, "ana").status_code == 303
        send(browser, "/sign-out")
        answers = [sign_in(browser, f"nobody-{number}", "wrong") for number in range(15)]
        assert [one.status_code for one in answers] == [401] * accounts.PER_ADDRESS + [429] * 5
        assert "Try again in 10 seconds" in answers[-1].text
        assert sign_in(browser, "ana", "wrong").status_code == 401, "a wrong one is no right one for that"
        assert sign_in(browser, "ana").status_code == 303
        send(browser, "/sign-out")
        assert sign_in(browser, "ben").status_code == 429
        site.later = accounts.SLOWED
        assert sign_in(browser, "ben").status_code == 303, "who is new there waits for seconds"


def test_who_signed_in_there_before_waits_for_nobody_who_guesses_elsewhere(tmp_path: Path) -> None:
    with console(tmp_path, proxy="testclient") as site:
        add(site)

        def tries(address: str, password: str = "wrong") -> int:  # noqa: S107 - a wrong one
            with site.client(None, Role.ADMIN, **{"x-forwarded-for": address}) as browser:
                return int(sign_in(browser, "ana", password).status_code)

        assert tries("10.0.0.1", PASSWORD) == 303
        assert [tries("10.0.0.9") for _ in range(9)] == [401] * 8 + [429], "by the address that the proxy saw"
        assert tries("10.0.0.2", PASSWORD) == 429, "so no name is guessed from address after address"
        assert tries("10.0.0.1", PASSWORD) == 303
        assert [tries("10.0.0.1") for _ in range(9)] == [401] * 8 + [429]


@pytest.mark.parametrize(
    ("proxy", "forwarded", "found"),
    [
        ("10.0.0.1", ["6.6.6.6", "10.9.8.7"], "10.9.8.7"),
        # A console that listens on IPv6 too sees an IPv4 proxy by a mapped address.
        ("::ffff:10.0.0.1", ["[2001:DB8:0::7]:443"], "2001:db8::7"),
    ],
)
def test_the_address_is_what_the_proxy_wrote_last_however_it_is_written(
    tmp_path: Path, proxy: str, forwarded: list[str], found: str
) -> None:
    with console(tmp_path, proxy="10.0.0.1", proxy_header="X-Remote-User") as site:
        add(site, password=None)
        lines = [("x-remote-user", "ana"), *(("x-forwarded-for", one) for one in forwarded)]
        assert asked(site, proxy, lines).status_code == 200
        with site.place.transaction() as transaction:
            assert [one.deed.address for one in audit_log.load_latest_actions(transaction, 1)] == [found]


def test_a_guesser_with_many_ports_or_many_addresses_of_one_line_is_one(tmp_path: Path) -> None:
    with console(tmp_path, proxy="testclient") as site:

        def last_of(addresses: list[str]) -> int:
            codes = list[int]()
            for number, address in enumerate(addresses):
                with site.client(None, Role.ADMIN, **{"x-forwarded-for": address}) as browser:
                    codes.append(int(sign_in(browser, f"nobody-{number}", "wrong").status_code))
            assert codes[0] == 401
            return codes[-1]

        many = range(1, accounts.PER_ADDRESS + 2)
        assert last_of([f"10.0.0.1:{number}" for number in many]) == 429
        assert last_of([f"[2001:db8:0:1::9]:{number}" for number in many]) == 429
        assert last_of([f"2001:db8:0:2::{number:x}" for number in many]) == 429


def test_a_name_that_nobody_has_is_answered_as_a_wrong_password_is(site: Console) -> None:
    add(site)
    with site.client() as browser:
        answers = [sign_in(browser, name, "wrong").text for name in ("ana", "nobody", "' OR 1=1 --")]
    told = [re.sub(r'value="[^"]*"', "", answer) for answer in answers]
    assert told[0] == told[1] == told[2]


def test_what_changes_something_carries_the_token_and_comes_from_a_page_of_ours(site: Console) -> None:
    with site.client("ana") as browser:

        def is_refused(row: tuple[dict[str, str], dict[str, str]]) -> None:
            given, headers = row
            assert browser.post("/sign-out", data={"a": "b", **given}, headers=headers).status_code == 403

        token = re.search(r'name="csrf" value="([^"]+)"', browser.get("/audit").text)
        assert token is not None
        mine = {"csrf": token[1]}
        foreign = [{"origin": "https://elsewhere.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}]
        foreign += [{"origin": "http://[::1"}, {"origin": "testserver"}]
        every([({}, {}), ({"csrf": "guessed"}, {}), ({"csrf": "é"}, {}), *((mine, one) for one in foreign)], is_refused)
        assert browser.get("/sign-out").status_code == 405
        assert browser.post("/sign-out", data=mine, headers={"origin": "http://testserver"}).status_code == 303


def test_a_sign_in_from_another_site_is_none(site: Console) -> None:
    add(site)
    with site.client() as browser:
        assert sign_in(browser, form="guessed").status_code == 403
        assert browser.post("/sign-in", data={"name": "ana", "password": PASSWORD}).status_code == 403


def test_after_the_sign_in_nobody_is_led_elsewhere(site: Console) -> None:
    add(site)

    def leads_home(there: str) -> None:
        with site.client() as browser:
            assert sign_in(browser, next=there).headers["location"] == "/"

    every(["https://elsewhere.example", "//elsewhere.example", "/\\elsewhere", "/a\r\nb", "elsewhere"], leads_home)


def test_a_role_sees_what_is_its_own_and_a_try_is_on_record(site: Console) -> None:
    with site.client("val", Role.VIEWER) as browser:
        refused = browser.get("/audit")
        assert refused.status_code == 403
        assert "admin" in refused.text
    assert done(site) == ["val refused"]


def test_what_a_form_may_send_is_bounded(site: Console) -> None:
    with site.client("ana") as browser:
        assert browser.post("/sign-out", data={"csrf": "x" * 200_000}).status_code == 413
        assert browser.post("/sign-out", content=iter([b"csrf=x"])).status_code == 413  # no word of its length


def test_a_form_that_is_no_text_is_refused_whatever_it_says_of_how_it_is_written(site: Console) -> None:
    said = ("", "\\ud800", "xn--\\", "a")
    parts = "".join(f'--B\r\ncontent-disposition: form-data; name="{one}"\r\n\r\n{one}\r\n' for one in said)

    def is_refused(written: str) -> None:
        with site.client("ana") as browser:
            kind = {"content-type": f"multipart/form-data; boundary=B; charset={written}"}
            for path in ("/sign-in", "/people"):
                # Python 3.13 makes text of this punycode; then it lacks what a page of ours sends along.
                refusals = {400, 403} if written == "punycode" else {400}
                assert browser.post(path, content=f"{parts}--B--", headers=kind).status_code in refusals

    every(["undefined", "punycode", "unicode_escape", "raw_unicode_escape"], is_refused)


def test_a_proxy_is_believed_from_its_own_address_alone(tmp_path: Path) -> None:
    with console(tmp_path, proxy="10.0.0.1", proxy_header="X-Remote-User", address="https://dock.example") as site:
        add(site, "ana", password=None)
        header = {"x-remote-user": "ana", "x-forwarded-for": "6.6.6.6, 10.9.8.7"}
        answer = asked(site, "10.0.0.1", header)
        assert answer.status_code == 200
        assert "__Host-dockvoice=" in answer.headers["set-cookie"]
        assert "Secure" in answer.headers["set-cookie"]
        assert "10.9.8.7" in answer.text
        assert asked(site, "10.0.0.2", header).status_code == 303
        assert asked(site, "10.0.0.1", {"x-remote-user": "mallory"}).status_code == 303
        assert asked(site, "10.0.0.1", [("x-remote-user", "mallory"), ("x-remote-user", "ana")]).status_code == 303


def asked(site: Console, address: str, headers: Any) -> Any:
    """The page of the audit, as a request from that address with these headers gets it."""
    app, base = create_app(site.place), "https://dock.example"
    with TestClient(app, base, client=(address, 1), follow_redirects=False) as browser:
        return browser.get("/audit", headers=headers)


def test_where_the_settings_name_no_header_none_signs_anybody_in(tmp_path: Path) -> None:
    """To name the proxy is for its addresses and for limits."""
    with console(tmp_path, proxy="10.0.0.1", address="https://dock.example") as site:
        add(site, "ana")
        add(site, "ben", password=None)
        for name in ("ana", "ben"):
            assert asked(site, "10.0.0.1", {"x-remote-user": name}).status_code == 303
        assert done(site) == []


def test_no_header_signs_in_who_has_a_password(tmp_path: Path) -> None:
    with console(tmp_path, proxy="testclient", proxy_header="X-Remote-User") as site:
        add(site, "ana")
        add(site, "ben", password=None)
        with site.client(None, Role.ADMIN, **{"x-remote-user": "ana"}) as browser:
            assert browser.get("/people").status_code == 303
            assert sign_in(browser, "ana").status_code == 303
            assert browser.get("/people").status_code == 200, "with the password he is in, behind that proxy too"
            browser.headers["x-remote-user"] = "somebody-else"
            assert browser.get("/people").status_code == 200
            browser.headers["x-remote-user"] = "ben"
            assert "ben" in browser.get("/people").text
            browser.headers["x-remote-user"] = "somebody-else"
            assert browser.get("/people").status_code == 303, "a cookie of the proxy's counts for whom the proxy names"
        assert done(site) == ["ana signed_in", "ben signed_in"]


def test_a_header_without_a_proxy_that_says_it_is_refused() -> None:
    with pytest.raises(ValueError, match="proxy_header is set without proxy"):
        InventorySettings.model_validate({"console": {"proxy_header": "X-Remote-User"}})


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (None, "console.proxy_header is not set: ben, added with --by-proxy, cannot sign in"),
        ("X-Remote-User", "X-Remote-User signs nobody in who has a password: ana go on using theirs"),
    ],
)
def test_who_cannot_sign_in_as_the_settings_suggest_is_told_at_the_start(
    tmp_path: Path, header: str | None, told: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with console(tmp_path, proxy="10.0.0.1", proxy_header=header) as site:
        add(site, "ana")
        add(site, "ben", password=None)
        monkeypatch.setattr("inventory.console.app.run_server", lambda _: None)
        serve(site.place.settings)
    assert told in caplog.text
    assert len([one for one in caplog.records if "proxy_header" in one.message or "X-Remote" in one.message]) == 1


def test_where_the_database_is_away_the_page_says_so_and_keeps_what_was_typed(site: Console) -> None:
    with site.client("ana") as browser:
        assert browser.get("/audit").status_code == 200
        with site.engine.begin() as transaction:
            transaction.execute(text("ALTER TABLE dockvoice_console_sessions RENAME TO hidden"))
        answer = browser.post("/sign-out", data={"csrf": "t0ken", "reason": "<b>counted</b>", "password": "hidden"})
    assert answer.status_code == 503
    assert "The database does not answer" in answer.text
    assert 'name="reason" value="&lt;b&gt;counted&lt;/b&gt;"' in answer.text
    assert "hidden" not in re.sub(r'type="hidden"', "", answer.text)


def test_a_deed_that_is_changed_or_removed_shows(site: Console) -> None:
    with site.place.transaction() as transaction:
        for number in range(4):
            audit_log.record_action(
                transaction, audit_log.UserAction("ana", "here", "decided", str(number)), site.place.now(), KEY
            )
        assert audit_log.first_broken_action(transaction, KEY.public) is None

    def shows(row: tuple[str, int]) -> None:
        change, where = row
        with site.engine.connect() as connection, connection.begin() as undone:
            connection.execute(text(change))
            assert audit_log.first_broken_action(connection, KEY.public) == where
            undone.rollback()

    every(
        [
            ("DELETE FROM dockvoice_console_deeds WHERE number = 3", 3),
            ("UPDATE dockvoice_console_deeds SET who = 'ben' WHERE number = 2", 2),
            ("UPDATE dockvoice_console_deeds SET at = '2026-11-21 08:00:00' WHERE number = 1", 1),
            ("UPDATE dockvoice_console_deeds SET body = replace(body, 'here', 'there') WHERE number = 4", 4),
            ("UPDATE dockvoice_console_deeds SET signature = NULL WHERE number = 2", 2),
            ("UPDATE dockvoice_console_deeds SET signature = link || link WHERE number = 3", 3),
        ],
        shows,
    )
    with site.client("ana") as browser:
        assert "was changed" not in browser.get("/audit").text
        with site.engine.begin() as transaction:
            transaction.execute(text("DELETE FROM dockvoice_console_deeds WHERE number = 2"))
        assert "Line 2 was changed" in browser.get("/audit").text


def test_a_long_chain_is_followed_step_by_step_and_what_a_page_shows_at_once(site: Console) -> None:
    lines = 2 * audit_log.VERIFIED_AT_ONCE + 50
    with site.place.transaction() as transaction:
        for number in range(lines):
            audit_log.record_action(
                transaction, audit_log.UserAction("ana", "here", "decided", str(number)), site.place.now(), KEY
            )

    def does(change: str) -> None:
        with site.engine.begin() as transaction:
            transaction.execute(text(change))

    with site.client("ana") as browser:
        assert f"Lines 1 to {audit_log.VERIFIED_AT_ONCE} of {lines} hold" in browser.get("/audit").text
        assert f"Lines 1 to {2 * audit_log.VERIFIED_AT_ONCE} of {lines} hold" in browser.get("/audit/part").text
        assert 'hx-get="/audit/part"' not in (whole := browser.get("/audit/part").text)
        assert f"Every line holds, from the first to number {lines}." in whole
        does("UPDATE dockvoice_console_deeds SET who = 'ben' WHERE number = 250")
        assert "Line 250 was changed" in browser.get("/audit?before=300").text
        does("DELETE FROM dockvoice_console_deeds WHERE number = 250")
        assert "Line 250 was changed" in browser.get("/audit?before=300").text
        assert "Line 250 was changed" in browser.get("/audit?before=351").text
        assert "was changed" not in browser.get("/audit").text
        site.later += audit_log.VERIFY_ANEW_AFTER * 2
        with site.client("ana") as later:
            told = [later.get("/audit/part").text for _ in range(3)]
    assert ["Line 250 was changed" in one for one in told] == [False, True, True]


def test_of_the_admins_the_last_one_stays(site: Console) -> None:
    add(site)
    with site.place.transaction() as transaction:
        with pytest.raises(Misconfigured, match="the only admin"):
            accounts.remove_user(transaction, "ana")
        with pytest.raises(Misconfigured, match="the only admin"):
            accounts.change_role(transaction, "ana", Role.VIEWER)


def test_a_port_that_somebody_else_listens_on_is_told(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        settings = InventorySettings(database=f"sqlite:///{tmp_path / 'inventory.db'}")
        with pytest.raises(Unavailable, match=f"127.0.0.1:{port}: cannot be listened on"):
            serve(settings, port)
