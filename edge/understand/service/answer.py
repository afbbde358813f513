"""What a service answered, and what an answer that is none means for us."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from edge.understand.service.failures import Barred, Failure, Garbled, OurFault, TryLater
from edge.understand.service.strict_json import NotStrict, strict

REQUEST_IDS = ("x-request-id", "apim-request-id", "x-ms-request-id", "request-id", "x-goog-request-id", "x-requestid")
"""Headers that name a request: OpenAI and vLLM, Azure, ElevenLabs, Google, Azure Speech."""

PASSING = frozenset({408, 409, 425, 429})
"""Statuses that pass by themselves, beside 500 and above."""

BARRING = {
    401: "the key is refused; give a valid one",
    402: "the account has no credit; top it up",
    403: "the key may not use this model; allow it in the service's console",
    404: "the service does not know the model or the address; see `dockvoice doctor`",
    410: "the model was shut down; name another one in understand.interpreters",
}
"""What a person must do."""

BAD_KEY = frozenset({"API_KEY_INVALID", "API_KEY_EXPIRED"})
"""Reasons under which the Gemini API refuses a key, with status 400."""

NO_CREDIT = frozenset({"insufficient_quota", "billing_hard_limit_reached", "quota_exceeded"})
"""Codes under which a status of 429 or 401 means that the money is spent: OpenAI's two, and ElevenLabs'."""

_CODE = re.compile(r"[A-Za-z][A-Za-z_.]{1,39}")
"""How codes of errors look. Nothing else of an error is repeated: its text may hold a key, or what was said."""

_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,100}")


@dataclass(frozen=True, slots=True)
class Answer:
    """A response of status 200 to 299."""

    client: str
    status: int
    headers: Mapping[str, str]
    """By name in small letters."""
    body: bytes = field(repr=False)
    request_id: str | None
    seconds: float
    """From the first try to the last byte."""

    def json(self) -> Any:
        """The body as strict JSON. Raises Garbled."""
        return self._strict(self.body)

    def events(self) -> list[Any]:
        """The data of each server-sent event as strict JSON, in order, up to `[DONE]`. Raises Garbled.

        The lines are WHATWG's: `data:` with or without a space, several of one event joined, comments left out.
        """
        lines = self.body.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
        found: list[Any] = []
        for event in lines.split("\n\n"):
            data = [line[5:].removeprefix(" ") for line in event.split("\n") if line.startswith("data:")]
            if data == ["[DONE]"]:
                break
            if data:
                found.append(self._strict("\n".join(data)))
        return found

    def _strict(self, text: str | bytes) -> Any:
        try:
            return strict(text)
        except NotStrict as fault:
            raise Garbled(self.client, fault.fault, fault.told, self.request_id) from None


def failure(client: str, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """What a response of status 300 and above means."""
    request_id, code = request_id_of(headers), _code(body)
    told = f"status {status}" + (f", {code}" if code else "")
    if code in NO_CREDIT:
        return Barred(client, f"{told}: {BARRING[402]}", request_id, concerns_key=True)
    if code in BAD_KEY:
        return Barred(client, f"{told}: {BARRING[401]}", request_id, concerns_key=True)
    if status in BARRING:
        return Barred(client, f"{told}: {BARRING[status]}", request_id, concerns_key=status in {401, 402})
    if status in PASSING or status >= 500:  # noqa: PLR2004 - RFC 9110, 15.6: the server's own fault
        wait = retry_after_s(headers)
        return TryLater(client, f"{told}: busy or broken; it is tried again", request_id, wait)
    return OurFault(client, f"{told}: the request was not taken; see the interpreter's settings", request_id)


def request_id_of(headers: Mapping[str, str]) -> str | None:
    """What the service calls the request: for its support."""
    given = (headers[name] for name in REQUEST_IDS if name in headers)
    return next((one for one in given if _ID.fullmatch(one)), None)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """How long the service wants to be left alone: `retry-after-ms` is OpenAI's, `retry-after` RFC 9110's, 10.2.3."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", given := headers.get(name, "").strip()):
            return float(given) * unit
    try:
        until = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _code(body: bytes) -> str | None:
    """The code inside an error: `error.code` or `.type` (OpenAI, Azure), `error.status` (Google), `detail.status`.

    Google's says more in the `reason` of one of its `details`.
    """
    try:
        found = strict(body)
    except NotStrict:
        return None
    error = next((found[key] for key in ("error", "detail") if key in found), None) if isinstance(found, dict) else None
    if not isinstance(error, dict):
        return None
    details = error.get("details")
    reasons = [one.get("reason") for one in details if isinstance(one, dict)] if isinstance(details, list) else []
    codes = [*reasons, *(error.get(key) for key in ("code", "status", "type"))]
    return next((code for code in codes if isinstance(code, str) and _CODE.fullmatch(code)), None)
