from __future__ import annotations

import asyncio
import logging
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest

from edge.config import ClientSettings
from edge.errors import Misconfigured, Unavailable
from edge.understand.service.breaker import FAILURES
from edge.understand.service.clients import HOLD_S, Answer, Client, Clients
from edge.understand.service.connection import LARGEST_ANSWER
from edge.understand.service.failures import Barred, Failure, Fault, Garbled, OurFault, TryLater

KEY = "sk-the-key-of-the-tests"
AZURE = {"kind": "azure-openai", "url": "https://r.openai.azure.com"}
Reply = httpx.Response | Exception


class Service:
    """Answers as it was told, in order, the last answer for ever; knows what it was asked."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        # A response is read once.
        return httpx.Response(reply.status_code, headers=reply.headers, content=reply.content)


class Slow(httpx.AsyncBaseTransport):
    """Never answers."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")


class Wall:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def ok(**headers: str) -> httpx.Response:
    return httpx.Response(200, json={"ok": True}, headers=headers)


def status(code: int, body: Any = None, **headers: str) -> httpx.Response:
    return httpx.Response(code, json=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def client_for(transport: httpx.AsyncBaseTransport | Service, clock: Wall | None = None, **settings: Any) -> Client:
    given = {"kind": "openai", "key": KEY} | settings
    used = httpx.MockTransport(transport) if isinstance(transport, Service) else transport
    return Client("service", ClientSettings(**given), transport=used, clock=clock or Wall(), chance=lambda: 0.0)


def ask(client: Client, times: int = 1, *, within_s: float = 5, about: str = "model") -> list[Answer | Failure]:
    """What comes of as many requests, one after another."""

    async def asked() -> list[Answer | Failure]:
        found: list[Answer | Failure] = []
        for _ in range(times):
            try:
                found.append(await client.post("/v1/x", json={}, within_s=within_s, about=about))
            except Failure as failure:
                found.append(failure)
        return found

    return asyncio.run(asked())


def failure(client: Client, **how: Any) -> Failure:
    found = ask(client, **how)[0]
    assert isinstance(found, Failure)
    return found


# ---- what an answer that is none means ----


@pytest.mark.parametrize("code", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_what_passes_by_itself_is_tried_again(code: int) -> None:
    service = Service(status(code), status(code), ok())
    answer = ask(client_for(service))[0]
    assert isinstance(answer, Answer)
    assert answer.json() == {"ok": True}
    assert len(service.asked) == 3


@pytest.mark.parametrize(
    "fault", [httpx.ConnectError("refused"), httpx.ReadError("reset"), httpx.RemoteProtocolError("x")]
)
def test_a_connection_that_breaks_is_tried_again(fault: Exception) -> None:
    assert isinstance(ask(client_for(Service(fault, ok())))[0], Answer)


@pytest.mark.parametrize("code", [400, 413, 415, 422, 302])
def test_what_is_our_fault_is_not_tried_again_and_names_the_request(code: int) -> None:
    service = Service(status(code, {"error": {"code": "invalid_audio"}}, x_request_id="req_9"))
    failed = failure(client_for(service))
    assert isinstance(failed, OurFault)
    assert failed.request_id == "req_9"
    assert f"status {code}, invalid_audio" in str(failed)
    assert "(request req_9)" in str(failed)
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    ("code", "body", "told"),
    [
        (401, None, "the key is refused; give a valid one"),
        (402, None, "no credit"),
        (403, None, "may not use this model"),
        (
            404,
            {"error": {"code": "model_not_found"}},
            "status 404, model_not_found: the service does",
        ),
        (410, None, "was shut down; name another one"),
        (429, {"error": {"code": "insufficient_quota"}}, "no credit; top it up"),
        (400, {"error": {"code": 400, "details": [{"reason": "API_KEY_INVALID"}]}}, "the key is refused"),
        (401, {"detail": {"status": "quota_exceeded"}}, "no credit; top it up"),
    ],
)
def test_what_a_person_must_mend_is_told_and_not_tried_again(code: int, body: Any, told: str) -> None:
    service = Service(status(code, body))
    failed = failure(client_for(service))
    assert isinstance(failed, Barred)
    assert told in str(failed)
    assert len(service.asked) == 1


def test_every_failure_is_unavailable_to_who_asked_for_a_reading() -> None:
    for kind in (TryLater, OurFault, Barred, Garbled):
        assert issubclass(kind, Unavailable)


def test_an_answer_without_end_is_refused() -> None:
    failed = failure(client_for(Service(httpx.Response(200, content=b"x" * (LARGEST_ANSWER + 1)))))
    assert isinstance(failed, Garbled)
    assert failed.fault is Fault.TOO_LARGE


def test_the_text_of_an_error_is_never_repeated() -> None:
    body = {"error": {"message": f"bad key {KEY}, you said pallet seven", "code": f"key {KEY}"}}
    told = str(failure(client_for(Service(status(401, body, x_request_id=f"<{KEY}>")))))
    assert KEY not in told
    assert "pallet" not in told


# ---- time ----


def test_the_deadline_holds_for_all_tries_together() -> None:
    failed = failure(client_for(Slow()), within_s=0.05)
    assert isinstance(failed, TryLater)
    assert "no answer within 0." in str(failed)


def test_a_service_that_wants_more_time_than_there_is_is_left_at_once() -> None:
    service = Service(status(429, retry_after="20"))
    failed = failure(client_for(service), within_s=5)
    assert isinstance(failed, TryLater)
    assert failed.retry_after_s == 20
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    ("headers", "waits"),
    [
        ({"retry_after": "7"}, 7),
        ({"retry_after_ms": "7000", "retry_after": "1"}, 7),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "-1"}, None),
        ({"retry_after": "Fri, 20 Nov 2015 12:00:00 GMT"}, 0),
        ({}, None),
    ],
)
def test_how_long_a_service_wants_to_be_left_alone(headers: dict[str, str], waits: float | None) -> None:
    failed = failure(client_for(Service(status(503, **headers))), within_s=0.01)
    assert isinstance(failed, TryLater)
    assert failed.retry_after_s == waits


