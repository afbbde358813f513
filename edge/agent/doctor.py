"""The checks of `dockvoice doctor`, in the order of the data, from the microphone to the broker."""

from __future__ import annotations

import asyncio
import errno
import shutil
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import NamedTuple

from dockvoice_protocol.errors import DockvoiceError, Misconfigured, Unavailable, describe_os_error, permission_error
from dockvoice_protocol.events import Topics
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import OWN_LANGUAGE, Form
from dockvoice_protocol.forms.spoken import command_phrases, confusable_pairs, english_words_with_meaning
from dockvoice_protocol.forms.spoken.language import ENGLISH, Language, language_named
from dockvoice_protocol.forms.spoken.rough import commands_by_name, form_words
from dockvoice_protocol.languages import LANGUAGES
from dockvoice_protocol.mqtt import Session, SessionConnected, SessionEvent
from edge.agent.clock import Clock
from edge.agent.parts import list_switchable_forms, load_named_form, make_second_recogniser, uses_dialogue
from edge.agent.site_publications import (
    load_operators,
    load_published_master_data,
    load_site_catalogue,
    override_files,
    sign_on_words,
)
from edge.config import RecogniserKind, Settings
from edge.hear.capture import input_device_labels
from edge.hear.input_keys import NAMES, KeyDevice
from edge.keep.codec import format_time
from edge.keep.database import JOURNAL, Outdated, sqlite_version
from edge.keep.journal import Journal
from edge.keep.outbox import OutboxState
from edge.understand.local import pocketsphinx, vosk, weights, whisper
from edge.understand.local.factory import find_weights, find_whisper_weights, recogniser_language
from edge.understand.remote.client import Clients
from edge.understand.remote.served_models import Retirement, Vendor, find_retirement, query_model

_PATIENCE_S = 5.0  # Timeout of a broker or a service; an operator would give up long before.
_MB = 1_000_000

_RETIRING = timedelta(days=90)  # Warning period before a model's last day: its successor must be tested on recordings.

_SLOW_SHARE = 0.5
"""Listing models is cheap: a service that takes more than this share of the deadline for it will miss the deadline."""

_WAL_RESET_BUG = ((3, 7, 0), (3, 51, 2))
"""First and last version of SQLite in which a checkpoint that races a write of another connection can damage the file
(https://www.sqlite.org/wal.html, "The WAL-Reset Bug")."""


class Severity(IntEnum):
    """The severity of a finding."""

    WELL = 0
    WARNING = 1  # It works, but may fail later.
    FAILED = 2  # It does not work.


_LATELY = timedelta(days=7)  # Decisions that were not done are reported for a week, in which they are decided again.


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    what: str  # The subject: `journal`, `model gpt_audio`.
    level: Severity
    found: str
    todo: str | None = None  # The remedy.


Check = Callable[[], Awaitable[Iterable[Finding]]]
"""One check. A DockvoiceError or PermissionError that it raises becomes a finding."""


async def run_checks(checks: Mapping[str, Check]) -> list[Finding]:
    """Run all checks in order; a failing one does not stop the others."""
    findings: list[Finding] = []
    for what, check in checks.items():
        try:
            findings.extend(await check())
        except DockvoiceError as fault:
            findings.append(error_finding(what, fault))
        except PermissionError as fault:
            findings.append(error_finding(what, permission_error(fault)))
    return findings


def error_finding(what: str, fault: DockvoiceError) -> Finding:
    """The finding for an error: the text after its semicolon is the remedy."""
    found, _, todo = str(fault).partition("; ")
    return Finding(what, Severity.FAILED, found, todo or None)


def find_worst(findings: Iterable[Finding]) -> Severity:
    """The highest severity; WELL without findings."""
    return max((finding.level for finding in findings), default=Severity.WELL)


class _NamedModel(NamedTuple):
    """A model in the settings; `model` is None where the client decides."""

    name: str
    client: str
    model: str | None


def make_checks(settings: Settings, today: date) -> dict[str, Check]:
    """All checks for these settings, by subject."""
    return {
        "microphone": partial(_check_microphone, settings),
        "scanner": partial(_check_scanner, settings),
        "form": partial(_check_form, settings),
        "catalogue": partial(_check_catalogue, settings),
        "words": partial(_check_words, settings),
        "recogniser": partial(_check_recogniser, settings),
        "witness": partial(_check_second_recogniser, settings),
        **{f"model {one.name}": partial(_check_model, settings, one, today) for one in _list_models(settings)},
        "sqlite": _check_sqlite,
        "journal": partial(_check_journal, settings),
        "disk": partial(_check_disk, settings),
        "clock": _check_clock,
        "broker": partial(_check_broker, settings),
    }


