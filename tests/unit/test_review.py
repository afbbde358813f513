"""A person makes an entry of an utterance under review."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dockvoice_protocol.errors import (
    AlreadyRunning,
    DockvoiceError,
    Misconfigured,
    StorageFailed,
    Unfinished,
    UnreadableInput,
)
from dockvoice_protocol.events import parse_event, parse_review
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_form
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken.reader import make_timed_words
from dockvoice_protocol.records import Act, FieldValue, Reading, Word
from dockvoice_protocol.signed import DeclinedPosting, ReviewDecision
from edge.agent.parts import load_named_form, make_rules
from edge.agent.review import DeviceIdentity, Reviewer, commit_reviewed, parse_assignments
from edge.agent.review_decisions import (
    DecisionResult,
    StaleDecision,
    carry_out_signed_decision,
    carry_out_signed_decisions,
)
from edge.agent.review_delivery import make_review_renderer
from edge.agree.decide import Rules
from edge.agree.dialogue.interface import OfficeDecided, OfficeDecision
from edge.cli.queue import commands
from edge.config import Settings
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.keep.readings import DEFERRED, UNREADABLE
from edge.keep.storage import DiskFull
from edge.records import Cause, Outcome, Reason, Verdict
from tests.fakes import reading
from tests.rows import each_of, rows_of
from tests.sayings import ACCEPT, ASK, FIELDS, READ, entry, render, utterance

DEFER = Verdict(Outcome.DEFER, (Cause(Reason.NO_MODEL),), {})
HEARD = replace(reading(FIELDS), interpreter="openai/gpt-audio")
DEVICE = DeviceIdentity("north", "dock-b", None, clock_believed=True)
KIM = Reviewer("kim", "listened to it")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """An entry, and after it an utterance that was deferred, read by a model later, and is under review."""
    reviewed(tmp_path, HEARD, ACCEPT)
    return tmp_path


def reviewed(state: Path, later: Reading | None, verdict: Verdict | None) -> str:
    with Journal.open(state) as journal:
        first, said = utterance(0), utterance(1)
        journal.commit(entry(first, journal.store_utterance(first)), ACCEPT, render)
        journal.store_utterance(said)
        journal.conclude(said.utterance_id, READ, DEFER)
        if later is not None:
            journal.readings.store_answer(said.utterance_id, later.interpreter, "deferred", later, None)
        journal.readings.send_to_review(said.utterance_id, verdict, DEFERRED if later else UNREADABLE)
    return said.utterance_id


def waiting(state: Path) -> str:
    with Journal.inspect(state) as journal:
        (found,) = journal.review.list_under_review()
    return found.utterance_id


def run(state: Path, *arguments: str) -> Result:
    return CliRunner().invoke(commands, ["accept", *arguments, "--state", str(state)])


# ---- what is refused, and changes nothing ----


@pytest.mark.parametrize(("given", "told"), rows_of("review", "what_breaks_the_form_is_refused"))
def test_what_breaks_the_form_is_refused(state: Path, given: list[str], told: str) -> None:
    arguments = [argument for one in given for argument in ("--field", one)]
    result = run(state, waiting(state), *arguments)
    assert isinstance(result.exception, UnreadableInput)
    with pytest.raises(UnreadableInput, match=told):
        raise result.exception
    assert waiting(state)
    with Journal.inspect(state) as journal:
        assert (journal.trail.last_sequence(), journal.queries.history(waiting(state)).decisions) == (1, ())


@pytest.mark.parametrize("act", [act for act in Act if act is not Act.RECORD])
def test_what_is_said_of_an_entry_makes_no_second_entry(tmp_path: Path, act: Act) -> None:
    which = reviewed(tmp_path, replace(HEARD, act=act), ACCEPT)
    result = run(tmp_path, which)
    assert isinstance(result.exception, UnreadableInput)
    assert 'is said of an entry, as a correction or a "no" is, and is none itself' in str(result.exception)
    with Journal.inspect(tmp_path) as journal:
        assert journal.trail.last_sequence() == 1


def test_an_entry_is_not_accepted_twice(state: Path) -> None:
    which = waiting(state)
    for asked in ("1", which):
        assert run(state, which).exit_code == 0 or asked == which
        result = run(state, asked)
        assert isinstance(result.exception, UnreadableInput)
        assert "waits for no person" in str(result.exception)
    with Journal.inspect(state) as journal:
        assert journal.trail.last_sequence() == 2


def test_while_an_agent_runs_nothing_is_accepted(state: Path) -> None:
    with Journal.open(state):
        assert isinstance(run(state, waiting(state)).exception, AlreadyRunning)


def test_a_disk_that_refuses_leaves_it_under_review(state: Path, rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    which = waiting(state)
    with Journal.open(state) as journal:

        def refuse(*_: object) -> None:
            raise StorageFailed("no room")

        monkeypatch.setattr("edge.keep.entries.Entries._insert_entry", refuse)
        with pytest.raises(StorageFailed):
            commit_reviewed(journal, which, {}, rules, KIM, DEVICE)
        assert journal.queries.history(which).decisions == ()
    assert waiting(state) == which


# ---- what becomes an entry ----


def test_who_accepts_the_same_thing_once_more_is_told_which_entry_has_it(
    state: Path, rules: Rules, caplog: pytest.LogCaptureFixture
) -> None:
    which = waiting(state)
    accepted(state, rules)
    assert [record.getMessage() for record in caplog.records] == [
        f"{which}: entry 1 is of the same thing; if both are one, put that right in the inventory"
    ]


def accepted(state: Path, rules: Rules, given: Mapping[str, FieldValue] | None = None) -> dict[str, FieldValue]:
    with Journal.open(state) as journal:
        row = commit_reviewed(journal, waiting(state), given or {}, rules, KIM, DEVICE)
        event = parse_event(row.body.encode())
        found = journal.queries.history(row.event_id)
        assert [one.sequence for one in journal.outbox.load_due(10)] == [1, 2]
        assert journal.review.list_under_review() == []
    assert (found.outcome, found.review) == ("accept", None)
    assert [(one.decision, one.who, one.reason) for one in found.decisions] == [("accept", "kim", "listened to it")]
    assert event["data"]["fields"] == found.fields
    assert event["data"]["reading"]["interpreter"].startswith("review")
    assert (event["source"], event["sequence"]) == ("/sites/north/devices/dock-b", "2")
    return dict(found.fields)


def test_what_a_model_read_becomes_an_entry_with_its_words(state: Path, rules: Rules) -> None:
    assert accepted(state, rules) == FIELDS
    with Journal.inspect(state) as journal:
        event = journal.queries.history("2").event
    assert event is not None
    assert event["data"]["reading"]["interpreter"] == "review of openai/gpt-audio"
    assert event["data"]["reading"]["heard"]["dock"] == " ".join(HEARD.fields["dock"].words)
    with Journal.open(state) as journal:
        stored = journal.queries.reading(journal.queries.history("2").utterance_id)
        (trailed,) = journal.trail.events(1)
    assert stored is not None
    assert stored.words == HEARD.words
    opinions = json.loads(trailed.reading or "")["opinions"]
    assert [one["interpreter"] for one in opinions] == [READ.interpreter, HEARD.interpreter], "no reading is lost"


def test_what_the_person_says_stands_over_what_was_read(state: Path, rules: Rules) -> None:
    assert accepted(state, rules, {"dock": "A"}) == {**FIELDS, "dock": "A"}
    with Journal.inspect(state) as journal:
        event = journal.queries.history("2").event
    assert event is not None
    assert event["data"]["reading"]["heard"]["dock"] == "", "no model heard this"


def test_an_unusual_value_is_meant_where_a_person_says_so(state: Path, rules: Rules, form: Form) -> None:
    given = parse_assignments(["quantity=90000", "pallet_id=99"], form)
    assert not any(form[name].is_usual(value) for name, value in given.items())
    assert accepted(state, rules, given) == {**FIELDS, **given}


@each_of(("assignment", "told"), rows_of("review", "what_is_no_value_of_its"))
def test_what_is_no_value_of_its_kind_is_told(assignment: str, told: str, repository: Path) -> None:
    with pytest.raises(UnreadableInput, match=told):
        parse_assignments([assignment], load_form(repository / "tests" / "data" / "forms" / "cycle-count.schema.json"))


def test_values_of_every_kind_may_be_stated(repository: Path) -> None:
    cycle = load_form(repository / "tests" / "data" / "forms" / "cycle-count.schema.json")
    given = parse_assignments(
        ["weight=52.5", "temperature=-18", "sealed=false", "serials=A1234, B0007", "expiry=2027-03-05"], cycle
    )
    assert given == {
        "weight": 52.5,
        "temperature": -18.0,
        "sealed": False,
        "serials": ("A1234", "B0007"),
        "expiry": "2027-03-05",
    }


def test_the_command_says_what_it_made_and_the_audit_holds(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "kim")
    which = waiting(state)
    result = run(state, which, "--field", "pallet_id=0042", "--reason", "the label says so")
    assert result.exception is None
    assert result.stdout == (
        f"{which}: is entry 2 (pallet_id 0042, quantity 12, dock B), sent at the agent's next start\n"
    )
    shown = CliRunner().invoke(commands, ["show", "2", "--state", str(state), "--json"])
    (decision,) = json.loads(shown.stdout)["decisions"]
    assert (decision["decision"], decision["who"], decision["reason"]) == ("accept", "kim", "the label says so")
    with Journal.open(state) as journal:
        assert [trailed.sequence for trailed in journal.trail.events()] == [1, 2]


def test_the_office_is_told_what_each_of_a_panel_read(tmp_path: Path, rules: Rules) -> None:
    words = make_timed_words("lorem pallet 742, dock B", rules.form, rules.catalogue, rules.language)
    heard = replace(HEARD, words=tuple(words))
    panel = replace(HEARD, interpreter="panel", opinions=(heard, replace(READ, interpreter="vosk")))
    told = make_review_renderer({rules.form.name: rules}.get, "north", "dock-b")
    with Journal.open(tmp_path) as journal:
        said = utterance(0)
        journal.store_utterance(said)
        journal.put_under_review(said.utterance_id, panel, ASK, "unanswered")
        assert journal.write_reviews(told) == 1
        (row,) = journal.review_log.load_due(9)
    readings = parse_review(row.body.encode())["data"]["readings"]
    assert [one["interpreter"] for one in readings] == [HEARD.interpreter, "vosk"]
    assert [one["fields"]["dock"] for one in readings] == [["B"], ["B", "D"]]
    assert [(one["words"], one["sense"], one["fields"]) for one in readings[0]["account"]] == [
        ("lorem", "unexplained", ["pallet_id"]),
        ("pallet", "label", ["pallet_id"]),
        ("742", "value", ["pallet_id"]),
        ("dock", "label", ["dock"]),
        ("b", "value", ["dock"]),
    ]


def test_whatever_was_heard_the_event_of_a_review_fits_its_schema(tmp_path: Path, rules: Rules) -> None:
    told = make_review_renderer({rules.form.name: rules}.get, "north", "dock-b")
    strange = ("", " ", "\x00", "\u200f", "\U0001f44d", "w" * 5000, "742", *["lorem"] * 100)
    with Journal.open(tmp_path) as journal:
        for number, count in enumerate((0, 7, len(strange))):
            said = utterance(number)
            journal.store_utterance(said)
            words = tuple(Word(text, at / 3, at / 3 + 0.3, 1.0) for at, text in enumerate(strange[:count]))
            journal.put_under_review(said.utterance_id, replace(HEARD, words=words), ASK, "unanswered")
        assert journal.write_reviews(told) == 3
        events = [parse_review(row.body.encode()) for row in journal.review_log.load_due(9)]
    assert ["account" in one["data"]["readings"][0] for one in events] == [False, True, False]


def test_a_signed_decision_is_carried_out_once_and_on_nothing_but_what_it_was_made_of(state: Path) -> None:
    settings = Settings(state_directory=state)
    form = load_named_form(settings, "pallet-move")
    demands = make_rules(settings, form, Catalogue.load(settings.catalogue_directory))
    told = make_review_renderer({form.name: demands}.get, "north", "dock-b")
    with Journal.open(state) as journal:
        assert journal.write_reviews(told) == 1
        (row,) = journal.review_log.load_due(9)
        opened = parse_review(row.body.encode())
        which = opened["data"]["utterance"]["id"]
        assert (opened["data"]["state"], opened["data"]["fields"]["pallet_id"]) == ("open", "007")
        order = ReviewDecision("", row.event_id, which, "correct", {"pallet_id": "0042"}, "ann", "the label")
        with pytest.raises(UnreadableInput, match="has changed since"):
            carry_out_signed_decision(journal, settings, replace(order, review=str(opened["data"]["utterance"]["id"])))
        with pytest.raises(UnreadableInput, match="not_in_catalogue:dock"):
            carry_out_signed_decision(journal, settings, replace(order, values={"dock": "Q"}))
        done = carry_out_signed_decision(journal, settings, order)
        assert (done.decided.decision, str(done)) == (
            OfficeDecision.CORRECTED,
            "is entry 2 (pallet_id 0042, quantity 12, dock B)",
        )
        for late in (order, replace(order, decision="discard")):
            with pytest.raises(UnreadableInput, match="was decided before"):
                carry_out_signed_decision(journal, settings, late)
        assert [journal.write_reviews(told), journal.write_reviews(told)] == [1, 0]
        ended = parse_review(journal.review_log.load_due(9)[1].body.encode())
        assert (ended["data"]["state"], ended["data"]["by"], ended["previous"]) == (
            "recorded",
            "office",
            opened["chain"],
        )
        assert done.row is not None
        assert ended["data"]["event_id"] == done.row.event_id
        (decision,) = journal.queries.history(which).decisions
        assert (decision.decision, decision.who, decision.reason) == ("accept", "ann", "the label")
        assert [trailed.sequence for trailed in journal.trail.events()] == [1, 2]


FAULTS = {UnreadableInput: "refused", Unfinished: "refused", Misconfigured: "refused", StaleDecision: "late"}


@pytest.mark.parametrize("fault", FAULTS)
def test_no_signed_decision_ends_the_agent_and_what_is_not_done_is_counted(
    tmp_path: Path, fault: type[DockvoiceError], caplog: pytest.LogCaptureFixture
) -> None:
    done = DecisionResult(OfficeDecided("2", OfficeDecision.DROPPED, {}), None)
    orders = [ReviewDecision("", "", one, "discard", {}, "ann", "a test") for one in ("1", "2")]
    full = [True]

    async def carry_out(_: ReviewDecision | DeclinedPosting, __: str) -> DecisionResult:
        if full:
            full.clear()
            raise DiskFull("no space left")
        if len(asked) == 2:
            raise fault("the form is gone")
        return done

    asked: list[bytes] = []

    def read(body: bytes) -> ReviewDecision:
        asked.append(body)
        return orders[int(body)]

    async def play(executor: JournalThread) -> None:
        await executor(lambda journal: [journal.orders.store(f"s{one}", one) for one in ("0", "1")])
        with suppress(TimeoutError):
            await asyncio.wait_for(carry_out_signed_decisions(executor, asyncio.Event(), read, carry_out), 0.3)

    with caplog.at_level("INFO"), pytest.MonkeyPatch.context() as patched, JournalThread(tmp_path) as executor:
        patched.setattr("edge.keep.journal_thread.RETRY_S", 0.01)
        asyncio.run(play(executor))
        assert executor.run(lambda journal: journal.orders.count_not_done()) == {FAULTS[fault]: 1}
    assert [record.getMessage() for record in caplog.records] == [
        "what the inventory's side decided waits: no space left",
        "ann decided, and it was not done: the form is gone",
        "ann decided: 2 given up",
    ]
