"""Re-reading: another model over the recordings on record, beside what was accepted.

Each utterance is decided again by the same rules, so that what is compared is what would have become of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from edge.agent.parts import form_named, rules
from edge.agree.decide import Rules, decide
from edge.config import InterpreterSettings, Settings
from edge.errors import Misconfigured, Unavailable
from edge.forms.catalogue import Catalogue
from edge.keep.readings import ModelReadings, PastUtterance
from edge.ports import Interpreter
from edge.records import FieldValue, Outcome, Usage, Verdict
from edge.understand.costs import cost_usd, estimate_usd
from edge.understand.factory import Surroundings, interpreter
from edge.understand.local.factory import recogniser
from edge.understand.remote.client import Clients
from edge.understand.remote.failures import Barred
from edge.understand.weighing import same

ON_DEVICE = "on-device"  # The name of the device's own recogniser, among those of `understand.interpreters`.


@dataclass(frozen=True, slots=True)
class Expense:
    """What reading again is going to take."""

    utterances: int
    seconds: float
    usd: float | None  # At most, by the prices in the settings; None where none is set.


@dataclass(frozen=True, slots=True)
class Side:
    """What one interpreter made of an utterance."""

    interpreter: str
    transcript: str = field(repr=False)
    outcome: Outcome | None  # None where no verdict fell, or no answer came.
    fields: Mapping[str, FieldValue] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Compared:
    """One utterance, as it was read and as it is read now."""

    utterance_id: str
    heard_at: datetime
    event_id: str | None
    before: Side
    after: Side
    differing: tuple[str, ...]  # The fields in which the two differ; `outcome` where only what becomes of it does.
    trouble: str | None  # Why there is no answer.
    cost_usd: float | None


def expense(settings: Settings, name: str, since: datetime, readings: ModelReadings) -> Expense:
    """What it takes to have everything since then read by the interpreter `name`. Raises Misconfigured."""
    utterances, seconds = readings.seconds(since, settings.forms.active)
    if name == ON_DEVICE:
        return Expense(utterances, seconds, 0.0)
    return Expense(utterances, seconds, estimate_usd(utterances, seconds, _prices(settings, name)))


async def reread(
    settings: Settings, name: str, since: datetime, readings: ModelReadings, tell: Callable[[Compared], None]
) -> None:
    """Have everything since then read by the interpreter `name`; `tell` hears each comparison.

    Raises Barred where the key is refused or the model is gone: then the rest would be in vain.
    """
    form = form_named(settings, settings.forms.active)
    catalogue = Catalogue.load(settings.catalogue_directory)
    decided_by = rules(settings, form, catalogue)
    async with Clients(settings.understand.clients) as clients:
        reads: Interpreter
        if name == ON_DEVICE:
            reads = recogniser(settings, form, catalogue)
        else:
            reads = interpreter(name, Surroundings(settings, form, catalogue, clients))
        prices = None if name == ON_DEVICE else _prices(settings, name)
        for heard in readings.heard(since, form.name):
            tell(await _compared(heard, reads, prices, decided_by))


async def _compared(
    heard: PastUtterance, reads: Interpreter, prices: InterpreterSettings | None, by: Rules
) -> Compared:
    before = _before(heard)
    nothing = Compared(
        utterance_id=heard.utterance.utterance_id,
        heard_at=heard.utterance.heard_at,
        event_id=heard.kept.event_id,
        before=before,
        after=Side(reads.name, "", None, {}),
        differing=(),
        trouble=None,
        cost_usd=None,
    )
    try:
        reading = await reads.attend().finish(heard.utterance)
    except Barred:
        raise
    except Unavailable as fault:
        return replace(nothing, trouble=str(fault))
    verdict = decide(reading, heard.utterance.segment.closing, by)
    after = Side(reading.interpreter, reading.transcript, verdict.outcome, verdict.fields)
    return replace(nothing, after=after, differing=_differing(before, after), cost_usd=_cost(reading.usage, prices))


def _cost(usage: Usage | None, prices: InterpreterSettings | None) -> float | None:
    if usage is None or prices is None:
        return 0.0  # nobody was paid
    return cost_usd(usage, prices) if usage.cost_usd is None else usage.cost_usd


def _before(heard: PastUtterance) -> Side:
    stored: Mapping[str, Any] = heard.reading or {"interpreter": "none", "words": ()}
    verdict: Verdict | None = heard.kept.verdict
    transcript = " ".join(word["text"] for word in stored["words"])
    return Side(stored["interpreter"], transcript, None if verdict is None else verdict.outcome, heard.kept.fields)


def _differing(before: Side, after: Side) -> tuple[str, ...]:
    names = dict.fromkeys((*before.fields, *after.fields))
    differing = tuple(name for name in names if not _alike(before.fields.get(name), after.fields.get(name)))
    return differing or (("outcome",) if before.outcome is not after.outcome else ())


def _alike(one: FieldValue | None, other: FieldValue | None) -> bool:
    return one is other or (one is not None and other is not None and same(one, other))


def _prices(settings: Settings, name: str) -> InterpreterSettings:
    known = settings.understand.interpreters
    if name not in known:
        names = ", ".join((ON_DEVICE, *known))
        raise Misconfigured(f"--interpreter {name!r}: is not in understand.interpreters; there are {names}")
    return known[name]
