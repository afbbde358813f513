"""Publishing for a program: one at a time, and over nothing that it has not seen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from pydantic import BaseModel

from inventory.api.enquiry import Enquiry
from inventory.api.problems import Problem
from inventory.api.tags import is_among, tag_of
from inventory.site.sending import SEND_S

ONE_AT_A_TIME = Lock()
"""Two under one name at the broker would throw each other out."""


@contextmanager
def publishing() -> Iterator[None]:
    """While it is this caller's turn. Raises Problem where it does not come."""
    if not ONE_AT_A_TIME.acquire(timeout=SEND_S):
        raise Problem("away", "the broker is slow, and others wait too; try again", headers={"Retry-After": "5"})
    try:
        yield
    finally:
        ONE_AT_A_TIME.release()


def demand_unchanged(of: Enquiry, there: BaseModel | None) -> None:
    """Raise Problem where the caller has looked at something else than is there now."""
    if of.if_match is None:
        return
    if there is None or not is_among(tag_of(there.model_dump_json().encode()), of.if_match):
        told = "what is there is not what If-Match names; look again, and decide anew"
        raise Problem("changed_meanwhile", told)