def test_a_date_to_come_back_at_is_waited_for() -> None:
    failed = failure(client_for(Service(status(503, retry_after="Tue, 20 Nov 2190 12:00:00 GMT"))))
    assert isinstance(failed, TryLater)
    assert failed.retry_after_s is not None
    assert failed.retry_after_s > 1e9


def test_a_request_that_is_called_off_stays_called_off() -> None:
    async def called_off() -> None:
        client = client_for(Slow())
        async with asyncio.TaskGroup() as group:
            task = group.create_task(client.post("/v1/x", within_s=60))
            await asyncio.sleep(0)
            task.cancel()
        assert task.cancelled()
        assert client.trouble is None

    asyncio.run(called_off())


# ---- the breaker and the holds ----


def test_a_service_that_fails_again_and_again_is_left_alone_and_looked_at_later() -> None:
    clock, service = Wall(), Service(*[status(500)] * FAILURES, ok())
    client = client_for(service, clock)
    for _ in range(FAILURES):
        failure(client, within_s=0.01)
    assert isinstance(client.trouble, TryLater)
    told = failure(client)
    assert isinstance(told, TryLater)
    assert told.retry_after_s == 5
    assert len(service.asked) == FAILURES
    clock.now += 5
    assert isinstance(ask(client)[0], Answer)
    assert client.trouble is None


def test_a_refused_key_holds_the_whole_client_and_alarms_once(caplog: pytest.LogCaptureFixture) -> None:
    clock, service = Wall(), Service(status(401))
    client = client_for(service, clock)
    with caplog.at_level(logging.ERROR):
        first, second, third = ask(client, 3)
    assert len(service.asked) == 1
    assert all(isinstance(one, Barred) for one in (first, second, third))
    assert "not asked" in str(second)
    assert len(caplog.records) == 1
    assert isinstance(failure(client, about="another"), Barred)
    clock.now += HOLD_S
    failure(client)
    assert len(service.asked) == 2
    assert len(caplog.records) == 1


def test_a_model_that_is_gone_holds_that_model_alone() -> None:
    service = Service(status(410), ok())
    client = client_for(service)
    assert isinstance(failure(client, about="old"), Barred)
    assert isinstance(failure(client, about="old"), Barred)
    assert isinstance(ask(client, about="new")[0], Answer)
    assert len(service.asked) == 2
    assert isinstance(client.trouble, Barred)


def test_a_mended_key_works_again_and_another_fault_is_told_anew(caplog: pytest.LogCaptureFixture) -> None:
    clock = Wall()
    client = client_for(Service(status(401), ok(), status(401)), clock)
    with caplog.at_level(logging.ERROR):
        failure(client)
        clock.now += HOLD_S
        assert isinstance(ask(client)[0], Answer)
        assert client.trouble is None
        failure(client)
    assert len(caplog.records) == 2


# ---- who we are, and where ----


