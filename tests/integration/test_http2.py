"""HTTP/2 where a service offers it: agreed on over TLS (ALPN), one connection for requests side by side."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypercorn.asyncio import serve
from hypercorn.config import Config

from edge.config import ClientSettings
from edge.understand.remote.client import Client, ServiceAnswer
from tests.servers.certificates import HERE, Authority

WITHIN_S = 30.0

Told = list[tuple[str, int]]


async def version(scope: Any, receive: Any, send: Any) -> None:
    """A service that answers with the version of HTTP that it was asked in, and the client's port."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    told = json.dumps([scope["http_version"], scope["client"][1]]).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": told})


@pytest.mark.parametrize(("offered", "spoken"), [(["h2", "http/1.1"], "2"), (["http/1.1"], "1.1")])
def test_http_2_is_spoken_where_it_is_offered(
    offered: list[str], spoken: str, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    authority, port = Authority(tmp_path), free_port()
    issued = authority.sign("service", HERE)
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.certfile, config.keyfile, config.alpn_protocols = str(issued.certificate), str(issued.key), offered
    config.errorlog = None

    async def asked() -> Told:
        stopped = asyncio.Event()
        settings = ClientSettings(
            kind="openai", url=f"https://127.0.0.1:{port}", key="k", ca_file=authority.issued.certificate
        )
        client = Client("service", settings)
        async with asyncio.TaskGroup() as group:
            group.create_task(serve(version, config, shutdown_trigger=stopped.wait))
            await client.post("/v1/first", json={}, within_s=WITHIN_S)  # again until it listens
            answers: list[asyncio.Task[ServiceAnswer]] = [
                group.create_task(client.post("/v1/x", json={}, within_s=WITHIN_S)) for _ in range(3)
            ]
            await asyncio.wait(answers)
            await client.aclose()
            stopped.set()
        return [tuple(answer.result().json()) for answer in answers]

    told = asyncio.run(asked())
    assert {version for version, _ in told} == {spoken}
    assert (len({port for _, port in told}) == 1) == (spoken == "2")
