from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import read_fields
from dockvoice_protocol.records import Act, Reading, Word
from edge.config import Endpoint, Vad
from edge.hear.recording import RecordedSource
from edge.keep.journal import Journal
from edge.ports import StoppableSource
from edge.records import Frame, Recording
from lab.scoring import read_manifest
from lab.truth import AFTER_S, Prompt, RecordedTake, TruthSet, choose_prompts, record_take
from tests.processes.command import called
from tests.sayings import ACCEPT, ASK, FIELDS, MUMBLED, READ, REPEAT, committed, entry, render, utterance

PROMPT = Prompt(7, "dock b", {"dock": "B"})
TAKE = RecordedTake(b"\x00\x10" * 16_000, 0.8, -20.0, spoilt=False)
WIND = b"\x10\x00" * 32_000


class Worn(StoppableSource):
    """A microphone into which a recording is spoken, between silences; `lost` samples are missing from its middle."""

    name = "microphone"
    live = True

    def __init__(self, clip: Path, lost: int = 0) -> None:
        self.closed = False
        self._clip = clip
        self._lost = lost

    def frames(self) -> Iterator[Frame]:
        at = 0
        for number, frame in enumerate([*self._quiet(1.5), *RecordedSource(self._clip).frames(), *self._quiet(10)]):
            at += self._lost if number == 150 else 0
            yield Frame(at, frame.pcm)
            at += frame.samples

    def close(self) -> None:
        self.closed = True

    @staticmethod
    def _quiet(seconds: float) -> list[Frame]:
        return [Frame(0, bytes(640))] * round(seconds * 50)


@pytest.fixture
def clip(repository: Path) -> Path:
    return repository / "tests/data/speech/demo/02-pallet-0126-nine-units-dock-bravo.flac"


