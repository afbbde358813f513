"""The proxy before the console: what it says of who has signed in, and from where, believed from its address alone."""

from __future__ import annotations

from starlette.requests import Request

from inventory.settings import ConsoleSettings


def is_proxy(settings: ConsoleSettings, request: Request) -> bool:
    """Whether the request comes from the proxy that the settings name."""
    return settings.proxy is not None and request.client is not None and request.client.host == settings.proxy


def told_by_proxy(settings: ConsoleSettings, request: Request) -> str | None:
    """Who has signed in at the proxy, as it says; None where it says nothing, or somebody else says it."""
    if settings.proxy_header is None or not is_proxy(settings, request):
        return None
    said = request.headers.getlist(settings.proxy_header)
    return said[0] if len(said) == 1 and said[0] else None  # two of them: one is the browser's own


def address_of(settings: ConsoleSettings, request: Request) -> str:
    """From where it comes: of what came by the proxy, the address that the proxy saw."""
    here = request.client.host if request.client is not None else "unknown"
    if not is_proxy(settings, request):
        return here
    forwarded = ",".join(request.headers.getlist("x-forwarded-for"))  # some proxies add a line of their own
    return forwarded.rpartition(",")[2].strip()[:64] or here  # the last one is the proxy's own word
