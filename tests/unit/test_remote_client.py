"""What comes of asking a service: tried again, given up, left alone for a while."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

import httpx
import pytest

from dockvoice_protocol.errors import Misconfigured
from edge.config import ClientSettings
from edge.understand.remote.client import Clients, ServiceAnswer
from edge.understand.remote.failures import AccessDenied, AnswerFault, Garbled, Rejected, TryLater
from tests.rows import each_of
from tests.standin.services import KEY, Service, Slow, Wall, ask, client_for, failure, ok, status

# ---- what an answer that is none means ----


@each_of("code", [408, 429, 500, 529])
def test_what_passes_by_itself_is_tried_again(code: int) -> None:
    service = Service(status(code), status(code), ok())
    answer = ask(client_for(service))[0]
    assert isinstance(answer, ServiceAnswer)
    assert answer.json() == {"ok": True}
    assert len(service.asked) == 3


@each_of("code", [400, 413, 415, 422, 302])
def test_what_is_our_fault_is_not_tried_again_and_names_the_request(code: int) -> None:
    service = Service(status(code, {"error": {"code": "invalid_audio"}}, x_request_id="req_9"))
    failed = failure(client_for(service))
    assert isinstance(failed, Rejected)
    assert failed.request_id == "req_9"
    assert f"status {code}, invalid_audio" in str(failed)
    assert "(request req_9)" in str(failed)
    assert len(service.asked) == 1


@each_of(
    ("code", "body", "told"),
    [
        (401, None, "the key is refused; give a valid one"),
        (402, None, "no credit"),
        (403, None, "may not use this model"),
        (404, {"error": {"code": "model_not_found"}}, "status 404, model_not_found: the service does"),
        (410, None, "was shut down; name another one"),
        (429, {"error": {"code": "insufficient_quota"}}, "no credit; top it up"),
        (400, {"error": {"code": 400, "details": [{"reason": "API_KEY_INVALID"}]}}, "the key is refused"),
        (401, {"detail": {"status": "quota_exceeded"}}, "no credit; top it up"),
    ],
)
def test_what_a_person_must_mend_is_told_and_not_tried_again(code: int, body: Any, told: str) -> None:
    service = Service(status(code, body))
    failed = failure(client_for(service))
    assert isinstance(failed, AccessDenied)
    assert told in str(failed)
    assert len(service.asked) == 1


def test_an_answer_without_end_is_refused() -> None:
    failed = failure(client_for(Service(httpx.Response(200, content=b"x" * (8 * 1024 * 1024 + 1)))))
    assert isinstance(failed, Garbled)
    assert failed.fault is AnswerFault.TOO_LARGE


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


@each_of(
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


def test_a_request_that_is_called_off_stays_called_off() -> None:
    async def called_off() -> None:
        client = client_for(Slow())
        async with asyncio.TaskGroup() as group:
            task = group.create_task(client.post("/v1/x", within_s=60))
            await asyncio.sleep(0)
            task.cancel()
        assert task.cancelled()

    asyncio.run(called_off())


# ---- the breaker and the holds ----


def test_a_service_that_fails_again_and_again_is_left_alone_and_looked_at_later() -> None:
    clock, service = Wall(), Service(*[status(500)] * 3, ok())
    client = client_for(service, clock)
    for _ in range(3):
        failure(client, within_s=0.01)
    told = failure(client)
    assert isinstance(told, TryLater)
    assert told.retry_after_s == 5
    assert len(service.asked) == 3
    clock.now += 5
    assert isinstance(ask(client)[0], ServiceAnswer)


def test_a_refused_key_holds_the_whole_client_and_alarms_once(caplog: pytest.LogCaptureFixture) -> None:
    clock, service = Wall(), Service(status(401))
    client = client_for(service, clock)
    with caplog.at_level(logging.ERROR):
        first, second, third = ask(client, 3)
    assert len(service.asked) == 1
    assert all(isinstance(one, AccessDenied) for one in (first, second, third))
    assert "not asked" in str(second)
    assert len(caplog.records) == 1
    assert isinstance(failure(client, about="another"), AccessDenied)
    clock.now += 60
    failure(client)
    assert len(service.asked) == 2
    assert len(caplog.records) == 1


def test_a_model_that_is_gone_holds_that_model_alone() -> None:
    service = Service(status(410), ok())
    client = client_for(service)
    assert isinstance(failure(client, about="old"), AccessDenied)
    assert isinstance(failure(client, about="old"), AccessDenied)
    assert isinstance(ask(client, about="new")[0], ServiceAnswer)
    assert len(service.asked) == 2


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
    assert isinstance(found, ServiceAnswer)
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
