"""The checks of `dockvoice doctor`, in the order of the way of a sound; `doctor_findings` judges what they find."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from functools import partial
from pathlib import Path
from typing import NamedTuple

from edge.agent import doctor_findings
from edge.agent.clock import Clock
from edge.agent.doctor_findings import Check, Finding, Level, ModelSeen
from edge.agent.parts import form_named
from edge.config import Engine, Settings
from edge.deliver.events import Topics
from edge.deliver.mqtt import Connected, Session, SessionEvent
from edge.errors import Unavailable
from edge.forms.catalogue import Catalogue
from edge.hear.capture import microphones
from edge.keep.database import JOURNAL, sqlite_version
from edge.keep.journal import Journal
from edge.understand.local import weights
from edge.understand.remote.client import Clients
from edge.understand.remote.probe import served

PATIENCE_S = 5.0  # How long a broker or a service may take to answer: an operator would have given up long before.


class Asked(NamedTuple):
    """A model that the settings name."""

    name: str
    client: str
    model: str | None


def checks(settings: Settings, today: date) -> dict[str, Check]:
    """All checks for these settings, by what they look at."""
    return {
        "microphone": partial(_microphone, settings),
        "form": partial(_form, settings),
        "recogniser": partial(_recogniser, settings),
        **{f"model {one.name}": partial(_model, settings, one, today) for one in asked(settings)},
        "sqlite": _sqlite,
        "journal": partial(_journal, settings),
        "disk": partial(_disk, settings),
        "clock": _clock,
        "broker": partial(_broker, settings),
    }


def asked(settings: Settings) -> list[Asked]:
    """Every model behind a client that the settings name, once for each table that names it."""
    understand = settings.understand
    writers = [Asked(name, one.client, one.model) for name, one in understand.transcribers.items()]
    readers = [Asked(name, one.client, one.model) for name, one in understand.interpreters.items() if one.client]
    return writers + readers


async def _microphone(settings: Settings) -> Iterable[Finding]:
    try:
        found = await asyncio.to_thread(microphones)
    except Unavailable as fault:
        return [Finding("microphone", Level.WARNING, str(fault), "without one, only recordings can be heard")]
    wanted = settings.hear.device
    if wanted is not None and not any(str(wanted) in device for device in found):
        known = ", ".join(found) or "none"
        todo = f"set hear.device to one of: {known}"
        return [Finding("microphone", Level.FAILED, f"hear.device = {wanted!r}: no such device", todo)]
    if not found:
        return [Finding("microphone", Level.WARNING, "none is connected", "connect one; it is opened at the start")]
    return [Finding("microphone", Level.WELL, f"{len(found)} to listen to")]


async def _form(settings: Settings) -> Iterable[Finding]:
    form = form_named(settings, settings.forms.active)
    Catalogue.load(settings.catalogue_directory)
    return [Finding("form", Level.WELL, f"{form.name}: {', '.join(field.name for field in form.fields)}")]


async def _recogniser(settings: Settings) -> Iterable[Finding]:
    wanted = settings.understand
    if wanted.engine is Engine.POCKETSPHINX:
        return [Finding("recogniser", Level.WELL, "pocketsphinx")]
    place = weights.located(weights.named(wanted.model), settings.models)
    if place is not None:
        return [Finding("recogniser", Level.WELL, f"vosk, weights in {place}")]
    level = Level.WARNING if wanted.engine == "auto" else Level.FAILED
    found = f"the weights of {wanted.model!r} are not in {settings.models}"
    return [Finding("recogniser", level, found, f"run `dockvoice models get {wanted.model}`")]


async def _model(settings: Settings, one: Asked, today: date) -> Iterable[Finding]:
    async with Clients(settings.understand.clients) as clients:
        seen = await served(clients[one.client], one.model, PATIENCE_S)
    told = ModelSeen(one.name, one.model or "its model", one.client, seen.seconds, seen.is_there, seen.ends)
    return doctor_findings.model(told, today, settings.understand.deadline_ms / 1000)


async def _sqlite() -> Iterable[Finding]:
    return [doctor_findings.sqlite(sqlite_version())]


async def _journal(settings: Settings) -> Iterable[Finding]:
    if not (settings.state / JOURNAL).exists():
        return [Finding("journal", Level.WELL, f"none yet in {settings.state}; the first start makes it")]
    await asyncio.to_thread(Journal.check, settings.state)
    with Journal.inspect(settings.state) as journal:
        journal.outbox.demand_owner(Topics(settings.deliver.prefix, settings.site, settings.device).source)
        return [
            doctor_findings.waiting(
                dead=len(journal.review.dead_letters()),
                reviewed=len(journal.review.under_review()),
                flagged=len(journal.review.flagged()),
                deferred=len(journal.readings.deferred()),
            )
        ]


async def _disk(settings: Settings) -> Iterable[Finding]:
    there = next(path for path in (settings.state.absolute(), *settings.state.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    keep = settings.keep
    return [doctor_findings.disk(str(Path(there)), free, alarm_mb=keep.alarm_free_mb, stop_mb=keep.stop_free_mb)]


async def _clock() -> Iterable[Finding]:
    return [doctor_findings.clock(believed=Clock().believed())]


async def _broker(settings: Settings) -> Iterable[Finding]:
    """Connect as the agent does, but under another name: two clients of one name throw each other out."""
    mqtt = settings.deliver.mqtt
    where = f"broker {mqtt.host}:{mqtt.port}{' with TLS' if mqtt.tls else ''}"
    loop, connected = asyncio.get_running_loop(), asyncio.Event()

    def receive(event: SessionEvent) -> None:
        if isinstance(event, Connected):
            loop.call_soon_threadsafe(connected.set)

    session = Session(mqtt, client_id=f"{settings.site}-{settings.device}-doctor", receive=receive)
    session.start()
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            await connected.wait()
    trouble = session.trouble or f"{where}: no answer within {PATIENCE_S:g} s"
    await asyncio.to_thread(session.stop)
    if connected.is_set():
        return [Finding("broker", Level.WELL, f"{where} answers")]
    todo = "look at deliver.mqtt, the network and the broker; entries are kept until it answers"
    return [Finding("broker", Level.FAILED, trouble, todo)]
