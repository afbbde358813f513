"""The audit of the inventory's copy: is each event what its device wrote and signed, and the entry what it says?

What a device cannot show by itself, this can: it had the events before anybody could change them on the device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.errors import UnreadableInput
from edge.hash_chain import CHAIN, PREVIOUS, Broken, Chain, Chained, PublicKey, Span, Wrong, parsed

if TYPE_CHECKING:
    from inventory.records import Progress
    from inventory.store import Store
    from inventory.trail import Came

KEY_FILES = "*.pem"
"""The files of a directory of keys."""


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit found of one device."""

    site: str
    device: str
    events: int
    """How many hold, from the first one on; refused ones count."""
    broken: Broken | None
    """The first event with which something is wrong, and where the audit ended; None when all of it is whole."""
    spans: tuple[Span, ...]
    """Who signed what."""
    checked: bool
    """Whether there were keys to check the signatures with."""

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        broken = None if self.broken is None else {**asdict(self.broken), "told": self.broken.wrong.told}
        return {"whole": self.broken is None, **asdict(self), "broken": broken}

    def lines(self) -> Iterator[str]:
        """For people."""
        unchecked = "" if self.checked else "; no key was given, so the signatures are not checked"
        yield f"{self.site}/{self.device}: events that hold: {self.events}{unchecked}"
        for span in self.spans:
            yield f"  {span.first} to {span.last}: {f'signed with {span.keyid}' if span.keyid else 'not signed'}"
        if self.broken is not None:
            yield f"  BROKEN at {self.broken.sequence}: {self.broken.wrong.told}"


def verify(
    store: Store, of: Progress, keys: Mapping[str, PublicKey] | None, tell: Callable[[int], None] = lambda _: None
) -> Report:
    """Follow the events of a device from the first one until something is wrong, or to the last one in turn.

    `keys` are the keys that may have signed, by key id; None leaves the signatures unchecked. `tell` hears after each
    event how many hold. Raises Unavailable.
    """
    links = Chain(keys)
    wrong = None
    for came in store.trail(of.site, of.device, of.handled):
        chained = _chained(came, links.link)
        if wrong := links.wrong_with(chained) or _entry_wrong(came, chained.event):
            break
        links.grow(chained)
        tell(links.last)
    if wrong is None and links.last < of.handled:
        wrong = Wrong.MISSING
    broken = None if wrong is None else Broken(links.last + 1, wrong)
    return Report(of.site, of.device, links.last, broken, tuple(links.spans), checked=keys is not None)


def devices(store: Store, name: str | None) -> list[Progress]:
    """The device called `name`, as site/device; all of them without a name. Raises UnreadableInput, Unavailable."""
    every = {f"{of.site}/{of.device}": of for of in store.progress()}
    if name is None:
        return list(every.values())
    if name not in every:
        raise UnreadableInput(f"--device {name}: no event ever came from it; there are {', '.join(every) or 'none'}")
    return [every[name]]


def read_keys(files: Iterable[Path], directory: Path | None) -> dict[str, PublicKey] | None:
    """The public keys in these files and in the directory's *.pem, by key id; None where no key is named.

    Raises UnreadableInput.
    """
    named = [*files, *(sorted(directory.glob(KEY_FILES)) if directory else ())]
    if directory is not None and not named:
        raise UnreadableInput(f"{directory}: holds no {KEY_FILES}; `dockvoice audit key` on a device prints its key")
    found = map(read_key, named)
    return {key.keyid: key for key in found} if named else None


def read_key(path: Path) -> PublicKey:
    """The public key in a file. Raises UnreadableInput."""
    try:
        return PublicKey.from_pem(path.read_bytes())
    except OSError as fault:
        raise UnreadableInput(f"{path}: {fault.strerror}; give what `dockvoice audit key` printed") from None
    except ValueError:
        raise UnreadableInput(f"{path}: is no Ed25519 public key; give what `dockvoice audit key` printed") from None


def _chained(came: Came, link: str) -> Chained:
    """The event as the chain takes it. One from before events were signed does not name what it continues."""
    event = parsed(came.body)
    return Chained(
        sequence=came.sequence,
        previous=str(event.get(PREVIOUS, link)),
        link=str(event.get(CHAIN)),
        event=event,
        audio_sha256=_recording(event),
        withheld=came.withheld,
    )


def _recording(event: Mapping[str, Any]) -> str:
    try:
        return str(event["data"]["utterance"]["audio_sha256"])
    except (KeyError, TypeError):
        return ""  # a link cannot rest on it, which is found when the link is made again


def _entry_wrong(came: Came, event: Mapping[str, Any]) -> Wrong | None:
    """Whether the entry says anything else than the event it was made of."""
    said = event["data"] if came.applied and "fields" in event["data"] else None
    made = came.entered
    if said is None or made is None:
        return None if said is None and made is None else Wrong.ENTRY_ALTERED
    same = (made.form, made.fields, made.operator) == (said["form"], said["fields"], said["operator"])
    return None if same else Wrong.ENTRY_ALTERED
