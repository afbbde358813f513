"""The judge itself: what it calls lost, wrong and as a clerk's, on answers written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conversations.figures import names
from tests.conversations.scoring import score

FIRST, SECOND = "pallet seven four two, twelve cases", "pallet seven four three, ten cases, wet"

TWELVE = {"pallet_id": "742", "quantity": 12, "uom": "CS", "exception": None}
WET = {"pallet_id": "743", "quantity": 10, "exception": "wet"}

CONVERSATION = {
    "id": "X",
    "form": "receive",
    "lines": [FIRST, SECOND],
    "clerk": {"stands": [{"fields": TWELVE}, {"fields": WET, "or_waits": True}], "never_said": ["47"]},
}


def _result(*stands: dict[str, Any], waits: Any = (), given_up: Any = (), answer: str = "") -> dict[str, Any]:
    return {
        "stands": [{"sequence": n, "form": "receive", "operator": None, "fields": one} for n, one in enumerate(stands)],
        "waits": [{"form": "receive", "why": "", **one} for one in waits],
        "given_up": list(given_up),
        "events": [],
        "said": [answer] if answer else [],
        "turns": [{"line": line, "said": [answer] if answer else [], "events": []} for line in (FIRST, SECOND)],
        "open": None,
        "standing": {},
    }


WAITS = {"fields": {"pallet_id": "743"}, "said": [SECOND]}
UNREAD = {"fields": {}, "said": [SECOND]}
BOTH = {"fields": {"pallet_id": "743", "quantity": 12}, "said": [FIRST, SECOND]}
GIVEN_UP = {"fields": {}, "said": [SECOND], "why": "not understood"}
SOUND = {"pallet_id": "742", "quantity": 12, "uom": "CS"}


@pytest.mark.parametrize(
    ("result", "lost", "wrong", "as_a_clerk"),
    [
        (_result(SOUND, WET), 0, 0, True),
        (_result(SOUND, waits=[WAITS]), 0, 0, True),
        (_result(SOUND, waits=[UNREAD]), 0, 0, True),
        (_result(SOUND), 1, 0, False),
        (_result(waits=[BOTH]), 1, 0, False),
        (_result(SOUND, given_up=[GIVEN_UP]), 1, 0, False),
        (_result(SOUND, given_up=[GIVEN_UP], answer="Say again."), 0, 0, False),
        (_result({**SOUND, "exception": "wet"}, WET), 0, 1, False),
        (_result({"pallet_id": "742", "quantity": 12}, WET), 0, 0, False),
        (_result(SOUND, WET, SOUND), 0, 1, False),
        (_result(SOUND, WET, answer="minus 47.5 degrees."), 0, 1, False),
    ],
)
def test_what_is_lost_wrong_and_as_a_clerks(result: Any, lost: int, wrong: int, as_a_clerk: bool) -> None:
    """One answer each, of two pallets: the first is to stand, the second may wait."""
    scored = score(CONVERSATION, result)
    assert (len(scored.lost), len(scored.wrong), scored.as_a_clerk) == (lost, wrong, as_a_clerk)


@pytest.mark.parametrize(
    ("line", "value", "said"),
    [
        (FIRST, "742", True),
        (FIRST, "743", False),
        ("pallet seven forty-two, a dozen cases", "742", True),
        ("uh pallet seven uh four two, uh twelve cases", "742", True),
        ("location A zero one zero one, check six one", "A-01-01", True),
        ("middle, minus seventeen point five", "middle", True),
        ("tarima siete cuatro dos doce cajas", "742", True),
    ],
)
def test_a_number_is_found_as_it_is_spoken(line: str, value: str, said: bool) -> None:
    """Digit by digit, in pairs, as a place and as a word."""
    assert names(line, value) is said
