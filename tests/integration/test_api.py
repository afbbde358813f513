"""What other systems' programs may ask of the inventory, and what they are told where they may not."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate
from sqlalchemy import text
from typer.testing import CliRunner, Result

from dockvoice_protocol.config import Mqtt
from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.signed import parse_expected_topic, verify_expected_list, verify_master_data, verify_roster
from inventory.api import tokens
from inventory.api.app import ENDPOINTS, create_app
from inventory.api.command import commands
from inventory.api.devices import METRICS_MEDIA_TYPE
from inventory.api.parameters import encode_cursor
from inventory.api.tokens import Scope
from inventory.audit import audit_log
from inventory.site.sending import read_all_retained
from inventory.store.outbox import Message, MessageKind, insert_messages
from tests.console import Console, console
from tests.console.api import Program, described, program, token
from tests.console.dock import morning
from tests.console.story import apply
from tests.dictated import KEY, identity, recorded
from tests.rows import every
from tests.servers.mosquitto import Mosquitto
from tests.store import drained

LINE = {"notice": "4550012", "pallet": "007", "item": "A100", "quantity": 2.5, "uom": "KGM", "lot_needed": True}

OPERATOR = {"name": "op-1", "number": "12"}

NOBODY = Mqtt(host="127.0.0.1", port=1)

WRITES: dict[str, tuple[str, str, Any]] = {
    "announce": ("PUT", "/v1/sites/north/expected/trailer/5501", {"lines": [LINE]}),
    "withdraw": ("DELETE", "/v1/sites/north/expected/trailer/5501", None),
    "putMasterData": ("PUT", "/v1/sites/north/catalogue/docks", {"reason": "new", "rows": [{"value": "A"}]}),
    "putOperators": ("PUT", "/v1/sites/north/operators", {"reason": "new", "operators": [OPERATOR]}),
    "makeDossier": ("POST", "/v1/sites/north/trailers/5501/dossier", None),
}
READS = [one.path for one in ENDPOINTS if one.method == "GET"]


@pytest.fixture(scope="module")
def morning_there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A morning at the dock; nobody writes to it."""
    with console(tmp_path_factory.mktemp("site"), mqtt=NOBODY) as found:
        morning(found)
        yield found


@pytest.fixture(scope="module")
def secret(morning_there: Console) -> str:
    return token(morning_there)


@pytest.fixture
def erp(morning_there: Console, secret: str, monkeypatch: pytest.MonkeyPatch) -> Program:
    monkeypatch.setattr("inventory.site.sending.PUBLISH_TIMEOUT_S", 0.1)  # there is no broker, and nobody waits for one
    return Program(
        create_app(morning_there.place), headers={"authorization": f"Bearer {secret}"}, raise_server_exceptions=False
    )


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Console]:
    """A site of which nothing is known."""
    with console(tmp_path, mqtt=NOBODY) as found:
        yield found


def filled(path: str) -> str:
    names = {"event_id": identity(1, 1), "site": "north", "trailer": "5501", "kind": "trailer", "name": "5501"}
    return path.format(**names | ({"kind": "docks"} if "catalogue" in path else {}))


# ---- who may ----


def test_who_has_no_token_that_holds_is_told_so_and_nothing_else(site: Console) -> None:
    good = token(site)
    ended = token(site, "old")
    with site.place.transaction() as transaction:
        tokens.revoke_token(transaction, "old")
    anybody = Program(create_app(site.place))
    for given in (None, "", "Bearer", f"Basic {good}", "Bearer dockvoice_no", f"Bearer {ended}", f"Bearer {good[:-1]}"):
        for path in ("/v1/entries", "/v1/sites/north/catalogue/docks"):
            answer = anybody.get(path, headers={} if given is None else {"authorization": given})
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert "dock-3" not in answer.text
            assert good not in answer.text


