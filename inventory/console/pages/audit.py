"""The audit log of the console, and how far its chain of signatures was verified."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection
from starlette.responses import Response

from dockvoice_protocol.hash_chain import PublicKey
from inventory.audit import audit_log
from inventory.console.context import RequestContext, Route

_MOST = 100  # Lines of one page.


def _page(context: RequestContext) -> Response:
    """Show the latest actions, or those before a number."""
    with context.read_transaction() as transaction:
        found = audit_log.load_latest_actions(transaction, _MOST, context.number_parameter("before"))
        broken = audit_log.first_broken_shown(transaction, _public_key(context), found)
        verified = _verify_more(context, transaction, broken)
    older = found[-1].number if len(found) == _MOST else None
    return context.render("audit.html", lines=found, older=older, **verified)


def _verify_part(context: RequestContext) -> Response:
    """Verify more of the chain, and show the progress."""
    with context.read_transaction() as transaction:
        return context.render("audit.html", block="live", **_verify_more(context, transaction))


def _verify_more(context: RequestContext, transaction: Connection, broken: int | None = None) -> dict[str, Any]:
    """Verify more of the chain; return how far it is verified, its length, and the first broken line, or `broken`."""
    resources = context.resources
    verified = resources.following.verify_next(transaction, _public_key(context), resources.now())
    faults = [one for one in (broken, verified.broken) if one is not None]
    last = next(iter(audit_log.load_latest_actions(transaction, 1)), None)
    return {
        "verified": verified.number,
        "last": 0 if last is None else last.number,
        "broken": min(faults, default=None),
    }


def _public_key(context: RequestContext) -> PublicKey | None:
    return None if context.resources.signer is None else context.resources.signer.public


ROUTES = (Route("", _page), Route("/part", _verify_part))
