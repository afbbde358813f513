"""What every test stands on: its tier, no network beyond this machine, no settings of the developer's, free ports."""

from __future__ import annotations

import gc
import os
import socket
import sqlite3
import ssl
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path
from typing import Any

import certifi
import pytest
import typer.main
from xdist.remote import Producer

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from edge.agree.decide import Rules
from edge.keep.database import JournalDatabase, applied_migrations
from edge.keep.storage import translated_errors
from tests import shipped
from tests.servers.ports import held_port
from tests.servers.postgresql import postgresql
from tests.sharing import ROOT, WITH_SOUND, Sharing, sound, turn
from tests.standin import standin, standin_process
from tests.tiers import EXAMPLES, FOLDERS, SEED, TIER, Tier

# Fixtures for all: one cluster, and one stand-in for the cloud models, serve every test that needs one.
__all__ = ["postgresql", "standin", "standin_process"]

HERE = Path(__file__).parent

MEMORY, ROOM = Path("/dev/shm"), 2 << 30  # noqa: S108 - what tests write is thrown away
"""A directory in memory, and the bytes that there must be for the files of all tests that run at a time."""

LOOPBACK = {"localhost", "127.0.0.1", "::1", "0.0.0.0", "::", ""}  # noqa: S104 - names to allow, nothing is bound here

Collecting = Generator[None, pytest.CollectReport, pytest.CollectReport]

WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
"""Of the processes that run tests, which this is."""

SELDOM = 20_000
"""So many objects more before garbage is looked for: with the usual 700 up to a tenth of the time goes there."""

# ---- tiers, and who runs what ----


def pytest_configure(config: pytest.Config) -> None:
    """Forms are read once, also where a module reads one; at night Hypothesis draws from the seed of the night.

    By day files are written into memory: a journal is flushed at each step, for which a disk takes some milliseconds.
    At night, and where TMPDIR names another place or there is little memory, they are written to a disk.
    """
    reading = pytest.MonkeyPatch()
    config.add_cleanup(reading.undo)
    shipped.read_once(reading)
    if TIER is not Tier.NIGHTLY and "TMPDIR" not in os.environ and _has_room(MEMORY):
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)
    if TIER is Tier.NIGHTLY and config.getoption("--hypothesis-seed") is None:
        config.option.hypothesis_seed = str(SEED)


def _has_room(memory: Path) -> bool:
    """Whether there is such a directory here, large enough, in which programs may be started too."""
    if not os.access(memory, os.W_OK):
        return False
    found = os.statvfs(memory)
    return found.f_bavail * found.f_frsize >= ROOM and not found.f_flag & os.ST_NOEXEC


def pytest_report_header() -> str:
    """What this run is, and how to have it again."""
    return f"tier: {TIER}, {EXAMPLES[TIER]} examples of a property; again: make {TIER} SEED={SEED}"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the folders of other tiers, unless the command line leads into them; and sound, or all but sound."""
    if collection_path.name.startswith("test_") and collection_path.suffix == ".py":
        return None if sound(collection_path.relative_to(ROOT).as_posix()) in WITH_SOUND else True
    if collection_path.parent != HERE or not collection_path.is_dir() or collection_path.name in FOLDERS[TIER]:
        return None
    named = [(config.invocation_params.dir / argument.partition("::")[0]).resolve() for argument in config.args]
    return None if any(path.is_relative_to(collection_path) for path in named) else True


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays: to look through it for garbage, again and again, takes a third of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
        gc.set_threshold(SELDOM)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Collecting:
    """Each of the processes that run tests begins to collect elsewhere: what one has compiled the others find."""
    report = yield
    if isinstance(collector, pytest.Directory):
        begin = len(report.result) * WORKER // WORKERS
        report.result = [*report.result[begin:], *report.result[:begin]]
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The order of the tests."""
    items.sort(key=lambda item: (turn(item.nodeid), item.path))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Sharing:
    """Where several processes run tests: which runs which."""
    return Sharing(config, log)


# ---- what a test finds ----


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    """Refuse every connection that would leave this machine: no test can reach a paid API by accident."""
    with pytest.MonkeyPatch.context() as patched:
        for way in ("connect", "connect_ex"):
            patched.setattr(socket.socket, way, _guarded(getattr(socket.socket, way)))
        yield


def _guarded(connect: Callable[[socket.socket, Any], int | None]) -> Callable[[socket.socket, Any], int | None]:
    def guarded(self: socket.socket, address: Any) -> int | None:
        if isinstance(address, tuple) and str(address[0]) not in LOOPBACK and not str(address[0]).startswith("127."):
            self.close()  # who asked expects an OSError, and would leave it open
            raise AssertionError(f"a test tried to reach {address[0]}: tests stay on this machine")
        return connect(self, address)

    return guarded


