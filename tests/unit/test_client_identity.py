"""Who we are to a service, and where it is: keys, tokens, addresses and regions, and none of it told."""

from __future__ import annotations

import asyncio
import logging
import sys
import traceback
from pathlib import Path
from typing import Any

import httpx
import pytest

from dockvoice_protocol.errors import Misconfigured
from edge.config import ClientSettings
from edge.understand.remote.client import Client, ServiceAnswer
from edge.understand.remote.failures import AccessDenied, Failure, Rejected
from tests.rows import each_of, rows_of
from tests.standin.services import AZURE, KEY, Reply, Service, Wall, ask, client_for, failure, ok, status


@each_of(
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
    assert isinstance(failure(client), AccessDenied)
    assert service.asked == []
    for token in ("first", "second"):
        file.write_text(f"{token}\n")
        other = client_for(service, key=None, token_file=file)
        ask(other)
    assert [asked.headers["authorization"] for asked in service.asked] == ["Bearer first", "Bearer second"]


def test_a_token_that_a_command_prints_is_kept_for_a_while_and_renewed_then_or_when_it_is_refused(
    tmp_path: Path,
) -> None:
    clock, service = Wall(), Service(ok(), ok(), ok(), status(401), ok())
    count, script = tmp_path / "count", tmp_path / "token.py"
    script.write_text(
        f"p=open({str(count)!r},'a');p.write('x');p.close();print('t'+str(len(open({str(count)!r}).read())))"
    )
    client = client_for(service, clock, key=None, token_command=f"{sys.executable} {script}")
    ask(client, 2)
    clock.now += 301
    ask(client)
    failure(client)
    clock.now += 60
    ask(client)
    sent = [asked.headers["authorization"].removeprefix("Bearer ") for asked in service.asked]
    assert sent == ["t1", "t1", "t2", "t2", "t3"]


@each_of(("command", "told"), rows_of("client_identity", "a_token_command_that_gives_none"))
def test_a_token_command_that_gives_none_is_told(command: str, told: str) -> None:
    failed = failure(client_for(Service(ok()), key=None, token_command=command))
    assert isinstance(failed, AccessDenied)
    assert told in str(failed)


@each_of(("settings", "address"), rows_of("client_identity", "where_an_operation_is"))
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
    assert isinstance(failure(client_for(service)), Rejected)
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
    assert isinstance(ask(inside)[0], ServiceAnswer)
    outside = client_for(Service(ok(**{"x-ms-region": "East US 2"})), **azure)
    failed = failure(outside)
    assert isinstance(failed, AccessDenied)
    assert "residency is 'eu', but region 'eastus2' answered" in str(failed)


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
