from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.records.master import MasterData
from edge.agent.parts import assemble_interpretation, uses_dialogue
from edge.config import Settings
from tests.rows import each_of


@each_of(
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
    assert uses_dialogue(settings, operator_present=live) is expected


@pytest.mark.usefixtures("pocketsphinx")
def test_parts_are_made_anew_of_what_is_published_and_not_of_what_a_form_cannot_be_filled_with(tmp_path: Path) -> None:
    settings = Settings(state_directory=tmp_path, understand={"engine": "pocketsphinx"})
    begun = assemble_interpretation(settings)
    assert begun.renew is not None
    assert begun.catalogue.values("docks") == tuple("ABCDEFGH")
    made = begun.renew((MasterData("site", "docks", 5, ({"value": "K"},)),))
    assert (made.catalogue.values("docks"), made.catalogue.versions) == (("K",), {"docks": 5})
    assert made.catalogue.values("items") == begun.catalogue.values("items")
    works, others = begun.workplaces(), made.workplaces()
    works.replace_with(works.prepare_same_workplaces(others))
    assert works.current.rules.catalogue is made.catalogue
    assert works.current.readers.interpreter is made.interpreter
    with pytest.raises(Misconfigured, match="'12' breaks the rules of field 'dock'"):
        begun.renew((MasterData("site", "docks", 6, ({"value": "12"},)),))
