"""The cable is out for ten minutes of dictation, then back: nothing is lost, nothing is twice, nothing is guessed."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import soundfile

from tests.servers.cable import Cable, cable
from tests.standin import RunningStandin

TEN_MINUTES_S = 600
ENDS_IN_S = 600  # It takes about a minute; the machine may be busy.

SETTINGS = """
state_directory = "{state}"
[understand]
mode = "cloud-first"
first = "audio"
deadline_ms = 300
deferred_per_minute = 600
[understand.clients.away]
kind = "self-hosted"
url = "http://{address}:{port}"
key = "standin-key"
[understand.interpreters.audio]
kind = "chat-audio"
client = "away"
model = "gpt-audio-mini"
within_s = 20
[deliver.mqtt]
port = 1
"""


def dictate(link: Cable, settings: Path, first: list[Path], rest: list[Path], log: Path) -> None:
    """Two sentences with the cable in, ten minutes with the cable out; then it is back."""
    played = [str(settings), *map(str, first), "--", *map(str, rest)]
    command = [*link.inside, sys.executable, "-m", "tests.faults.dictating", *played]
    with (
        log.open("ab") as complaints,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, text=True) as agent,
    ):
        assert agent.stdin is not None
        assert agent.stdout is not None
        try:
            for told, act in (("first\n", link.pull), ("rest\n", link.plug)):
                assert agent.stdout.readline() == told, log.read_text()
                act()
                agent.stdin.write("\n")
                agent.stdin.flush()
            assert agent.wait(ENDS_IN_S) == 0, log.read_text()
        finally:
            agent.kill()


@pytest.mark.timeout(1200)
def test_ten_minutes_without_a_network_lose_nothing_and_invent_nothing(repository: Path, tmp_path: Path) -> None:
    recordings = sorted((repository / "tests" / "data" / "speech" / "set").glob("*.flac"))
    assert sum(soundfile.info(str(one)).duration for one in recordings) >= TEN_MINUTES_S
    first = sorted((repository / "tests" / "data" / "speech" / "demo").glob("0[12]-*.flac"))
    with cable() as link, RunningStandin(tmp_path, "--host", link.address) as standin:
        listening = int(re.findall(r"\d+$", standin.url)[0])
        settings = tmp_path / "edge.toml"
        settings.write_text(
            SETTINGS.format(state=tmp_path / "state", address=link.address, port=link.port(listening)), encoding="utf-8"
        )
        dictate(link, settings, first, recordings, tmp_path / "agent.log")
    with closing(sqlite3.connect(tmp_path / "state" / "journal.db")) as db:
        heard = db.execute(
            "SELECT source, speech_start, outcome, review, event_id FROM utterances "
            "LEFT JOIN entries USING (utterance_id) ORDER BY heard_at, utterance_id"
        ).fetchall()
        unread = db.execute(
            "SELECT utterance_id FROM utterances WHERE review = 'deferred' AND utterance_id NOT IN "
            "(SELECT utterance_id FROM answers WHERE reading IS NOT NULL)"
        ).fetchall()
    assert len({source for source, *_ in heard}) == len(first) + len(recordings)
    assert len({(source, start) for source, start, *_ in heard}) == len(heard)
    during = heard[len(first) :]
    fates = ["entry" if event else review or outcome for _, _, outcome, review, event in during]
    assert set(fates) <= {"entry", "deferred"}, fates
    assert fates.count("deferred") >= 5, "the device was sure of too much for this to show anything"
    assert unread == [], "a person is shown what a model made of each"
    assert "standin-key" not in (tmp_path / "agent.log").read_text()
