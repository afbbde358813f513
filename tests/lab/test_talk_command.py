from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dockvoice_protocol.errors import Misconfigured
from edge.agent.typed_input import typed_utterance
from edge.keep.journal import Journal
from lab.talk import commands


@pytest.fixture(autouse=True)
def ordinary_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKVOICE_CONFIG", raising=False)


def typed(*lines: str, state: Path | None = None, trace: bool = False) -> Result:
    arguments = ["--trace"] * trace + ([] if state is None else ["--state", str(state)])
    result = CliRunner().invoke(commands, arguments, input="".join(f"{line}\n" for line in lines))
    assert result.exit_code == 0, result.output
    return result


def test_an_entry_is_read_back_corrected_recorded_and_cancelled() -> None:
    told = typed("Pallet seven four two, 12 units, dock B", "no, fifteen units", "/wait", "scratch that", "yes").stdout
    assert "device    7 4 2, 12 units" in told
    assert '"quantity": 15' in told
    assert told.index("dockvoice.entry.recorded.v1") < told.index("dockvoice.entry.cancelled.v1")


def test_it_is_typed_in_the_language_in_which_the_device_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKVOICE_SPEAK__LANGUAGE", "de")
    told = typed("Palette 742, zwölf Stück, Tor B", "nein, fünfzehn Stück", "ja", "wie viele warten").stdout
    assert "device    7 4 2, 15 Stück, 1 5, Tor Berta." in told
    assert '"quantity": 15' in told
    assert "device    1 noch nicht gesendet." in told


def test_each_step_is_shown_before_what_comes_of_it_where_that_is_asked() -> None:
    said = ("pallet 742, 12 units", "dock b", "yes")
    told = [line.strip() for line in typed(*said, trace=True).stdout.splitlines()]
    at = told.index("> dock b")
    assert told[at + 1].startswith("step      part: asking -> held; take the answer; ordered ")
    assert told[at + 2] == "sound     heard"
    assert "step " not in typed(*said).stdout


def test_with_a_scanner_at_hand_a_line_may_be_a_label() -> None:
    lines = ["]C100376130321109103420<GS>3712<GS>", "dock b", "yes"]
    told = CliRunner().invoke(commands, ["--scan"], input="".join(f"{line}\n" for line in lines)).stdout
    assert "device    Which dock?" in told
    assert '"pallet_id": "376130321109103420", "quantity": 12' in told
    play = json.dumps({"lines": lines})
    for scans in (["--scan"], []):
        acted = json.loads(CliRunner().invoke(commands, ["--plays", "-", *scans], input=play).stdout)
        assert [event["fields"]["quantity"] for event in acted["events"]] == [12] * bool(scans)


def test_a_conversation_is_taken_up_again_in_its_directory(tmp_path: Path) -> None:
    typed("pallet 742, 12 units, dock b", state=tmp_path)
    told = typed("yes", state=tmp_path).stdout
    assert "Before the interruption: pallet 7 4 2" in told
    with Journal.inspect(tmp_path) as journal:
        assert journal.outbox.count_unsettled() == 1


def test_the_journal_of_another_device_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed("pallet 742, 12 units, dock b", "yes", state=tmp_path)
    monkeypatch.setenv("DOCKVOICE_DEVICE", "another")
    refused = CliRunner().invoke(commands, ["--state", str(tmp_path)], input="pallet 115, 9 units, dock a\nyes\n")
    assert isinstance(refused.exception, Misconfigured)
    assert "the settings name /sites/site/devices/another" in str(refused.exception)
    with Journal.inspect(tmp_path) as journal:
        assert (journal.queries.counts().utterances, journal.outbox.count_unsettled()) == (2, 1)