def lines(made: TruthSet) -> list[dict[str, object]]:
    return [json.loads(text) for text in made.manifest.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("text", ["{", "[]", '{"audio": "a.flac"}', '{"form": "stock-count"}'])
def test_a_manifest_of_another_kind_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(UnreadableInput, match="name another folder"):
        TruthSet(tmp_path, "pallet-move")
    assert (tmp_path / "manifest.jsonl").read_text(encoding="utf-8") == text


def test_a_set_goes_on_where_it_stopped_and_is_what_evaluate_reads(tmp_path: Path) -> None:
    made = TruthSet(tmp_path / "set", "pallet-move")
    made.store_take(PROMPT, "anna", "clean", TAKE)
    made.store_noise(WIND)
    again = TruthSet(tmp_path / "set", "pallet-move")
    assert (again.recorded_prompts("anna"), again.recorded_prompts("bert"), again.noise_minutes) == ({7}, set(), 1)
    said, still = read_manifest(again.manifest)
    assert (said.fields, said.condition, said.speaker, said.speech_end) == ({"dock": "B"}, "clean", "anna", 0.8)
    assert (still.fields, still.condition, still.speaker, still.speech_end) == (None, "site noise", None, None)
    sound, rate = soundfile.read(said.audio, dtype="int16")
    assert (sound.tobytes(), rate) == (TAKE.pcm, 16_000)


def test_each_saying_is_mixed_once_at_each_ratio(tmp_path: Path) -> None:
    made = TruthSet(tmp_path, "pallet-move")
    made.store_take(PROMPT, "anna", "clean", TAKE)
    made.store_noise(WIND)
    assert [file.name for file in made.mix_noise([20, 10])] == ["anna-007-20dB.flac", "anna-007-10dB.flac"]
    assert [file.name for file in TruthSet(tmp_path, "pallet-move").mix_noise([10, 5])] == ["anna-007-5dB.flac"]
    mixed = lines(made)[-1]
    assert (mixed["condition"], mixed["fields"], mixed["of"]) == ("5dB", {"dock": "B"}, "anna-007.flac")
    assert TruthSet(tmp_path, "pallet-move").recorded_prompts("anna") == {7}


def test_prompts_are_the_same_for_a_speaker_others_for_another_and_mean_what_they_say(
    form: Form, catalogue: Catalogue
) -> None:
    wanted = choose_prompts(form, catalogue, 20, "anna")
    assert wanted == choose_prompts(form, catalogue, 20, "anna")
    assert wanted != choose_prompts(form, catalogue, 20, "bert")
    for prompt in wanted:
        found = read_fields([Word(word, 0, 0, 1.0) for word in prompt.text.split()], form, catalogue)
        assert {name: one.value for name, one in found.items()} == prompt.fields, prompt.text


def heard(worn: Worn) -> RecordedTake | None:
    return record_take(worn, Endpoint(), Vad(), lambda: None)


def test_a_take_holds_what_was_said_with_quiet_around_it(clip: Path) -> None:
    worn = Worn(clip)
    taken = heard(worn)
    assert taken is not None
    assert worn.closed
    assert not taken.spoilt
    assert len(taken.pcm) / 32_000 - taken.speech_end_s == pytest.approx(AFTER_S, abs=0.05)
    assert taken.speech_end_s == pytest.approx(4.3, abs=0.4)  # 1 s before the first of 3.3 s of speech
    assert -40 < taken.level_db < -5
    assert np.frombuffer(taken.pcm, "<i2").any()


def test_a_take_from_which_sound_was_lost_is_spoilt(clip: Path) -> None:
    taken = heard(Worn(clip, lost=3200))
    assert taken is not None
    assert taken.spoilt


def test_a_speaker_whose_name_is_no_file_name_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    ended = called("record-truth", tmp_path / "set", "--speaker", "../anna", capfd=capfd)
    assert ended.returncode == 2
    assert "letters, digits and dashes" in " ".join(ended.stderr.replace("│", " ").split())
    assert not (tmp_path / "set").exists()


def test_what_people_corrected_or_discarded_on_record_becomes_a_set(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"
    with Journal.open(state) as journal:
        right, wrong, talk, spoken = (utterance(number, samples=16_000) for number in range(4))
        committed(journal, right)
        first = committed(journal, wrong)
        journal.store_utterance(talk)
        journal.put_under_review(talk.utterance_id, READ, ASK, "unanswered")
        journal.review.discard(talk.utterance_id, "kim", "a radio", dict)
        amended = replace(entry(spoken, journal.store_utterance(spoken)), act=Act.AMEND, replaces=first.event_id)
        journal.commit(replace(amended, fields={**FIELDS, "quantity": 16}), ACCEPT, render)
    for copied in ("copied 1 corrected and 1 cancelled or discarded", "copied 0 corrected and 0 cancelled"):
        ended = called("record-truth", tmp_path / "set", "--since", "2026-11-01", "--state", state, capfd=capfd)
        assert copied in ended.stdout, ended.stderr
    corrected, nothing = read_manifest(tmp_path / "set" / "manifest.jsonl")
    assert (corrected.fields, corrected.speaker) == ({**FIELDS, "quantity": 16}, "op-17")
    assert (nothing.fields, nothing.condition) == (None, "nothing said")
    assert (tmp_path / "set").stat().st_mode & 0o077 == 0
    assert soundfile.info(corrected.audio).duration == pytest.approx(1 + AFTER_S)


def said_in_words(text: str) -> Reading:
    """A reading of these words, a third of a second each."""
    words = tuple(Word(word, 0.1 + at / 3, 0.4 + at / 3, 1.0) for at, word in enumerate(text.split()))
    return Reading("test", "pallet-move", words, {})


def agreed(journal: Journal, number: int, text: str, answered: bool) -> str:
    """An utterance of these words that came to `FIELDS`, with an answer of the operator's or without; its id."""
    said, answer = utterance(number, samples=16_000), utterance(number + 1, samples=16_000)
    meant = replace(entry(said, journal.store_utterance(said)), reading=said_in_words(text))
    if answered:
        kept = journal.store_utterance(answer)
        meant = replace(meant, support=(Recording(answer.utterance_id, kept.sha256, kept.seconds),))
    journal.commit(meant, ACCEPT, render)
    return said.utterance_id


WHOLE = "pallet oh oh seven twelve units dock bravo"


@pytest.fixture
def worked(tmp_path: Path) -> Path:
    """The journal of a shift: asked in vain, corrected, asked for the rest, never touched, and a false alarm."""
    with Journal.open(tmp_path / "state") as journal:
        agreed(journal, 0, WHOLE, answered=True)
        agreed(journal, 2, WHOLE.replace("twelve", "twenty"), answered=True)
        agreed(journal, 4, "pallet oh oh seven twelve units", answered=True)
        agreed(journal, 6, WHOLE, answered=False)
        alarm = utterance(8, samples=16_000)
        journal.store_utterance(alarm)
        journal.conclude(alarm.utterance_id, MUMBLED, REPEAT)
    return tmp_path / "state"


def test_what_was_asked_in_vain_or_corrected_at_once_is_told_apart_from_what_somebody_must_listen_to(
    tmp_path: Path, worked: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ended = called("record-truth", tmp_path / "set", "--since", "2026-11-01", "--state", worked, capfd=capfd)
    assert "copied 1 corrected and 0 cancelled or discarded, 1 asked in vain, and 2 of which nobody" in ended.stdout
    told = [json.loads(text) for text in (tmp_path / "set/manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(line["condition"], line["truth"], line["fields"] and line["read"].get("quantity")) for line in told] == [
        ("asked in vain", "agreed", 12),
        ("corrected", "agreed", 20),
        ("in parts", "unheard", 12),
        ("nothing said", "unheard", None),
    ]
    assert [clip.condition for clip in read_manifest(tmp_path / "set/manifest.jsonl")] == ["asked in vain", "corrected"]


def test_a_person_listens_and_sets_the_truth_and_goes_on_later(
    tmp_path: Path, worked: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    called("record-truth", tmp_path / "set", "--since", "2026-11-01", "--state", worked, capfd=capfd)

    def listen(*answers: str) -> str:
        monkeypatch.setattr("sys.stdin", StringIO("".join(f"{answer}\n" for answer in answers)))
        return called("record-truth", tmp_path / "set", "--listen", capfd=capfd).stdout

    first = listen("", "pallet 007, twenty units, dock k or so", "pallet 007, twenty units, dock b", "q")
    assert "no one value of dock" in first
    assert "2 left to listen to" in first
    assert "0 left to listen to" in listen("pallet 007, twelve units", "n")
    told = read_manifest(tmp_path / "set/manifest.jsonl")
    assert [(clip.condition, clip.fields, clip.heard, clip.truth) for clip in told] == [
        ("asked in vain", FIELDS, {}, "listened"),
        ("listened to", {**FIELDS, "quantity": 20}, {}, "listened"),
        ("incomplete", None, {"pallet_id": "007", "quantity": 12}, "listened"),
        ("nothing said", None, {}, "listened"),
    ]


def test_a_site_that_keeps_no_recordings_gets_no_set_of_them(
    tmp_path: Path, worked: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKVOICE_KEEP__AUDIO_AFTER_RECEIPT", "false")
    ended = called("record-truth", tmp_path / "set", "--since", "2026-11-01", "--state", worked, capfd=capfd)
    assert (ended.returncode, list((tmp_path / "set").glob("*"))) == (78, [])
    assert "keeps no recordings" in ended.stderr


def test_what_the_journal_has_removed_is_removed_from_the_set(
    tmp_path: Path, worked: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    copy = ("record-truth", tmp_path / "set", "--since", "2026-11-01", "--state", worked)
    called(*copy, capfd=capfd)
    with Journal.open(worked) as journal:
        journal.retention.remove_recordings([one.utterance_id for one in journal.retention.list_spare_evidence(9)])
    assert "removed 1 that the journal has removed" in called(*copy, capfd=capfd).stdout
    left = {line["audio"] for line in lines(TruthSet(tmp_path / "set", "pallet-move"))}
    assert {file.name for file in (tmp_path / "set").glob("*.flac")} == left
    assert len(left) == 3
