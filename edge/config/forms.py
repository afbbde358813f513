"""What may be set about the forms that operators fill: `[forms]`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from edge.config.naming import Name
from edge.config.section import Section


class Forms(Section):
    """What may be said."""

    active: Name = Field("pallet-move", description="the form operators fill")
    directory: Path | None = Field(None, description="where *.schema.json are; unset: the shipped forms")
    catalogue: Path | None = Field(None, description="where the catalogues' *.csv are; unset: the shipped ones")
