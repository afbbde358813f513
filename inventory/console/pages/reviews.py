"""The review queue: what devices have put aside for a person, and what one decides about it."""

from __future__ import annotations

from typing import Any

from starlette.responses import RedirectResponse, Response

from dockvoice_protocol.terminal.plain_text import is_plain
from inventory.console import decisions, queue
from inventory.console.call import Call, Tab, Way
from inventory.console.filling import Filled, blanks, filled, shown
from inventory.console.people import Role
from inventory.console.readings import compared, readings
from inventory.console.recordings import of_review
from inventory.reviews.deciding import message
from inventory.reviews.reviews import Review, one

DECISIONS = ("accept", "correct", "discard")
LONGEST_REASON = 200  # Characters: the operator may hear it.


def show(call: Call) -> Response:
    """What waits, and what was decided lately."""
    return call.page("reviews.html", **_queue(call))


def part(call: Call) -> Response:
    """The same, for a page that is open already."""
    return call.page("_queue.html", **_queue(call))


def _queue(call: Call) -> dict[str, Any]:
    with call.look() as transaction:
        waiting, more = queue.waiting(transaction, call.request.query_params.get("after"))
        return {
            "waiting": waiting,
            "more": more,
            "count": queue.how_many(transaction),
            "decided": decisions.about(transaction, waiting),
            "lately": queue.outcomes(transaction, decisions.lately(transaction, queue.LATELY)),
        }


def show_one(call: Call) -> Response:
    """One of them, with all that is known of it."""
    with call.look() as transaction:
        found = one(transaction, *_named(call))
    if found is None:
        return call.refused("reviews.unknown", 404)
    return _page(call, found)


def part_of_one(call: Call) -> Response:
    """How far it has come."""
    with call.look() as transaction:
        found = one(transaction, *_named(call))
        if found is None:
            return call.refused("reviews.unknown", 404)
        last = decisions.about(transaction, [found]).get(found.event_id)
    return call.page("_fate.html", review=found, last=last, again=_again(call, last), changed=_changed(call, found))


def decide(call: Call) -> Response:
    """Keep what he decides, signed, to be sent: once, and only where it still waits as it was shown to him."""
    place, signer = call.place, call.place.signer
    with call.look() as transaction:
        found = one(transaction, *_named(call))
    if found is None:
        return call.refused("reviews.unknown", 404)
    decision, reason = call.given.get("decision", ""), call.given.get("reason", "").strip()
    form = filled(place.forms.get(found.form), found.fields, _typed(call) if decision != "discard" else {})
    if (why := _objection(call, found, decision, reason, form)) is not None:
        return _page(call, found, 409 if why in {"reviews.answered", "reviews.changed"} else 422, why, form)
    if signer is None or call.who is None:
        return _page(call, found, 409, "reviews.no_key", form)
    values = form.changed if decision == "correct" else {}
    body = message(found, decision, values, call.who.name, reason, signer, place.settings.prefix, place.now())
    try:
        with call.open() as transaction:
            decisions.keep(transaction, found, decision, values, call.who.name, reason, body, place.now())
            said = {"decision": decision, "values": values, "reason": reason, "review": found.event_id}
            call.note(transaction, "decided", found.utterance_id, found.audio_sha256, **said)
    except decisions.Taken as taken:
        return _page(call, found, 409, "reviews.taken", form, taken.first)
    return RedirectResponse(call.request.url.path, 303)


def _objection(call: Call, found: Review, decision: str, reason: str, form: Filled) -> str | None:
    """Why it is not taken as it is, by the first thing that is in the way."""
    in_the_way = {
        "reviews.answered": found.state != "open",
        "reviews.changed": call.given.get("review") != found.event_id,
        "reviews.no_decision": decision not in DECISIONS,
        "reviews.no_reason": not reason or len(reason) > LONGEST_REASON or not is_plain(reason),
        # Enter in a field presses the first button, which would accept without what was typed just now.
        "reviews.not_as_understood": decision == "accept" and bool(form.changed),
        "reviews.breaks": decision != "discard" and bool(form.wrong),
        "reviews.nothing_changed": decision == "correct" and not form.changed,
    }
    return next((why for why, is_so in in_the_way.items() if is_so), None)


def _page(
    call: Call,
    found: Review,
    status: int = 200,
    told: str = "",
    form: Filled | None = None,
    first: decisions.Decided | None = None,
) -> Response:
    said = readings(found)
    with call.look() as transaction:
        last = decisions.about(transaction, [found]).get(found.event_id)
        before = decisions.of_utterance(transaction, found.site, found.device, found.utterance_id)
    typed = _typed(call) if form is not None else {}
    return call.page(
        "review.html",
        status,
        review=found,
        blanks=blanks(call.place.forms.get(found.form)),
        known={name: shown(value) for name, value in found.fields.items()} | typed,
        readings=said,
        compared=compared(found, said),
        last=last,
        first=first,
        before=[one for one in before if one != last],
        again=_again(call, last),
        changed=False,
        told=told and call.word(told, who="" if first is None else first.who),
        form=form,
        reason=call.given.get("reason", ""),
        signed=call.place.signer is not None,
        recording=of_review(call, found),
    )


def _named(call: Call) -> tuple[str, str, str]:
    at = call.request.path_params
    return at["site"], at["device"], at["utterance"]


def _typed(call: Call) -> dict[str, str]:
    """What stands in the fields of the form, which are called so that none is taken for another of the page."""
    return {name.removeprefix("of-"): value for name, value in call.given.items() if name.startswith("of-")}


def _again(call: Call, last: decisions.Decided | None) -> bool:
    return last is not None and last.may_be_again(call.place.now())


def _changed(call: Call, found: Review) -> bool:
    """Whether more is known than when the page was shown."""
    return call.request.query_params.get("seen") != found.event_id


TAB = Tab("/reviews", "reviews.title", Role.VIEWER)
ONE = "/reviews/{site}/{device}/{utterance}"
WAYS = (
    Way("/reviews", show, Role.VIEWER),
    Way("/reviews/part", part, Role.VIEWER),
    Way(ONE, show_one, Role.VIEWER),
    Way(f"{ONE}/part", part_of_one, Role.VIEWER),
    Way(ONE, decide, Role.REVIEWER, changes=True),
)