def test_a_token_that_is_made_or_revoked_at_a_terminal_is_on_record(tmp_path: Path) -> None:
    with console(tmp_path) as site:

        def command(*words: str) -> Result:
            return CliRunner().invoke(commands, ["--database", site.place.settings.database_url, "token", *words])

        assert "there is no such token" in str(command("revoke", "powerbi").exception)
        assert command("list").exit_code == 0
        with site.place.read_transaction() as transaction:
            assert audit_log.load_latest_actions(transaction, 10) == [], "what was not done, and what only looks"
        made = command("add", "powerbi", "--read", "north", "--days", "3").stdout.strip()
        assert "read north" in command("list").stdout
        assert command("revoke", "powerbi").stdout == "powerbi: may ask no more\n"
        with site.place.read_transaction() as transaction:
            done = [one.deed for one in audit_log.load_latest_actions(transaction, 10)]
    assert [(one.deed, one.about, one.address) for one in done] == [
        ("token_revoked", "powerbi", "terminal"),
        ("token_made", "powerbi", "terminal"),
    ]
    assert dict(done[1].details) == {"grants": {"north": "read"}, "days": 3}
    assert made.splitlines()[-1] not in str(done)


def test_the_commands_of_tokens_take_the_settings_file_behind_their_names(tmp_path: Path) -> None:
    settings = tmp_path / "inventory.toml"
    settings.write_text(f'database = "sqlite:///{tmp_path}/site.db"\n', encoding="utf-8")
    for words in (("add", "powerbi", "--read", "north"), ("list",), ("revoke", "powerbi")):
        told = CliRunner().invoke(commands, ["token", *words, "--config", str(settings)])
        assert told.exit_code == 0, told.output
    assert (tmp_path / "site.db").exists()
    assert CliRunner().invoke(commands, ["describe", "-c", str(settings)]).exit_code == 0


def test_a_token_holds_until_its_day(site: Console) -> None:
    tokens.create_or_check_tokens(site.engine)
    with site.place.transaction() as transaction:
        now = site.place.now()
        secret = tokens.add_token(transaction, "day", {"*": Scope.READ}, "ana", now, now + timedelta(days=1))
    asking = Program(create_app(site.place), headers={"authorization": f"Bearer {secret}"})
    assert asking.get("/v1/devices").status_code == 200
    site.later = timedelta(days=1)
    assert asking.get("/v1/devices").status_code == 401


def test_whoever_reads_the_tables_cannot_ask_with_what_stands_there(site: Console) -> None:
    secret = token(site)
    with site.place.read_transaction() as transaction:
        kept = str(transaction.execute(text("SELECT * FROM dockvoice_api_tokens")).mappings().all())
    assert secret not in kept
    assert secret.removeprefix("dockvoice_") not in kept


def test_a_token_for_another_site_learns_nothing_of_this_one(morning_there: Console) -> None:
    south = program(morning_there, "south", south=Scope.WRITE)

    def learns_nothing(path: str) -> None:
        answer = south.get(filled(path))
        if "{site}" in path:
            assert answer.status_code == 403
        elif "{" in path:
            assert answer.status_code == 404
        elif path != "/metrics":  # test_metrics_count_what_is_pending_at_the_sites_of_the_token
            assert all(not one for name, one in answer.json().items() if isinstance(one, list))
        assert "dock-3" not in answer.text
        assert "4550012" not in answer.text

    every(READS, learns_nothing)
    assert south.get("/v1/entries", params={"device": "north/dock-3"}).status_code == 403
    assert south.get("/v1/entries", params={"site": "north"}).status_code == 403


@pytest.mark.parametrize("name", WRITES)
def test_a_token_that_may_read_writes_nothing(site: Console, name: str) -> None:
    method, path, body = WRITES[name]
    for other, grants in (("reads", {"north": Scope.READ}), ("elsewhere", {"south": Scope.WRITE})):
        answer = program(site, other, **grants).request(method, path, json=body)
        assert answer.status_code == 403, answer.text
    with site.place.read_transaction() as transaction:
        assert audit_log.load_latest_actions(transaction, 10) == []


