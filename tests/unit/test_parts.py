from __future__ import annotations

from typing import Any

import pytest

from edge.agent.parts import converses
from edge.config import Settings


@pytest.mark.parametrize(
    ("conversation", "enabled", "live", "expected"),
    [
        ("auto", "auto", True, True),
        ("auto", True, True, True),
        ("auto", False, True, False),
        ("auto", "auto", False, False),
        (True, False, True, True),
        (True, "auto", False, True),
        (False, True, True, False),
    ],
    ids=str,
)
def test_entries_are_agreed_where_somebody_can_hear_the_device(
    conversation: Any, enabled: Any, live: bool, expected: bool
) -> None:
    settings = Settings(agree={"conversation": conversation}, speak={"enabled": enabled})
    assert converses(settings, live=live) is expected
