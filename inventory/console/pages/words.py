"""The page of words: what operators say and no form knows, what a word would change, and giving it to the site."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection
from starlette.responses import RedirectResponse, Response

from dockvoice_protocol.errors import Misconfigured, UnreadableInput
from dockvoice_protocol.records.master import OF_WORDS, Cells, word_faults
from inventory.console import asked, phrases
from inventory.console.call import Call, Tab, Way
from inventory.console.people import Role
from inventory.queries import fleet
from inventory.site.catalogue import FaultyRows, SiteCatalogue
from inventory.site.site_words import SPOKEN_IN, Becomes, Change, Speaking, Trial

GIVEN = ("site", "form", "language", "word", "meaning")
"""What a word is known by, as it stands in the address of its page."""

MOST_SHOWN = 50  # Changes of each sort: whoever sees more of them looks for another word.


def show(call: Call) -> Response:
    """What was said and not understood at each site, and the words that it has been given."""
    with call.look() as transaction:
        sites = fleet.sites(transaction)
    return call.page("words.html", sites=[_site(call, site) for site in sites])


def _site(call: Call, site: str) -> dict[str, Any]:
    with call.look() as transaction:
        of = call.place.catalogue(site, transaction)
        rows, _, waits = _given(of)
        told = phrases.told(transaction, site)
        forms = _speaking(call, transaction, of)
    said = {"name": site, "rows": rows, "waits": waits, "forms": [], "groups": []}
    if isinstance(forms, Speaking):
        return said | {"fault": "", "groups": phrases.groups(told, forms, rows), "forms": sorted(forms.plain)}
    return said | {"fault": str(forms)}


def _speaking(call: Call, transaction: Connection, of: SiteCatalogue) -> Speaking | Misconfigured:
    """How the forms of a site are spoken, or why that is not known."""
    try:
        return phrases.speaking(transaction, of, call.place.settings.forms)
    except Misconfigured as fault:
        return fault


def _given(of: SiteCatalogue) -> tuple[tuple[Cells, ...], int, bool]:
    """The words of the latest version, its number, and whether it is still to be published."""
    latest = next((one for one in of.kinds() if one.kind == OF_WORDS), None)
    return ((), 0, False) if latest is None else (latest.rows, latest.version, latest.published_at is None)


def show_one(call: Call) -> Response:
    """What a word may mean; where that was chosen, what it would change of all that is stored here."""
    given = {name: asked.text(call, name) or "" for name in GIVEN}
    tried = _tried(call, given)
    return tried if isinstance(tried, Response) else _page(call, given, tried)


@dataclass(frozen=True, slots=True)
class _Tried:
    """A word, and what it would do."""

    forms: Speaking
    version: int  # Of the words that it would come to.
    row: Cells | None  # None where it is not said yet what it means.
    wrong: list[str]
    trial: Trial | None

    def of(self, what: Becomes) -> list[Change]:
        """What it would change so."""
        changes = () if self.trial is None else self.trial.changes
        return [one for one in changes if one.becomes is what]


def _tried(call: Call, given: dict[str, str]) -> _Tried | Response:
    """The word and its trial, or the page that says why there is none."""
    site, form = given["site"], given["form"]
    with call.look() as transaction:
        if site not in fleet.sites(transaction):
            return call.refused("words.unknown", 404, told=site)
        of = call.place.catalogue(site, transaction)
        forms = _speaking(call, transaction, of)
        if isinstance(forms, Misconfigured):
            return call.refused("words.no_forms", 409, told=str(forms))
        if form not in forms.plain:
            return call.refused("words.unknown", 404, told=form)
        row, version = _row(forms, given), _given(of)[1]
        wrong = [] if row is None else _wrong(forms, row)
        is_tried = row is not None and not wrong
        stored = (
            [*phrases.waiting(transaction, site, form), *phrases.recorded(transaction, site, form)] if is_tried else []
        )
    # Reading takes its time, and nobody waits for the database meanwhile.
    return _Tried(forms, version, row, wrong, forms.trial(row, stored) if row is not None and is_tried else None)


def _page(call: Call, given: dict[str, str], tried: _Tried, faults: Sequence[str] = ()) -> Response:
    wrong = [*faults, *tried.wrong]
    return call.page(
        "word.html",
        409 if wrong or call.request.method == "POST" else 200,
        given=given,
        spoken_in=SPOKEN_IN,
        meanings=tried.forms.meanings(given["form"]),
        row=tried.row,
        wrong=wrong,
        trial=tried.trial,
        changes={what: tried.of(what) for what in Becomes},
        shown=MOST_SHOWN,
        unlisted=tried.forms.unlisted(given["form"]),
        version=tried.version,
    )


def _row(forms: Speaking, given: dict[str, str]) -> Cells | None:
    """The word as a row of master data; None where it is not said yet what it means."""
    meaning = next((one for one in forms.meanings(given["form"]) if one.key == given["meaning"]), None)
    if meaning is None or not given["word"]:
        return None
    word = " ".join(given["word"].casefold().split())
    of = {"form": given["form"], "field": meaning.field, "as": meaning.as_, "means": meaning.means}
    return {name: one for name, one in {**of, "word": word, "language": given["language"]}.items() if one}


def _wrong(forms: Speaking, row: Cells) -> list[str]:
    found = [f"{column}: {told}" for _, column, told in word_faults([("", row)])]
    return found or forms.faults(row)


def add(call: Call) -> Response:
    """Put a word into the next version of the site's words, where it changes no entry, or that is accepted by name."""
    given = {name: call.given.get(name, "").strip() for name in GIVEN}
    tried = _tried(call, given)
    if isinstance(tried, Response):
        return tried
    if tried.row is None or tried.wrong or (tried.of(Becomes.OTHER) and "anyway" not in call.given):
        return _page(call, given, tried)
    site, base, who = given["site"], asked.whole(call.given.get("base", "")), "" if call.who is None else call.who.name
    try:
        with call.open() as transaction:
            of = call.place.catalogue(site, transaction)
            made = of.edit(OF_WORDS, "", tried.row, who, call.given.get("reason", ""), base=base)
            call.note(transaction, "catalogue_changed", f"{site}/{OF_WORDS}", version=made.version, what=made.what)
    except FaultyRows as fault:
        return _page(call, given, tried, fault.faults)
    except UnreadableInput as fault:
        return _page(call, given, tried, [str(fault)])
    return RedirectResponse(f"/catalogue/{quote(site)}/{OF_WORDS}", 303)


TAB = Tab("/words", "words.title", Role.REVIEWER)
WAYS: tuple[Any, ...] = (
    Way("/words", show, Role.REVIEWER),
    Way("/words/one", show_one, Role.REVIEWER),
    Way("/words/add", add, Role.ADMIN, changes=True),
)