def test_every_endpoint_that_writes_is_tried_with_a_token_that_may_not() -> None:
    assert set(WRITES) == {one.name for one in ENDPOINTS if one.scope is Scope.WRITE}
    assert {one.scope for one in ENDPOINTS if one.method != "GET"} == {Scope.WRITE}


def test_who_asks_too_often_waits(site: Console) -> None:
    now = [0.0]
    app = create_app(site.place, lambda: now[0])
    asking = Program(app, headers={"authorization": f"Bearer {token(site)}"})
    answers = [asking.get("/v1/flags") for _ in range(61)]
    assert [one.status_code for one in answers] == [200] * 60 + [429]
    assert answers[-1].headers["retry-after"] == "1"
    other = Program(app, headers={"authorization": f"Bearer {token(site, 'other')}"})
    assert other.get("/v1/flags").status_code == 200, "each has a bucket of its own"
    now[0] = 0.1  # ten in a second
    assert [asking.get("/v1/flags").status_code for _ in range(2)] == [200, 429]


def test_an_address_that_tries_token_after_token_waits(site: Console) -> None:
    good = token(site)
    anybody = Program(create_app(site.place, lambda: 0.0))
    codes = [anybody.get("/v1/flags", headers={"authorization": f"Bearer {n}"}).status_code for n in range(31)]
    assert codes == [401] * 30 + [429]
    kept_out = anybody.get("/v1/flags", headers={"authorization": f"Bearer {good}"})
    assert kept_out.status_code == 200, "who has a token is not kept out by who has none"


# ---- what cannot be asked ----


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("access_token=dockvoice_secret", "access_token"),
        ("form=a&form=b", "form"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=many", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=WzFd", "cursor"),
        ("cursor=WzEsICJ4IiwgMl0", "cursor"),
        ("cursor=Wy0xLCJ4Il0", "cursor"),
        ("state=gone", "state"),
        ("device=dock-3", "device"),
        ("since=yesterday", "since"),
        ("since=0001-01-01", "since"),
        ("until=2026-02-30", "until"),
        ("pallet=%00", "pallet"),
        ("operator=" + "x" * 201, "operator"),
        ("site=..", "site"),
    ],
)
def test_a_parameter_that_cannot_be_is_named(erp: Program, query: str, parameter: str) -> None:
    answer = erp.get(f"/v1/entries?{query}")
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert [one["parameter"] for one in answer.json()["errors"]] == [parameter]
    assert "dockvoice_secret" not in answer.text


WAITING = ("/v1/reviews", "/v1/refusals", "/v1/flags")
ODD = ("a", "2026-02-30T00:00:00+00:00", "2026-11-22", "2026-11-22T08:00:00", "2026-W47", "", "9" * 200, 5, None, ["x"])
BEYOND = ("9999-12-31T23:59:59+14:00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00")


@pytest.mark.parametrize("path", WAITING)
def test_a_place_in_time_that_cannot_be_is_told_and_any_that_can_be_is_taken(erp: Program, path: str) -> None:
    behind = ["x", "y"] if path.endswith("flags") else ["x"]

    def asked(place: Any) -> int:
        return int(erp.get(path, params={"cursor": encode_cursor([place, *behind])}).status_code)

    assert [asked(one) for one in ODD] == [400] * len(ODD)
    assert [asked(one) for one in BEYOND] == [200] * len(BEYOND)
    deep = base64.urlsafe_b64encode(b"[" * 700).decode().rstrip("=")
    assert erp.get(path, params={"cursor": deep}).status_code == 400


