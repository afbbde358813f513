"""Words: phrases that operators said and no form knows, what a new word would change, and adding it to the site.

Devices count such phrases on their status topic. Whole sentences are shown only of utterances under review: no others
leave a device.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, select
from starlette.responses import RedirectResponse, Response

from dockvoice_protocol.errors import Misconfigured, UnreadableInput
from dockvoice_protocol.records.master import OF_WORDS, Cells, word_faults
from inventory.console.accounts import Role
from inventory.console.context import RequestContext, Route, parse_integer
from inventory.queries import fleet
from inventory.records import event_data_or_empty
from inventory.reviews.reviews import Review
from inventory.site.catalogue import FaultyRows, SiteCatalogue
from inventory.site.site_words import (
    WORD_LANGUAGES,
    EffectKind,
    SpokenForms,
    Transcript,
    TranscriptChange,
    WordTrial,
    list_filled_fields,
    remove_number_placeholders,
)
from inventory.store import statuses
from inventory.store.statuses import Status
from inventory.store.tables import entries, events, reviews, said

_KEYS = ("site", "form", "language", "word", "meaning")  # The parameters of a word's page.

_MOST_SHOWN = 50  # Changes of each sort: with more of them another word is needed.
_MOST_GROUPS = 100
_MOST_REVIEWS = 200  # The latest open ones: those of a bad week.
_MOST_ENTRIES = 3000  # The latest of one form: a week of ten headsets.
_MOST_VALUES = 2000  # Recorded values that stand for a list that the inventory does not have.
_EXAMPLES = 3  # Sentences of each group.


@dataclass(frozen=True, slots=True)
class _Example:
    """A sentence with the phrase, of an utterance under review."""

    words: str = field(repr=False)
    review: str  # The address of its page.


@dataclass(slots=True)
class _Group:
    """A phrase that was not understood."""

    said: str  # As it stands beside numbers: `door #`.
    form: str
    language: str
    times: int = 0
    recorded: int = 0  # How many of them became entries all the same.
    lacking: list[str] = field(default_factory=list)
    last: str = ""  # The day.
    devices: list[str] = field(default_factory=list)
    examples: list[_Example] = field(default_factory=list, repr=False)
    added: bool = False  # Whether the word is in the latest version of the site's words.

    @property
    def word(self) -> str:
        """The phrase without its numbers."""
        return remove_number_placeholders(self.said)


def _group_unknown_phrases(
    devices: Mapping[str, Status], waiting: Sequence[Review], forms: SpokenForms, words: Iterable[Cells]
) -> list[_Group]:
    """Unknown phrases by frequency. Reads sentences, which takes time: call it outside of a transaction."""
    found: dict[tuple[str, str, str], _Group] = {}
    for name, one in devices.items():
        for counted in one.said.get("unknown_words", []):
            group = _group_of(found, counted["said"], counted["form"], counted["language"])
            group.times += counted["times"]
            group.recorded += counted["recorded"]
            group.lacking += [missing for missing in counted["lacking"] if missing not in group.lacking]
            group.last = max(group.last, counted["last"])
            group.devices.append(name)
    for review in waiting:
        _add_review_as_example(found, forms, review, devices.get(review.device))
    added = {(one["form"], one["language"], one["word"]) for one in words}
    for group in found.values():
        group.added = (group.form, group.language, group.word) in added
    return sorted(found.values(), key=lambda one: (one.added, -one.times, one.form, one.said))[:_MOST_GROUPS]


def _group_of(found: dict[tuple[str, str, str], _Group], phrase: str, form: str, language: str) -> _Group:
    return found.setdefault((phrase, form, language), _Group(phrase, form, language))


def _add_review_as_example(
    found: dict[tuple[str, str, str], _Group], forms: SpokenForms, review: Review, device: Status | None
) -> None:
    # A review does not name its language: that of the device now stands for it.
    language = "en" if device is None else str(device.said.get("work", {}).get("language", "en"))
    phrases = {
        phrase: sentence
        for sentence in _transcripts_of(review)
        for phrase in forms.unexplained_words(sentence, review.form, language)
    }
    for phrase, sentence in phrases.items():
        group = _group_of(found, phrase, review.form, language)
        if len(group.examples) < _EXAMPLES:
            group.examples.append(_Example(sentence, _review_path(review)))
        if review.device not in group.devices:  # too rare to be in the device's status, or not sent yet
            group.times += 1
            group.last = max(group.last, review.told_at.date().isoformat())


def _review_path(review: Review) -> str:
    return f"/reviews/{review.site}/{review.device}/{review.utterance_id}"


def _transcripts_of(review: Review) -> list[str]:
    """The transcript of each interpreter, without repeats."""
    readings = event_data_or_empty(review.body).get("readings", [])
    return list(dict.fromkeys(str(one["heard"]) for one in readings if one.get("heard")))


def _open_reviews(transaction: Connection, site: str, form: str | None = None) -> list[Review]:
    wanted = select(reviews).where(reviews.c.state == "open", reviews.c.site == site)
    wanted = wanted if form is None else wanted.where(reviews.c.form == form)
    rows = transaction.execute(wanted.order_by(reviews.c.told_at.desc()).limit(_MOST_REVIEWS)).mappings()
    return [Review(**{name: row[name] for name in Review.__dataclass_fields__}) for row in rows]


def _entry_phrases(transaction: Connection, site: str, form: str) -> Iterator[Transcript]:
    """The words of each field of standing entries, which carry no whole sentence, with the page of each."""
    its = (entries.c.form == form, entries.c.site == site, entries.c.state == "current")
    wanted = select(entries.c.event_id, events.c.body)
    wanted = wanted.join(events, events.c.event_id == entries.c.event_id).where(*its)
    for row in transaction.execute(wanted.order_by(entries.c.arrival.desc()).limit(_MOST_ENTRIES)).all():
        data = event_data_or_empty(row.body)
        fields = data.get("fields", {})
        for name, words in data.get("reading", {}).get("heard", {}).items():
            if words and name in fields:
                yield Transcript(f"/entries/{row.event_id}", str(words), {name: fields[name]})


def _recorded_values(transaction: Connection, site: str, fields: Collection[str]) -> dict[str, list[str]]:
    """By field, the values of a site's entries."""
    wanted = select(said.c.field, said.c.value).distinct().where(said.c.site == site, said.c.field.in_(fields))
    found: dict[str, list[str]] = {}
    for row in transaction.execute(wanted.order_by(said.c.field, said.c.value).limit(_MOST_VALUES)):
        found.setdefault(row.field, []).append(row.value)
    return found