@pytest.mark.parametrize(
    ("settings", "name", "value"),
    [
        ({"kind": "openai"}, "authorization", f"Bearer {KEY}"),
        (AZURE, "api-key", KEY),
        (
            {"kind": "azure-openai", "url": "https://r.openai.azure.com", "key_header": "bearer"},
            "authorization",
            f"Bearer {KEY}",
        ),
        ({"kind": "gemini"}, "x-goog-api-key", KEY),
        ({"kind": "vertex", "region": "europe-west4", "project": "p"}, "authorization", f"Bearer {KEY}"),
        ({"kind": "elevenlabs"}, "xi-api-key", KEY),
        ({"kind": "azure-speech", "region": "westeurope"}, "ocp-apim-subscription-key", KEY),
        ({"kind": "self-hosted", "url": "http://gpu:8000"}, "authorization", f"Bearer {KEY}"),
    ],
)
def test_the_key_goes_along_as_each_service_wants_it(settings: dict[str, Any], name: str, value: str) -> None:
    service = Service(ok())
    ask(client_for(service, **settings))
    assert service.asked[0].headers[name] == value
    assert sum(KEY in one for one in service.asked[0].headers.values()) == 1
    assert KEY not in str(service.asked[0].url)


def test_no_key_is_sent_where_none_is_wanted() -> None:
    service = Service(ok())
    for settings in ({"key_header": "none"}, {"kind": "self-hosted", "url": "http://gpu:8000", "key": None}):
        ask(client_for(service, **settings))
    assert not any("authorization" in asked.headers for asked in service.asked)


def test_a_missing_key_is_told_with_how_to_give_it() -> None:
    with pytest.raises(Misconfigured, match=r"clients.service: has no key; .*DOCKVOICE_UNDERSTAND__CLIENTS__"):
        client_for(Service(ok()), key=None)


def test_a_token_is_read_anew_from_its_file(tmp_path: Path) -> None:
    file, service = tmp_path / "token", Service(ok())
    client = client_for(service, key=None, token_file=file)
    assert isinstance(failure(client), Barred)
    assert service.asked == []
    for token in ("first", "second"):
        file.write_text(f"{token}\n")
        other = client_for(service, key=None, token_file=file)
        ask(other)
    assert [asked.headers["authorization"] for asked in service.asked] == ["Bearer first", "Bearer second"]


def test_a_token_that_a_command_prints_is_kept_for_a_while_and_renewed(tmp_path: Path) -> None:
    clock, service = Wall(), Service(ok())
    count = tmp_path / "count"
    script = tmp_path / "token.py"
    script.write_text(
        f"p=open({str(count)!r},'a');p.write('x');p.close();print('t'+str(len(open({str(count)!r}).read())))"
    )
    client = client_for(service, clock, key=None, token_command=f"{sys.executable} {script}")
    ask(client, 2)
    clock.now += 301
    ask(client)
    assert [asked.headers["authorization"] for asked in service.asked] == ["Bearer t1", "Bearer t1", "Bearer t2"]


def test_a_token_that_is_refused_is_asked_for_anew(tmp_path: Path) -> None:
    clock, service = Wall(), Service(status(401), ok())
    count = tmp_path / "count"
    script = tmp_path / "token.py"
    script.write_text(
        f"p=open({str(count)!r},'a');p.write('x');p.close();print('t'+str(len(open({str(count)!r}).read())))"
    )
    client = client_for(service, clock, key=None, token_command=f"{sys.executable} {script}")
    failure(client)
    clock.now += HOLD_S
    ask(client)
    assert [asked.headers["authorization"] for asked in service.asked] == ["Bearer t1", "Bearer t2"]


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("false", "token_command failed with 1"),
        ("/no/such/program", "token_command cannot be run"),
        ("'", "is no command line"),
        ("echo two words", "token_command gave no token"),
        ("true", "token_command gave no token"),
    ],
)
def test_a_token_command_that_gives_none_is_told(command: str, told: str) -> None:
    failed = failure(client_for(Service(ok()), key=None, token_command=command))
    assert isinstance(failed, Barred)
    assert told in str(failed)


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({"kind": "openai"}, "https://api.openai.com/v1/chat/completions"),
        ({"kind": "openai", "url": "https://eu.api.openai.com/v1/"}, "https://eu.api.openai.com/v1/chat/completions"),
        ({"kind": "self-hosted", "url": "http://gpu:8000/v1"}, "http://gpu:8000/v1/chat/completions"),
        ({"kind": "self-hosted", "url": "http://gpu/models/a"}, "http://gpu/models/a/v1/chat/completions"),
        (
            {"kind": "azure-openai", "url": "https://r.openai.azure.com/openai/v1/"},
            "https://r.openai.azure.com/openai/v1/chat/completions",
        ),
        (
            {"kind": "azure-openai", "url": "https://r.openai.azure.com", "api_version": "2025-01-01-preview"},
            "https://r.openai.azure.com/openai/deployments/mine/chat/completions?api-version=2025-01-01-preview",
        ),
    ],
)
def test_where_an_operation_is(settings: dict[str, Any], address: str) -> None:
    service = Service(ok())
    client = client_for(service, **settings)
    asyncio.run(client.post(client.openai_path("chat/completions", "mine"), within_s=5))
    assert str(service.asked[0].url) == address


