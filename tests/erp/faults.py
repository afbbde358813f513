"""What may be wrong with another system, put between a connector and it: away, slow, in trouble, doubling, dead.

Each is a transport of httpx, so it holds for whatever is behind it, a fake or a real server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

import httpx

from tests.tiers import DAY_SEED

Asked = Callable[[httpx.Request], bool]


class Killed(BaseException):
    """Our own process ends here."""


class Fault(httpx.BaseTransport):
    """Nothing is wrong. `changes` tells which requests change anything there."""

    def __init__(self, other: httpx.BaseTransport, changes: Asked, now: Callable[[], datetime]) -> None:
        self.other, self.changes, self.now = other, changes, now
        self.requests = self.changing = 0
        self.struck = 0  # How often the fault has shown.

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests += 1
        self.changing += self.changes(request)
        return self.answer(request)

    def answer(self, request: httpx.Request) -> httpx.Response:
        return self.done(request)

    def done(self, request: httpx.Request) -> httpx.Response:
        response = self.other.handle_request(request)
        response.read()
        return response


class DownForAnHour(Fault):
    """Nobody is there for an hour from the first request on."""

    until: datetime | None = None

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.until = self.until or self.now() + timedelta(hours=1)
        if self.now() < self.until:
            self.struck += 1
            raise httpx.ConnectError("Connection refused")
        return self.done(request)


class Slow(Fault):
    """Of what changes anything, every third is done, but so late that its answer is waited for in vain."""

    def answer(self, request: httpx.Request) -> httpx.Response:
        response = self.done(request)
        if self.changes(request) and self.changing % 3 == 1:
            self.struck += 1
            raise httpx.ReadTimeout("timed out")
        return response


class Answers500(Fault):
    """The second, third and fifth request, and one of ten by chance, are answered 500: half of those were done."""

    def __init__(self, other: httpx.BaseTransport, changes: Asked, now: Callable[[], datetime]) -> None:
        super().__init__(other, changes, now)
        self.chance = Random(DAY_SEED)

    def answer(self, request: httpx.Request) -> httpx.Response:
        if self.requests not in {2, 3, 5} and self.chance.random() > 0.1:
            return self.done(request)
        self.struck += 1
        if self.struck % 2:
            self.done(request)
        return httpx.Response(500, text="Internal Server Error")


@dataclass
class DoesNothing:
    """Makes a transport that says of the first so many changes that it did them, and did not."""

    says: Mapping[str, object] = field(default_factory=dict)
    times: int = 4

    def __call__(self, other: httpx.BaseTransport, changes: Asked, now: Callable[[], datetime]) -> Fault:
        return _DoesNothing(self.says, self.times, other, changes, now)


class _DoesNothing(Fault):
    def __init__(
        self,
        says: Mapping[str, object],
        times: int,
        other: httpx.BaseTransport,
        changes: Asked,
        now: Callable[[], datetime],
    ) -> None:
        super().__init__(other, changes, now)
        self.says, self.times = says, times

    def answer(self, request: httpx.Request) -> httpx.Response:
        if not self.changes(request) or self.struck >= self.times:
            return self.done(request)
        self.struck += 1
        return httpx.Response(200, json=self.says)


class Doubles(Fault):
    """Whatever changes anything arrives twice."""

    def answer(self, request: httpx.Request) -> httpx.Response:
        if self.changes(request):
            self.struck += 1
            self.done(httpx.Request(request.method, request.url, headers=request.headers, content=request.content))
        return self.done(request)


class DiesBeforeTheAnswer(Fault):
    """Of what changes anything, every fourth is done, and our process ends before the answer is there."""

    def answer(self, request: httpx.Request) -> httpx.Response:
        response = self.done(request)
        if self.changes(request) and self.changing % 4 == 1:
            self.struck += 1
            raise Killed
        return response