def _sites_page(context: RequestContext) -> Response:
    """Show the unknown phrases and the added words of each site."""
    with context.read_transaction() as transaction:
        sites = fleet.load_sites(transaction)
    return context.render("words.html", sites=[_site_values(context, site) for site in sites])


def _site_values(context: RequestContext, site: str) -> dict[str, Any]:
    with context.read_transaction() as transaction:
        catalogue = context.resources.catalogue(site, transaction)
        rows, _, waits = _added_words(catalogue)
        devices = {one.device: one for one in statuses.load_statuses(transaction) if one.site == site}
        waiting = _open_reviews(transaction, site)
        forms = _load_spoken_forms(context, transaction, catalogue)
    values = {"name": site, "rows": rows, "waits": waits, "forms": [], "groups": []}
    if isinstance(forms, SpokenForms):
        groups = _group_unknown_phrases(devices, waiting, forms, rows)
        return values | {"fault": "", "groups": groups, "forms": sorted(forms.plain)}
    return values | {"fault": str(forms)}


def _load_spoken_forms(
    context: RequestContext, transaction: Connection, catalogue: SiteCatalogue
) -> SpokenForms | Misconfigured:
    """The entry forms as they are spoken, with the values of the site's latest lists; or the error."""
    forms = context.resources.settings.forms
    try:
        lists = {one.kind: one.rows for one in catalogue.current_versions() if one.rows}
        return SpokenForms(forms, lists, _recorded_values(transaction, catalogue.site, list_filled_fields(forms)))
    except Misconfigured as fault:
        return fault


def _added_words(catalogue: SiteCatalogue) -> tuple[tuple[Cells, ...], int, bool]:
    """The words of the latest version, its number, and whether it is unpublished."""
    latest = next((one for one in catalogue.current_versions() if one.kind == OF_WORDS), None)
    return ((), 0, False) if latest is None else (latest.rows, latest.version, latest.published_at is None)


def _word_page(context: RequestContext) -> Response:
    """Show the possible meanings of a word; with one chosen, what it would change."""
    given = {name: context.text_parameter(name) or "" for name in _KEYS}
    proposal = _try_word_on_stored_sentences(context, given)
    return proposal if isinstance(proposal, Response) else _proposal_page(context, given, proposal)


