"""The proxy before the console: what it says of who has signed in, and from where, believed from its address alone."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address, ip_network

from starlette.requests import Request

from inventory.settings import ConsoleSettings

WITH_PORT = re.compile(r"\[(?P<six>[^\]]+)\](?::[0-9]+)?|(?P<four>[0-9.]+):[0-9]+")
"""As some proxies write an address: each connection has another port."""

CUSTOMER = 64  # Bits of an IPv6 address that whoever has the line cannot choose (RFC 6177): the others are theirs.


def plain(address: str) -> str:
    """One way of writing for each address, without its port; what is none stays as it is."""
    found = WITH_PORT.fullmatch(address)
    bare = address if found is None else found["six"] or found["four"]
    try:
        known = ip_address(bare)
    except ValueError:
        return address
    return str(known.ipv4_mapped or known) if isinstance(known, IPv6Address) else str(known)


def line_of(address: str) -> str:
    """Behind which line it is, by which tries are counted: of IPv6 one line has more addresses than can be counted."""
    try:
        six = IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    return str(ip_network((six, CUSTOMER), strict=False))


def is_proxy(settings: ConsoleSettings, request: Request) -> bool:
    """Whether the request comes from the proxy that the settings name."""
    here = None if request.client is None else plain(request.client.host)
    return settings.proxy is not None and here == plain(settings.proxy)


def told_by_proxy(settings: ConsoleSettings, request: Request) -> str | None:
    """Who has signed in at the proxy, as it says; None where it says nothing, or somebody else says it."""
    if settings.proxy_header is None or not is_proxy(settings, request):
        return None
    said = request.headers.getlist(settings.proxy_header)
    return said[0] if len(said) == 1 and said[0] else None  # two of them: one is the browser's own


def address_of(settings: ConsoleSettings, request: Request) -> str:
    """From where it comes: of what came by the proxy, the address that the proxy saw."""
    here = plain(request.client.host) if request.client is not None else "unknown"
    if not is_proxy(settings, request):
        return here
    forwarded = ",".join(request.headers.getlist("x-forwarded-for"))  # some proxies add a line of their own
    return plain(forwarded.rpartition(",")[2].strip()[:64]) or here  # the last one is the proxy's own word
