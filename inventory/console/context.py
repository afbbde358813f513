"""The request context: one request, its user, its parsed query parameters, and what a page needs to answer it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from dockvoice_protocol.instants import parse_iso
from inventory.audit import audit_log
from inventory.audit.audit_log import AuditLogVerifier
from inventory.console.accounts import Role, Session
from inventory.console.rendering import language_names, negotiate_language, render, time_element
from inventory.console.sounds import NoSounds, Sounds
from inventory.queries.listing import EntryFilter, EntryPosition
from inventory.store.tables import MAX_SEARCHED_CHARS
from inventory.web.resources import Resources
from inventory.web.serving import client_address
from inventory.words import all_texts

COOKIE = "dockvoice"
LANGUAGE = "dockvoice-language"

_CSRF = "csrf"  # The form field with the session's CSRF token.

_SECRET = ("password", _CSRF)  # Form fields that are never put into a page again.

_LARGEST = 100_000  # Bytes of a form: a hundred fields of a thousand characters.

_STATES = ("current", "amended", "cancelled")

_DIGITS = 18  # Of a number that fits every database's integer.


@dataclass(frozen=True)
class ConsoleResources(Resources):
    """Resources that all requests of one console share. Used from several threads."""

    sounds: Sounds = field(default_factory=NoSounds)
    following: AuditLogVerifier = field(default_factory=AuditLogVerifier)  # How far the audit log was verified.

    @property
    def encrypted(self) -> bool:
        """Whether browsers use https."""
        return (self.settings.console.address or "").startswith("https:")

    def titles(self, form: str, language: str) -> Mapping[str, str]:
        """The labels of a form's fields."""
        found: Mapping[str, Mapping[str, str]] = self.roles.get(form, {}).get("titles", {})
        return {name: title.get(language, title["en"]) for name, title in found.items()}


def cookie_name(resources: ConsoleResources, name: str) -> str:
    """The cookie's name; with https prefixed by `__Host-`, so that no neighbouring host or plain http can set it."""
    return f"__Host-{name}" if resources.encrypted else name


def local_path_or_root(target: str | None) -> str:
    """The redirect target if it is on this console, else `/`."""
    is_path = target is not None and target.startswith("/") and not target.startswith("//")
    return target if is_path and target is not None and target.isprintable() and "\\" not in target else "/"


def parse_integer(given: str) -> int | None:
    """Parse an unsigned decimal number of at most _DIGITS digits; None for anything else."""
    return int(given) if given.isascii() and given.isdecimal() and len(given) <= _DIGITS else None


