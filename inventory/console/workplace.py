"""The workplace: what every page of one running console shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from inventory.audit.deeds import Following
from inventory.console.sounds import NoSounds, Sounds
from inventory.web.resources import Resources


@dataclass(frozen=True)
class Workplace(Resources):
    """Made once, by `app.create`. Used from several threads."""

    sounds: Sounds = field(default_factory=NoSounds)
    following: Following = field(default_factory=Following)  # How far the audit was followed.

    @property
    def encrypted(self) -> bool:
        """Whether browsers come by https."""
        return (self.settings.console.address or "").startswith("https:")

    def titles(self, form: str, language: str) -> Mapping[str, str]:
        """What people call the fields of a form."""
        found: Mapping[str, Mapping[str, str]] = self.roles.get(form, {}).get("titles", {})
        return {name: title.get(language, title["en"]) for name, title in found.items()}
