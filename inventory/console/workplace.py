"""The workplace: what every page of one running console shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from inventory.audit.deeds import Following
from inventory.console.sounds import NoSounds, Sounds
from inventory.web.resources import Resources

Send = Callable[[Mapping[str, bytes]], None]
"""Hands messages to the broker by their topics, and returns when it has them. Raises DockvoiceError."""


@dataclass(frozen=True)
class Workplace(Resources):
    """Made once, by `app.create`. Used from several threads."""

    sounds: Sounds = field(default_factory=NoSounds)
    send: Send | None = None  # Hands a message to the broker; None: nothing is sent.
    following: Following = field(default_factory=Following)  # How far the audit was followed.

    @property
    def encrypted(self) -> bool:
        """Whether browsers come by https."""
        return (self.settings.console.address or "").startswith("https:")

    def titles(self, form: str, language: str) -> Mapping[str, str]:
        """What people call the fields of a form."""
        found: Mapping[str, Mapping[str, str]] = self.roles.get(form, {}).get("titles", {})
        return {name: title.get(language, title["en"]) for name, title in found.items()}
