"""The wearer's voice with the real network and recogniser: a colleague's entry is asked about, and nothing is kept."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.errors import Misconfigured
from edge.agent.events import DictationEvent, UtteranceDecided
from edge.agent.parts import Parts, assemble_interpretation, dictate_sources, make_dictation
from edge.config import Settings
from edge.hear.recording import RecordedSource
from edge.keep.journal_thread import JournalThread
from edge.records import Outcome, Reason, Verdict
from edge.understand.local.voice_embedding import MODEL, make_wearer_voice
from edge.understand.local.weights import find_model, locate
from edge.understand.wearer_voice import WearerVoice
from lab.evaluate import evaluate, load_clip_sources
from lab.scoring import Mark, read_manifest

WEARER, COLLEAGUE = "af_bella", "am_onyx"


def settings(*, wanted: bool) -> Settings:
    return load_settings(Settings, None, understand={"wearer_voice": wanted})


@pytest.fixture
def parts() -> Parts:
    if locate(find_model(MODEL), Settings().models) is None:
        pytest.skip(f"dockvoice models get {MODEL}, into the directory in DOCKVOICE_TEST_MODELS")
    made = assemble_interpretation(settings(wanted=True), "pallet-move")
    if not made.interpreter.name.startswith("vosk"):
        pytest.skip("dockvoice models get small-en-us, into the directory in DOCKVOICE_TEST_MODELS")
    return made


def clips(repository: Path, speaker: str) -> list[RecordedSource]:
    of = repository / "tests/data/speech/set"
    lines = map(json.loads, (of / "manifest.jsonl").read_text(encoding="utf-8").splitlines())
    said = [one for one in lines if one["speaker"] == speaker and one["fields"] and one["condition"] == "clean"]
    # An A is asked about, whoever says it, where the second recogniser comes late.
    return [RecordedSource(of / one["audio"]) for one in said if not one["text"].endswith("dock A")]


def dictated(parts: Parts, state: Path, sources: list[RecordedSource]) -> list[Verdict]:
    told: list[DictationEvent] = []
    with JournalThread(state) as executor:
        asyncio.run(dictate_sources(make_dictation(parts, executor, told.append), sources))
    return [one.verdict for one in told if isinstance(one, UtteranceDecided)]


def known(voice: WearerVoice) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    vector = voice._enrolled
    assert vector is not None
    return vector


def traces(vector: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Iterator[bytes]:
    """What is found wherever the embedding is kept: two numbers of it in a row, or the digits of one."""
    for at in np.argsort(-abs(vector[:-1]))[:32]:
        for of in (np.float32, np.float64):
            yield vector[at : at + 2].astype(of).tobytes()
        yield f"{vector[at]:.8f}"[-8:-1].encode()


def test_a_colleagues_entry_is_asked_about_and_the_voice_is_nowhere_on_disk(
    parts: Parts, repository: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    voice, own, others = parts.voice, clips(repository, WEARER), clips(repository, COLLEAGUE)
    assert voice is not None
    voice.sign_on(WEARER)
    with caplog.at_level(logging.DEBUG):
        verdicts = dictated(parts, tmp_path, [*own[:4], *others[:2], *own[4:6]])
    colleague = verdicts[4:6]
    assert [one.outcome for one in verdicts[:4] + verdicts[6:]] == [Outcome.ACCEPT] * 6
    for one in colleague:
        assert (one.outcome, one.ask) == (Outcome.ASK, "pallet_id")
        assert [cause.reason for cause in one.reasons] == [Reason.FIELD_UNCONFIRMED]
    kept = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    assert kept
    for trace in traces(known(voice)):
        assert not any(trace in content for content in (*kept, caplog.text.encode()))
    voice.sign_on(None)
    assert voice._enrolled is None


def test_without_it_a_colleagues_entry_is_recorded(parts: Parts, repository: Path, tmp_path: Path) -> None:
    plain = assemble_interpretation(settings(wanted=False), "pallet-move")
    assert plain.voice is None
    verdicts = dictated(plain, tmp_path, [*clips(repository, WEARER)[:4], *clips(repository, COLLEAGUE)[:2]])
    assert {one.outcome for one in verdicts} == {Outcome.ACCEPT}
    assert parts.voice is not None


def test_a_voice_that_is_required_and_lacks_its_weights_says_how_to_get_them(tmp_path: Path) -> None:
    lacking = load_settings(Settings, None, understand={"wearer_voice": True, "models_directory": tmp_path})
    with pytest.raises(Misconfigured, match=f"run `dockvoice models get {MODEL}`"):
        make_wearer_voice(lacking)
    assert make_wearer_voice(load_settings(Settings, None, understand={"models_directory": tmp_path})) is None


def test_evaluate_learns_a_voice_from_other_accepted_clips_of_the_wearer_only(parts: Parts, repository: Path) -> None:
    assert parts.voice is not None
    every = read_manifest(repository / "tests/data/speech/set/manifest.jsonl")
    own, another = (
        [one for one in every if one.speaker == who and one.fields and one.condition == "clean"][:4]
        for who in (WEARER, COLLEAGUE)
    )
    stranger = another[3].model_copy(update={"wearer": WEARER, "fields": None})
    heard = load_clip_sources([stranger, own[0], another[0]])
    wanted = settings(wanted=True)
    alone = asyncio.run(evaluate(wanted, heard, lambda: None))
    assert [one.result.mark for one in alone] == [Mark.INVENTED, Mark.RIGHT, Mark.RIGHT]
    known = load_clip_sources([*own, *another[:3]])
    enrolled = asyncio.run(evaluate(wanted, heard, lambda: None, enrol=known))
    assert [one.result.mark for one in enrolled] == [Mark.ASKED, Mark.RIGHT, Mark.RIGHT]
