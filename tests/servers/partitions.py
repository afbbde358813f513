"""The inventory's tables split by month, by the very file that a site's administrator runs."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import psycopg

SCRIPT = Path(__file__).parents[2] / "config" / "postgresql" / "partitions.sql"

MONTHS = 24  # So many a server has kept that splits its tables since two years.


def split_by_month(url: str, since: datetime | None = None) -> None:
    """As an administrator would do now; or would have done then, and has called it each day for `MONTHS` months."""
    script = SCRIPT.read_text(encoding="utf-8")
    with psycopg.connect(url.replace("+psycopg", "")) as server:
        if since is not None:
            server.execute(script.replace("now()", f"timestamptz '{since.isoformat()}'").encode())
            server.execute(f"CALL dockvoice_keep_months({MONTHS})".encode())
        server.execute(script.encode())
