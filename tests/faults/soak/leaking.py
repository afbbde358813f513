"""The oracle's driver with two leaks planted, which the soak must find: of memory, and of open files."""

from __future__ import annotations

import logging
import os
import sys

from dockvoice_protocol.records import Reading
from edge.records import Utterance
from tests.faults.oracle.driver import Life, live
from tests.faults.oracle.speaker import NumberReader

BYTES_EACH = 50_000  # Kept for ever of each utterance: as if its recording were.

UTTERANCES_A_FILE = 20  # So many utterances leave one file open.


class LeakingReader(NumberReader):
    """Reads as it should, and lets go of nothing."""

    def __init__(self) -> None:
        super().__init__()
        self._hoard: list[bytes] = []

    async def finish(self, utterance: Utterance) -> Reading:
        self._hoard.append(b"\x01" * BYTES_EACH)  # zeros would take no memory before somebody looked at them
        if len(self._hoard) % UTTERANCES_A_FILE == 0:
            os.open(os.devnull, os.O_RDONLY)
        return await super().finish(utterance)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(levelname)s %(message)s")
    live(Life.read(sys.argv[1]), LeakingReader())
