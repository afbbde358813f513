"""Models as services run them: which model answered, whether the one asked for exists, and its end of life.

A service may answer with another model than the one named: an alias moves, an ended model is routed to its successor.
The model that answered is recorded, and decides whether an opinion is independent. Announced ends are in
`config/models.toml`, with the day on which the vendor's page was read. `dockvoice doctor` asks the services:
OpenAI-like ones list models at `/v1/models`, with the end in `shutdown_date`, Mistral and Azure in `deprecation`;
Gemini has `/v1beta/models/NAME`. An Azure deployment or a transcriber shows only at a paid request, which is not made
here: only the key or the connection is checked.
"""

from __future__ import annotations

import logging
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.plain_file import shipped_directory
from edge.config import ClientKind
from edge.understand.remote.client import Client, ServiceAnswer
from edge.understand.remote.failures import AccessDenied, Rejected

logger = logging.getLogger(__name__)

_RELEASE = re.compile(r"[-@](\d{4}-?\d{2}-?\d{2}|\d{2}-\d{2,4}|\d{3,4}|latest)$")
"""How vendors mark one release of a model: gpt-audio-mini-2025-12-15, voxtral-mini-2602, gemini-2.0-flash-001."""

OWN_NAMES = frozenset({ClientKind.AZURE_OPENAI})
"""Where what is asked for is called as its owner likes: Azure's deployments."""


def model_family(model: str) -> str:
    """The model's name without its release, since releases of a family are one opinion."""
    return _RELEASE.sub("", model.removeprefix("models/").lower())


class RecordedModelName:
    """Decides under which model name an answer is recorded; warns once where another model answered than was asked."""

    def __init__(self, client: str, kind: ClientKind, asked: str) -> None:
        self._client = client
        self._kind = kind
        self.asked = asked
        self._logged: set[str] = set()

    def model(self, answered: str | None) -> str:
        """The model to record; the one asked for where the answer names none."""
        return answered or self.asked

    def name(self, answered: str | None) -> str:
        """The reader's name to record. Logs each unexpected model once."""
        if answered is None or self._kind in OWN_NAMES or model_family(answered) == model_family(self.asked):
            return f"{self._client}/{self.asked}"
        if answered not in self._logged:
            self._logged.add(answered)
            logger.warning(
                "client %r: %r was asked for, and %r answered; it is on record as that model, and is no second opinion "
                "beside it; name the model that you want",
                self._client,
                self.asked,
                answered,
            )
        return f"{self._client}/{answered}"


class Retirement(BaseModel):
    """The end and the successor that a vendor announced for a model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ends: date | None = None  # None: no end was announced when the page was read.
    successor: str | None = None


class Vendor(BaseModel):
    """The models' ends that a vendor's page announced on the day it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    read: date
    page: str
    models: Mapping[str, Retirement] = {}


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)  # the weights in it are another module's

    services: Mapping[ClientKind, Vendor]


@cache
def load_vendors() -> Mapping[ClientKind, Vendor]:
    """Each vendor's announced models, as shipped. Raises Misconfigured."""
    path = shipped_directory("config") / "models.toml"
    try:
        return _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).services
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as fault:
        reason = " ".join(str(fault).split())
        raise Misconfigured(f"{path}: {reason}; install dockvoice again, or mend the file") from None


def find_retirement(kind: ClientKind, model: str) -> tuple[Retirement, Vendor] | None:
    """The announcement for a model's release, else for its family, with its vendor; None without any."""
    vendor = load_vendors().get(kind)
    if vendor is None:
        return None
    known = {name.lower(): lifetime for name, lifetime in vendor.models.items()}
    found = known.get(model.lower()) or known.get(model_family(model))
    return None if found is None else (found, vendor)


_LISTS = {
    ClientKind.OPENAI: "/v1/models",
    ClientKind.SELF_HOSTED: "/v1/models",
    ClientKind.AZURE_OPENAI: "/openai/v1/models",
    ClientKind.ELEVENLABS: "/v1/models",
    ClientKind.MISTRAL: "/v1/models",
}
"""Where a service lists its models."""

_NOT_LISTED = frozenset({ClientKind.ELEVENLABS})  # Where the list is of other models than those that transcribe.


@dataclass(frozen=True, slots=True)
class ModelAvailability:
    """Whether a service offers a model, when it will end, and how long the answer took."""

    seconds: float  # Until it answered, on a connection that stood.
    is_there: bool | None  # None where only a request would show.
    ends: date | None  # The announced end, where there is one.


async def query_model(client: Client, model: str | None, within_s: float) -> ModelAvailability:
    """Ask a service whether it offers a model. Raises AccessDenied for a refused key, TryLater without an answer."""
    await client.warm()
    if client.settings.kind is ClientKind.GEMINI and model is not None:
        return await _ask_gemini(client, model, within_s)
    if (path := _LISTS.get(client.settings.kind)) is None:
        return await _check_reachable(client, within_s)
    answer = await client.get(path, within_s=within_s)
    if model is not None and client.settings.kind in OWN_NAMES:
        return _find_deployed(answer, model)
    if model is None or client.settings.kind in _NOT_LISTED:
        return ModelAvailability(answer.seconds, None, None)
    return _find_in_list(answer, model)


def _find_in_list(answer: ServiceAnswer, model: str) -> ModelAvailability:
    """Whether the model is in the list, and its announced end."""
    found = next((one for one in _list_entries(answer) if model in {one.get("id"), *_aliases(one)}), None)
    if found is None:
        return ModelAvailability(answer.seconds, is_there=False, ends=None)
    ends = _parse_day(found.get("shutdown_date") or found.get("deprecation"))
    return ModelAvailability(answer.seconds, is_there=True, ends=ends)


def _find_deployed(answer: ServiceAnswer, model: str) -> ModelAvailability:
    """The end of the model whose name a deployment has, since Azure lists models, not deployments.

    Of several releases the latest end, since a deployment moves to a newer release by itself.
    """
    same = [one for one in _list_entries(answer) if model_family(str(one.get("id"))) == model_family(model)]
    retired = [one["deprecation"].get("inference") for one in same if isinstance(one.get("deprecation"), dict)]
    return ModelAvailability(answer.seconds, None, max((day for day in map(_parse_day, retired) if day), default=None))


def _list_entries(answer: ServiceAnswer) -> list[dict[str, Any]]:
    listed = answer.json()
    models = listed.get("data") if isinstance(listed, dict) else None
    return [one for one in models or () if isinstance(one, dict)]


def _aliases(one: dict[str, Any]) -> list[str]:
    names = one.get("aliases")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


async def _ask_gemini(client: Client, model: str, within_s: float) -> ModelAvailability:
    try:
        answer = await client.get(f"/v1beta/models/{model}", within_s=within_s, about=model)
    except AccessDenied as barred:
        if barred.concerns_key:
            raise
        return ModelAvailability(0.0, is_there=False, ends=None)
    return ModelAvailability(answer.seconds, is_there=True, ends=None)


async def _check_reachable(client: Client, within_s: float) -> ModelAvailability:
    """Whether anything answers: no request is free, so the key is tested by the first utterance."""
    try:
        answer = await client.get("/", within_s=within_s, about="/")
    except (AccessDenied, Rejected):
        return ModelAvailability(0.0, None, None)
    return ModelAvailability(answer.seconds, None, None)


def _parse_day(value: Any) -> date | None:
    """Parse a service's date: `2027-01-20`, with or without a time, or Unix time; None where it is none."""
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC).date()
    try:
        return datetime.fromisoformat(str(value)).date() if value else None
    except ValueError:
        return None
