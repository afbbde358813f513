"""A trailer of forty pallets, said on two devices, into Tryton: its wires cut twice, its connector killed at random."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from tests.erp.tryton import Tryton, tryton
from tests.erp.tryton_dock import Dock
from tests.erp.tryton_trailer import receive
from tests.integration.test_office_decides import keys
from tests.servers.postgresql import PostgreSQL
from tests.tiers import SEED

__all__ = ["tryton"]


def test_forty_pallets_are_in_tryton_as_they_were_said(
    tryton: Tryton, postgresql: PostgreSQL, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    with Dock(tmp_path, tryton, postgresql, free_port, keys(tmp_path)) as dock:
        receive(dock, tryton, random.Random(SEED), pallets=40, cuts=2, kills=8)
