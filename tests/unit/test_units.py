from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from dockvoice_protocol import plain_file
from dockvoice_protocol.config import LayeredSettings, load_settings
from dockvoice_protocol.errors import Misconfigured, UnreadableInput
from dockvoice_protocol.hash_chain import Signer
from dockvoice_protocol.systemd import create_owned_directory, create_owned_file, refuse_root_for_others
from edge.config import Settings
from edge.keep.journal import Journal
from inventory.audit.audit import load_signer
from inventory.connect.service import hold_lock
from inventory.connect.settings import ConnectionSettings
from inventory.connect.tryton import TrytonConnection
from inventory.settings import InventorySettings
from inventory.store.database import connect, create_migrate_or_check, parse_url
from inventory.store.keys import KeyDirectory

NOBODY = 65534


@pytest.fixture(autouse=True)
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In the place of /etc/dockvoice; beside it that of /var/lib, /var/cache and /etc/credstore."""
    places: dict[type[LayeredSettings], Path] = {
        Settings: tmp_path / "etc",
        InventorySettings: tmp_path / "etc",
        ConnectionSettings: tmp_path / "etc" / "connect",
    }
    for model, place in places.items():
        assert model.unit is not None
        monkeypatch.setattr(model, "unit", replace(model.unit, settings=place))
    monkeypatch.setattr("dockvoice_protocol.systemd._CREDENTIAL_STORES", (tmp_path / "none", tmp_path / "credstore"))
    monkeypatch.setattr("dockvoice_protocol.systemd.STATE", tmp_path / "lib")
    monkeypatch.delenv("DOCKVOICE_UNDERSTAND__MODELS_DIRECTORY", raising=False)
    (tmp_path / "etc" / "connect").mkdir(parents=True)
    (tmp_path / "credstore").mkdir()
    (tmp_path / "etc" / "dock-b.toml").write_text(
        'site = "north"\n[deliver.mqtt]\nusername = "dock-b"\n', encoding="utf-8"
    )
    (tmp_path / "etc" / "inventory.toml").write_text('[mqtt]\nport = 1884\nusername = "inventory"\n', encoding="utf-8")
    return tmp_path / "etc"


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of somebody else's, into which root looks."""
    directory = tmp_path / "lib" / "dockvoice"
    directory.mkdir(parents=True)
    if os.geteuid() == 0:
        os.chown(directory, NOBODY, NOBODY)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    return directory


def test_the_settings_file_of_a_unit_means_its_directories(etc: Path) -> None:
    dock = load_settings(Settings, etc / "dock-b.toml")
    assert dock.state == Path("/var/lib/dockvoice/dock-b")
    assert dock.models == Path("/var/cache/dockvoice/models")
    inventory = load_settings(InventorySettings, etc / ".." / "etc" / "inventory.toml")
    assert inventory.database_url == "sqlite:////var/lib/dockvoice-inventory/inventory.db"
    assert inventory.keys == Path("/var/lib/dockvoice-inventory/keys")


