"""The grammar cache: the sentences of a recogniser's language model, sampled once and kept between starts.

A file's name is a hash of all that its sentences are made of: form, catalogue, the operators' names, the code that
samples, and Python, whose `random` it uses. What any of these would make otherwise is under another name, so what is
found is what would be made. A file that is damaged, or cannot be written, only means that sentences are sampled anew.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from dockvoice_protocol import forms, languages
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import phrases
from dockvoice_protocol.forms.spoken.sentences import conversational

KEPT = 32  # Files at most, half a megabyte each: those of all devices of a machine, and of forms that are being tried.

logger = logging.getLogger(__name__)


def sentences(
    directory: Path, form: Form, catalogue: Catalogue, names: Sequence[str] | None, works: Sequence[str] = ()
) -> tuple[str, ...]:
    """What a recogniser is to expect for a form; with `names`, those of operators, the conversation's words as well.

    `works` are the ways to name the forms at hand.

    Kept in `directory`. Raises Misconfigured where the form or its catalogue holds a value that cannot be said.
    """
    kept = directory / _key(form, catalogue, names, works)
    if (found := _read(kept)) is not None:
        return found
    made = (*phrases(form, catalogue), *(() if names is None else conversational(form, catalogue, names, works)))
    _keep(kept, made)
    return made


def _key(*ingredients: object) -> str:
    digest = hashlib.sha256(f"{sys.version}\n{ingredients!r}".encode())
    sources = [path for room in (forms, languages) for path in sorted(Path(room.__path__[0]).rglob("*"))]
    for source in (Path(__file__), *(path for path in sources if path.suffix in {".py", ".toml"})):
        digest.update(source.name.encode() + source.read_bytes())
    return digest.hexdigest()


def _read(path: Path) -> tuple[str, ...] | None:
    """The sentences of a whole file; None where there is none."""
    try:
        digest, _, content = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    except OSError as fault:
        logger.info("%s: cannot be read (%s); its sentences are sampled anew", path, fault.strerror)
        return None
    if hashlib.sha256(content).hexdigest().encode() != digest:
        logger.info("%s: is damaged; its sentences are sampled anew", path)
        return None
    with suppress(OSError):
        os.utime(path)  # those that were not used for longest are removed first
    return tuple(json.loads(content))


def _keep(path: Path, made: Sequence[str]) -> None:
    """Write a whole file or none, and remove old ones. For its owner only: catalogues and names are a site's own."""
    content = json.dumps(made).encode()
    part = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(part, "wb", opener=partial(os.open, mode=0o600)) as file:
                file.write(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        for old in sorted(path.parent.iterdir(), key=lambda one: one.stat().st_mtime, reverse=True)[KEPT:]:
            old.unlink(missing_ok=True)
    except OSError as fault:
        logger.info("%s: cannot be kept (%s); its sentences are sampled at each start", path, fault.strerror)
