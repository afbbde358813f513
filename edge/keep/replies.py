"""What models said in reply, where they are asked to speak: the latest few, to be listened to.

Nothing rests on them, and no operator hears them: what he hears is made from the entry (`speak/wording.py`).
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

log = logging.getLogger(__name__)

REPLIES = "replies"
"""The directory inside the state directory."""

KEPT = 20
"""So many are kept, the oldest removed: some ten megabytes."""


class Replies:
    """The replies of one device."""

    def __init__(self, directory: Path) -> None:
        """`directory` is the state directory."""
        self._directory = directory / REPLIES

    def keep(self, utterance_id: str, wav: bytes) -> None:
        """Keep one. A disk that refuses costs the reply, and nothing else."""
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._directory / f"{moment}-{utterance_id}.wav").write_bytes(wav)
            for outlived in sorted(self._directory.glob("*.wav"))[:-KEPT]:
                outlived.unlink(missing_ok=True)
        except OSError as fault:
            log.warning("a spoken reply is not kept: %s", fault)
