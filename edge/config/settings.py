"""All settings of the agent, put together: one class per table of the settings file, one field per key.

`config/edge.toml` lists every key with its unit, what is allowed and its default; a test holds the two together.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from dockvoice_protocol import systemd
from dockvoice_protocol.config import Key, LayeredSettings, Name, PersonName, Place
from dockvoice_protocol.plain_file import shipped_directory
from dockvoice_protocol.systemd import Unit, default_state_directory
from edge.config.models import (
    GOOGLE_KINDS,
    ClientSettings,
    InterpreterKind,
    InterpreterSettings,
    Understand,
    UnderstandingMode,
)
from edge.config.sections import Agree, Deliver, Forms, Hear, Keep, MicrophoneWatch, Scan, Speak, Workdays


class Settings(LayeredSettings):
    """All settings of the agent."""

    model_config = SettingsConfigDict(env_prefix="DOCKVOICE_")

    site: Name = Field("site", description="the site's name, second level of every topic")
    device: Name = Field("device", description="this device's name, unique on the site: it owns a sequence of events")
    operator: PersonName | None = Field(None, description="who speaks, as it goes on record; unset: nobody is named")
    state_directory: Place | None = Field(
        None,
        description="journal and recordings; unset: $STATE_DIRECTORY, else the unit's, else ~/.local/state/dockvoice",
    )
    workday: Workdays = Workdays()
    hear: Hear = Hear()
    scan: Scan = Scan()
    forms: Forms = Forms()
    understand: Understand = Understand()
    agree: Agree = Agree()
    speak: Speak = Speak()
    keep: Keep = Keep()
    deliver: Deliver = Deliver()
    watch: MicrophoneWatch = MicrophoneWatch()

    repairs: ClassVar[str] = "every key is explained in config/edge.toml"
    # The inventory may run on the same machine, and the tests tell themselves where the weights are.
    foreign: ClassVar[tuple[str, ...]] = ("DOCKVOICE_INVENTORY_", "DOCKVOICE_TEST_")
    unit: ClassVar[Unit | None] = Unit(
        settings=systemd.SETTINGS,
        state=systemd.STATE / "dockvoice" / "%i",
        cache=Path("/var/cache/dockvoice"),
        credentials={("deliver", "mqtt", "password"): "dockvoice.%i.mqtt-password"},
    )

    def contradictions(self) -> Iterator[tuple[Key, str]]:
        """Faulty keys with their faults: references that do not exist or do not fit, required ones that are unset."""
        understand = self.understand
        seats = [("first", understand.first), ("second", understand.second), ("morning", understand.morning)]
        for seat, taken_by in (*seats, *(("fallback", one) for one in understand.fallback)):
            yield from _missing_table_faults(("understand", seat), taken_by, "interpreter", understand.interpreters)
        yield from _first_is_no_cascade_fault(understand)
        yield from _missing_table_faults(("speak", "client"), self.speak.client, "client", understand.clients)
        for name, interpreter in understand.interpreters.items():
            here = ("understand", "interpreters", name)
            yield from _missing_table_faults((*here, "client"), interpreter.client, "client", understand.clients)
            yield from _missing_table_faults(
                (*here, "transcriber"), interpreter.transcriber, "transcriber", understand.transcribers
            )
            yield from (((*here, key), f"must be given for kind {interpreter.kind}") for key in interpreter.unset_keys)
            yield from _client_kind_mismatch(
                (*here, "kind"), interpreter, understand.clients.get(interpreter.client or "")
            )
        for name, transcriber in understand.transcribers.items():
            yield from _missing_table_faults(
                ("understand", "transcribers", name, "client"), transcriber.client, "client", understand.clients
            )

    @property
    def state(self) -> Path:
        """The directory of the journal and the recordings."""
        return self.state_directory or default_state_directory(self.unit_state_directory)

    @property
    def models(self) -> Path:
        """The directory of the recognisers' weights."""
        return self.understand.models_directory or self.cache / "models"

    @property
    def cache(self) -> Path:
        """The directory for files that can be downloaded or made again."""
        if given := os.environ.get("CACHE_DIRECTORY"):
            return Path(given.split(":")[0])
        if self.unit_cache_directory:
            return self.unit_cache_directory
        if given := os.environ.get("XDG_CACHE_HOME"):
            return Path(given) / "dockvoice"
        try:
            return Path.home() / ".cache" / "dockvoice"
        except RuntimeError:  # a user without a home, who may well name every other directory in the settings
            return Path("/var/cache/dockvoice")

    @property
    def forms_directory(self) -> Path:
        """The directory of the form files."""
        return self.forms.directory or shipped_directory("schemas") / "forms"

    @property
    def catalogue_directory(self) -> Path:
        """The directory of the catalogue files."""
        return self.forms.catalogue or shipped_directory("config") / "catalogue"


def _first_is_no_cascade_fault(understand: Understand) -> Iterator[tuple[Key, str]]:
    """The fault of mode `cascade` where the first interpreter is no cascade."""
    first = understand.interpreters.get(understand.first or "")
    if understand.mode is UnderstandingMode.CASCADE and first is not None and first.kind is not InterpreterKind.CASCADE:
        message = (
            f"is {understand.first!r}, of kind {first.kind}, but mode is cascade; name a cascade, or set another mode"
        )
        yield ("understand", "first"), message


def _client_kind_mismatch(
    key: Key, interpreter: InterpreterSettings, client: ClientSettings | None
) -> Iterator[tuple[Key, str]]:
    """The fault of an audio model whose kind does not fit its client's API."""
    google = {InterpreterKind.GEMINI: True, InterpreterKind.CHAT_AUDIO: False}.get(interpreter.kind)
    if client is not None and google is not None and google != (client.kind in GOOGLE_KINDS):
        yield (
            key,
            f"is {interpreter.kind}, but client {interpreter.client!r} is of kind {client.kind}; change one of them",
        )


def _missing_table_faults(
    key: Key, named: str | None, kind: str, tables: Mapping[str, object]
) -> Iterator[tuple[Key, str]]:
    """The fault of a key that names no table of its kind: `client`, of `[understand.clients]`."""
    if named is not None and named not in tables:
        known = ", ".join(tables) or "none"
        yield key, f"no {kind} is called {named!r}; known: {known}; add [understand.{kind}s.NAME]"
