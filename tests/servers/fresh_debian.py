"""A Debian on which nothing was installed yet, booted in a container: what a page says is done on it word for word.

Its disk is what mmdebstrap made (`make nightly` does), read through an overlay that takes what is written. It has this
machine's network, and goes to the same package index as pip does here. Needs root, and Debian's systemd-container.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.servers.machine import as_root, end, first_process
from tests.servers.machine import refusal as machine_refusal
from tests.sharing import ROOT
from tests.waiting import until

DEBIANS = Path(os.environ.get("DOCKVOICE_TEST_DEBIAN", ROOT / ".cache" / "debian"))
"""What mmdebstrap made, each under the name of its release."""

TREE = "/usr/src/dockvoice"  # Where the source tree lies there.

BOOT_S = 60
BLOCK_S = 900  # The longest block fetches what the program requires.

_BOOT = """
mkdir -p "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$1/root"
directory="$1"; shift 2
cp -a "$directory/files/." "$directory/root/"
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
exec systemd-nspawn --quiet --register=no --keep-unit --boot --directory="$directory/root" "$@"
"""

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}
"""That of a root shell in which nobody has set anything."""


def refusal(release: str) -> str:
    """Why that Debian cannot be booted here; empty where it can."""
    if not (DEBIANS / release).is_dir():
        return f"{DEBIANS / release}: no such directory; `make debian` makes it"
    if shutil.which("systemd-nspawn") is None:
        return "systemd-nspawn: not installed; Debian has it in systemd-container"
    return machine_refusal()


class FreshDebian:
    """As a context manager it is booted on entry, and gone on exit."""

    def __init__(self, release: str, directory: Path, shown: Mapping[str, Path]) -> None:
        """`directory` takes what is written: two gigabytes. `shown` are directories here, by their place there."""
        self._disk = DEBIANS / release
        self._directory = directory
        self._log = directory / "boot.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._first = 0
        _lay_tree(directory / "files" / TREE.lstrip("/"))
        # Whoever reads the page says yes to apt.
        _write(directory / "files/etc/apt/apt.conf.d/90yes", 'APT::Get::Assume-Yes "true";\n')
        self._binds = _lay_index(directory / "files")
        self._binds += [f"--bind-ro={path}:{place}" for place, path in shown.items()]

    def __enter__(self) -> Self:
        places = [str(self._directory), str(self._disk)]
        command = ["unshare", "--mount", "sh", "-euc", _BOOT, "sh", *places, *self._binds]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*as_root(), *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        try:
            until(self._is_up, lambda: f"it did not boot:\n{self._log.read_text(errors='replace')[-3000:]}", BOOT_S)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: object) -> None:
        self._end()

    def run(self, script: str, given: str = "", at: str = TREE) -> subprocess.CompletedProcess[str]:
        """What a root shell makes of it, with this typed into it. A command that fails ends it."""
        clean = [f"{name}={value}" for name, value in ENVIRONMENT.items()]
        enter = ["nsenter", f"--target={self._first}", "--all", "env", "-i", "-C", at, *clean, "bash", "-euc", script]
        return subprocess.run(
            [*as_root(), *enter], input=given, capture_output=True, text=True, timeout=BLOCK_S, check=False
        )

    def done(self, script: str, given: str = "") -> str:
        """The same, which must come to its end; what it printed."""
        ended = self.run(script, given)
        assert ended.returncode == 0, f"{script}\nended with {ended.returncode}:\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout

    def until(self, script: str, told: str, seconds: float = 60) -> None:
        """Wait until the script's output has this in it."""
        deadline = time.monotonic() + seconds
        while told not in (last := self.run(script)).stdout:
            assert time.monotonic() < deadline, f"{script}: {last.stdout}{last.stderr}\n{self._journal()}"
            time.sleep(0.5)

    def _journal(self) -> str:
        return self.run("journalctl --no-pager --output=cat --lines=60").stdout

    def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text(errors="replace")[-3000:]
        self._first = first_process(self._process)
        if self._first == 0:
            return False
        state = self.run("systemctl is-system-running || true", at="/").stdout.strip()
        return state in {"running", "degraded"}

    def _end(self) -> None:
        assert self._process is not None
        end(self._process)


def _lay_tree(place: Path) -> None:
    """The files of this tree as they are, without its history: what an archive of it has."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if (path.is_file() and not path.is_symlink() and not name.startswith("tests/")) or "speech/trailer" in name:
            _write(place / name, path.read_bytes())


def _lay_index(files: Path) -> list[str]:
    """Lead its pip to the packages that pip is configured for here; what to bind into it for that."""
    told = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    options: dict[str, str] = {}
    for line in told.splitlines():
        name, _, value = line.partition("=")
        option = name.rpartition(".")[2]
        if option in {"index-url", "extra-index-url", "find-links", "cert", "trusted-host", "proxy", "timeout"}:
            options.setdefault(option, value.strip("'"))
            if name.startswith(":env:"):
                options[option] = value.strip("'")
    if cert := options.get("cert"):  # not where Debian's own package will put one
        options["cert"] = "/etc/pip-cert.pem"
        _write(files / "etc/pip-cert.pem", Path(cert).read_bytes())
    _write(files / "etc/pip.conf", "[global]\n" + "".join(f"{name} = {value}\n" for name, value in options.items()))
    # What it names on this machine's disk: `file:///opt/index/simple` lies in /opt/index.
    named = (place.removeprefix("file://") for value in options.values() for place in value.split())
    places = {
        Path("/", *Path(place).parts[1:3]) if "simple" in place else Path(place)
        for place in named
        if place.startswith("/")
    }
    return [f"--bind-ro={place}" for place in sorted(places) if place.exists()]


def _write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
