"""The review queue: utterances that devices have put aside, and the decision about one."""

from __future__ import annotations

from typing import Any

from starlette.responses import RedirectResponse, Response

from dockvoice_protocol.terminal.plain_text import is_plain_text
from inventory.console import decisions
from inventory.console.accounts import Role
from inventory.console.context import RequestContext, Route, live_routes
from inventory.console.decisions import AlreadyDecided, Decision
from inventory.console.form_fields import (
    FilledForm,
    check_typed_values,
    compare_readings,
    form_fields,
    input_text,
    readings_of,
)
from inventory.console.recordings import recording_of_review
from inventory.reviews.reviews import Review, build_decision_message, load_review

_DECISIONS = ("accept", "correct", "discard")
_LONGEST_REASON = 200  # Characters: the device may read it to the operator.


def _queue_values(context: RequestContext) -> dict[str, Any]:
    """Open reviews and recent decisions."""
    with context.read_transaction() as transaction:
        waiting, more = decisions.load_open_reviews_page(transaction, context.request.query_params.get("after"))
        return {
            "waiting": waiting,
            "more": more,
            "count": decisions.count_open_reviews(transaction),
            "decided": decisions.load_latest_decisions(transaction, waiting),
            "lately": decisions.load_recent_outcomes(transaction),
        }


def _review_page(context: RequestContext) -> Response:
    """Show one review."""
    found = _load_review(context)
    return context.refuse("reviews.unknown", 404) if found is None else _render_review(context, found)


def _review_state_part(context: RequestContext) -> Response:
    """Show the state of one review."""
    found = _load_review(context)
    if found is None:
        return context.refuse("reviews.unknown", 404)
    with context.read_transaction() as transaction:
        last = decisions.load_latest_decisions(transaction, [found]).get(found.event_id)
    changed = context.request.query_params.get("seen") != found.event_id  # since the page was rendered
    return context.render("_fate.html", review=found, last=last, again=_may_repeat(context, last), changed=changed)


def _decide(context: RequestContext) -> Response:
    """Sign a decision and insert it into the outbox, once, if the review is unchanged since it was shown."""
    resources, signer, user = context.resources, context.resources.signer, context.user_name
    found = _load_review(context)
    if found is None:
        return context.refuse("reviews.unknown", 404)
    decision, reason = context.form.get("decision", ""), context.form.get("reason", "").strip()
    typed = _typed_fields(context) if decision != "discard" else {}
    form = check_typed_values(resources.forms.get(found.form), found.fields, typed)
    if (why := _find_objection(context, found, decision, reason, form)) is not None:
        return _render_review(context, found, 409 if why in {"reviews.answered", "reviews.changed"} else 422, why, form)
    if signer is None or not user:
        return _render_review(context, found, 409, "reviews.no_key", form)
    values = form.changed if decision == "correct" else {}
    body = build_decision_message(
        found, decision, values, user, reason, signer, resources.settings.prefix, resources.now()
    )
    try:
        with context.transaction() as transaction:
            decisions.record_decision(transaction, found, decision, values, user, reason, body, resources.now())
            details = {"decision": decision, "values": values, "reason": reason, "review": found.event_id}
            context.audit(transaction, "decided", found.utterance_id, found.audio_sha256, **details)
    except AlreadyDecided as sooner:
        return _render_review(context, found, 409, "reviews.taken", form, sooner.first)
    return RedirectResponse(context.request.url.path, 303)


def _find_objection(context: RequestContext, found: Review, decision: str, reason: str, form: FilledForm) -> str | None:
    """The first reason not to accept the decision, as the key of a text."""
    objections = {
        "reviews.answered": found.state != "open",
        "reviews.changed": context.form.get("review") != found.event_id,
        "reviews.no_decision": decision not in _DECISIONS,
        "reviews.no_reason": not reason or len(reason) > _LONGEST_REASON or not is_plain_text(reason),
        # Enter in a field presses the first button, which would accept without what was typed just now.
        "reviews.not_as_understood": decision == "accept" and bool(form.changed),
        "reviews.breaks": decision != "discard" and bool(form.wrong),
        "reviews.nothing_changed": decision == "correct" and not form.changed,
    }
    return next((why for why, applies in objections.items() if applies), None)


def _render_review(
    context: RequestContext,
    found: Review,
    status: int = 200,
    why: str = "",
    form: FilledForm | None = None,
    first: Decision | None = None,
) -> Response:
    readings = readings_of(found)
    with context.read_transaction() as transaction:
        last = decisions.load_latest_decisions(transaction, [found]).get(found.event_id)
        before = decisions.load_decisions(transaction, found.site, found.device, found.utterance_id)
    typed = _typed_fields(context) if form is not None else {}
    return context.render(
        "review.html",
        status,
        review=found,
        blanks=form_fields(context.resources.forms.get(found.form)),
        known={name: input_text(value) for name, value in found.fields.items()} | typed,
        readings=readings,
        compared=compare_readings(found, readings),
        last=last,
        first=first,
        before=[one for one in before if one != last],
        again=_may_repeat(context, last),
        changed=False,
        message=why and context.text(why, who="" if first is None else first.who),
        form=form,
        reason=context.form.get("reason", ""),
        signed=context.resources.signer is not None,
        recording=recording_of_review(context, found),
    )


def _load_review(context: RequestContext) -> Review | None:
    at = context.request.path_params
    with context.read_transaction() as transaction:
        return load_review(transaction, at["site"], at["device"], at["utterance"])


def _typed_fields(context: RequestContext) -> dict[str, str]:
    """The form's fields, whose prefix tells them from the page's other inputs."""
    return {name.removeprefix("of-"): value for name, value in context.form.items() if name.startswith("of-")}


def _may_repeat(context: RequestContext, last: Decision | None) -> bool:
    return last is not None and last.may_be_decided_anew(context.resources.now())


_ONE = "/{site}/{device}/{utterance}"
ROUTES = (
    *live_routes("reviews.html", _queue_values),
    Route(_ONE, _review_page),
    Route(f"{_ONE}/part", _review_state_part),
    Route(_ONE, _decide, Role.REVIEWER, changes=True),
)