def test_one_that_lies_elsewhere_means_none(etc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/home/ana/state")
    (tmp_path / "mine.toml").write_text("", encoding="utf-8")
    found = (
        load_settings(Settings, tmp_path / "mine.toml").state,
        load_settings(InventorySettings, tmp_path / "mine.toml").state,
    )
    assert set(found) == {Path("/home/ana/state/dockvoice")}
    assert load_settings(Settings, None).unit_state_directory is None
    (etc / "dock-b.bak").write_text("", encoding="utf-8")
    assert load_settings(Settings, etc / "dock-b.bak").unit_cache_directory is None


def test_what_is_told_otherwise_wins(etc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/srv/state")
    monkeypatch.setenv("CACHE_DIRECTORY", "/srv/cache")
    assert load_settings(Settings, etc / "dock-b.toml").state == Path("/srv/state")
    assert load_settings(Settings, etc / "dock-b.toml").models == Path("/srv/cache/models")
    assert load_settings(Settings, etc / "dock-b.toml", state_directory="/tmp/try").state == Path("/tmp/try")  # noqa: S108
    (etc / "inventory.toml").write_text("state_directory = '/srv/inventory'", encoding="utf-8")
    assert load_settings(InventorySettings, etc / "inventory.toml").state == Path("/srv/inventory")


def test_the_secrets_of_the_unit_are_those_of_whoever_may_read_them(
    etc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "credstore"
    (store / "dockvoice-inventory.database").write_text("postgresql+psycopg://of@here/site\n", encoding="utf-8")
    (store / "dockvoice-inventory.mqtt-password").write_text("lobelia-4\n", encoding="utf-8")
    (store / "dockvoice.dock-b.mqtt-password").write_text("gerbera-7\n", encoding="utf-8")
    (store / "dockvoice-connect.tryton.tryton-password").write_text("aster-1\n", encoding="utf-8")
    inventory = load_settings(InventorySettings, etc / "inventory.toml")
    assert inventory.database_url == "postgresql+psycopg://of@here/site"
    assert inventory.mqtt.port == 1884
    assert inventory.mqtt.password is not None
    assert inventory.mqtt.password.get_secret_value() == "lobelia-4"
    password = load_settings(Settings, etc / "dock-b.toml").deliver.mqtt.password
    assert password is not None
    assert password.get_secret_value() == "gerbera-7"
    told = 'site = "north"\n[tryton]\nurl = "http://localhost:8000"\ndatabase = "d"\nuser = "u"\n'
    (etc / "connect" / "tryton.toml").write_text(told, encoding="utf-8")
    connection = load_settings(TrytonConnection, etc / "connect" / "tryton.toml")
    assert connection.tryton.password.get_secret_value() == "aster-1"

    monkeypatch.setenv("DOCKVOICE_INVENTORY_DATABASE", "sqlite:////tmp/another.db")
    assert load_settings(InventorySettings, etc / "inventory.toml").database_url == "sqlite:////tmp/another.db"
    monkeypatch.delenv("DOCKVOICE_INVENTORY_DATABASE")
    monkeypatch.setattr("os.access", lambda *_: False)
    assert "inventory.db" in load_settings(InventorySettings, etc / "inventory.toml").database_url


def test_under_systemd_the_secrets_are_those_that_it_hands_over(
    etc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "credstore" / "dockvoice-inventory.database").write_text("sqlite:////tmp/store.db", encoding="utf-8")
    (tmp_path / "handed").mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "handed"))
    assert load_settings(InventorySettings, etc / "inventory.toml").database is None


def test_what_root_makes_in_a_services_directory_is_the_services(services: Path) -> None:
    engine = connect(parse_url(f"sqlite:///{services / 'inventory.db'}"))
    create_migrate_or_check(engine, create=True)
    with hold_lock(engine, "tryton"):
        pass
    engine.dispose()
    key = Signer.from_pem(_key()).public
    KeyDirectory(services / "keys").enrol("north", "dock-b", key)
    create_owned_directory(services / "more" / "below")
    create_owned_file(services / "more" / "below" / "one", b"1", 0o640)
    owner = services.stat().st_uid
    assert {path.name: path.stat().st_uid for path in services.rglob("*") if path.stat().st_uid != owner} == {}
    assert len(list(services.rglob("*"))) >= 6
    assert (services / "inventory.db").stat().st_mode & 0o777 == 0o600


def test_root_leaves_no_journal_that_the_service_cannot_read(
    services: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.argv", ["/opt/dockvoice/bin/dockvoice", "run", "--config", "a b.toml"])
    with pytest.raises(Misconfigured) as refused:
        Journal.open(services / "dock-b")
    told = str(refused.value)
    assert told.startswith(f"{services / 'dock-b'}: its owner could not read what root writes there; run this as its")
    assert told.endswith(" -- /opt/dockvoice/bin/dockvoice run --config 'a b.toml'")
    assert "runuser -u " in told
    assert list(services.iterdir()) == []
    Journal.open(tmp_path / "mine").close()
    monkeypatch.setattr("os.geteuid", lambda: NOBODY)
    refuse_root_for_others(services / "dock-b")


def test_root_serves_from_no_directory_of_the_services(services: Path, etc: Path) -> None:
    with pytest.raises(Misconfigured, match="could not read what root writes"):
        load_settings(InventorySettings, etc / "inventory.toml", state_directory=services).demand_owner()


def test_a_key_that_may_not_be_read_is_not_to_be_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "office.key"
    file.write_bytes(_key())
    load_signer(file)

    def refused(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(plain_file, "read_regular_file", refused)
    with pytest.raises(
        UnreadableInput, match=r"office.key: may not be read by \S+, who runs this; `chown \S+: /"
    ) as told:
        load_signer(file)
    assert "genpkey" not in str(told.value)
    monkeypatch.undo()
    with pytest.raises(
        UnreadableInput, match=r"none.key: no such file; `openssl genpkey -algorithm ed25519` makes one"
    ):
        load_signer(tmp_path / "none.key")


def _key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