@dataclass(frozen=True, slots=True)
class _Proposal:
    """A proposed word and the effects of its trial."""

    forms: SpokenForms
    version: int  # Of the words to which it would be added.
    row: Cells | None  # None before its meaning is chosen.
    wrong: list[str]
    trial: WordTrial | None

    def changes(self, what: EffectKind) -> list[TranscriptChange]:
        """The word's changes with this effect."""
        changes = () if self.trial is None else self.trial.changes
        return [one for one in changes if one.becomes is what]


def _try_word_on_stored_sentences(context: RequestContext, given: dict[str, str]) -> _Proposal | Response:
    """Try the word on everything that is stored; or the error page."""
    site, form = given["site"], given["form"]
    with context.read_transaction() as transaction:
        if site not in fleet.load_sites(transaction):
            return context.refuse("words.unknown", 404, name=site)
        catalogue = context.resources.catalogue(site, transaction)
        forms = _load_spoken_forms(context, transaction, catalogue)
        if isinstance(forms, Misconfigured):
            return context.refuse("words.no_forms", 409, why=str(forms))
        if form not in forms.plain:
            return context.refuse("words.unknown", 404, name=form)
        row, version = _to_row(forms, given), _added_words(catalogue)[1]
        wrong = [] if row is None else _find_faults(forms, row)
        stored: list[Transcript] = []
        if row is not None and not wrong:
            stored += [
                Transcript(_review_path(review), sentence, review.fields)
                for review in _open_reviews(transaction, site, form)
                for sentence in _transcripts_of(review)
            ]
            stored += _entry_phrases(transaction, site, form)
    # Reading takes time, and holds no transaction open.
    return _Proposal(forms, version, row, wrong, forms.try_word(row, stored) if row is not None and not wrong else None)


def _proposal_page(
    context: RequestContext, given: dict[str, str], proposal: _Proposal, faults: Sequence[str] = ()
) -> Response:
    wrong = [*faults, *proposal.wrong]
    return context.render(
        "word.html",
        409 if wrong or context.request.method == "POST" else 200,
        given=given,
        spoken_in=WORD_LANGUAGES,
        meanings=proposal.forms.meanings(given["form"]),
        row=proposal.row,
        wrong=wrong,
        trial=proposal.trial,
        changes={what: proposal.changes(what) for what in EffectKind},
        shown=_MOST_SHOWN,
        unlisted=proposal.forms.missing_lists(given["form"]),
        version=proposal.version,
    )


def _to_row(forms: SpokenForms, given: dict[str, str]) -> Cells | None:
    """The word as a row of master data; None before its meaning is chosen."""
    meaning = next((one for one in forms.meanings(given["form"]) if one.key == given["meaning"]), None)
    if meaning is None or not given["word"]:
        return None
    word = " ".join(given["word"].casefold().split())
    row = {"form": given["form"], "field": meaning.field, "as": meaning.as_, "means": meaning.means}
    return {name: one for name, one in {**row, "word": word, "language": given["language"]}.items() if one}


def _find_faults(forms: SpokenForms, row: Cells) -> list[str]:
    found = [f"{column}: {fault}" for _, column, fault in word_faults([("", row)])]
    return found or forms.faults_of_word(row)


def _save_word(context: RequestContext) -> Response:
    """Add a word to the site's words, if it changes no entry or the user accepts that."""
    given = {name: context.form.get(name, "").strip() for name in _KEYS}
    proposal = _try_word_on_stored_sentences(context, given)
    if isinstance(proposal, Response):
        return proposal
    if proposal.row is None or proposal.wrong or (proposal.changes(EffectKind.OTHER) and "anyway" not in context.form):
        return _proposal_page(context, given, proposal)
    site, reason = given["site"], context.form.get("reason", "")
    base = parse_integer(context.form.get("base", ""))
    try:
        with context.transaction() as transaction:
            catalogue = context.resources.catalogue(site, transaction)
            made = catalogue.edit(OF_WORDS, "", proposal.row, context.user_name, reason, base=base)
            about = f"{site}/{OF_WORDS}"
            context.audit(transaction, "catalogue_changed", about, version=made.version, what=made.what)
    except UnreadableInput as fault:
        faults = fault.faults if isinstance(fault, FaultyRows) else [str(fault)]
        return _proposal_page(context, given, proposal, faults)
    return RedirectResponse(f"/catalogue/{quote(site)}/{OF_WORDS}", 303)


ROUTES = (Route("", _sites_page), Route("/one", _word_page), Route("/add", _save_word, Role.ADMIN, changes=True))
