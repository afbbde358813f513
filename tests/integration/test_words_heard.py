"""A name that the recogniser does not know: told to the office, given by words that sound like it, heard at once."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.hash_chain import Signer
from tests.integration.test_expected import office
from tests.processes.command import called, dockvoice
from tests.rows import each_of
from tests.servers.inventory import RunningInventory
from tests.servers.mosquitto import Mosquitto
from tests.sound.pulseaudio import HOWEVER_SURELY, Headset, headset
from tests.sound.speaking_agent import Agent, at_work
from tests.waiting import until

__all__ = ["office"]  # a fixture

SAID = "pallet seven four two, twelve units, dock zwinger"
DOCKS = ("value,spoken", "A,", "B,")


@pytest.fixture
def worn(tmp_path: Path) -> Iterator[Headset]:
    with headset(tmp_path) as server:
        yield server


def test_a_name_is_heard_from_the_next_utterance_on_once_words_that_sound_like_it_stand_beside_it(
    worn: Headset, tmp_path: Path, broker: Mosquitto, office: Signer
) -> None:
    clip = tmp_path / "zwinger.wav"
    subprocess.run(["flite", "-voice", "rms", "-t", SAID, "-o", clip], check=True)
    at = (
        "--site",
        "site",
        "--broker",
        f"localhost:{broker.port}",
        "--database",
        f"sqlite:///{tmp_path / 'books/inventory.db'}",
    )

    def publish(kind: str, *rows: str) -> None:
        (tmp_path / f"{kind}.csv").write_text("\n".join(rows), encoding="utf-8")
        made = dockvoice(
            *("inventory", "catalogue", "import", kind, tmp_path / f"{kind}.csv"),
            *("--reason", "they say so", "--sign", tmp_path / "device.key", *at),
        )
        assert made.returncode == 0, made.stderr

    def told() -> dict[str, Any]:
        listed = dockvoice("inventory", "catalogue", "devices", "--json", *at)
        return next(iter(map(json.loads, listed.stdout.splitlines())), {})

    def hears(agent: Agent) -> str | None:
        worn.say(clip)
        dock: str | None = agent.tells("verdict")["fields"].get("dock")
        return dock

    settings = {
        "DOCKVOICE_DELIVER__MQTT__PORT": str(broker.port),
        "DOCKVOICE_DELIVER__DECISIONS_KEY": str(tmp_path / "office.pem"),
        "DOCKVOICE_SPEAK__ENABLED": "false",
        "DOCKVOICE_UNDERSTAND__ENGINE": "vosk",
        **HOWEVER_SURELY,
    }
    with RunningInventory(broker.port, tmp_path / "books"), at_work(worn, tmp_path, **settings) as agent:
        assert hears(agent) != "Z"
        publish("docks", *DOCKS, "Z,zwinger")
        until(lambda: bool(told().get("refused")), "it was not refused")
        assert "does not know the words zwinger," in told()["refused"]["docks"]["told"]
        publish("docks", *DOCKS, "Z,zwinger|swinger")
        until(lambda: told()["lacks"] == [], lambda: f"it is not in force: {told()}")
        assert hears(agent) == "Z"
        publish("words", "form,field,as,means,word,language", "pallet-move,dock,label,,zwing,en")
        until(lambda: told()["unheard"] == ["zwing"], lambda: f"nobody is told: {told()}")


@each_of(
    ("options", "code", "told"),
    [
        (("zwinger", "--sounds", "Z W IH NG ER"), 0, "zwinger|swinger"),
        (("zwinger", "--as", "swinger"), 0, "it will do: zwinger|swinger"),
        (
            ("zwinger", "--as", "swing er"),
            78,
            "'zwinger' as 'swing er': 'er' has a meaning in pallet-move; allowed are",
        ),
        (("zwinger", "--as", "zwing"), 78, "the recogniser does not know 'zwing'; allowed are known words"),
        (("zwinger", "--sounds", "Z W Q"), 78, "'zwinger': found 'Q' in 'Z W Q'; allowed are the phonemes of ARPAbet"),
        (("zwinger",), 78, "give them by --sounds, or words by --as"),
        (("swinger",), 0, "it needs no other words"),
    ],
)
def test_words_that_sound_like_one_are_proposed_and_checked(
    options: tuple[str, ...], code: int, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    ended = called("forms", "respell", *options, capfd=capfd)
    assert ended.returncode == code, ended.stderr
    assert told in (ended.stdout if code == 0 else ended.stderr)
