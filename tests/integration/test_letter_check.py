"""Letters that rhyme, checked by the second recogniser in its own process, which is killed while it listens."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import read_fields
from dockvoice_protocol.records import Reading
from edge.understand.local import letter_check
from edge.understand.local.letter_check import LetterCheck
from edge.understand.local.second_recogniser_process import SecondRecogniserProcess
from edge.understand.local.weights import find_model, locate
from edge.understand.local.whisper import is_installed
from tests.sayings import recorded
from tests.unit.test_second_recogniser import spoken
from tests.waiting import until

CLIP_WITH_B = "../set/044-clean.flac"
WITH_B = "pallet nine six nine four, one hundred and forty-four pieces, dock b"
CLIP, TEXT = "../set/005-clean.flac", "pallet zero one zero five, eighty-seven units, dock a"


def test_a_letter_stays_in_doubt_where_the_process_is_killed_and_the_next_one_is_checked_by_a_new_process(
    form: Form, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letter_check, "_LONGEST_S", 60.0)  # how long it takes is not the question here
    words, pcm = spoken(WITH_B), recorded(CLIP_WITH_B)
    fields = dict(read_fields(words, form, catalogue))
    doubtful = Reading("first", form.name, words, {**fields, "dock": replace(fields["dock"], runner_up="D")})

    async def seconded(checking: LetterCheck, second: SecondRecogniserProcess, *, killed: bool) -> bool:
        begun = await asyncio.to_thread(checking.begin, doubtful, pcm)
        if killed:
            await asyncio.to_thread(until, lambda: second.pid is not None, "it was not started")
            assert second.pid is not None
            os.kill(second.pid, signal.SIGKILL)
        return (await checking.check(doubtful, pcm, begun)).fields["dock"].seconded

    async def run() -> list[bool]:
        second = SecondRecogniserProcess()
        second.open()
        checking = LetterCheck(second, form, catalogue)
        try:
            return [await seconded(checking, second, killed=killed) for killed in (True, False, False)]
        finally:
            await second.end()

    assert asyncio.run(run()) == [False, True, True]


WEIGHTS = locate(find_model("whisper-base"), Path(os.environ.get("DOCKVOICE_TEST_MODELS", "")))


@pytest.mark.skipif(WEIGHTS is None or not is_installed(), reason="weights or packages of whisper are not here")
def test_the_process_scores_how_well_each_letter_fits_and_hears_the_sound_as_before() -> None:
    texts, pcm = [TEXT.removesuffix("a") + letter for letter in "ABCDEFGH"], recorded(CLIP)

    async def run() -> tuple[list[float], str]:
        second = SecondRecogniserProcess(WEIGHTS)
        try:
            return await second.score(pcm, texts), await second.recognise(pcm)
        finally:
            await second.end()

    scores, words = asyncio.run(run())
    assert max(zip(scores, texts, strict=True))[1] == texts[0]
    assert "units" in words.casefold()


@pytest.mark.skipif(not is_installed(), reason="packages of whisper are not here")
@pytest.mark.parametrize("damaged", ["tokenizer.json", "model.bin"])
def test_damaged_weights_are_named_in_the_log_with_what_to_do_and_end_no_process(
    damaged: str,
    form: Form,
    catalogue: Catalogue,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from tokenizers import Tokenizer, models

    monkeypatch.setattr(letter_check, "_LONGEST_S", 60.0)
    weights = tmp_path / "whisper-base"
    weights.mkdir()
    Tokenizer(models.BPE()).save(str(weights / "tokenizer.json"))
    (weights / damaged).write_bytes(bytes(4096))
    words = spoken(TEXT)
    fields = dict(read_fields(words, form, catalogue))
    doubtful = Reading("first", form.name, words, {**fields, "dock": replace(fields["dock"], runner_up="E")})

    async def run() -> set[int | None]:
        second = SecondRecogniserProcess(weights)
        second.open()
        checking = LetterCheck(second, form, catalogue)
        pids = set()
        try:
            for _ in range(3):
                assert await checking.check(doubtful, recorded(CLIP), None) is doubtful
                pids.add(second.pid)
        finally:
            await second.end()
        return pids

    (pid,) = asyncio.run(run())
    assert pid is not None
    assert [record.getMessage().count(f"{weights / damaged}: cannot be loaded (") for record in caplog.records] == [
        1
    ] * 3
    assert caplog.text.count(f"remove the directory and run `dockvoice models get {weights.name}`") == 3
