"""Plays of the playbook acted with sound: an agent on a headset, its voice heard and read, rows in PostgreSQL.

Several plays go on side by side, each on a headset of its own. `pytest -s` prints how soon the device answered.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import pytest

from dockvoice_protocol.config import load_settings
from edge.config import Settings
from edge.understand.local.factory import locate_vosk_weights
from tests.playbook.aloud import Aloud, Clip
from tests.playbook.listener import Reader
from tests.playbook.script import Line, lines
from tests.playbook.theatre import Theatre
from tests.servers.postgresql import PostgreSQL
from tests.tiers import sized

SEATS = 3  # Plays at once: most of each is waiting, for speech to end or a time to pass.

PLAYS = {
    "an-entry-is-read-back-and-recorded": "rms",
    "yes-records-at-once": "awb",
    "a-wrong-quantity-is-corrected": "rms",
    "a-dock-said-alone-corrects-the-dock": "awb",
    "scratch-that-before-it-is-recorded": "rms",
    "cancel-after-it-was-recorded": "awb",
    "corrected-after-it-was-recorded": "rms",
    "the-next-sentence-records-the-held-entry": "awb",
    "a-missing-dock-is-asked-for": "rms",
    "a-question-that-nobody-answers": "slt",
    "say-again": "rms",
    "how-many-waiting": "awb",
    "last-entry": "rms",
    "the-device-falls-silent-when-the-operator-speaks": "awb",
    "the-power-is-cut-while-an-entry-is-held": "rms",
    "the-inventory-refuses": "awb",
}
"""What is played at night, and who speaks."""

ACTED = sized(
    test=(
        "a-missing-dock-is-asked-for",
        "a-wrong-quantity-is-corrected",
        "the-device-falls-silent-when-the-operator-speaks",
    ),
    nightly=tuple(PLAYS),
)
"""By day the three that hear the most: a question, a correction, both with leakage, and an operator who interrupts."""

LEAKING = {"a-wrong-quantity-is-corrected", "a-missing-dock-is-asked-for", "cancel-after-it-was-recorded"}
"""Where the microphone hears the earpiece at -20 dB."""

EARCON_WITHIN_S, WORD_WITHIN_S = 4.0, 6.0
"""From the operator's last word, on a machine that is busy with other plays and other tests; idle, it is a tenth."""

KINDS = {"plain": "whole entries", "incomplete": "half entries", "reply": "answers, corrections, commands"}

HERE = Path(__file__).parent.parent


@dataclass
class Company:
    """The plays that were begun, and what came of them."""

    theatre: Theatre
    reader: Reader
    models: str | None
    directory: Path
    pool: ThreadPoolExecutor
    acting: dict[str, Future[Aloud]] = field(default_factory=dict)

    def begin(self, name: str) -> None:
        """Act the play as soon as there is a seat."""
        self.acting[name] = self.pool.submit(self._act, name)

    def _act(self, name: str) -> Aloud:
        directory = self.directory / name
        directory.mkdir()
        with self.theatre.seat() as seat:
            play = Aloud(
                *(self.theatre, seat, self.reader, clips(PLAYS[name]), directory, self.models), leaks=name in LEAKING
            )
            play.act(script(name))
        return play


@pytest.fixture(scope="module")
def company(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgresql: PostgreSQL
) -> Iterator[Company]:
    models = os.environ.get("DOCKVOICE_UNDERSTAND__MODELS_DIRECTORY")
    weights = locate_vosk_weights(
        load_settings(Settings, None, understand={} if models is None else {"models_directory": models})
    )
    prompts = [line.words[0] for name in ACTED for line in script(name) if line.rule == "device"]
    directory = tmp_path_factory.mktemp("theatre")
    with Theatre(directory, postgresql, SEATS) as theatre, ThreadPoolExecutor(SEATS) as pool:
        company = Company(theatre, Reader(weights, prompts), models, directory, pool)
        for item in request.session.items:
            if item.path == Path(__file__) and (spec := getattr(item, "callspec", None)) is not None:
                company.begin(spec.params["name"])
        yield company
        pool.shutdown(cancel_futures=True)
        show([(name, one.result()) for name, one in company.acting.items() if one.exception() is None])


def script(name: str) -> list[Line]:
    return list(lines(HERE / "playbook" / "plays" / f"{name}.play"))


def clips(speaker: str) -> Mapping[str, Clip]:
    """What a speaker has said for the plays, by the operator's line."""
    directory = HERE / "data" / "speech" / "conversation"
    listed = map(json.loads, (directory / "manifest.jsonl").read_text(encoding="utf-8").splitlines())
    return {
        one["line"]: Clip(directory / one["audio"], one["speech_end"], one["kind"])
        for one in listed
        if one["speaker"] == f"flite_{speaker}"
    }


@pytest.mark.parametrize("name", ACTED)
def test_the_play_with_sound(company: Company, name: str) -> None:
    play = company.acting[name].result()
    for reply in play.replies:
        assert reply.earcon < EARCON_WITHIN_S, reply
        assert reply.word is None or reply.word < WORD_WITHIN_S, reply


def show(acted: list[tuple[str, Aloud]]) -> None:
    """How soon the device answered, in ms from the operator's last word, as it comes from the earpiece."""
    print(f"\n{'ms from the last word':<64} {'sound':>6} {'word':>6}")
    replies = [(name, reply) for name, play in acted for reply in play.replies]
    for name, reply in replies:
        told(f"{name[:31]}: {reply.to}", reply.earcon, reply.word)
    for kind, what in KINDS.items():
        told_of = [reply for _, reply in replies if reply.kind == kind]
        words = [reply.word for reply in told_of if reply.word is not None]
        if words:
            told(f"median of {len(told_of)}: {what}", median(reply.earcon for reply in told_of), median(words))
    for name, play in acted:
        if play.silent_after is not None:
            print(f"{name}: silent {play.silent_after * 1000:.0f} ms after the operator began")


def told(what: str, earcon: float, word: float | None) -> None:
    print(f"{what:<64.64} {earcon * 1000:>6.0f} {'' if word is None else f'{word * 1000:.0f}':>6}")
