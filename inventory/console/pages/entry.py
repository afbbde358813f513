"""The page of one entry: what it says, all that became of it, and what proves it."""

from __future__ import annotations

import json

from starlette.responses import Response

from dockvoice_protocol.instants import instant
from inventory.audit import deeds
from inventory.console import decisions
from inventory.console.call import Call, Way
from inventory.console.people import Role
from inventory.console.recordings import Playable, of_event
from inventory.queries.history import Step, life
from inventory.reviews.flags import of_entries

MOST_DEEDS = 50  # Lines, the latest, of what was done on the console about it.


def show(call: Call) -> Response:
    """The entry of an event, or the event that was refused."""
    event_id = call.request.path_params["event_id"]
    with call.look() as transaction:
        steps = life(transaction, call.place.keys, event_id)
        found = next((one for one in steps if one.event_id == event_id), None)
        if found is None:
            return call.refused("entry.unknown", 404)
        utterance = str(found.data.get("utterance", {}).get("id", ""))
        decided = decisions.of_utterance(transaction, found.site, found.device, utterance)
        against = of_entries(transaction, [event_id]).get(event_id, [])
        done = deeds.about(transaction, (utterance, event_id)) if _may_see_deeds(call) else []
    return call.page(
        "entry.html",
        entry=found,
        flags=against,
        struck=any(flag.struck for flag in against),
        said_at=instant(str(found.event.get("time"))),
        steps=steps,
        stands=next((one for one in reversed(steps) if one.state == "current"), None),
        recordings=_recordings(call, found),
        decided=decided,
        deeds=done[-MOST_DEEDS:],
        body=json.dumps(found.event, ensure_ascii=False, indent=2),
    )


def _recordings(call: Call, found: Step) -> list[Playable]:
    """What an event that was refused for what it is may not even name."""
    return of_event(call, found.event, found.site, found.device) if found.kind != "refused" else []


def _may_see_deeds(call: Call) -> bool:
    return call.who is not None and call.who.role >= Role.REVIEWER


TAB = None
WAYS = (Way("/entries/{event_id}", show, Role.VIEWER),)
