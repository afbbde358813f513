"""A call: one request, who makes it, and all that a page needs to answer it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from inventory.audit import deeds
from inventory.console.people import Role
from inventory.console.rendering import rendered, time
from inventory.console.sessions import SignedIn
from inventory.console.words import LANGUAGES, chosen, word, word_or
from inventory.console.workplace import Workplace
from inventory.web.proxy import address_of

COOKIE = "dockvoice"
LANGUAGE = "dockvoice-language"

CSRF = "csrf"
"""The field of each form that carries the session's token."""

SECRET = ("password", CSRF)  # Fields that are shown to nobody again.


def cookie_name(place: Workplace, name: str) -> str:
    """Over https by a name that a browser lets nobody else set, neither a neighbour's page nor one without https."""
    return f"__Host-{name}" if place.encrypted else name


def ours(there: str | None) -> str:
    """A page of ours to go to: an address that leads elsewhere is none."""
    is_path = there is not None and there.startswith("/") and not there.startswith("//")
    return there if is_path and there is not None and there.isprintable() and "\\" not in there else "/"


@dataclass(frozen=True, slots=True)
class Tab:
    """A page that is named at the top of every other."""

    path: str
    word: str  # What it is called, by its key.
    role: Role  # Who sees it there, at the least.


@dataclass
class Call:
    """What a page's function is given."""

    place: Workplace
    request: Request
    given: Mapping[str, str]  # What a form sent.
    files: Mapping[str, bytes]
    tabs: tuple[Tab, ...] = ()
    who: SignedIn | None = None

    @property
    def lasting(self) -> timedelta:
        """How long a sign-in lasts."""
        return timedelta(hours=self.place.settings.console.session_hours)

    @property
    def language(self) -> str:
        """The language in which the page is."""
        cookie = self.request.cookies.get(cookie_name(self.place, LANGUAGE))
        return chosen(cookie, self.request.headers, self.place.settings.console.language)

    @property
    def address(self) -> str:
        """From where it comes."""
        return address_of(self.place.settings.console, self.request)

    @contextmanager
    def open(self) -> Iterator[Connection]:
        """One transaction on the database. Raises Unavailable; the gate tells it."""
        with self.place.open() as transaction:
            yield transaction

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """One transaction that only reads: no consumer waits for it. Raises Unavailable."""
        with self.place.look() as transaction:
            yield transaction

    def word(self, key: str, /, **values: object) -> str:
        """What the pages say, in the caller's language."""
        return word(self.language, key, values)

    def page(self, template: str, status: int = 200, **said: Any) -> Response:
        """A page, or a part of one where the template extends none. `said` stands beside what all of them may say."""
        language, place = self.language, self.place
        mine: dict[str, Any] = {
            "word": lambda key, /, **values: word(language, key, values),
            "code": lambda subject, code: word_or(language, f"{subject}.{code}", code),
            "time": lambda moment: time(moment, place.zone),
            "titles": lambda form: place.titles(form, language),
            "who": self.who,
            "csrf": "" if self.who is None else self.who.csrf,
            "tabs": self.tabs,
            "here": self.request.url.path,
            "language": language,
            "languages": LANGUAGES,
            "zone": place.zone.key,
        }
        return HTMLResponse(rendered(template, mine | said), status)

    def note(
        self, transaction: Connection, deed: str, about: str = "", recording: str = deeds.NO_RECORDING, **details: Any
    ) -> None:
        """Keep on record, in the transaction in which it is done, what this caller does."""
        name = "" if self.who is None else self.who.name
        done = deeds.NotedDeed(name, self.address, deed, about, details, recording)
        deeds.note(transaction, done, self.place.now(), self.place.signer)

    def has_token(self) -> bool:
        """Whether it carries the token of its session, in the form or, from htmx, in a header."""
        given = self.given.get(CSRF) or self.request.headers.get("x-csrf", "")
        return self.who is not None and secrets.compare_digest(given.encode(), self.who.csrf.encode())

    def keep_cookie(self, response: Response, name: str, value: str, seconds: int | None = None) -> None:
        """Let the browser keep something that no script and no other site sees."""
        lasting = int(self.lasting.total_seconds()) if seconds is None else seconds
        named = cookie_name(self.place, name)
        response.set_cookie(named, value, lasting, path="/", secure=self.place.encrypted, httponly=True, samesite="lax")

    def refused(self, key: str, status: int, **values: object) -> Response:
        """A page that says why not."""
        return self.page("refused.html", status, why=self.word(key, **values))

    def away(self) -> Response:
        """The page where the database does not answer. It keeps what was typed, to be sent again."""
        typed = {name: value for name, value in self.given.items() if name not in SECRET}
        response = self.page("away.html", 503, typed=typed, token=self.given.get(CSRF, ""))
        response.headers["Retry-After"] = "5"
        return response


LARGEST = 100_000
"""Bytes of what a form sends: a hundred fields of a thousand characters."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way into the console."""

    path: str
    answer: Callable[[Call], Response]
    role: Role | None  # Who may go it, at the least; None: everybody, signed in or not.
    changes: bool = False  # Whether it is a POST that changes something; else a GET that changes nothing.
    largest: int = LARGEST
