"""Failures of services, typed by the action they require. Messages contain no key and no speech.

All are `Unavailable`: there is no reading now, and the utterance is deferred.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

from dockvoice_protocol.errors import Unavailable
from dockvoice_protocol.records import Usage
from dockvoice_protocol.strict_json import DuplicateKey, ExceedsLimits, NotStrict, ParserLimits, parse_strict

LIMITS = ParserLimits(depth=32, integer=18, fraction=32)
"""Of the JSON that a service writes. Its answers have about ten objects in one another; an integer of 64 bits may have
18 characters; a double written in full has 24, and likelihoods are."""

_REQUEST_IDS = ("x-request-id", "apim-request-id", "x-ms-request-id", "request-id", "x-goog-request-id", "x-requestid")
"""Headers that name a request: OpenAI and vLLM, Azure, ElevenLabs, Google, Azure Speech."""

_PASSING = frozenset({408, 409, 425, 429})  # Statuses that pass by themselves, beside 500 and above.

_BARRING = {
    401: "the key is refused; give a valid one",
    402: "the account has no credit; top it up",
    403: "the key may not use this model; allow it in the service's console",
    404: "the service does not know the model or the address; see `dockvoice doctor`",
    410: "the model was shut down; name another one in understand.interpreters",
}
"""What a person must do."""

_BAD_KEY = frozenset({"API_KEY_INVALID", "API_KEY_EXPIRED"})
"""Reasons under which the Gemini API refuses a key, with status 400."""

_NO_CREDIT = frozenset({"insufficient_quota", "billing_hard_limit_reached", "quota_exceeded"})
"""Codes under which a status of 429 or 401 means that the money is spent: OpenAI's two, and ElevenLabs'."""

_CODE = re.compile(r"[A-Za-z][A-Za-z_.]{1,39}")
"""How codes of errors look. Nothing else of an error is repeated: its text may hold a key, or what was said."""

_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,100}")


class Failure(Unavailable):
    """The base of all failures of a service; only subclasses are raised."""

    def __init__(self, client: str, message: str, request_id: str | None = None) -> None:
        """`message`: what happened and what to do. `request_id`: the service's name for the request."""
        super().__init__(f"client {client!r}: {message}" + (f" (request {request_id})" if request_id else ""))
        self.client = client
        self.request_id = request_id
        self.usage: Usage | None = None  # What was paid all the same.


class TryLater(Failure):
    """The service is busy, broken or unreachable; a later retry may succeed."""

    def __init__(
        self, client: str, message: str, request_id: str | None = None, retry_after_s: float | None = None
    ) -> None:
        """`retry_after_s`: the pause that the service or the breaker demands, in seconds."""
        super().__init__(client, message, request_id)
        self.retry_after_s = retry_after_s


class Rejected(Failure):
    """The service rejects the request: a fault of this program or its settings. Not retried."""


class AccessDenied(Failure):
    """The key is refused or the model does not exist: a person must act. Requests are blocked for a while."""

    def __init__(self, client: str, message: str, request_id: str | None = None, *, concerns_key: bool = False) -> None:
        """`concerns_key`: all models of the client are blocked; else only one."""
        super().__init__(client, message, request_id)
        self._message = message
        self.concerns_key = concerns_key

    def copy_for_unsent(self) -> AccessDenied:
        """A copy, for a request that was not sent."""
        return AccessDenied(self.client, f"not asked: {self._message}", concerns_key=self.concerns_key)


class AnswerFault(StrEnum):
    """Why an answer is no reading, as a code to be counted."""

    NOT_JSON = "not_json"
    DUPLICATE_KEY = "duplicate_key"
    TOO_LARGE = "too_large"  # More than any reading needs, in length, depth or the size of a number.
    WRONG_SHAPE = "wrong_shape"  # JSON, but not what the service documents or the tool asks for.
    EMPTY = "empty"
    HALF_STREAM = "half_stream"  # The stream ended before the answer did.
    TRUNCATED = "truncated"  # The model stopped at the longest answer it may give.
    FILTERED = "filtered"  # The service withheld the answer.
    NO_CALL = "no_call"  # Neither a tool call nor text.
    PROSE = "prose"  # Text in place of a tool call.
    SEVERAL_CALLS = "several_calls"
    UNKNOWN_TOOL = "unknown_tool"
    NOTHING_HEARD = "nothing_heard"  # An act of the operator without its words.
    LEAKED_PROMPT = "leaked_prompt"  # The words heard are those of the prompt.

    @classmethod
    def from_not_strict(cls, found: NotStrict) -> AnswerFault:
        """The fault for a text that is not strict JSON."""
        match found:
            case DuplicateKey():
                return cls.DUPLICATE_KEY
            case ExceedsLimits():
                return cls.TOO_LARGE
            case _:
                return cls.NOT_JSON


class Garbled(Failure):
    """The answer is no valid reading. A retry may give one, and costs again."""

    def __init__(self, client: str, fault: AnswerFault, message: str, request_id: str | None = None) -> None:
        """`message`: the fault, without a quote of the answer, which may contain speech."""
        super().__init__(
            client, f"the answer is no reading ({fault}): {message}; the utterance must be read again", request_id
        )
        self.fault = fault


def classify_response(client: str, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """The failure for a response of status 300 and above."""
    request_id, code = find_request_id(headers), _parse_error_code(body)
    message = f"status {status}" + (f", {code}" if code else "")
    if code in _NO_CREDIT:
        return AccessDenied(client, f"{message}: {_BARRING[402]}", request_id, concerns_key=True)
    if code in _BAD_KEY:
        return AccessDenied(client, f"{message}: {_BARRING[401]}", request_id, concerns_key=True)
    if status in _BARRING:
        return AccessDenied(client, f"{message}: {_BARRING[status]}", request_id, concerns_key=status in {401, 402})
    if status in _PASSING or status >= 500:  # noqa: PLR2004 - RFC 9110, 15.6: the server's own fault
        wait = _parse_retry_after_s(headers)
        return TryLater(client, f"{message}: busy or broken; it is tried again", request_id, wait)
    return Rejected(client, f"{message}: the request was not taken; see the interpreter's settings", request_id)


def find_request_id(headers: Mapping[str, str]) -> str | None:
    """The service's id of the request, for its support."""
    given = (headers[name] for name in _REQUEST_IDS if name in headers)
    return next((one for one in given if _ID.fullmatch(one)), None)


def _parse_retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The demanded pause in seconds: `retry-after-ms` (OpenAI) or `retry-after` (RFC 9110, 10.2.3)."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", given := headers.get(name, "").strip()):
            return float(given) * unit
    try:
        until = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _parse_error_code(body: bytes) -> str | None:
    """The code inside an error: `error.code` or `.type` (OpenAI, Azure), `error.status` (Google), `detail.status`.

    Google's says more in the `reason` of one of its `details`.
    """
    try:
        found = parse_strict(body, LIMITS)
    except NotStrict:
        return None
    error = next((found[key] for key in ("error", "detail") if key in found), None) if isinstance(found, dict) else None
    if not isinstance(error, dict):
        return None
    details = error.get("details")
    reasons = [one.get("reason") for one in details if isinstance(one, dict)] if isinstance(details, list) else []
    codes = [*reasons, *(error.get(key) for key in ("code", "status", "type"))]
    return next((code for code in codes if isinstance(code, str) and _CODE.fullmatch(code)), None)
