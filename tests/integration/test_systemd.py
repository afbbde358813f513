from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr

from dockvoice_protocol.config import LayeredSettings
from edge.config import Settings
from inventory.connect.settings import connector_kinds
from inventory.settings import InventorySettings

UNITS = {
    "dockvoice@.service": "dockvoice@test.service",
    "dockvoice-inventory.service": "dockvoice-inventory.service",
    "dockvoice-console.service": "dockvoice-console.service",
    "dockvoice-connect@.service": "dockvoice-connect@tryton.service",
    "dockvoice-api.service": "dockvoice-api.service",
}
"""Each file with the name under which it runs."""

EXPOSURE = {
    "dockvoice@.service": 20,
    "dockvoice-inventory.service": 12,
    "dockvoice-console.service": 12,
    "dockvoice-connect@.service": 12,
    "dockvoice-api.service": 12,
}
"""Highest exposure allowed, in tenths as `--threshold` takes it (0 best, 100 worst).

The agent's would be 0.4 less with ProtectClock=, which forbids to ask whether the clock is synchronised."""

SETTINGS: dict[str, tuple[type[LayeredSettings], ...]] = {
    "dockvoice@.service": (Settings,),
    "dockvoice-inventory.service": (InventorySettings,),
    "dockvoice-console.service": (InventorySettings,),
    "dockvoice-connect@.service": (InventorySettings, *(one.load() for one in connector_kinds().values())),
    "dockvoice-api.service": (InventorySettings,),
}


def analyzed(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "SYSTEMD_PAGER": "cat", "LANG": "C.UTF-8"}
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False, env=environment
    )


@pytest.fixture
def installed(repository: Path, tmp_path: Path) -> Callable[[str, str], Path]:
    """A unit as it would lie on a machine where the program is installed, with `added` below its [Service] line."""

    def install(unit: str, added: str = "") -> Path:
        text = (repository / "systemd" / unit).read_text(encoding="utf-8")
        # The program itself is not in /opt here, and systemd looks whether the file can be executed.
        text = text.replace("ExecStart=/opt/dockvoice/bin/dockvoice ", f"ExecStart={shutil.which('true')} ")
        path = tmp_path / UNITS[unit]
        path.write_text(text.replace("[Service]\n", f"[Service]\n{added}"), encoding="utf-8")
        return path

    return install


def directives(repository: Path, unit: str) -> list[tuple[str, str]]:
    lines = (repository / "systemd" / unit).read_text(encoding="utf-8").splitlines()
    return [(key, value) for key, _, value in (line.partition("=") for line in lines if not line.startswith("#"))]


def secrets(model: type[BaseModel], above: str) -> list[str]:
    """The credential's name of every secret of `model`."""
    found = []
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found += secrets(field.annotation, f"{above}{name}__")
        elif SecretStr.__name__ in str(field.annotation):
            found.append(f"{above}{name}")
    return found


def test_a_misspelt_directive_would_be_found(installed: Callable[[str, str], Path]) -> None:
    unit = installed("dockvoice@.service", "WatchdogSeconds=30\n")
    assert "Unknown key 'WatchdogSeconds'" in analyzed("verify", unit).stderr


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_understands_every_line_of_the_unit(installed: Callable[[str, str], Path], unit: str) -> None:
    verified = analyzed("verify", installed(unit, ""))
    # systemd-analyze exits with 0 for an unknown key; what it says on stderr is the finding.
    assert (verified.returncode, verified.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS)
def test_the_unit_takes_away_what_the_program_does_not_need(installed: Callable[[str, str], Path], unit: str) -> None:
    scored = analyzed("security", "--offline=true", f"--threshold={EXPOSURE[unit]}", installed(unit, ""))
    assert scored.returncode == 0, scored.stdout
    assert "Overall exposure level" in scored.stdout


def test_the_agent_keeps_what_sound_needs(repository: Path) -> None:
    given = directives(repository, "dockvoice@.service")
    assert ("DeviceAllow", "char-alsa rw") in given
    assert ("SupplementaryGroups", "audio") in given
    # Each of these leaves the service running and deaf.
    assert {"MemoryDenyWriteExecute", "PrivateDevices", "PrivateUsers"}.isdisjoint(key for key, _ in given)


