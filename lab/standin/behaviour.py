"""Ordered misbehaviour: delays, refusals in each vendor's error format, truncated answers."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Mapping
from enum import StrEnum
from fnmatch import fnmatchcase
from random import Random
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr
from starlette.responses import JSONResponse, Response

_PUBLISHED_P50_MS = 350.0
_PUBLISHED_P95_MS = 1200.0  # Published median and 95th percentile of audio models' answer times, ms.

_Z95 = 1.6448536269514722  # The 95th percentile of the standard normal distribution.


class CutPoint(StrEnum):
    """The point at which a connection breaks."""

    BEFORE_HEADERS = "before_headers"
    AFTER_HEADERS = "after_headers"
    HALF_BODY = "half_body"


class WrongAnswerKind(StrEnum):
    """Kinds of wrong answers of a model."""

    FABRICATE = "fabricate"  # Plausible identifiers in place of the spoken ones, or of silence.
    PROSE = "prose"
    LEAKED_PROMPT = "leaked_prompt"
    WRONG_TYPES = "wrong_types"
    UNKNOWN_TOOL = "unknown_tool"
    TWO_CALLS = "two_calls"
    EXTRA_FIELDS = "extra_fields"
    NOT_JSON = "not_json"
    EMPTY = "empty"


class Behaviour(BaseModel):
    """One ordered misbehaviour: for which requests, how many of them, and what happens."""

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
    cut: CutPoint | None = None
    answer: WrongAnswerKind | None = None

    _random: Random = PrivateAttr()
    _left: int | None = PrivateAttr()

    def model_post_init(self, _: object) -> None:
        """Start the count of remaining times and the random generator, after pydantic has set the fields."""
        self._random = Random(self.seed)  # noqa: S311 - a reproducible chance, not a secret
        self._left = self.times

    def applies_to_path(self, path: str) -> bool:
        """Whether the path matches and the count is not used up."""
        return self._left != 0 and fnmatchcase(path, self.path)

    def count_and_decide(self) -> bool:
        """Count one request; decide at random, by `share`, whether to apply the behaviour."""
        if self._left is not None:
            self._left -= 1
        return self._random.random() * 100 < self.share

    def wait_s(self) -> float:
        """Delay of the next answer in seconds."""
        return (_draw_latency_ms(self._random) if self.latency else self.delay_ms) / 1000

    def random_generator(self) -> Random:
        """The behaviour's random generator."""
        return self._random


def _draw_latency_ms(random: Random) -> float:
    """Draw an answer time in milliseconds: log-normal with the published median and 95th percentile."""
    sigma = math.log(_PUBLISHED_P95_MS / _PUBLISHED_P50_MS) / _Z95
    return random.lognormvariate(math.log(_PUBLISHED_P50_MS), sigma)


class BehaviourQueue:
    """All ordered behaviours: those from the start, and those added by tests."""

    def __init__(self, standing: tuple[Behaviour, ...] = ()) -> None:
        self._standing = standing
        self._added: list[Behaviour] = []

    def add(self, behaviour: Behaviour) -> None:
        """Add a behaviour; earlier ones take precedence."""
        self._added.append(behaviour)

    def remove_added(self) -> None:
        """Remove the behaviours added by tests; keep those from the start."""
        self._added.clear()

    def select_for(self, path: str) -> list[Behaviour]:
        """The behaviours for a request: the first added one that matches, else all matching ones from the start."""
        added = next((behaviour for behaviour in self._added if behaviour.applies_to_path(path)), None)
        concerned = [added] if added else [behaviour for behaviour in self._standing if behaviour.applies_to_path(path)]
        return [behaviour for behaviour in concerned if behaviour.count_and_decide()]


class Vendor(StrEnum):
    """The vendor whose wire format a path uses."""

    OPENAI = "openai"
    AZURE = "azure"
    GEMINI = "gemini"
    GOOGLE_SPEECH = "google-speech"
    AZURE_SPEECH = "azure-speech"
    ELEVENLABS = "elevenlabs"
    MISTRAL = "mistral"
    DEEPGRAM = "deepgram"
    WHISPER_CPP = "whisper.cpp"


_BEGINNINGS = {
    "/openai/": Vendor.AZURE,
    "/v1beta/": Vendor.GEMINI,
    "/v1/projects/": Vendor.GEMINI,
    "/v2/": Vendor.GOOGLE_SPEECH,
    "/speech/": Vendor.AZURE_SPEECH,
    "/cognitiveservices/": Vendor.AZURE_SPEECH,
    "/v1/speech-to-text": Vendor.ELEVENLABS,
    "/v1/text-to-speech": Vendor.ELEVENLABS,
    "/v1/listen": Vendor.DEEPGRAM,
    "/inference": Vendor.WHISPER_CPP,
}