def _list_models(settings: Settings) -> list[_NamedModel]:
    """Every model behind a client in the settings, once for each table that names it."""
    understand = settings.understand
    writers = [_NamedModel(name, one.client, one.model) for name, one in understand.transcribers.items()]
    readers = [_NamedModel(name, one.client, one.model) for name, one in understand.interpreters.items() if one.client]
    speak = settings.speak
    voices = [_NamedModel("voice", speak.client, speak.model)] if speak.client is not None and speak.model else []
    return writers + readers + voices


async def _check_microphone(settings: Settings) -> Iterable[Finding]:
    try:
        found = await asyncio.to_thread(input_device_labels)
    except Unavailable as fault:
        return [Finding("microphone", Severity.WARNING, str(fault), "without one, only recordings can be heard")]
    wanted = settings.hear.device
    if wanted is not None and not any(str(wanted) in device for device in found):
        known = ", ".join(found) or "none"
        todo = f"set hear.device to one of: {known}"
        return [Finding("microphone", Severity.FAILED, f"hear.device = {wanted!r}: no such device", todo)]
    if not found:
        return [Finding("microphone", Severity.WARNING, "none is connected", "connect one; it is opened at the start")]
    return [Finding("microphone", Severity.WELL, f"{len(found)} to listen to")]


async def _check_scanner(settings: Settings) -> Iterable[Finding]:
    """The scanner: present, readable, not grabbed by another program. A running agent's grab is fine."""
    device = settings.scan.device
    if device is None:
        return [Finding("scanner", Severity.WELL, "none is set")]
    named = f"scan.device = {str(device)!r}"
    try:
        with KeyDevice(device) as found:
            return [_check_keyboard(named, found)]
    except FileNotFoundError:
        todo = "connect it, or set scan.device to one of `ls /dev/input/by-id/*-event-kbd`"
        return [Finding("scanner", Severity.WARNING, f"{named}: is not there", todo)]
    except PermissionError:
        todo = "let this user read it: docs/scanners.md says how"
        return [Finding("scanner", Severity.FAILED, f"{named}: may not be read by this user", todo)]
    except OSError as fault:
        return [
            Finding(
                "scanner", Severity.FAILED, f"{named}: {describe_os_error(fault)}", "set scan.device to an input device"
            )
        ]


def _check_keyboard(named: str, found: KeyDevice) -> Finding:
    """The finding whether a present device is a keyboard that no other program has grabbed."""
    if not all(found.has_key(NAMES[key]) for key in ("KEY_1", "KEY_ENTER")):
        todo = "set the scanner to be a keyboard (USB HID), or choose another device"
        return Finding("scanner", Severity.FAILED, f"{named}: {found.name} has no keys to type with", todo)
    try:
        found.grab()
    except OSError as fault:
        if fault.errno != errno.EBUSY:
            raise
        todo = "nothing if that is the agent; otherwise end the program"
        return Finding("scanner", Severity.WELL, f"{found.name}; a program has its keys for itself", todo)
    return Finding("scanner", Severity.WELL, found.name)


async def _check_form(settings: Settings) -> Iterable[Finding]:
    return [
        Finding("form", Severity.WELL, f"{form.name}: {', '.join(field.name for field in form.fields)}")
        for form in _load_forms(settings)
    ]


def _load_forms(settings: Settings) -> tuple[Form, ...]:
    return list_switchable_forms(settings, load_named_form(settings, settings.forms.active))


async def _check_catalogue(settings: Settings) -> Iterable[Finding]:
    """The catalogue that the next start uses: the published versions, or the files."""
    files, published = Catalogue.load(settings.catalogue_directory), load_published_master_data(settings)
    versions = ", ".join(f"{one.kind} version {one.version}" for one in published)
    if not versions:
        return [
            Finding("catalogue", Severity.WELL, f"{', '.join(files.entries)}, as in {settings.catalogue_directory}")
        ]
    try:
        override_files(files, published, _load_forms(settings))
    except Misconfigured as fault:
        found = f"{versions}: not used, but the files in {settings.catalogue_directory}: {fault}"
        todo = "mend the form on this device, or publish what it can be filled with (docs/catalogue.md)"
        return [Finding("catalogue", Severity.WARNING, found, todo)]
    return [Finding("catalogue", Severity.WELL, f"{versions}, as published; else {settings.catalogue_directory}")]


