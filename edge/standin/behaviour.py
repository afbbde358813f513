"""How the stand-in can be told to misbehave, and which order counts for a request."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from random import Random
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

PUBLISHED_P50_MS = 350.0
PUBLISHED_P95_MS = 1200.0
"""The published times of the audio models' answers, median and 95th percentile."""

_Z95 = 1.6448536269514722
"""The 95th percentile of the standard normal distribution."""


class Cut(StrEnum):
    """Where a connection breaks."""

    BEFORE_HEADERS = "before_headers"
    AFTER_HEADERS = "after_headers"
    HALF_BODY = "half_body"


class Lie(StrEnum):
    """What a model can do other than answer as it was asked to."""

    FABRICATE = "fabricate"
    """Plausible identifiers in the place of those that were said, or of silence."""
    PROSE = "prose"
    LEAKED_PROMPT = "leaked_prompt"
    WRONG_TYPES = "wrong_types"
    UNKNOWN_TOOL = "unknown_tool"
    TWO_CALLS = "two_calls"
    EXTRA_FIELDS = "extra_fields"
    NOT_JSON = "not_json"
    EMPTY = "empty"


class Behaviour(BaseModel):
    """One order: for which requests, how many of them, and what happens to those."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field("*", description="a glob on the path of the URL")
    times: Annotated[int, Field(ge=1)] | None = Field(None, description="so many requests; unset: all")
    share: float = Field(100, ge=0, le=100, description="percent of them to which it happens")
    seed: int = Field(2026, description="of all chance in it: the same orders and requests go the same way")
    delay_ms: float = Field(0, ge=0, description="no answer begins sooner after the request")
    latency: Literal["published"] | None = Field(None, description="wait as the published figures spread")
    status: Annotated[int, Field(ge=200, le=599)] | None = Field(None, description="from 400 on: the vendor's error")
    headers: Mapping[str, str] = Field(default_factory=dict, description="go along with the answer")
    body: str | None = Field(None, description="answer exactly this")
    content_type: str = Field("application/json", description="of that body")
    cut: Cut | None = None
    answer: Lie | None = None

    _random: Random = PrivateAttr()
    _left: int | None = PrivateAttr()

    def model_post_init(self, _: object) -> None:
        """Begin to count."""
        self._random = Random(self.seed)  # noqa: S311 - a reproducible chance, not a secret
        self._left = self.times

    def concerns(self, path: str) -> bool:
        """Is it meant for a request to this path, and not used up?"""
        return self._left != 0 and fnmatchcase(path, self.path)

    def taken(self) -> bool:
        """Count one request; does it happen to this one?"""
        if self._left is not None:
            self._left -= 1
        return self._random.random() * 100 < self.share

    def wait_s(self) -> float:
        """How long the next answer takes, in seconds."""
        return (published_ms(self._random) if self.latency else self.delay_ms) / 1000

    def chance(self) -> Random:
        """The source of all that is made up on this order."""
        return self._random


def published_ms(random: Random) -> float:
    """A time of answer in milliseconds, log-normal through the published median and 95th percentile."""
    sigma = math.log(PUBLISHED_P95_MS / PUBLISHED_P50_MS) / _Z95
    return random.lognormvariate(math.log(PUBLISHED_P50_MS), sigma)


class Orders:
    """All that was told, in order: standing orders first given at the start, and those of a test."""

    def __init__(self, standing: tuple[Behaviour, ...] = ()) -> None:
        self._standing = standing
        self._told: list[Behaviour] = []

    def tell(self, behaviour: Behaviour) -> None:
        """One more, which counts after those told before it."""
        self._told.append(behaviour)

    def forget(self) -> None:
        """Only the standing ones are left."""
        self._told.clear()

    def upon(self, path: str) -> list[Behaviour]:
        """What happens to this request: the first told order that is for it, else every standing one."""
        told = next((behaviour for behaviour in self._told if behaviour.concerns(path)), None)
        concerned = [told] if told else [behaviour for behaviour in self._standing if behaviour.concerns(path)]
        return [behaviour for behaviour in concerned if behaviour.taken()]
