"""What every test stands on: no network beyond this machine, no settings of the developer's, ports nobody else uses."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from edge.agree.decide import Rules
from edge.forms.catalogue import Catalogue
from edge.forms.model import Form
from tests import shipped
from tests.postgresql import postgresql
from tests.standin import standin, standin_process

# Fixtures for all: one cluster, and one stand-in for the cloud models, serve every test that needs one.
__all__ = ["postgresql", "standin", "standin_process"]

LOOPBACK = {"localhost", "127.0.0.1", "::1", "0.0.0.0", "::", ""}  # noqa: S104 - names to allow, nothing is bound here


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that would leave this machine: no test can reach a paid API by accident."""
    for way in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, way, _guarded(getattr(socket.socket, way)))


def _guarded(connect: Callable[[socket.socket, Any], int | None]) -> Callable[[socket.socket, Any], int | None]:
    def guarded(self: socket.socket, address: Any) -> int | None:
        if isinstance(address, tuple) and str(address[0]) not in LOOPBACK and not str(address[0]).startswith("127."):
            self.close()  # who asked expects an OSError, and would leave it open
            raise AssertionError(f"a test tried to reach {address[0]}: tests stay on this machine")
        return connect(self, address)

    return guarded


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Hide the developer's settings and state, here and from every program a test starts.

    DOCKVOICE_TEST_MODELS, set by the Makefile, is where the recogniser's weights were put before the tests began.
    """
    models = os.environ.get("DOCKVOICE_TEST_MODELS")
    for name in [name for name in os.environ if name.startswith("DOCKVOICE_")]:
        monkeypatch.delenv(name)
    for name in ("CREDENTIALS_DIRECTORY", "STATE_DIRECTORY", "CACHE_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_USEC"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy"):  # one on this machine would take requests beyond it
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    home = tmp_path_factory.getbasetemp() / "home"
    home.mkdir(exist_ok=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    if models:
        monkeypatch.setenv("DOCKVOICE_UNDERSTAND__MODELS_DIRECTORY", models)


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

        def choose() -> int:
            # Held until the test ends, without listening: the kernel gives it to nobody else by chance.
            holder = held.enter_context(socket.socket())
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind(("127.0.0.1", 0))
            return int(holder.getsockname()[1])

        yield choose


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