async def _check_words(settings: Settings) -> Iterable[Finding]:
    """Whether names and commands are in the recogniser's vocabulary, for each language with installed weights."""
    own = recogniser_language(settings)
    findings = [_check_own_words(settings, own)]
    for language in map(language_named, LANGUAGES):
        place = None if language is own else find_weights(settings, language)
        if place is not None:
            findings.append(_check_words_in(settings, f"words {language.code}", language, place))
    return findings


def _check_own_words(settings: Settings, own: Language) -> Finding:
    """The finding for the device's own language: unknown words, and in English also confusable ones."""
    place = find_weights(settings, own)
    if own is not ENGLISH and place is not None:
        return _check_words_in(settings, "words", own, place)
    forms = _load_forms(settings)
    catalogue = load_site_catalogue(settings, forms)
    crew = load_operators(settings) or ()
    whose = {name: one.name for one in crew for name in sign_on_words([one])}
    works = {name: form.name for form in forms for name in form.spoken_names(OWN_LANGUAGE)} if len(forms) > 1 else {}
    knows = None if place is None else _make_vocabulary_test(place)
    known_catalogue = catalogue if knows is None else catalogue.with_known_ways(knows)
    listed = [works, *(dict(english_words_with_meaning(form, known_catalogue)) for form in forms)]
    named = [one.catalogue for form in forms for one in form.fields if one.catalogue and one.spoken.is_single_letter]
    letters = [way for name in named for way in known_catalogue.value_by_spoken(name)]
    commands = command_phrases(trailers=any(form.trailer_and_door_fields for form in forms))
    wanted = dict.fromkeys([*_list_sign_on_names(settings), *(word for one in listed for word in one), *letters])
    unknown_words = [one for one in (*wanted, *commands) if knows is not None and not knows(one.lower())]
    if unknown_words:
        found = f"the recogniser does not know {', '.join(map(repr, unknown_words))}, and cannot hear it"
        todo = (
            "sign on by number ('14', or 'one four'); in forms and catalogues use words of everyday English, or give a "
            "name of a list words that sound like it beside it: `dockvoice forms respell` proposes some"
        )
        return Finding("words", Severity.FAILED, found, todo)
    alike = ((each, pair) for each in (whose, *listed) for pair in confusable_pairs(each))
    pairs = dict.fromkeys(pair for each, pair in alike if each[pair[0]] != each[pair[1]])
    if pairs:
        alike_words = ", ".join(f"{one!r} and {other!r}" for one, other in pairs)
        todo = "choose words or names that differ in more than a vowel, or numbers that are said digit by digit"
        return Finding("words", Severity.WARNING, f"heard alike: {alike_words}", todo)
    known = "" if knows is None else f"; the recogniser knows them, and the {len(commands)} ways to say commands"
    return Finding("words", Severity.WELL, f"{len(wanted)} are told apart{known}")


def _list_sign_on_names(settings: Settings) -> list[str]:
    """The names of operators without a number, which they sign on with."""
    by_name = sign_on_words(one for one in load_operators(settings) or () if one.number is None)
    return [name for name in by_name if not name.isdecimal()]


def _check_words_in(settings: Settings, what: str, language: Language, place: Path) -> Finding:
    """The finding for a language: meanings that cannot be said with words in the weights' vocabulary."""
    knows, catalogue = _make_vocabulary_test(place), Catalogue.load(settings.catalogue_directory)
    ways: dict[str, list[str]] = {}
    for form in _load_forms(settings):
        for said, meant in form_words(form, catalogue, language):
            ways.setdefault(meant, []).append(said.lower())
    for name, said_so in commands_by_name(language).items():
        ways[f"the command {name!r}"] = [said.lower() for said in said_so]
    ways |= {f"the operator {name!r}": [name.lower()] for name in _list_sign_on_names(settings)}
    lost = [f"{meant} ({', '.join(map(repr, said))})" for meant, said in ways.items() if not any(map(knows, said))]
    unknown = {word for said in ways.values() for one in said for word in one.split() if not knows(word)}
    if lost:
        todo = f"give it another word under x-languages.{language.code} of the form, or sign on by number"
        return Finding(what, Severity.FAILED, f"{place.name} cannot hear {'; '.join(lost)}", todo)
    lacks = f"; of their words not {', '.join(map(repr, sorted(unknown)))}" if unknown else ""
    return Finding(what, Severity.WELL, f"{place.name} hears a way to say each of {len(ways)}{lacks}")


