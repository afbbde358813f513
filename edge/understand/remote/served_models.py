"""Models of services: which one answered, whether that is the one asked for, and when one ends.

Services put another model in the place of the one that is named: an alias moves on, a model that ended is routed to
its successor. What goes on record, and what counts as a second opinion, is the one that answered. The ends that vendors
have announced stand in `config/models.toml`, with the day on which each vendor's page was read.
"""

from __future__ import annotations

import logging
import re
import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from edge.config import ClientKind, shipped
from edge.errors import Misconfigured

logger = logging.getLogger(__name__)

_RELEASE = re.compile(r"[-@](\d{4}-?\d{2}-?\d{2}|\d{2}-\d{2,4}|\d{3,4}|latest)$")
"""How vendors mark one release of a model: gpt-audio-mini-2025-12-15, voxtral-mini-2602, gemini-2.0-flash-001."""

OWN_NAMES = frozenset({ClientKind.AZURE_OPENAI})
"""Where what is asked for is called as its owner likes: Azure's deployments."""


def family(model: str) -> str:
    """The model without the mark of a release: those of one family are one opinion."""
    return _RELEASE.sub("", model.removeprefix("models/").lower())


class Answerer:
    """The model behind an interpreter or a transcriber: the one asked for, or the one that answers in its place."""

    def __init__(self, client: str, kind: ClientKind, asked: str) -> None:
        """`client` is its name in the settings."""
        self._client = client
        self._kind = kind
        self.asked = asked
        self._told: set[str] = set()

    def model(self, answered: str | None) -> str:
        """The model that goes on record; None where the answer names none, and the one asked for must be believed."""
        return answered or self.asked

    def name(self, answered: str | None) -> str:
        """Who read, as it goes on record. Another model than the one asked for is told, once."""
        if answered is None or self._kind in OWN_NAMES or family(answered) == family(self.asked):
            return f"{self._client}/{self.asked}"
        if answered not in self._told:
            self._told.add(answered)
            logger.warning(
                "client %r: %r was asked for, and %r answered; it is on record as that model, and is no second opinion "
                "beside it; name the model that you want",
                self._client,
                self.asked,
                answered,
            )
        return f"{self._client}/{answered}"


class Lifetime(BaseModel):
    """What a vendor has announced of a model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ends: date | None = None  # None: no end was announced when the page was read.
    successor: str | None = None


class Vendor(BaseModel):
    """What a vendor's page said on the day it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    read: date
    page: str
    models: Mapping[str, Lifetime] = {}


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)  # the weights in it are another module's

    services: Mapping[ClientKind, Vendor]


@cache
def vendors(path: Path | None = None) -> Mapping[ClientKind, Vendor]:
    """What is known of every vendor's models; None: by the shipped file. Raises Misconfigured."""
    path = path or shipped("config") / "models.toml"
    try:
        return _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).services
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as fault:
        told = " ".join(str(fault).split())
        raise Misconfigured(f"{path}: {told}; install dockvoice again, or mend the file") from None


def announced(kind: ClientKind, model: str) -> tuple[Lifetime, Vendor] | None:
    """What is announced of a model: of that very release, else of its family. None where nothing is known."""
    vendor = vendors().get(kind)
    if vendor is None:
        return None
    known = {name.lower(): lifetime for name, lifetime in vendor.models.items()}
    found = known.get(model.lower()) or known.get(family(model))
    return None if found is None else (found, vendor)
