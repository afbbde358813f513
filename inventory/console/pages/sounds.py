"""Listening: who wants to hear a recording says why; it goes on record, and then it plays."""

from __future__ import annotations

import re

from starlette.responses import RedirectResponse, Response

from dockvoice_protocol.errors import DockvoiceError, Unavailable
from dockvoice_protocol.terminal.plain_text import is_plain
from inventory.clips.clips import SignedSound
from inventory.console.call import Call, Way, ours
from inventory.console.people import Role
from inventory.console.recordings import found, playable
from inventory.console.sounds import LISTENED, said_why

UTTERANCE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LONGEST_REASON = 200  # Characters: the operator who asks who listened is told.


def say_why(call: Call) -> Response:
    """Keep who listens, and why; then let the device send the sound, where it is not here."""
    recorded, reason = _named(call), call.given.get("reason", "").strip()
    if recorded is None or call.who is None:
        return call.refused("sounds.unknown", 404)
    if not reason or len(reason) > LONGEST_REASON or not is_plain(reason):
        return call.refused("sounds.no_reason", 422)
    with call.open() as transaction:
        call.note(transaction, LISTENED, recorded.utterance_id, recorded.audio_sha256, reason=reason)
    try:
        call.place.sounds.ask(recorded, call.who.name, reason)
    except Unavailable:
        raise
    except DockvoiceError as fault:
        return call.refused("sounds.not_asked", 409, why=str(fault))
    if "hx-request" in call.request.headers:
        return show(call)
    return RedirectResponse(ours(call.given.get("back")), 303)


def show(call: Call) -> Response:
    """The part of a page with the recording, as far as it has come."""
    recorded = _named(call)
    if recorded is None:
        return call.refused("sounds.unknown", 404)
    return call.page("_sound.html", recording=playable(call, recorded, _event(call)))


def play(call: Call) -> Response:
    """The sound itself, for who has said why."""
    recorded = _named(call)
    if recorded is None or call.who is None:
        return call.refused("sounds.unknown", 404)
    with call.look() as transaction:
        if not said_why(transaction, call.who.name, recorded.utterance_id, call.place.now()):
            return call.refused("sounds.no_reason", 403)
    sound = call.place.sounds.hear(recorded)
    if sound is None:
        return call.refused("sounds.not_here", 404)
    return _ranged(sound, call.request.headers.get("range", ""))


def _ranged(sound: bytes, wanted: str) -> Response:
    """The part of it that a player asks for when somebody goes to another place in it (RFC 9110, 14)."""
    asked = re.fullmatch(r"bytes=([0-9]{1,12})-([0-9]{0,12})", wanted)
    first, last = (int(asked[1]), int(asked[2] or len(sound) - 1)) if asked else (0, len(sound) - 1)
    headers = {"accept-ranges": "bytes"}
    if asked is None:
        return Response(sound, 200, headers, "audio/flac")
    if first >= len(sound) or last < first:
        return Response(status_code=416, headers={"content-range": f"bytes */{len(sound)}"})
    last = min(last, len(sound) - 1)
    headers["content-range"] = f"bytes {first}-{last}/{len(sound)}"
    return Response(sound[first : last + 1], 206, headers, "audio/flac")


def _named(call: Call) -> SignedSound | None:
    at = call.request.path_params
    if not UTTERANCE.fullmatch(at["utterance"]):
        return None
    with call.look() as transaction:
        return found(transaction, at["site"], at["device"], at["utterance"], _event(call))


def _event(call: Call) -> str | None:
    return call.request.query_params.get("event")


TAB = None
ONE = "/sounds/{site}/{device}/{utterance}"
WAYS = (
    Way(ONE, say_why, Role.REVIEWER, changes=True),
    Way(ONE, show, Role.REVIEWER),
    Way(f"{ONE}/flac", play, Role.REVIEWER),
)
