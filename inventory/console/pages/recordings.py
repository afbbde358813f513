"""Pages to listen to a recording: the user's reason goes to the audit log and the device, then it plays."""

from __future__ import annotations

import re

from starlette.responses import RedirectResponse, Response

from dockvoice_protocol.errors import DockvoiceError, Unavailable
from dockvoice_protocol.terminal.plain_text import is_plain_text
from inventory.clips.clips import SignedSound
from inventory.console.context import RequestContext, Route, local_path_or_root
from inventory.console.recordings import LISTENED, build_playable, find_recording, has_given_reason

_UTTERANCE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LONGEST_REASON = 200  # Characters: the device reads it to an operator who asks who listened.


def _record_reason_and_request(context: RequestContext) -> Response:
    """Record the listener and the reason; request the recording if it is not here."""
    recorded, reason = _find_recording(context), context.form.get("reason", "").strip()
    if recorded is None or context.user is None:
        return context.refuse("sounds.unknown", 404)
    if not reason or len(reason) > _LONGEST_REASON or not is_plain_text(reason):
        return context.refuse("sounds.no_reason", 422)
    with context.transaction() as transaction:
        context.audit(transaction, LISTENED, recorded.utterance_id, recorded.audio_sha256, reason=reason)
    try:
        context.resources.sounds.request(recorded, context.user.name, reason)
    except Unavailable:
        raise
    except DockvoiceError as fault:
        return context.refuse("sounds.not_asked", 409, why=str(fault))
    if "hx-request" in context.request.headers:
        return _show_player(context)
    return RedirectResponse(local_path_or_root(context.form.get("back")), 303)


def _show_player(context: RequestContext) -> Response:
    """Show the player, or the progress of the transfer."""
    recorded = _find_recording(context)
    if recorded is None:
        return context.refuse("sounds.unknown", 404)
    return context.render("_sound.html", recording=build_playable(context, recorded, _event_id(context)))


def _send_recording(context: RequestContext) -> Response:
    """Send the FLAC file to a user who gave a reason."""
    recorded = _find_recording(context)
    if recorded is None or context.user is None:
        return context.refuse("sounds.unknown", 404)
    with context.read_transaction() as transaction:
        if not has_given_reason(transaction, context.user.name, recorded.utterance_id, context.resources.now()):
            return context.refuse("sounds.no_reason", 403)
    sound = context.resources.sounds.load_or_none(recorded)
    if sound is None:
        return context.refuse("sounds.not_here", 404)
    return _range_response(sound, context.request.headers.get("range", ""))


def _range_response(sound: bytes, wanted: str) -> Response:
    """The requested byte range, with which players seek (RFC 9110, 14)."""
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


def _find_recording(context: RequestContext) -> SignedSound | None:
    at = context.request.path_params
    if not _UTTERANCE.fullmatch(at["utterance"]):
        return None
    with context.read_transaction() as transaction:
        return find_recording(transaction, at["site"], at["device"], at["utterance"], _event_id(context))


def _event_id(context: RequestContext) -> str | None:
    return context.request.query_params.get("event")


RECORDING_PATH = "/{site}/{device}/{utterance}"
ROUTES = (
    Route(RECORDING_PATH, _record_reason_and_request, changes=True),
    Route(RECORDING_PATH, _show_player),
    Route(f"{RECORDING_PATH}/flac", _send_recording),
)