def vendor_of(path: str) -> Vendor:
    """The vendor of a path; OpenAI if no other matches."""
    if path.endswith((":generateContent", ":streamGenerateContent")):  # Gemini's without `beta` begin as OpenAI's do
        return Vendor.GEMINI
    return next((vendor for beginning, vendor in _BEGINNINGS.items() if path.startswith(beginning)), Vendor.OPENAI)


class Refusal(Exception):
    """Raised for a request that the vendor would refuse, with its status and message."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        param: str | None = None,
        kind: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.kind = kind  # The error's type, where it is not the usual one of its status.
        self.headers = headers or {}


MESSAGES = {
    400: "The request is not valid.",
    401: "Incorrect API key provided.",
    403: "This key may not use this resource.",
    404: "The resource does not exist.",
    408: "The request took too long.",
    410: "The model has been retired and can no longer be used.",
    413: "The request is too large.",
    429: "Rate limit reached. Please try again later.",
    500: "The server had an error while processing your request.",
    502: "Bad gateway.",
    503: "The engine is currently overloaded, please try again later.",
    504: "The server did not answer in time.",
}
"""Default message by status."""


def refusal_response(refusal: Refusal, vendor: Vendor) -> Response:
    """The refusal in this vendor's error format."""
    return JSONResponse(_SHAPES[vendor](refusal), refusal.status, headers=refusal.headers)


_OPENAI_TYPES = {
    401: "invalid_request_error",
    403: "invalid_request_error",
    429: "requests",
    500: "server_error",
    502: "server_error",
    503: "service_unavailable_error",
}
_OPENAI_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
_AZURE_CODES = {404: "DeploymentNotFound", 410: "ModelDeprecated"}
_STATUS_WORDS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""google.rpc.Code by HTTP status: https://cloud.google.com/apis/design/errors."""


def _openai_error(refusal: Refusal) -> Mapping[str, Any]:
    kind = refusal.kind or _OPENAI_TYPES.get(refusal.status, "invalid_request_error")
    code = refusal.code or _OPENAI_CODES.get(refusal.status)
    return {"error": {"message": refusal.message, "type": kind, "param": refusal.param, "code": code}}


def _azure_error(refusal: Refusal) -> Mapping[str, Any]:
    # Azure's gateway speaks before OpenAI's code does, and gives the status as its code.
    if refusal.status in {401, 404, 410, 429}:
        code = _AZURE_CODES.get(refusal.status, str(refusal.status))
        return {"error": {"code": code, "message": refusal.message}}
    return _openai_error(refusal)


def _google_error(refusal: Refusal) -> Mapping[str, Any]:
    status = _STATUS_WORDS.get(refusal.status, "UNKNOWN")
    return {"error": {"code": refusal.status, "message": refusal.message, "status": status}}


def _azure_speech_error(refusal: Refusal) -> Mapping[str, Any]:
    return {"error": {"code": refusal.code or str(refusal.status), "message": refusal.message}}


def _mistral_error(refusal: Refusal) -> Mapping[str, Any]:
    # The gateway authenticates first; another program validates the request.
    if refusal.status == 401:  # noqa: PLR2004 - HTTP's own number
        return {"detail": "Unauthorized"}
    kind = refusal.kind or ("invalid_model" if refusal.code == "model_not_found" else "invalid_request_error")
    message: Any = refusal.message
    if refusal.status == 422:  # noqa: PLR2004 - likewise
        message = {"detail": [{"type": refusal.code, "loc": ["body", refusal.param], "msg": refusal.message}]}
    return {"object": "error", "message": message, "type": kind, "param": refusal.param, "code": None}


def _deepgram_error(refusal: Refusal) -> Mapping[str, Any]:
    code = {401: "INVALID_AUTH", 403: "INSUFFICIENT_PERMISSIONS"}.get(refusal.status, "Bad Request")
    return {"err_code": code, "err_msg": refusal.message, "request_id": str(uuid.uuid4())}


def _elevenlabs_error(refusal: Refusal) -> Mapping[str, Any]:
    if refusal.status == 422:  # noqa: PLR2004 - HTTP's own number
        return {"detail": [{"type": refusal.code, "loc": ["body", refusal.param], "msg": refusal.message}]}
    return {"detail": {"status": refusal.code or f"error_{refusal.status}", "message": refusal.message}}


def _whisper_cpp_error(refusal: Refusal) -> Mapping[str, Any]:
    return {"error": refusal.message}


_SHAPES: Mapping[Vendor, Callable[[Refusal], Mapping[str, Any]]] = {
    Vendor.OPENAI: _openai_error,
    Vendor.AZURE: _azure_error,
    Vendor.GEMINI: _google_error,
    Vendor.GOOGLE_SPEECH: _google_error,
    Vendor.AZURE_SPEECH: _azure_speech_error,
    Vendor.ELEVENLABS: _elevenlabs_error,
    Vendor.MISTRAL: _mistral_error,
    Vendor.DEEPGRAM: _deepgram_error,
    Vendor.WHISPER_CPP: _whisper_cpp_error,
}
