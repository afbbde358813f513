"""Caches the results of a bound method without keeping its object alive."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, ParamSpec, TypeVar, cast
from weakref import ref

_Arguments = ParamSpec("_Arguments")
_Found = TypeVar("_Found")


def cached_method(method: Callable[_Arguments, _Found]) -> Callable[_Arguments, _Found]:
    """As `functools.cache` for a bound method, but without a reference to its object, which must hold the result.

    With one, object and cache would refer to each other, and all that was made for an utterance would wait for the
    garbage collector, which then halts a sentence for milliseconds.
    """
    bound: Any = method
    owner, function = ref(bound.__self__), bound.__func__
    found: Any = lru_cache(maxsize=None)(lambda *given: function(owner(), *given))
    return cast("Callable[_Arguments, _Found]", found)
