"""Phrases: what operators said and no form knows, grouped, and what is stored here that can be read again as words.

How often is what devices tell on their status topic: also of what was asked back, and of what models heard. What stood
around it, a sentence, is shown where a device has put it aside for a person: that alone has left a device.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from dockvoice_protocol.records.master import Cells
from inventory.records import data_of
from inventory.reviews.reviews import Review
from inventory.site.catalogue import SiteCatalogue
from inventory.site.site_words import Saying, Speaking, fields_of_lists, word_of
from inventory.store import statuses
from inventory.store.statuses import Status
from inventory.store.tables import entries, events, reviews, said

MOST_GROUPS = 100  # More than anybody looks at.

MOST_REVIEWS = 200  # Open ones, the latest: those of a bad week.

MOST_ENTRIES = 3000  # The latest, of one form: a week of ten headsets.

MOST_VALUES = 2000  # That were entered for a list that the inventory does not have.

EXAMPLES = 3  # Sentences of each group.


@dataclass(frozen=True, slots=True)
class Example:
    """A sentence in which it was said, where a device has put it aside."""

    words: str = field(repr=False)
    review: str  # The page of it.


@dataclass(slots=True)
class Group:
    """What was said and not understood."""

    said: str  # As it stands beside figures: `door #`.
    form: str
    language: str
    times: int = 0
    recorded: int = 0  # Of them became entries all the same.
    lacking: list[str] = field(default_factory=list)
    last: str = ""  # The day.
    devices: list[str] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list, repr=False)
    added: bool = False  # Whether the word is in the latest version of the site's words.

    @property
    def word(self) -> str:
        """It without the figures."""
        return word_of(self.said)


def speaking(transaction: Connection, of: SiteCatalogue, forms: Path) -> Speaking:
    """How the forms of a site are spoken, by the latest version of all that it knows. Raises Misconfigured."""
    lists = {one.kind: one.rows for one in of.kinds() if one.rows}
    return Speaking(forms, lists, _entered(transaction, of.site, fields_of_lists(forms)))


@dataclass(frozen=True, slots=True)
class Told:
    """What the devices of a site have told of what they do not understand."""

    devices: Mapping[str, Status]
    waiting: Sequence[Review]


def told(transaction: Connection, site: str) -> Told:
    """What is known now."""
    devices = {one.device: one for one in statuses.told(transaction) if one.site == site}
    return Told(devices, _waiting(transaction, site))


def groups(told: Told, forms: Speaking, words: Iterable[Cells]) -> list[Group]:
    """What was said at a site and not understood, the most frequent first. Reads sentences: no transaction is open."""
    found: dict[tuple[str, str, str], Group] = {}
    for name, one in told.devices.items():
        for counted in one.said.get("unknown_words", []):
            group = _group(found, counted["said"], counted["form"], counted["language"])
            group.times += counted["times"]
            group.recorded += counted["recorded"]
            group.lacking += [missing for missing in counted["lacking"] if missing not in group.lacking]
            group.last = max(group.last, counted["last"])
            group.devices.append(name)
    for review in told.waiting:
        _add_example(found, forms, review, told.devices.get(review.device))
    added = {(one["form"], one["language"], one["word"]) for one in words}
    for group in found.values():
        group.added = (group.form, group.language, group.word) in added
    return sorted(found.values(), key=lambda one: (one.added, -one.times, one.form, one.said))[:MOST_GROUPS]


def _group(found: dict[tuple[str, str, str], Group], phrase: str, form: str, language: str) -> Group:
    return found.setdefault((phrase, form, language), Group(phrase, form, language))


def _add_example(
    found: dict[tuple[str, str, str], Group], forms: Speaking, review: Review, device: Status | None
) -> None:
    """What nothing explains in one that waits."""
    language = _language(device)
    phrases = {
        phrase: sentence
        for sentence in _sentences(review)
        for phrase in forms.unexplained(sentence, review.form, language)
    }
    for phrase, sentence in phrases.items():
        group = _group(found, phrase, review.form, language)
        if len(group.examples) < EXAMPLES:
            group.examples.append(Example(sentence, _page_of(review)))
        if review.device not in group.devices:  # which has not counted it: it was said too seldom, or nothing is told
            group.times += 1
            group.last = max(group.last, review.told_at.date().isoformat())


def _language(device: Status | None) -> str:
    """That in which is spoken at a device now: a review does not say in which it was."""
    work: Mapping[str, Any] = {} if device is None else device.said.get("work", {})
    return str(work.get("language", "en"))


def _page_of(review: Review) -> str:
    return f"/reviews/{review.site}/{review.device}/{review.utterance_id}"


def _sentences(review: Review) -> list[str]:
    """What each interpreter heard."""
    told = data_of(review.body).get("readings", [])
    return list(dict.fromkeys(str(one["heard"]) for one in told if one.get("heard")))


def _waiting(transaction: Connection, site: str, form: str | None = None) -> list[Review]:
    wanted = select(reviews).where(reviews.c.state == "open", reviews.c.site == site)
    wanted = wanted if form is None else wanted.where(reviews.c.form == form)
    rows = transaction.execute(wanted.order_by(reviews.c.told_at.desc()).limit(MOST_REVIEWS)).mappings()
    return [Review(**{name: row[name] for name in Review.__dataclass_fields__}) for row in rows]


def waiting(transaction: Connection, site: str, form: str) -> Iterator[Saying]:
    """The sentences that wait for a person, of a form, each by the page where it is decided about."""
    for review in _waiting(transaction, site, form):
        for sentence in _sentences(review):
            yield Saying(_page_of(review), sentence, review.fields)


def recorded(transaction: Connection, site: str, form: str) -> Iterator[Saying]:
    """The words of each field of the entries that stand, the latest first, each by the page of its entry.

    An entry carries no sentence, but the words heard for each of its fields.
    """
    its = (entries.c.form == form, entries.c.site == site, entries.c.state == "current")
    wanted = select(entries.c.event_id, events.c.body)
    wanted = wanted.join(events, events.c.event_id == entries.c.event_id).where(*its)
    for row in transaction.execute(wanted.order_by(entries.c.arrival.desc()).limit(MOST_ENTRIES)).all():
        data = data_of(row.body)
        fields = data.get("fields", {})
        for name, words in data.get("reading", {}).get("heard", {}).items():
            if words and name in fields:
                yield Saying(f"/entries/{row.event_id}", str(words), {name: fields[name]})


def _entered(transaction: Connection, site: str, fields: Collection[str]) -> dict[str, list[str]]:
    """By field, what was entered at a site: it stands for lists that the inventory does not have."""
    wanted = select(said.c.field, said.c.value).distinct().where(said.c.site == site, said.c.field.in_(fields))
    found: dict[str, list[str]] = {}
    for row in transaction.execute(wanted.order_by(said.c.field, said.c.value).limit(MOST_VALUES)):
        found.setdefault(row.field, []).append(row.value)
    return found
