"""The stand-in misbehaves as it is told, on real connections."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from dockvoice_protocol.config import load_settings
from edge.config import Settings
from tests.processes.command import called
from tests.rows import each_of
from tests.standin import KEY, RunningStandin

CHAT = "/v1/chat/completions"
ASKED: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Good morning."}]}
BEARER = {"authorization": f"Bearer {KEY}"}


def ask(standin: RunningStandin, path: str = CHAT, **more: Any) -> httpx.Response:
    return httpx.post(standin.url + path, json={**ASKED, **more}, headers=BEARER, timeout=60)


def test_it_resets_a_connection_before_anything_is_answered(standin: RunningStandin) -> None:
    standin.behave(cut="before_headers", times=1)
    with pytest.raises(httpx.ReadError):
        ask(standin)
    assert ask(standin).status_code == 200


def test_it_resets_a_connection_after_the_headers(standin: RunningStandin) -> None:
    standin.behave(cut="after_headers")
    with httpx.stream("POST", standin.url + CHAT, json=ASKED, headers=BEARER) as answer:
        assert answer.status_code == 200
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            answer.read()


@pytest.mark.parametrize("stream", [False, True])
def test_it_ends_a_connection_in_the_middle_of_the_body(standin: RunningStandin, stream: bool) -> None:
    whole = ask(standin, stream=stream).content
    standin.behave(cut="half_body")
    pieces: list[bytes] = []
    asked = {**ASKED, "stream": stream}
    with (
        pytest.raises(httpx.RemoteProtocolError),
        httpx.stream("POST", standin.url + CHAT, json=asked, headers=BEARER) as answer,
    ):
        pieces.extend(answer.iter_raw())
    assert 0 < len(b"".join(pieces)) < len(whole)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (CHAT, "rate_limit_exceeded"),
        ("/openai/deployments/gpt-4o-mini/chat/completions", "429"),
        ("/v1beta/models/gemini-2.5-flash:generateContent", 429),
    ],
)
def test_it_refuses_in_the_vendor_s_shape_with_the_headers_it_is_told(
    standin: RunningStandin, path: str, code: object
) -> None:
    standin.behave(status=429, headers={"retry-after": "7", "retry-after-ms": "7000"}, times=1)
    answer = ask(standin, path)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "7"
    assert answer.headers["retry-after-ms"] == "7000"
    assert answer.json()["error"]["code"] == code


def test_it_shows_what_it_was_asked(standin: RunningStandin) -> None:
    files = {"file": ("a.wav", b"RIFF\x00\xff", "audio/wav")}
    httpx.post(f"{standin.url}/inference?a=b", files=files, data={"response_format": "text"})
    ask(standin)
    upload, chat = standin.requests()
    assert (upload.method, upload.path, upload.query) == ("POST", "/inference", {"a": "b"})
    assert upload.form == {"response_format": "text"}
    assert upload.files == {"file": b"RIFF\x00\xff"}
    assert chat.json == ASKED
    assert chat.headers["authorization"] == f"Bearer {KEY}"
    standin.reset()
    assert standin.requests() == []


def test_its_command_prints_settings_that_load_and_stops_when_told(tmp_path: Path) -> None:
    options = ["--key", "another", "--latency", "published", "--fabricate", "8", "--serve", "my-model"]
    with RunningStandin(tmp_path, *options) as running:
        headers = {"authorization": "Bearer another"}
        models = httpx.get(f"{running.url}/v1/models/my-model", headers=headers, timeout=60)
        assert models.json()["id"] == "my-model"
        assert httpx.get(f"{running.url}/v1/models", headers=BEARER, timeout=60).status_code == 401
    settings = tmp_path / "edge.toml"
    settings.write_text(running.printed)
    client = load_settings(Settings, settings).understand.clients["standin"]
    assert client.url == f"{running.url}/v1"
    assert client.key is not None
    assert client.key.get_secret_value() == "another"


@each_of(("option", "told"), [(["--latency", "slow"], "published"), (["--host", "192.0.2.1"], "--port")])
def test_its_command_says_what_is_wrong(option: list[str], told: str, capfd: pytest.CaptureFixture[str]) -> None:
    ended = called("standin", *option, capfd=capfd)
    assert ended.returncode in {2, 69}
    assert told in ended.stderr