@pytest.mark.parametrize("unit", UNITS)
def test_a_service_nobody_looks_after_never_gives_up(repository: Path, unit: str) -> None:
    given = directives(repository, unit)
    assert ("Restart", "always") in given
    assert ("StartLimitIntervalSec", "0") in given


@pytest.mark.parametrize("unit", UNITS)
def test_every_secret_can_come_as_a_credential_and_none_must(repository: Path, unit: str) -> None:
    models = SETTINGS[unit]
    loaded = dict(value.split(":") for key, value in directives(repository, unit) if key == "LoadCredential")
    named = (secrets(model, str(model.model_config["env_prefix"]).lower()) for model in models)
    assert set(loaded) == {one for of in named for one in of}
    # With a slash it would be a path, and a missing file would keep the service from starting.
    assert [source for source in loaded.values() if "/" in source] == []
    # What systemd takes for the name of a credential: short ASCII without spaces, once %i is filled in.
    assert all(re.fullmatch(r"[a-z%.-]+", source) for source in loaded.values())


@pytest.mark.parametrize("unit", UNITS)
def test_a_settings_file_of_a_unit_means_its_directories_and_secrets(repository: Path, unit: str) -> None:
    given = directives(repository, unit)
    instance = UNITS[unit].removesuffix(".service").rpartition("@")[2]
    (start,) = (value for key, value in given if key == "ExecStart")
    file = Path(start.partition("--config ")[2].replace("%i", instance))
    own = SETTINGS[unit][0].unit  # a connector reads the inventory's, and one of its own
    assert own is not None
    named = own.instance_of_file(file)
    assert named == file.stem, "the settings file of the unit is one of its own"
    told = dict(given)
    assert str(own.state).replace("%i", named) == f"/var/lib/{told['StateDirectory'].replace('%i', instance)}"
    assert own.cache == (Path("/var/cache") / told["CacheDirectory"] if "CacheDirectory" in told else None)
    stored: dict[str, str] = {}
    for model in SETTINGS[unit]:
        assert model.unit is not None
        prefix = str(model.model_config["env_prefix"]).lower()
        stored |= {prefix + "__".join(key): name for key, name in model.unit.credentials.items()}
    assert stored == dict(value.split(":") for key, value in given if key == "LoadCredential")


def test_the_users_of_the_units_are_those_that_are_made(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    made = subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}", str(repository / "systemd/sysusers.d/dockvoice.conf")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    users = {line.split(":")[0] for line in (tmp_path / "etc/passwd").read_text().splitlines()}
    groups = {line.split(":")[0]: line.split(":")[3] for line in (tmp_path / "etc/group").read_text().splitlines()}
    for unit in UNITS:
        given = dict(directives(repository, unit))
        assert given["User"] in users
        assert given["Group"] in groups
    assert groups["audio"] == "dockvoice"


def test_the_directories_that_are_made_belong_to_users_that_are_made(repository: Path) -> None:
    users = {"root"} | {
        line.split()[1]
        for line in (repository / "systemd/sysusers.d/dockvoice.conf").read_text().splitlines()
        if line.startswith("u ")
    }
    lines = (repository / "systemd/tmpfiles.d/dockvoice.conf").read_text().splitlines()
    made = [line.split() for line in lines if not line.startswith("#")]
    assert all(user in users and group in users for _, _, _, user, group in made)
    cache = dict(directives(repository, "dockvoice@.service"))["CacheDirectory"]
    assert f"/var/cache/{cache}/models" in {path for _, path, *_ in made}


def test_systemd_understands_the_units_that_keep_the_months_of_the_tables(repository: Path) -> None:
    units = [repository / "config" / "postgresql" / f"dockvoice-months.{kind}" for kind in ("service", "timer")]
    found = analyzed("verify", *units)
    assert (found.returncode, found.stderr) == (0, "")