def _make_vocabulary_test(place: Path) -> Callable[[str], bool]:
    """A test whether vosk's weights know every word of a phrase; it reads their word list, where they have one."""
    listed = place / "graph" / "words.txt"
    if not listed.is_file():
        return vosk.make_vocabulary_test(place)
    known = frozenset(line.split()[0] for line in listed.read_text(encoding="utf-8").splitlines() if line.strip())
    return lambda said: known.issuperset(said.split())


async def _check_recogniser(settings: Settings) -> Iterable[Finding]:
    wanted = settings.understand
    if wanted.engine is RecogniserKind.POCKETSPHINX and pocketsphinx.is_installed():
        return [Finding("recogniser", Severity.WELL, "pocketsphinx")]
    place = weights.locate(weights.find_model(wanted.model), settings.models)
    if place is not None:
        return [Finding("recogniser", Severity.WELL, f"vosk, weights in {place}")]
    if (place := find_whisper_weights(settings, recogniser_language(settings))) is not None:
        return [Finding("recogniser", Severity.WELL, f"whisper, weights in {place}")]
    level = Severity.WARNING if wanted.engine == "auto" and pocketsphinx.is_installed() else Severity.FAILED
    found = f"the weights of {wanted.model!r} are not in {settings.models}"
    if not pocketsphinx.is_installed():
        found += ", and pocketsphinx is not installed"
    return [Finding("recogniser", level, found, f"run `dockvoice models get {wanted.model}`")]


async def _check_second_recogniser(settings: Settings) -> Iterable[Finding]:
    if not uses_dialogue(settings, operator_present=True) or settings.understand.witness is False:
        return [Finding("witness", Severity.WELL, "off")]
    if (second_recogniser := make_second_recogniser(settings)) is not None:
        try:
            await asyncio.to_thread(_load_scoring_weights, settings)
        except Misconfigured as fault:
            return [replace(error_finding("witness", fault), level=Severity.WARNING)]
        scores = ", and whisper scores letters" if second_recogniser.scores else ""
        return [Finding("witness", Severity.WELL, f"moonshine hears again what is held{scores}")]
    found = "none: it takes moonshine, English and two cores"
    return [Finding("witness", Severity.WELL, found, "pip install 'dockvoice[second-reader]'")]


def _load_scoring_weights(settings: Settings) -> None:
    """Raises Misconfigured where whisper's weights are here but damaged, so that no letter is scored."""
    for model in weights.load_catalogue():
        place = settings.models / model.name
        if model.engine is RecogniserKind.WHISPER and place.is_dir() and whisper.is_installed():
            if weights.locate(model, settings.models) is None:
                why = "a file is missing or is not as long as it was"
                raise Misconfigured(f"{place}: {why}; run `dockvoice models get {model.name}`")
            whisper.WhisperDecoder(place)


async def _check_model(settings: Settings, one: _NamedModel, today: date) -> Iterable[Finding]:
    async with Clients(settings.understand.clients) as clients:
        seen = await query_model(clients[one.client], one.model, _PATIENCE_S)
    known = find_retirement(settings.understand.clients[one.client].kind, one.model or "")
    result = ModelCheckResult(
        one.name, one.model or "its model", one.client, seen.seconds, seen.is_there, *_find_last_day(seen.ends, known)
    )
    return model_findings(result, today, settings.understand.deadline_ms / 1000)


def _find_last_day(ends: date | None, known: tuple[Retirement, Vendor] | None) -> tuple[date | None, str, str | None]:
    """A model's last day, the earlier of the service's and the vendor's; its source; the successor."""
    lifetime, vendor = known or (Retirement(), None)
    if vendor is None or lifetime.ends is None or (ends is not None and ends <= lifetime.ends):
        return ends, "", lifetime.successor
    return lifetime.ends, f", says {vendor.page} as read on {vendor.read}", lifetime.successor