def test_what_was_refused_for_its_depth_or_shape_hides_nothing_else(tmp_path: Path) -> None:
    with console(tmp_path, mqtt=NOBODY) as site:
        events = [recorded(number) for number in range(1, 5)]
        events[0]["data"]["reading"]["confidence"] = nested(900)
        events[1]["data"]["fields"] = {"pallet_id": nested(900)}
        events[2]["data"] = "nothing"
        events[3]["data"]["fields"]["quantity"] = 0
        apply(site, *events)
        erp = program(site)
        answers = [erp.get("/v1/refusals", params={"limit": limit}) for limit in (1, 3, 1000)]
        assert [len(one.json()["refusals"]) for one in answers] == [1, 3, 4]
        assert "…" in answers[-1].text
        for number in range(1, 5):
            assert erp.get(f"/v1/entries/{identity(1, number)}").status_code == 200


def nested(levels: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(levels):
        found = [found]
    return found


def test_what_leads_nowhere_is_a_problem_too(erp: Program) -> None:
    for method, path, status in (
        ("GET", "/v1/nothing", 404),
        ("GET", "/v1/entries/none", 404),
        ("GET", "/v1/sites/north/catalogue/bays", 404),
        ("GET", "/v1/sites/north/trailers/9999", 404),
        ("GET", "/v1/sites/north/trailers/5501?visit=9", 404),
        ("GET", "/v1/sites/north/expected/door/99", 404),
        ("DELETE", "/v1/entries", 405),
        ("GET", "/v1/sites/%2e%2e/catalogue", 400),
    ):
        answer = erp.request(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), path
    wrong = erp.post("/v1/sites/north/expected/trailer/5501")
    assert wrong.headers["allow"] == "DELETE, GET, HEAD, PUT", "all of them, and not those of the first alone"


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ("{", 400, None),
        ('{"lines": [], "lines": []}', 400, None),
        ("[" * 3000, 400, None),
        ("[" * 500 + "]" * 500, 400, None),
        ("\udcff", 400, None),
        ('{"lines": []}', 400, "/lines"),
        ('{"lines": [{}]}', 400, "/lines/0/notice"),
        (json.dumps({"lines": [LINE], "more": 1}), 400, "/more"),
        (json.dumps({"lines": [LINE | {"quantity": 0}]}), 400, "/lines/0/quantity"),
        (json.dumps({"lines": [LINE | {"quantity": "2"}]}), 400, "/lines/0/quantity"),
        (json.dumps({"lines": [LINE | {"pallet": 7}]}), 400, "/lines/0/pallet"),
        (json.dumps({"lines": [LINE | {"lot_needed": "yes"}]}), 400, "/lines/0/lot_needed"),
        (json.dumps({"lines": [LINE | {"quantity": 1.23456789}]}), 422, "/lines/0/quantity"),
        (json.dumps({"lines": [LINE | {"item": "\u0007"}]}), 422, "/lines/0/item"),
        (json.dumps({"lines": [LINE, LINE]}), 422, "/lines/1/item"),
        (json.dumps({"lines": [LINE | {"pallet": str(n)} for n in range(501)]}), 422, None),
    ],
)
def test_a_message_that_cannot_be_says_where(erp: Program, body: str, status: int, pointer: str | None) -> None:
    sent, headers = body.encode(errors="surrogateescape"), {"content-type": "application/json"}
    answer = erp.put("/v1/sites/north/expected/trailer/77", content=sent, headers=headers)
    assert answer.status_code == status, answer.text
    if pointer is not None:
        assert pointer in [one.get("pointer") for one in answer.json()["errors"]]
    assert erp.get("/v1/sites/north/expected/trailer/77").status_code == 404, "nothing was kept of it"


def test_what_is_no_json_or_too_large_is_not_read(erp: Program) -> None:
    path = "/v1/sites/north/expected/trailer/77"
    assert erp.put(path, content=b"{}", headers={"content-type": "text/plain"}).status_code == 415
    large = b" " * 2_000_001
    assert erp.put(path, content=large, headers={"content-type": "application/json"}).status_code == 413
    chunked = (b" " * 100_000 for _ in range(25))  # says no length
    assert erp.put(path, content=chunked, headers={"content-type": "application/json"}).status_code == 413


