"""The reverse proxy: its user and client headers, trusted only from its own address."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address, ip_network

from starlette.requests import Request

from inventory.settings import ConsoleSettings

_WITH_PORT = re.compile(r"\[(?P<six>[^\]]+)\](?::[0-9]+)?|(?P<four>[0-9.]+):[0-9]+")
"""Some proxies write an address with its port, which differs for each connection."""

_NETWORK_BITS = 64  # Of an IPv6 address: the others are chosen by the customer (RFC 6177).


def _normalise(address: str) -> str:
    """The canonical form of an address without its port; anything else unchanged."""
    found = _WITH_PORT.fullmatch(address)
    bare = address if found is None else found["six"] or found["four"]
    try:
        known = ip_address(bare)
    except ValueError:
        return address
    return str(known.ipv4_mapped or known) if isinstance(known, IPv6Address) else str(known)


def rate_limit_key(address: str) -> str:
    """The key of rate limits: an IPv6 address's /64, since one customer has all addresses of it; else the address."""
    try:
        six = IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    return str(ip_network((six, _NETWORK_BITS), strict=False))


def _is_proxy(settings: ConsoleSettings, request: Request) -> bool:
    """Whether the client is the proxy of the settings."""
    here = None if request.client is None else _normalise(request.client.host)
    return settings.proxy is not None and here == _normalise(settings.proxy)


def proxy_user(settings: ConsoleSettings, request: Request) -> str | None:
    """The user whom the proxy has authenticated; None without its header, or if the client is not the proxy."""
    if settings.proxy_header is None or not _is_proxy(settings, request):
        return None
    given = request.headers.getlist(settings.proxy_header)
    return given[0] if len(given) == 1 and given[0] else None  # of two headers one is the browser's own


def client_address(settings: ConsoleSettings, request: Request) -> str:
    """The client's address; behind the proxy, the one that the proxy saw."""
    here = _normalise(request.client.host) if request.client is not None else "unknown"
    if not _is_proxy(settings, request):
        return here
    forwarded = ",".join(request.headers.getlist("x-forwarded-for"))  # some proxies add a line of their own
    return _normalise(forwarded.rpartition(",")[2].strip()[:64]) or here  # only the last one was added by the proxy
