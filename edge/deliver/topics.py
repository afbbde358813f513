"""The topics of a device: where it publishes, and where it is answered."""

from __future__ import annotations

from dataclasses import dataclass

from edge.deliver.validation import MalformedMessage


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one device: `{prefix}/{site}/{device}/entries|receipts|status|control`."""

    prefix: str
    site: str
    device: str

    @classmethod
    def every(cls, prefix: str) -> Topics:
        """Topic filters that match all devices of all sites."""
        return cls(prefix, "+", "+")

    @classmethod
    def of(cls, prefix: str, topic: str) -> Topics:
        """The topics of the device that `topic` belongs to; raises MalformedMessage if it is none of a device."""
        match topic.removeprefix(f"{prefix}/").split("/"):
            case [site, device, "entries" | "receipts" | "status" | "control"] if topic.startswith(f"{prefix}/"):
                return cls(prefix, site, device)
            case _:
                raise MalformedMessage(f"{topic!r}: no topic of a device; {prefix}/SITE/DEVICE/entries is one")

    @property
    def entries(self) -> str:
        """Where the device publishes its events."""
        return f"{self.prefix}/{self.site}/{self.device}/entries"

    @property
    def receipts(self) -> str:
        """Where the inventory answers them."""
        return f"{self.prefix}/{self.site}/{self.device}/receipts"

    @property
    def status(self) -> str:
        """Where the device, or the broker in its place, says whether it is connected (retained)."""
        return f"{self.prefix}/{self.site}/{self.device}/status"

    @property
    def control(self) -> str:
        """Where the device takes orders, if it is set to."""
        return f"{self.prefix}/{self.site}/{self.device}/control"

    @property
    def source(self) -> str:
        """CloudEvents' `source` of the device's events."""
        return f"/sites/{self.site}/devices/{self.device}"
