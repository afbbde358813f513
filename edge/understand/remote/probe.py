"""Probes of services for `dockvoice doctor`: is the key good, is the model there.

OpenAI and what is shaped like it list their models at `/v1/models`, with the announced end in `shutdown_date`, Mistral
and Azure in `deprecation`; Gemini tells of one model at `/v1beta/models/NAME`. What a service does not tell of an end,
`config/models.toml` does, by the vendor's page. An Azure deployment, and services that only transcribe, show at a
request alone, and none is made here: it would cost money. What is known of them is that they take the key, or are
reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from edge.config import ClientKind
from edge.understand.remote.client import Client, ServiceAnswer
from edge.understand.remote.failures import Barred, OurFault
from edge.understand.remote.served_models import OWN_NAMES, family

_LISTS = {
    ClientKind.OPENAI: "/v1/models",
    ClientKind.SELF_HOSTED: "/v1/models",
    ClientKind.AZURE_OPENAI: "/openai/v1/models",
    ClientKind.ELEVENLABS: "/v1/models",
    ClientKind.MISTRAL: "/v1/models",
}
"""Where a service lists its models."""

_NOT_LISTED = frozenset({ClientKind.ELEVENLABS})
"""Where the list is of other models than those that transcribe."""


@dataclass(frozen=True, slots=True)
class Served:
    """What a service said about a model."""

    seconds: float  # Until it answered, on a connection that stood.
    is_there: bool | None  # None where only a request would show.
    ends: date | None  # The announced end, where there is one.


async def served(client: Client, model: str | None, within_s: float) -> Served:
    """Ask about a model. Raises Failure: Barred where the key is refused, TryLater where nothing answers in time."""
    await client.warm()
    if client.settings.kind is ClientKind.GEMINI and model is not None:
        return await _gemini(client, model, within_s)
    if (path := _LISTS.get(client.settings.kind)) is None:
        return await _reached(client, within_s)
    answer = await client.get(path, within_s=within_s)
    if model is not None and client.settings.kind in OWN_NAMES:
        return _deployed(answer, model)
    if model is None or client.settings.kind in _NOT_LISTED:
        return Served(answer.seconds, None, None)
    return _listed(answer, model)


def _listed(answer: ServiceAnswer, model: str) -> Served:
    """Whether the model is in the list, and its end, which each vendor calls otherwise."""
    found = next((one for one in _entries(answer) if model in {one.get("id"), *_aliases(one)}), None)
    if found is None:
        return Served(answer.seconds, is_there=False, ends=None)
    return Served(answer.seconds, is_there=True, ends=_day(found.get("shutdown_date") or found.get("deprecation")))


def _deployed(answer: ServiceAnswer, model: str) -> Served:
    """The end of the model that a deployment is called after, where it is called so: the list is of models alone.

    Of several releases the one that lasts longest, since a deployment moves on by itself.
    """
    same = [one for one in _entries(answer) if family(str(one.get("id"))) == family(model)]
    retired = [one["deprecation"].get("inference") for one in same if isinstance(one.get("deprecation"), dict)]
    return Served(answer.seconds, None, max((day for day in map(_day, retired) if day), default=None))


def _entries(answer: ServiceAnswer) -> list[dict[str, Any]]:
    listed = answer.json()
    models = listed.get("data") if isinstance(listed, dict) else None
    return [one for one in models or () if isinstance(one, dict)]


def _aliases(one: dict[str, Any]) -> list[str]:
    names = one.get("aliases")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


async def _gemini(client: Client, model: str, within_s: float) -> Served:
    try:
        answer = await client.get(f"/v1beta/models/{model}", within_s=within_s, about=model)
    except Barred as barred:
        if barred.concerns_key:
            raise
        return Served(0.0, is_there=False, ends=None)
    return Served(answer.seconds, is_there=True, ends=None)


async def _reached(client: Client, within_s: float) -> Served:
    """Any answer at all will do: nothing there is free of charge, so the key shows with the first utterance."""
    try:
        answer = await client.get("/", within_s=within_s, about="/")
    except (Barred, OurFault):
        return Served(0.0, None, None)
    return Served(answer.seconds, None, None)


def _day(told: Any) -> date | None:
    """A day as services write one: `2027-01-20`, with or without a time, or Unix time."""
    if isinstance(told, int | float):
        return datetime.fromtimestamp(told, UTC).date()
    try:
        return datetime.fromisoformat(str(told)).date() if told else None
    except ValueError:
        return None