def test_where_gemini_is() -> None:
    assert client_for(Service(ok()), kind="gemini").gemini_path("g") == "/v1beta/models/g:generateContent"
    vertex = client_for(Service(ok()), kind="vertex", region="europe-west4", project="dock")
    path = "/v1/projects/dock/locations/europe-west4/publishers/google/models/g:generateContent"
    assert vertex.gemini_path("g") == path
    assert vertex.settings.base_url == "https://europe-west4-aiplatform.googleapis.com"


def test_a_redirection_is_not_followed_with_the_key() -> None:
    service = Service(status(307, location="https://elsewhere.example/"))
    assert isinstance(failure(client_for(service)), OurFault)
    assert len(service.asked) == 1


def test_a_certificate_file_that_is_none_is_told(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    for content in (None, "no certificate"):
        if content:
            file.write_text(content)
        with pytest.raises(Misconfigured, match=r"understand.clients.service.ca_file: .*ca.pem cannot be read as PEM"):
            Client("service", ClientSettings(kind="openai", key=KEY, ca_file=file))


def test_azure_answering_from_outside_the_union_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    azure: dict[str, Any] = {**AZURE, "region": "swedencentral", "residency": "eu"}
    inside = client_for(Service(ok(**{"x-ms-region": "Sweden Central"})), **azure)
    assert isinstance(ask(inside)[0], Answer)
    outside = client_for(Service(ok(**{"x-ms-region": "East US 2"})), **azure)
    failed = failure(outside)
    assert isinstance(failed, Barred)
    assert "residency is 'eu', but region 'eastus2' answered" in str(failed)


# ---- streams ----


class Trickle(httpx.AsyncByteStream):
    """A stream that goes on after its end."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> Any:
        for piece in self._pieces:
            yield piece
        await asyncio.Event().wait()


def test_a_stream_is_read_to_its_end_although_the_connection_stays_open() -> None:
    pieces = [b'data: {"a": 1}\n', b'\ndata: {"a"', b": 2}\n\ndata: [DO", b"NE]\n\n"]

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Trickle(pieces))

    found = ask(client_for(httpx.MockTransport(answer)))[0]
    assert isinstance(found, Answer)
    assert found.events() == [{"a": 1}, {"a": 2}]


# ---- all clients together ----


def test_a_client_is_made_when_it_is_first_asked_for_and_then_shared() -> None:
    service = Service(ok())
    settings = {"a": ClientSettings(kind="openai", key=KEY), "b": ClientSettings(kind="openai")}

    async def used() -> None:
        async with Clients(settings, httpx.MockTransport(service)) as clients:
            assert clients["a"] is clients["a"]
            assert list(clients) == ["a", "b"]
            await clients.warm()
            with pytest.raises(Misconfigured, match=r"understand.clients.b: has no key"):
                clients["b"]
            with pytest.raises(KeyError):
                clients["c"]

    asyncio.run(used())
    assert [request.method for request in service.asked] == ["HEAD"]
    assert not any("authorization" in request.headers for request in service.asked)


def test_a_service_that_is_not_there_yet_does_not_keep_the_agent_from_starting() -> None:
    async def warmed(transport: httpx.AsyncBaseTransport) -> None:
        async with Clients({"a": ClientSettings(kind="openai", key=KEY)}, transport) as clients:
            assert clients["a"].trouble is None
            await clients.warm()

    asyncio.run(warmed(httpx.MockTransport(Service(httpx.ConnectError("refused")))))


# ---- keys ----


@pytest.mark.parametrize(
    "reply",
    [ok(), status(401), status(400), status(500), httpx.ReadError("reset"), RuntimeError("unforeseen")],
    ids=str,
)
def test_a_key_is_in_no_log_error_repr_or_crash_output(
    reply: Reply, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    client = client_for(Service(reply))
    told = [repr(client), str(client), repr(client.settings), repr(vars(client.settings))]
    try:
        told.append(repr(asyncio.run(client.post("/v1/x", json={}, within_s=0.01))))
    except (Failure, RuntimeError) as fault:
        # A crash is told with every variable of every function on the way.
        crash = traceback.TracebackException.from_exception(fault, capture_locals=True)
        told += [repr(fault), str(fault), *crash.format()]
        assert "within_s = 0.01" in "".join(told)
    assert not [text for text in [*told, caplog.text, *capfd.readouterr()] if KEY in text]