async def _check_sqlite() -> Iterable[Finding]:
    return [sqlite_finding(sqlite_version())]


async def _check_journal(settings: Settings) -> Iterable[Finding]:
    if not (settings.state / JOURNAL).exists():
        return [Finding("journal", Severity.WELL, f"none yet in {settings.state}; the first start makes it")]
    try:
        await asyncio.to_thread(Journal.check, settings.state)
    except Outdated as found:
        what, _, todo = str(found).partition("; ")
        return [Finding("journal", Severity.WARNING, what, todo)]
    with Journal.inspect(settings.state) as journal:
        journal.successor.demand_none()
        journal.outbox.demand_owner(Topics(settings.deliver.prefix, settings.site, settings.device).source)
        held = [one.state for one in journal.review.held_entries()]
        return [
            waiting_finding(
                refused=held.count(OutboxState.REFUSED),
                dead=held.count(OutboxState.DEAD),
                reviewed=len(journal.review.list_under_review()),
                flagged=len(journal.review.flagged_entries()),
                deferred=len(journal.readings.deferred_utterances()),
            ),
            *undone_decision_findings(journal.orders.count_not_done(since=format_time(datetime.now(UTC) - _LATELY))),
        ]


async def _check_disk(settings: Settings) -> Iterable[Finding]:
    state, keep = settings.state.absolute(), settings.keep
    there = next(path for path in (state, *state.parents) if path.exists())
    free = shutil.disk_usage(there).free
    return [disk_finding(str(there), free, alarm_mb=keep.alarm_free_mb, stop_mb=keep.stop_free_mb)]


async def _check_clock() -> Iterable[Finding]:
    if Clock().is_believed():
        return [Finding("clock", Severity.WELL, "synchronised")]
    found = "nothing vouches for it: events say that their time is doubtful, no recording is removed for its age"
    return [Finding("clock", Severity.WARNING, found, "set up systemd-timesyncd or chrony")]


async def _check_broker(settings: Settings) -> Iterable[Finding]:
    """Connect as the agent does, but with another client id: the broker disconnects the older of two equal ones."""
    mqtt = settings.deliver.mqtt
    where = f"broker {mqtt.host}:{mqtt.port}{' with TLS' if mqtt.tls else ''}"
    loop, connected = asyncio.get_running_loop(), asyncio.Event()

    def receive(event: SessionEvent) -> None:
        if isinstance(event, SessionConnected):
            loop.call_soon_threadsafe(connected.set)

    session = Session(mqtt, client_id=f"{settings.site}-{settings.device}-doctor", receive=receive)
    session.start()
    with suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE_S):
            await connected.wait()
    trouble = session.trouble or f"{where}: no answer within {_PATIENCE_S:g} s"
    await asyncio.to_thread(session.stop)
    if connected.is_set():
        return [reachable_broker_finding(where, mqtt.exposure)]
    todo = "look at deliver.mqtt, the network and the broker; entries are kept until it answers"
    return [Finding("broker", Severity.FAILED, trouble, todo)]


def reachable_broker_finding(where: str, exposed: str | None) -> Finding:
    """The finding for a broker that answers; a warning where the connection is not encrypted (`exposure`)."""
    if exposed is None:
        return Finding("broker", Severity.WELL, f"{where} answers")
    todo = "set deliver.mqtt.tls = true, with a broker that has a certificate"
    return Finding("broker", Severity.WARNING, f"{where} answers; {exposed} (insecure = true)", todo)


def sqlite_finding(version: str) -> Finding:
    """The finding for this version of SQLite: a warning where its WAL-reset bug can damage the file."""
    first, last = _WAL_RESET_BUG
    if first <= tuple(map(int, version.split("."))) <= last:
        todo = (
            "nothing while the agent alone writes the journal, as it does; open a copy of it where other programs "
            "want to write, and take a newer SQLite with the next system"
        )
        return Finding("sqlite", Severity.WARNING, f"{version}: can damage a file that two programs write", todo)
    return Finding("sqlite", Severity.WELL, version)