def test_what_was_typed_and_not_concluded_goes_to_a_person_and_a_yes_to_nobody(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        for text in ("pallet 742, 12 units, dock b", "yes"):
            journal.store_utterance(typed_utterance("pallet-move", text))
    for _ in range(2):
        assert "device" not in typed(state=tmp_path).stdout
    with Journal.inspect(tmp_path) as journal:
        [review] = journal.review.list_under_review()
        assert dict(review.fields) == {"pallet_id": "742", "quantity": 12, "dock": "B"}
        assert (
            list(journal.queries.unread_utterances()),
            journal.queries.counts().utterances,
            journal.outbox.count_unsettled(),
        ) == ([], 2, 0)


def test_plays_are_held_afresh_and_answered_by_what_came_of_each(tmp_path: Path) -> None:
    plays = [
        {"lines": ["pallet 742, 12 units, dock b", "/wait", "correction, fifteen units", "/wait"]},
        {"lines": ["Palette 742, zwölf Stück"], "language": "de"},
        {"lines": ["pallet 742, 12 units", "/wait", "/wait"], "form": "pallet-move"},
        {"lines": "pallet 742", "form": "pallet-move"},
    ]
    written = "".join(f"{json.dumps(play)}\n" for play in plays)
    told = CliRunner().invoke(commands, ["--plays", "-"], input=written)
    amended, asked, parked, wrong = map(json.loads, told.stdout.splitlines())
    kinds = [(event["type"], event["fields"]["quantity"], event.get("amends")) for event in amended["events"]]
    assert kinds == [("dockvoice.entry.recorded.v1", 12, None), ("dockvoice.entry.amended.v1", 15, 1)]
    assert (asked["events"], asked["waits"], asked["said"]) == ([], [], ["Welches Tor?"])
    assert asked["open"] == {"pallet_id": "742", "quantity": 12}
    assert [turn["said"] for turn in asked["turns"]] == [[], ["Welches Tor?"]]
    assert [(one["fields"], one["why"], one["said"]) for one in parked["waits"]] == [
        ({"pallet_id": "742", "quantity": 12}, "unanswered", ["pallet 742, 12 units"])
    ]
    assert parked["parked"] == 1
    assert wrong == {"error": "line 4: lines: found 'pallet 742', allowed is a list of strings"}
    assert told.exit_code == 1
    kept = tmp_path / "site.jsonl"
    kept.write_text(written, encoding="utf-8")
    of_file = CliRunner().invoke(commands, ["--plays", str(kept)]).stdout
    assert of_file.replace(f"{kept}: ", "") == told.stdout
    none = CliRunner().invoke(commands, ["--plays", str(tmp_path / "none.jsonl")])
    assert "none.jsonl: No such file" in str(none.exception)


def test_a_line_of_a_file_of_plays_that_is_no_json_is_told_with_its_file(tmp_path: Path) -> None:
    plays = tmp_path / "site.jsonl"
    plays.write_text("nonsense\n", encoding="utf-8")
    told = json.loads(CliRunner().invoke(commands, ["--plays", str(plays)]).stdout)
    where = f"{plays}: line 1: it is not JSON: Expecting value, column 1"
    assert told == {"error": f"{where}; allowed is an object such as {json.dumps({'lines': ['pallet 742', '/wait']})}"}


def test_a_play_with_a_setting_of_the_wrong_kind_is_told_and_the_next_is_held() -> None:
    plays = [
        {"lines": [], "list": "no"},
        {"lines": [], "operators": ["471 ana = op-17"]},
        {"lines": [], "hand": "receive"},
        {"lines": [], "form": 5},
        {"lines": ["pallet 742, 12 units, dock b", "/wait"]},
    ]
    told = CliRunner().invoke(commands, ["--plays", "-"], input="".join(f"{json.dumps(play)}\n" for play in plays))
    *wrong, held = map(json.loads, told.stdout.splitlines())
    assert [one["error"] for one in wrong] == [
        """line 1: list: found 'no', allowed is a list of strings such as "trailer 5501: 742 24 CS A100\"""",
        """line 2: operators: found ['471 ana = op-17'], allowed is a string such as "471 ana = op-17\"""",
        "line 3: hand: found 'receive', allowed is a list of names of forms",
        "line 4: form: found 5, allowed is the name of a form",
    ]
    assert len(held["events"]) == 1


def test_a_conversation_is_held_step_by_step_with_what_happens_beside_the_operator() -> None:
    begin = {"hand": ["receive-notice"], "operators": "471 ana = op-17", "list": ["trailer 5501: 742 24 CS A100"]}
    steps = ["sign on ana", "trailer 5501", "/wait", "pallet 742, 24 cases", "/wait", "/refuse 1 not_on_site"]
    steps += [
        "pallet 743, 10 cases",
        "/cut",
        "/wait",
        "/wait",
        "pallet 744, 5 cases",
        "yes",
        "/wait",
        "/accept pallet_id 743, quantity 11",
    ]
    asked = [{"begin": begin}, *({"line": one} for one in steps), {"end": True}, {"line": "/wait"}]
    told = CliRunner().invoke(commands, ["--plays", "-"], input="".join(f"{json.dumps(one)}\n" for one in asked))
    *turns, came, late = map(json.loads, told.stdout.splitlines())
    assert [turn["line"] for turn in turns] == ["", *steps]
    assert turns[6]["said"] == ["Refused: pallet 7 4 2, 24 cases, trailer 5 5 0 1: not on site."]
    assert [(one["fields"]["pallet_id"], one["fields"]["quantity"]) for one in came["stands"]] == [
        ("744", 5),
        ("743", 11),
    ]
    assert {one["operator"] for one in came["stands"]} <= {"op-17", None}
    assert (came["waits"], came["given_up"], came["standing"]) == ([], [], {"trailer": "5501"})
    assert "no conversation is held" in late["error"]


def test_without_a_directory_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    typed("pallet 742, 12 units, dock b", "yes")
    assert list(tmp_path.iterdir()) == []
