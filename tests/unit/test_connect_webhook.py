import base64
import hmac
import json
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook as Receiver

from dockvoice_protocol.errors import Misconfigured
from inventory.connect.ports import Away, Declined, DeclineReason, DocumentState
from inventory.connect.webhook import Webhook, WebhookSettings
from tests.erp.postings import because, posting
from tests.rows import each_of

SECRET = "whsec_" + base64.b64encode(b"a secret of twenty-four bytes").decode()
OLD = "whsec_" + base64.b64encode(b"the one that was used before").decode()

PREFIXES = ("", "whsec_")


class Other:
    """What is behind the address: answers as it is told, and keeps what came."""

    def __init__(self, status: int = 204, body: Any = None, **headers: str) -> None:
        self.status, self.body, self.headers = status, body, headers
        self.came: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.came.append(request)
        content = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode() if self.body else b""
        headers = {name.replace("_", "-"): value for name, value in self.headers.items()}
        return httpx.Response(self.status, content=content, headers=headers)


def hook(other: Any, secret: str = SECRET, **settings: Any) -> Webhook:
    given = WebhookSettings.model_validate({"url": "https://wms.example/in", "secret": secret, **settings})
    return Webhook("wms", given, transport=httpx.MockTransport(other))


@each_of("status", [400, 401, 403, 404, 409, 413, 429, 500, 502, 503, 504])
def test_what_is_not_taken_is_sent_again_later(status: int) -> None:
    with pytest.raises(Away, match=f"answered {status}: overloaded"):
        hook(Other(status, b"overloaded")).post(posting(), None)


@each_of(("asked", "wait_s"), [("120", 120.0), ("999999", 3600.0), ("soon", None)])
def test_how_long_it_asks_to_be_left_alone_is_handed_on(asked: str, wait_s: float | None) -> None:
    with pytest.raises(Away) as found:
        hook(Other(503, retry_after=asked)).post(posting(), None)
    assert found.value.wait_s == wait_s


def test_a_receiver_that_is_gone_is_told_to_a_person() -> None:
    with pytest.raises(Misconfigured, match=r"wants nothing more \(410\); remove this connector"):
        hook(Other(410)).post(posting(), None)


def test_a_key_goes_nowhere_else() -> None:
    other = Other(301, location="https://elsewhere.example")
    with pytest.raises(Misconfigured, match=r"has moved to https://elsewhere\.example; set its url"):
        hook(other).post(posting(), None)
    assert len(other.came) == 1


@each_of(
    ("body", "why", "told"),
    [
        ({"reason": "lot_missing", "message": "A100 wants a lot"}, DeclineReason.LOT_MISSING, "A100 wants a lot"),
        ({"reason": "whatever", "message": "no"}, DeclineReason.OTHER, "no"),
        (b"<h1>no\x1b[2J</h1>", DeclineReason.OTHER, "<h1>no [2J</h1>"),
        (None, DeclineReason.OTHER, "it says no more"),
    ],
)
def test_a_refusal_of_one_message_is_no_fault_of_the_connection(body: Any, why: DeclineReason, told: str) -> None:
    with pytest.raises(Declined) as found:
        hook(Other(422, body)).post(posting(), None)
    assert (found.value.why, str(found.value)) == (why, told)


def test_what_answers_200_by_itself_is_found_out_where_an_echo_is_agreed() -> None:
    portal = Other(200, b"<html>Please sign in to the guest network</html>")
    with pytest.raises(Away, match="answered 200 without the id"):
        hook(portal, proof="echo").post(posting(), None)
    assert hook(portal).post(posting(), None).state is DocumentState.DONE  # else nobody can tell
    for told in (Other(200, {"id": posting().reference}), Other(204, webhook_id=posting().reference)):
        assert hook(told, proof="echo").post(posting(), None).state is DocumentState.DONE


def test_the_official_library_verifies_it_and_finds_what_was_said() -> None:
    other = Other()
    hook(other).post(posting(1, pallet="007", operator=None), None)
    (request,) = other.came
    found = Receiver(SECRET).verify(request.content, dict(request.headers))
    assert (found["type"], found["timestamp"]) == ("dockvoice.receipt", "2026-11-22T08:01:00.000Z")
    assert (found["data"]["pallet"], found["data"]["quantity"], found["data"]["unit"]) == ("007", "24", "CS")
    assert request.headers["webhook-id"] == posting(1).reference


def test_the_signature_is_the_one_that_the_standard_describes() -> None:
    """The library signs and verifies with the same code: this counts it from the text of the standard."""
    other = Other()
    hook(other, old_secret=OLD).post(posting(), None)
    (request,) = other.came
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.content
    keys = [base64.b64decode(secret.removeprefix("whsec_")) for secret in (SECRET, OLD)]
    made = [base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys]
    assert request.headers["webhook-signature"] == f"v1,{made[0]} v1,{made[1]}"


def test_the_id_stays_and_the_moment_does_not_when_it_is_sent_again() -> None:
    other, moments = Other(), iter([1_700_000_000.0, 1_700_000_600.0])
    given = WebhookSettings.model_validate({"url": "https://wms.example/in", "secret": SECRET})
    sender = Webhook("wms", given, transport=httpx.MockTransport(other), now=lambda: next(moments))
    sender.post(posting(), None)
    sender.post(posting(), None)
    assert [one.headers["webhook-id"] for one in other.came] == [posting().reference] * 2
    assert [one.headers["webhook-timestamp"] for one in other.came] == ["1700000000", "1700000600"]
    assert other.came[0].content == other.came[1].content


def test_a_reversal_never_has_the_id_of_what_stands_in_its_place() -> None:
    other = Other()
    sender = hook(other)
    first, second = posting(1), posting(2, amends=posting(1).reference)
    document = sender.post(first, None)
    assert sender.reverse(first, document, because(2, amended=True)).state is DocumentState.REVERSED
    sender.post(second, None)
    found = [(json.loads(one.content)["type"], one.headers["webhook-id"]) for one in other.came]
    assert found == [
        ("dockvoice.receipt", first.reference),
        ("dockvoice.reversal", f"{first.reference}-reversal"),
        ("dockvoice.correction", second.reference),
    ]
    assert len({one.headers["webhook-id"] for one in other.came}) == 3
    assert json.loads(other.came[1].content)["data"]["of"] == first.reference


@each_of("secret", ["", "whsec_", "whsec_c2hvcnQ=", "c2VjcmV0IHdpdGhvdXQgYSBwcmVmaXggaXMgbm9uZQ==", "whsec_%%%"])
def test_a_secret_that_is_none_is_refused_and_not_told(secret: str) -> None:
    with pytest.raises(Misconfigured, match=r"wms: secret: is none; allowed is whsec_ and 24 to 64 bytes") as found:
        hook(Other(), secret)
    assert secret in PREFIXES or secret not in str(found.value)


def test_no_secret_is_told() -> None:
    sender = hook(Other())
    assert SECRET not in repr(sender.__dict__) + sender.describe_system()