def test_where_the_database_is_away_it_is_told_and_what_it_says_of_itself_is_not(
    site: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    erp = program(site)

    def away(*_: object) -> Any:
        raise Unavailable("postgresql://ana:secret@db/inventory: nobody answers")

    monkeypatch.setattr(type(site.place.requests), "read", away)
    for path in ("/v1/entries", "/health"):
        answer = erp.get(path)
        assert answer.status_code == 503
        assert "retry-after" in answer.headers
        assert "secret" not in answer.text


def test_a_fault_of_ours_is_in_the_log_and_in_no_answer(
    erp: Program, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(*_: object, **__: object) -> Any:
        raise RuntimeError("the inside of it")

    monkeypatch.setattr("inventory.queries.listing.load_entries", breaks)
    answer = erp.get("/v1/entries")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "inside" not in answer.text
    assert "the inside of it" in caplog.text


def test_no_token_and_nothing_that_was_said_stands_in_a_log(
    site: Console, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inventory.site.sending.PUBLISH_TIMEOUT_S", 0.1)
    caplog.set_level(logging.DEBUG)
    secret = token(site)
    asking = Program(create_app(site.place), headers={"authorization": f"Bearer {secret}"})
    asking.get(f"/v1/entries?pallet=743&access_token={secret}")
    asking.get("/v1/entries?pallet=743")
    asking.put("/v1/sites/north/catalogue/docks", json={"reason": "new", "rows": [{"value": "A"}]})
    ours = [one.getMessage() for one in caplog.records if not one.name.startswith("httpx")]  # which the test asks by
    assert any("api:erp" in one for one in ours)
    assert not any(secret in one or "743" in one for one in ours)


# ---- what is read ----


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ("device=north/dock-4", lambda one: one["device"] == "dock-4"),
        ("form=close-trailer", lambda one: one["form"] == "close-trailer"),
        ("operator=ben", lambda one: one["operator"] == "ben"),
        ("trailer=5501", lambda one: one["fields"].get("trailer") == "5501"),
        ("pallet=743", lambda one: one["fields"].get("pallet_id") == "743"),
        ("state=amended", lambda one: one["state"] == "amended" and one["replaced_by"] and not one["counts"]),
        ("since=2026-11-22T07:40:00Z", lambda one: one["recorded_at"] >= "2026-11-22T07:40"),
        ("until=2026-11-22T07:40:00%2B00:00", lambda one: one["recorded_at"] < "2026-11-22T07:40"),
        ("since=2026-11-22&until=2026-11-22", lambda one: one["recorded_at"].startswith("2026-11-22")),
        ("site=north", lambda one: one["site"] == "north"),
    ],
)
def test_a_filter_leaves_those_that_it_is_about(erp: Program, query: str, holds: Callable[[Any], bool]) -> None:
    every_one = erp.get("/v1/entries?limit=1000").json()["entries"]
    found = erp.get(f"/v1/entries?limit=1000&{query}").json()["entries"]
    assert found
    assert [one["event_id"] for one in found] == [one["event_id"] for one in every_one if holds(one)]


def test_a_day_is_one_on_the_clock_of_the_site(tmp_path: Path) -> None:
    with console(tmp_path, zone="Europe/Berlin") as site:
        morning(site)  # the first was said at 00:20 UTC, when it was 01:20 there
        asking = program(site)
        assert len(asking.get("/v1/entries?until=2026-11-21").json()["entries"]) == 0
        assert len(asking.get("/v1/entries?limit=1000&since=2026-11-22T00:30:00Z").json()["entries"]) == len(
            asking.get("/v1/entries?limit=1000&since=2026-11-22T01:30").json()["entries"]
        )


def test_an_entry_comes_with_its_history_and_its_proof(erp: Program) -> None:
    corrected = erp.get("/v1/entries?pallet=743&state=amended").json()["entries"][0]["event_id"]
    life = erp.get(f"/v1/entries/{corrected}").json()
    assert [one["kind"] for one in life["history"]] == ["recorded", "amended"]
    assert life["stands"] == life["history"][1]["event_id"]
    assert life["history"][0]["event"]["id"] == corrected
    assert {one["proof"]["fault"] for one in life["history"]} == {"altered"}, "these tests sign no event truly"


def test_a_trailer_in_the_list_counts_as_its_visit_does(erp: Program) -> None:
    listed = erp.get("/v1/trailers").json()["trailers"]
    assert len(listed) == 3
    for one in listed:
        visit = erp.get(f"/v1/sites/{one['site']}/trailers/{one['trailer']}").json()
        counted = {"expected": len(one["announced"]), "received": len(one["received"])}
        assert visit["figures"]["pallets"] == counted, one["trailer"]
        missing = {line["pallet"] for line in visit["lines"] if line["status"] == "missing"}
        assert missing == {*one["missing"]}


def test_refusals_flags_devices_and_trailers_are_told_as_the_console_has_them(erp: Program) -> None:
    (refused,) = erp.get("/v1/refusals").json()["refusals"]
    assert refused["reasons"] == ["invalid:/pallet_id: breaks pattern ^[0-9]{2,18}$"]
    (flag,) = erp.get("/v1/flags").json()["flags"]
    assert (flag["state"], flag["reason"]) == ("open", "already_received:dock-4")
    devices = {one["device"]: one for one in erp.get("/v1/devices").json()["devices"]}
    assert "fault" in devices["dock-4"]["alarms"]
    assert devices["dock-4"]["waiting"] == 3
    assert not devices["dock-5"]["linked"]
    trailers = {one["trailer"]: one for one in erp.get("/v1/trailers").json()["trailers"]}
    assert trailers["5501"]["missing"] == ["747"]
    assert trailers["5501"]["not_announced"] == ["10005"]
    assert (trailers["5502"]["state"], trailers["5490"]["state"]) == ("announced", "closed")
    visit = erp.get("/v1/sites/north/trailers/5501").json()
    assert visit["figures"]
    assert {one["pallet"] for one in visit["lines"]} >= {"742", "747"}


def test_what_has_not_changed_is_not_sent_again(erp: Program) -> None:
    first = erp.get("/v1/trailers")
    again = erp.get("/v1/trailers", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = erp.get("/v1/trailers?limit=1", headers={"if-none-match": first.headers["etag"]})
    assert other.status_code == 200


# ---- what is written ----


def at_broker(site: Console, topics: str) -> dict[str, bytes]:
    return read_all_retained(site.place.settings, "test", topics)


def test_what_is_announced_is_at_the_broker_signed_and_on_record(tmp_path: Path, broker: Mosquitto) -> None:
    with console(tmp_path, mqtt=Mqtt(host="127.0.0.1", port=broker.port)) as site:
        asking = program(site)
        path = "/v1/sites/north/expected/door/12"
        made = asking.put(path, json={"lines": [LINE]})
        assert (made.status_code, made.json()["sent"]) == (200, True), made.text
        ((topic, payload),) = at_broker(site, "dockvoice/north/expected/+/+").items()
        signed = verify_expected_list(payload, "north", parse_expected_topic("dockvoice", "north", topic), KEY.public)
        assert (str(signed.place), signed.version) == ("door/12", made.json()["version"])
        assert (signed.lines[0].pallet, signed.lines[0].quantity) == ("007", 2.5)
        same = asking.put(path, json={"lines": [LINE]})
        assert same.json() == made.json(), "what says nothing new is no new version"
        seen = {"if-match": asking.get(path).headers["etag"]}
        assert asking.put(path, json={"lines": [LINE | {"item": "B"}]}, headers=seen).status_code == 200
        late = asking.put(path, json={"lines": [LINE | {"item": "C"}]}, headers=seen)
        assert late.status_code == 412, "somebody else was sooner"
        gone = asking.delete(path)
        assert gone.json()["lines"] == []
        assert verify_expected_list(at_broker(site, topic)[topic], "north", signed.place, KEY.public).lines == ()
        assert asking.delete(path).status_code == 404
        with site.place.read_transaction() as transaction:
            done = [(one.deed.who, one.deed.deed) for one in reversed(audit_log.load_latest_actions(transaction, 10))]
            assert audit_log.first_broken_action(transaction, KEY.public) is None
    announced = ("api:erp", "expected_published")
    assert done == [announced, announced, ("api:erp", "expected_withdrawn")]


def test_docks_items_and_who_may_sign_on_go_out_as_from_the_console(tmp_path: Path, broker: Mosquitto) -> None:
    with console(tmp_path, mqtt=Mqtt(host="127.0.0.1", port=broker.port)) as site:
        asking = program(site)
        rows = [{"value": "A", "spoken": "dock alpha", "check": "61"}, {"value": "B"}]
        made = asking.put("/v1/sites/north/catalogue/docks", json={"reason": "the new hall", "rows": rows})
        assert (made.status_code, made.json()["who"]) == (200, "api:erp"), made.text
        topic = "dockvoice/north/catalogue/docks/latest"
        signed = verify_master_data(at_broker(site, topic)[topic], "north", "docks", KEY.public)
        assert [dict(one) for one in signed.rows] == rows
        again = asking.put("/v1/sites/north/catalogue/docks", json={"reason": "the night's run", "rows": rows})
        assert again.json()["version"] == made.json()["version"]
        crew = [{"name": "op-17", "number": "471", "spoken": ["ana"], "forms": ["receive-notice", "unload"]}]
        sent = asking.put("/v1/sites/north/operators", json={"reason": "the early shift", "operators": crew})
        assert sent.status_code == 200, sent.text
        topic = "dockvoice/north/roster/operators"
        (one,) = verify_roster(at_broker(site, topic)[topic], "north", KEY.public).operators
        assert (one.name, one.number, one.forms) == ("op-17", "471", ("receive-notice", "unload"))
        reading = program(site, "reads", north=Scope.READ).get("/v1/sites/north/operators").json()
        assert reading["operators"][0]["number"] is None, "whoever knows it can sign on with it"
        assert asking.get("/v1/sites/north/operators").json()["operators"][0]["number"] == "471"


def test_rows_that_break_a_rule_change_nothing_and_say_which(erp: Program) -> None:
    before = erp.get("/v1/sites/north/catalogue/docks").json()["version"]
    rows = [{"value": "A"}, {"value": "A"}, {"value": "", "spoken": "x"}]
    answer = erp.put("/v1/sites/north/catalogue/docks", json={"reason": "new", "rows": rows})
    assert answer.status_code == 422
    assert {"/rows/1/value", "/rows/2/value"} <= {one["pointer"] for one in answer.json()["errors"]}
    unknown = erp.put(
        "/v1/sites/north/catalogue/docks", json={"reason": "new", "rows": [{"value": "A", "colour": "x"}]}
    )
    assert unknown.json()["errors"][0]["pointer"] == "/rows/0/colour"
    crew = [{"name": "op-1"}, {"name": "op-2", "number": "7"}, {"name": "op-3", "number": "12", "forms": ["nothing"]}]
    refused = erp.put("/v1/sites/north/operators", json={"reason": "new", "operators": crew})
    assert refused.status_code == 422
    assert {"/operators/1/number", "/operators/2/forms"} <= {one["pointer"] for one in refused.json()["errors"]}
    assert erp.get("/v1/sites/north/catalogue/docks").json()["version"] == before


@pytest.mark.parametrize("kind", ["rules", "words", "roster", "Docks"])
def test_what_people_decide_is_written_by_no_program(erp: Program, kind: str) -> None:
    answer = erp.put(f"/v1/sites/north/catalogue/{kind}", json={"reason": "new", "rows": [{"value": "A"}]})
    assert answer.status_code in {400, 403}, answer.text


def test_a_list_from_which_no_form_is_filled_is_refused_with_those_that_are(erp: Program) -> None:
    answer = erp.put("/v1/sites/north/catalogue/dock", json={"reason": "new", "rows": [{"value": "A"}]})
    assert answer.status_code == 400, answer.text
    (wrong,) = answer.json()["errors"]
    assert wrong["parameter"] == "kind"
    assert "found 'dock'" in wrong["detail"]
    assert "allowed are docks, doors, items" in wrong["detail"]


def test_what_the_broker_does_not_take_is_kept_and_published_by_the_service(
    tmp_path: Path, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inventory.site.sending.PUBLISH_TIMEOUT_S", 0.3)
    port = free_port()
    with console(tmp_path, mqtt=Mqtt(host="127.0.0.1", port=port)) as site:
        asking = program(site)
        for path, body in (
            ("/v1/sites/north/expected/trailer/5501", {"lines": [LINE]}),
            ("/v1/sites/north/catalogue/docks", {"reason": "new", "rows": [{"value": "A"}]}),
        ):
            kept = asking.put(path, json=body)
            assert kept.status_code == 202, kept.text
            assert asking.put(path, json=body).status_code == 202, "it waits, and is not made anew"
        site.later = timedelta(days=3650)  # the command's own clock is another
        rows = drained(site.store)
        assert [one.topic for one in rows] == [
            "dockvoice/north/expected/trailer/5501",
            "dockvoice/north/catalogue/docks/latest",
        ]
        assert asking.put(path, json=body).status_code == 200


def test_without_a_key_nothing_is_written(tmp_path: Path) -> None:
    with console(tmp_path, signer=None) as site:
        asking = program(site)
        for name in ("announce", "putMasterData", "putOperators", "makeDossier"):
            method, path, body = WRITES[name]
            answer = asking.request(method, path, json=body)
            assert answer.status_code == 409, answer.text
            assert ".key" in answer.json()["detail"]
        assert asking.get("/v1/sites/north/expected").json() == {"expected": []}


def test_a_site_that_nobody_has_heard_of_is_written_to_only_where_it_was_granted_by_name(site: Console) -> None:
    body = {"reason": "new", "rows": [{"value": "A"}]}
    everywhere = program(site, "everywhere", **{"*": Scope.WRITE})
    assert everywhere.put("/v1/sites/norht/catalogue/docks", json=body).status_code == 404


# ---- what it is described as ----


def test_the_description_is_openapi() -> None:
    validate(described())
    assert described()["openapi"] == "3.1.0"
    told = {one["operationId"] for of in described()["paths"].values() for one in of.values()}
    assert told == {one.name for one in ENDPOINTS}


def test_whoever_asks_for_the_description_needs_no_token(site: Console) -> None:
    token(site)
    assert Program(create_app(site.place)).get("/v1/openapi.json").json() == described()


# ---- metrics ----


def test_metrics_count_what_is_pending_at_the_sites_of_the_token(site: Console) -> None:
    with site.place.transaction() as transaction:
        for where in ("north", "south"):
            message = Message(MessageKind.ROSTER, where, "", "roster", "topic", b"{}", KEY.public)
            insert_messages(transaction, [message], site.place.now())
    site.later = timedelta(seconds=90)

    def lines(sent: Program) -> list[str]:
        answer = sent.request("GET", "/metrics")
        assert (answer.status_code, answer.headers["content-type"]) == (200, METRICS_MEDIA_TYPE)
        return [line for line in answer.text.splitlines() if not line.startswith("#")]

    mine = lines(program(site, "prometheus", north=Scope.READ))
    every_one = lines(program(site, "all", **{"*": Scope.READ}))
    assert {'dockvoice_outbox_pending{kind="roster"} 1', 'dockvoice_outbox_pending{kind="decision"} 0'} < {*mine}
    assert {'dockvoice_outbox_oldest_age_seconds{kind="roster"} 90'} < {*mine}
    assert 'dockvoice_outbox_pending{kind="roster"} 2' in every_one
    assert Program(create_app(site.place)).request("GET", "/metrics").status_code == 401
