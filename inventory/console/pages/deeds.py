"""The page of who did what on the console."""

from __future__ import annotations

from starlette.responses import Response

from edge.hash_chain import PublicKey
from inventory.console import deeds
from inventory.console.call import Call, Tab, Way
from inventory.console.people import Role

MOST = 100  # Lines of one page.


def show(call: Call) -> Response:
    """The latest, or those before a number."""
    before = call.request.query_params.get("before", "")
    with call.open() as transaction:
        # A digit too many for the database's number is a page that nobody was led to.
        found = deeds.latest(transaction, MOST, int(before) if before.isdecimal() and len(before) < 16 else None)  # noqa: PLR2004
        broken = None if before else deeds.broken(transaction, _key(call))
    older = found[-1].number if len(found) == MOST else None
    return call.page("deeds.html", lines=found, broken=broken, older=older)


def _key(call: Call) -> PublicKey | None:
    return None if call.place.signer is None else call.place.signer.public


TAB = Tab("/deeds", "deeds.title", Role.ADMIN)
WAYS = (Way("/deeds", show, Role.ADMIN),)
