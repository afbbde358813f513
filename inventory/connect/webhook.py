"""A webhook: each receipt and reversal is one signed HTTP request, by Standard Webhooks 1.0.0.

https://github.com/standard-webhooks/standard-webhooks. The receiver cannot be queried: it must drop a second message
with the same `webhook-id`, and an answer of 2xx means that it has stored the message.
"""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import httpx
from pydantic import Field, SecretStr
from standardwebhooks import Webhook as Signer

from dockvoice_protocol.config import Place, Section
from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.instants import rfc3339
from inventory.connect.notices import Notice, notice_members, receipt_notice, reversal_notice
from inventory.connect.ports import (
    Away,
    Connector,
    Declined,
    DeclineReason,
    Document,
    DocumentState,
    Posting,
    PulledData,
    ReversalReason,
)
from inventory.connect.settings import ConnectionSettings
from inventory.connect.web import ANSWER_TIMEOUT_S, Address, Http, HttpAnswer, shorten_to_line

_PREFIX = "whsec_"
_LEAST_SECRET, _MOST_SECRET = 24, 64  # Bytes of a key, from the standard.

_GONE = 410  # The receiver accepts no further message.
_REFUSED = 422  # The receiver declines this message.


class _ShownBy(StrEnum):
    """Which answer proves that a message was stored."""

    STATUS = "status"  # 2xx, as in the standard.
    ECHO = "echo"  # 2xx with the message's id, which a proxy that answers 200 by itself cannot know.


class WebhookSettings(Section):
    """The address and the signing keys."""

    url: Address = Field(description="where they are posted to")
    secret: SecretStr = Field(description="what messages are signed with: whsec_ and base64")
    old_secret: SecretStr | None = Field(
        None, description="the one before it: both sign while a receiver changes over; unset: none"
    )
    proof: _ShownBy = Field(_ShownBy.STATUS, description="what shows that a message was taken over: status or echo")
    answer_s: float = Field(ANSWER_TIMEOUT_S, gt=0, le=120, description="so long an answer may take, seconds")
    ca_file: Place | None = Field(None, description="whose certificates are trusted, PEM; unset: the system's")


class WebhookConnection(ConnectionSettings):
    """A connector to a webhook."""

    webhook: WebhookSettings

    def connector(self) -> Webhook:
        """Create the connector."""
        return Webhook("webhook", self.webhook)


class Webhook(Connector):
    """Connector that sends each notice as an HTTP request."""

    can_find = False

    def __init__(
        self,
        name: str,
        settings: WebhookSettings,
        *,
        transport: httpx.BaseTransport | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Raises Misconfigured for an invalid secret."""
        self._name = name
        self._settings = settings
        self._now = now
        given = {"secret": settings.secret, "old_secret": settings.old_secret}
        self._keys = [_signer(name, which, one.get_secret_value()) for which, one in given.items() if one is not None]
        self._web = Http(name, settings.url, ca_file=settings.ca_file, within_s=settings.answer_s, transport=transport)

    def find(self, posting: Posting) -> Sequence[Document]:
        """Empty: the receiver cannot be queried."""
        del posting
        return ()

    def post(self, posting: Posting, draft: Document | None) -> Document:
        """Send the posting's notice."""
        del draft
        return self._send(receipt_notice(posting), DocumentState.DONE)

    def reverse(self, posting: Posting, document: Document, why: ReversalReason) -> Document:
        """Send the notice that reverses the posting."""
        del document
        return self._send(reversal_notice(posting, why), DocumentState.REVERSED)

    def pull(self) -> PulledData:
        """No data: messages go one way."""
        return PulledData(None, None, None)

    def describe_system(self) -> str:
        """The address; only the first message shows whether it answers."""
        return f"webhook {self._settings.url}, Standard Webhooks 1.0.0, taken over by {self._settings.proof}"

    def close(self) -> None:
        """Close the connection."""
        self._web.close()

    def _send(self, notice: Notice, state: DocumentState) -> Document:
        body = json.dumps(_message(notice), ensure_ascii=False, separators=(",", ":"))
        stamp = int(self._now())
        at = datetime.fromtimestamp(stamp, UTC)
        headers = {
            "content-type": "application/json",
            "webhook-id": notice.reference,
            "webhook-timestamp": str(stamp),
            "webhook-signature": " ".join(key.sign(notice.reference, at, body) for key in self._keys),
        }
        answer = self._web.ask("POST", content=body.encode(), headers=headers)
        self._require_taken(notice, answer)
        return Document(notice.posting.reference, notice.reference, state)

    def _require_taken(self, notice: Notice, answer: HttpAnswer) -> None:
        if answer.status == _GONE:
            advice = "wants nothing more (410); remove this connector, or set its url"
            raise Misconfigured(f"{self._name}: {self._settings.url} {advice}")
        if answer.status == _REFUSED:
            raise _declined(answer)
        if not answer.is_success:
            raise Away(f"{self._name}: {self._settings.url} answered {answer.status}: {answer.excerpt() or '-'}")
        if self._settings.proof is _ShownBy.ECHO and notice.reference not in _echoed_ids(answer):
            raise Away(
                f"{self._name}: {self._settings.url} answered {answer.status} without the id {notice.reference}, as a "
                'header webhook-id or as `id` in JSON; let the receiver say it, or set proof = "status"'
            )


def _message(notice: Notice) -> dict[str, Any]:
    """The JSON of a message."""
    data = {**notice_members(notice), "fields": dict(notice.posting.fields)}
    return {"type": f"dockvoice.{notice.deed}", "timestamp": rfc3339(notice.at), "data": data}


def _signer(name: str, which: str, secret: str) -> Signer:
    # Signer accepts a secret of any length, and ignores characters that are not base64.
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith(_PREFIX) or not _LEAST_SECRET <= len(key) <= _MOST_SECRET:
        raise Misconfigured(
            f"{name}: {which}: is none; allowed is {_PREFIX} and {_LEAST_SECRET} to {_MOST_SECRET} bytes in base64: "
            f'`echo "{_PREFIX}$(openssl rand -base64 32)"` makes one'
        )
    return Signer(key)


def _declined(answer: HttpAnswer) -> Declined:
    found = answer.json()
    said = found if isinstance(found, dict) else {}
    why = next((one for one in DeclineReason if one == said.get("reason")), DeclineReason.OTHER)
    message_text = shorten_to_line(str(said.get("message") or "")) or answer.excerpt() or "it says no more"
    return Declined(why, message_text)


def _echoed_ids(answer: HttpAnswer) -> set[str]:
    found = answer.json()
    return {answer.headers.get("webhook-id", ""), str(found.get("id", "")) if isinstance(found, dict) else ""}