@dataclass
class RequestContext:
    """One request with its user: the argument of every page function."""

    resources: ConsoleResources
    request: Request
    form: Mapping[str, str]
    files: Mapping[str, bytes]
    tabs: tuple[Page, ...] = ()
    user: Session | None = None

    @property
    def user_name(self) -> str:
        """The user's name; empty without a session."""
        return "" if self.user is None else self.user.name

    def has_role(self, role: Role) -> bool:
        """Whether the user has at least this role."""
        return self.user is not None and self.user.role >= role

    @property
    def session_length(self) -> timedelta:
        """How long a session lasts."""
        return timedelta(hours=self.resources.settings.console.session_hours)

    @property
    def language(self) -> str:
        """The language of the page: cookie, then Accept-Language, then the settings."""
        cookie = self.request.cookies.get(cookie_name(self.resources, LANGUAGE))
        return negotiate_language(cookie, self.request.headers, self.resources.settings.console.language)

    @property
    def address(self) -> str:
        """The client's IP address, behind a proxy as the proxy saw it."""
        return client_address(self.resources.settings.console, self.request)

    def transaction(self) -> AbstractContextManager[Connection]:
        """One database transaction. Raises Unavailable, which the middleware answers."""
        return self.resources.transaction()

    def read_transaction(self) -> AbstractContextManager[Connection]:
        """One read-only transaction, which blocks no consumer. Raises Unavailable."""
        return self.resources.read_transaction()

    def text(self, key: str, /, **values: object) -> str:
        """A text in the user's language, formatted."""
        found = all_texts(self.language)[key]
        return found.format(**values) if values else found

    def text_parameter(self, name: str) -> str | None:
        """Parse a text without control characters, no longer than the column; None if missing or unusable."""
        given = self.request.query_params.get(name, "").strip()
        usable = given and len(given) <= MAX_SEARCHED_CHARS and "\0" not in given and given.isprintable()
        return given if usable else None

    def number_parameter(self, name: str) -> int | None:
        """Parse a whole number; None if missing or unusable."""
        return parse_integer(self.request.query_params.get(name, ""))

    def instant_parameter(self, name: str) -> datetime | None:
        """Parse a time on the site's clock; a date is its first moment; None if missing or unusable."""
        given = self.text_parameter(name)
        found = None if given is None else parse_iso(given, self.resources.zone)
        if found is None or not 1970 < found.year < 9999:  # noqa: PLR2004 - what every database and time zone has
            return None
        return found

    def invalid_instants(self, *names: str) -> list[str]:
        """The parameters of these that are given and are no time, of which the page tells the user."""
        given = self.request.query_params
        return [name for name in names if given.get(name, "").strip() and self.instant_parameter(name) is None]

    def device_parameter(self) -> tuple[str, str] | None:
        """Parse `north/dock-3` into site and name; None without a slash."""
        site, found, name = (self.text_parameter("device") or "").partition("/")
        return (site, name) if found else None

    def entry_filter(self) -> EntryFilter:
        """Parse the filter of a list of entries; `until` a day is to its end."""
        until = self.instant_parameter("until")
        is_day = until is not None and len(self.text_parameter("until") or "") == len("2026-11-20")
        state = self.text_parameter("state")
        return EntryFilter(
            form=self.text_parameter("form"),
            device=self.device_parameter(),
            operator=self.text_parameter("operator"),
            trailer=self.text_parameter("trailer"),
            pallet=self.text_parameter("pallet"),
            state=state if state in _STATES else None,
            since=self.instant_parameter("since"),
            until=until + timedelta(days=1) if until is not None and is_day else until,
        )

    def entry_cursor(self) -> EntryPosition | None:
        """Parse the place before which older entries are listed; None on the first page."""
        arrival, event = self.number_parameter("before"), self.text_parameter("event")
        return None if arrival is None or event is None else (arrival, event)

    def query_string(self, *without: str, **also: object) -> str:
        """The query string of this request, without some parameters and with others."""
        given = {name: one for name, one in self.request.query_params.items() if name not in without and one}
        return urlencode({**given, **{name: str(one) for name, one in also.items()}})

    def render(self, template: str, status: int = 200, /, *, block: str | None = None, **values: Any) -> Response:
        """Render a page; with `block` only this block of its template, for htmx."""
        language, resources = self.language, self.resources
        common: dict[str, Any] = {
            "text": self.text,
            "code": lambda subject, code: all_texts(language).get(f"{subject}.{code}", code),  # of later versions as is
            "time": lambda moment: time_element(moment, resources.zone),
            "titles": lambda form: resources.titles(form, language),
            "user": self.user,
            "csrf": "" if self.user is None else self.user.csrf,
            "tabs": [tab for tab in self.tabs if self.has_role(tab.role)],
            "here": self.request.url.path,
            "language": language,
            "languages": language_names(),
            "zone": resources.zone.key,
        }
        return HTMLResponse(render(template, common | values, block), status)

    def audit(
        self,
        transaction: Connection,
        action: str,
        about: str = "",
        recording: str = audit_log.ZERO_HASH,
        **details: Any,
    ) -> None:
        """Write the user's action to the audit log, in the transaction that carries it out."""
        done = audit_log.UserAction(self.user_name, self.address, action, about, details, recording)
        audit_log.record_action(transaction, done, self.resources.now(), self.resources.signer)

    def has_csrf_token(self) -> bool:
        """Whether the form, or the header of an htmx request, has the session's CSRF token."""
        given = self.form.get(_CSRF) or self.request.headers.get("x-csrf", "")
        return self.user is not None and secrets.compare_digest(given.encode(), self.user.csrf.encode())

    def set_cookie(self, response: Response, name: str, value: str, max_age_s: int | None = None) -> None:
        """Set a cookie that neither scripts nor other sites can read; without `max_age_s` it lasts as a session."""
        age = int(self.session_length.total_seconds()) if max_age_s is None else max_age_s
        secure = self.resources.encrypted
        named = cookie_name(self.resources, name)
        response.set_cookie(named, value, age, path="/", secure=secure, httponly=True, samesite="lax")

    def refuse(self, key: str, status: int, **values: object) -> Response:
        """Render an error page with the text of this key."""
        return self.render("refused.html", status, why=self.text(key, **values))

    def render_unavailable(self) -> Response:
        """The page for a database that does not answer; it keeps the form's values, to be sent again."""
        typed = {name: value for name, value in self.form.items() if name not in _SECRET}
        response = self.render("away.html", 503, typed=typed, token=self.form.get(_CSRF, ""))
        response.headers["Retry-After"] = "5"
        return response


@dataclass(frozen=True, slots=True)
class Route:
    """One address of a page."""

    path: str  # Behind that of its page.
    view: Callable[[RequestContext], Response]
    role: Role | None = None  # The least that is needed; None: as its page.
    changes: bool = False  # A POST that changes something; else a GET that changes nothing.
    largest: int = _LARGEST
    public: bool = False  # Open without a session.


def live_routes(template: str, values: Callable[[RequestContext], Mapping[str, Any]]) -> tuple[Route, Route]:
    """The routes of a page with these values, and of its block `live` alone, which htmx fetches again."""

    def page(context: RequestContext) -> Response:
        return context.render(template, **values(context))

    def part(context: RequestContext) -> Response:
        return context.render(template, block="live", **values(context))

    return Route("", page), Route("/part", part)


@dataclass(frozen=True, slots=True)
class Page:
    """A row in the table of pages: its addresses begin with `/name`, its texts are those of `name.toml`."""

    name: str
    role: Role  # The least that is needed, for the tab and for each route that names none.
    addresses: tuple[Route, ...]
    tab: bool = True  # Whether the navigation names it.

    @property
    def path(self) -> str:
        """The prefix of its addresses."""
        return f"/{self.name}"

    def routes(self) -> list[Route]:
        """Its routes with full path and role."""
        return [replace(one, path=self.path + one.path, role=one.role or self.role) for one in self.addresses]