@pytest.fixture(scope="session", autouse=True)
def _own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hide the developer's settings and state, here and from every program a test starts.

    DOCKVOICE_TEST_MODELS, set by the Makefile, is where the recogniser's weights were put before the tests began.
    """
    models = os.environ.get("DOCKVOICE_TEST_MODELS")
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patched:
        for name in [name for name in os.environ if name.startswith("DOCKVOICE_")]:
            patched.delenv(name)
        for name in ("CREDENTIALS_DIRECTORY", "STATE_DIRECTORY", "CACHE_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_USEC"):
            patched.delenv(name, raising=False)
        for name in ("http_proxy", "https_proxy", "all_proxy"):  # one on this machine would take requests beyond it
            patched.delenv(name, raising=False)
            patched.delenv(name.upper(), raising=False)
        patched.setenv("HOME", str(home))
        patched.setenv("XDG_STATE_HOME", str(home / "state"))
        patched.setenv("XDG_CACHE_HOME", str(home / "cache"))
        if models:
            patched.setenv("DOCKVOICE_UNDERSTAND__MODELS_DIRECTORY", models)
        # The tests' synthetic voices are strange to a witness: what it asks is shown where a test brings one.
        patched.setenv("DOCKVOICE_UNDERSTAND__WITNESS", "false")
        # Likewise their operators have several voices.
        patched.setenv("DOCKVOICE_UNDERSTAND__WEARER_VOICE", "false")
        yield


@pytest.fixture(scope="session", autouse=True)
def _tables_made_once() -> Iterator[None]:
    """The migrations make the tables of the first journal of a process, and the others have a copy of these.

    A thousand tests begin with an empty journal, and making its tables takes longer than most of them. What changes the
    tables of a journal, and every program that a test starts, makes the changes itself.
    """
    migrate = JournalDatabase.migrate
    made = sqlite3.connect(":memory:", check_same_thread=False)  # a journal is opened in a thread of its own

    def migrate_or_copy(journal: JournalDatabase) -> None:
        if applied_migrations(journal._db):
            migrate(journal)
        elif applied_migrations(made):
            with translated_errors(journal.path):
                made.backup(journal._db)
        else:
            migrate(journal)
            journal._db.backup(made)
            made.execute("VACUUM")

    with closing(made), pytest.MonkeyPatch.context() as patched:
        patched.setattr(JournalDatabase, "migrate", migrate_or_copy)
        yield


@pytest.fixture(scope="session", autouse=True)
def _made_once() -> Iterator[None]:
    """What takes long and never changes is made once in a process: trees of commands, and whom everybody trusts."""
    make = ssl.create_default_context
    public = {certifi.where(), os.environ.get("SSL_CERT_FILE")}
    of_file = cache(lambda file: make(cafile=file))

    def context(*purpose: Any, **given: Any) -> ssl.SSLContext:
        is_public = not purpose and given.keys() == {"cafile"} and given["cafile"] in public - {None}
        return of_file(given["cafile"]) if is_public else make(*purpose, **given)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ssl, "create_default_context", context)
        patched.setattr("typer.testing._get_command", cache(typer.main.get_command))
        yield


@pytest.fixture(autouse=True)
def _left_as_found() -> Iterator[None]:
    """A test that changes what all others stand on fails, and not they."""
    environment, connect = _environment(), socket.socket.connect
    yield
    assert _environment() == environment, "it left the environment changed"
    assert socket.socket.connect is connect, "it left sockets unguarded"


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


@pytest.fixture
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of systemd's credentials, empty."""
    directory = tmp_path / "credentials"
    directory.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(directory))
    return directory


@pytest.fixture
def free_port() -> Iterator[Callable[[], int]]:
    """A port of this machine that nobody listens on, a different one at each call of the fixture's value."""
    with ExitStack() as held:
        yield lambda: held.enter_context(held_port())


@pytest.fixture(scope="session")
def pocketsphinx() -> None:
    """What stands on that recogniser is left out, and said to be, where it has no wheel."""
    pytest.importorskip("pocketsphinx", reason="pocketsphinx has no wheel for this Python")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).parent.parent


@pytest.fixture(scope="session")
def form() -> Form:
    """The form `pallet-move`, as shipped."""
    return shipped.form()


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The catalogue, as shipped."""
    return shipped.catalogue()


@pytest.fixture(scope="session")
def rules(form: Form, catalogue: Catalogue) -> Rules:
    """What the shipped form and catalogue demand of an entry, by the policy that holds where none is set."""
    return Rules(form, catalogue)