def disk_finding(path: str, free: int, *, alarm_mb: float, stop_mb: float) -> Finding:
    """The finding for `free` bytes on the journal's disk."""
    found = f"{path}: {free / _MB:,.0f} MB free"
    if free < stop_mb * _MB:
        return Finding(
            "disk", Severity.FAILED, f"{found}: nothing is recorded below {stop_mb:g}", "free space on its disk"
        )
    if free < alarm_mb * _MB:
        return Finding(
            "disk", Severity.WARNING, f"{found}: recordings are removed below {alarm_mb:g}", "free space there"
        )
    return Finding("disk", Severity.WELL, found)


def waiting_finding(*, refused: int, dead: int, reviewed: int, flagged: int, deferred: int) -> Finding:
    """The finding for the journal: a warning with the number of items that await a person or a model."""
    letters = "dead letter" if dead == 1 else "dead letters"
    counts = {
        "refused": refused,
        letters: dead,
        "under review": reviewed,
        "contradicted": flagged,
        "deferred": deferred,
    }
    waiting = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    if not waiting:
        return Finding("journal", Severity.WELL, "whole, and nothing in it waits")
    return Finding("journal", Severity.WARNING, f"whole; {waiting}", "look at `dockvoice queue list --held`")


def undone_decision_findings(counts_by_reason: Mapping[str, int]) -> list[Finding]:
    """The finding for the inventory's decisions that were ever not done, by reason; without any, none."""
    if not counts_by_reason:
        return []
    found = "not done: " + ", ".join(f"{count} {why}" for why, count in counts_by_reason.items())
    todo = (
        "the log tells of each. Forged ones: see who may write to the topic of decisions, and that "
        "`deliver.decisions_key` is the public half of the key that signs them, lists and rosters; for the others, see "
        "`dockvoice inventory review list`, and decide again about what is still open"
    )
    return [Finding("decisions", Severity.WARNING, found, todo)]


@dataclass(frozen=True, slots=True)
class ModelCheckResult:
    """A service's answer about a model."""

    name: str  # The interpreter's or transcriber's name in the settings.
    model: str
    client: str
    seconds: float  # The time that the answer took.
    is_there: bool | None  # None where the service lists no models.
    ends: date | None  # The last day; None where unknown.
    source: str = ""  # The source of `ends`, where it is not the service itself.
    successor: str | None = None


def model_findings(seen: ModelCheckResult, today: date, deadline_s: float) -> list[Finding]:
    """The findings for a model: available, retiring, slow."""
    what = f"model {seen.name}"
    if seen.is_there is False:
        todo = f"name one that is, in understand: model of {seen.name!r}; or deploy it"
        return [Finding(what, Severity.FAILED, f"client {seen.client!r} serves no {seen.model}", todo)]
    findings = [_lifetime_finding(what, seen, today)]
    if seen.seconds > deadline_s * _SLOW_SHARE:
        found = f"client {seen.client!r} took {seen.seconds:.2f} s for next to nothing"
        todo = (
            f"too little is left of understand.deadline_ms ({deadline_s:g} s): look at the link, choose a nearer "
            "region, or name a fallback"
        )
        findings.append(Finding(what, Severity.WARNING, found, todo))
    return findings


def _lifetime_finding(what: str, seen: ModelCheckResult, today: date) -> Finding:
    successor = "its successor" if seen.successor is None else f"its successor, {seen.successor}"
    todo = f"choose {successor}, and try that on your recordings: `dockvoice reread`, `dockvoice evaluate`"
    if seen.ends is not None and seen.ends <= today:
        # A date from a page may have been postponed; then the model, or another one in its place, still answers.
        level = Severity.WARNING if seen.source else Severity.FAILED
        return Finding(what, level, f"{seen.model} was shut down on {seen.ends}{seen.source}", todo)
    if seen.ends is not None and seen.ends - today <= _RETIRING:
        return Finding(what, Severity.WARNING, f"{seen.model} is shut down on {seen.ends}{seen.source}", todo)
    if seen.successor is not None and seen.ends is None:
        found = f"{seen.model} is superseded; no last day is known"
        return Finding(what, Severity.WARNING, found, todo)
    if seen.is_there is None:
        return Finding(
            what, Severity.WELL, f"client {seen.client!r} answers; {seen.model} shows at the first utterance"
        )
    until = f" until {seen.ends}" if seen.ends is not None else ""
    return Finding(what, Severity.WELL, f"{seen.model} is there{until}, {seen.seconds * 1000:.0f} ms")
