"""A machine of its own that systemd boots, to try the units on: namespaces, gone with their first process.

Its disk is this machine's, read through an overlay that takes what is written; its devices, network, users and
processes are its own. Needs root with CAP_SYS_ADMIN, as CI has it, or sudo; and nothing but Debian's systemd.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from tests.sharing import ROOT
from tests.waiting import until

BOOT_S = 60  # It takes a second; a busy machine needs longer.

_PROBE = """
mount -t tmpfs tmpfs /mnt && mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root
mount -t cgroup2 cgroup2 /mnt/root
"""

# In a cgroup of its own, which `unshare --cgroup` makes the root of all that systemd sees.
_APART = """
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
mkdir "$1/cgroup" && mount -t cgroup2 cgroup2 "$1/cgroup"
mkdir "$1/cgroup/$2" && echo $$ > "$1/cgroup/$2/cgroup.procs"
exec unshare --pid --fork --kill-child --mount --net --cgroup --uts --ipc sh -euc "$3" sh "$1" "$4" "$5" "$6"
"""

_BOOT = """
cd "$1" && mkdir upper work root
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" root
cd root
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for node in null zero full random urandom tty; do cp -a "/dev/$node" dev/; done
mkdir dev/pts dev/shm dev/snd dev/input
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts dev/pts && ln -s pts/ptmx dev/ptmx
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s /proc/self/fd dev/fd
# A sound card, and a keyboard, which the units must not open. Where Linux has no driver for it, who may open the card
# is told that there is none, and who may not, that he may not.
mknod dev/snd/controlC0 c 116 0 && chgrp audio dev/snd/controlC0 && chmod 660 dev/snd/controlC0
mknod dev/input/event0 c 13 64 && chmod 666 dev/input/event0
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
cp proc/devices run/devices
grep -q alsa run/devices || sed -i 's/^Character.*/&\\n116 alsa/' run/devices
mount --bind run/devices proc/devices
# Nothing of this machine's own is started there, and nothing of its own is mounted.
: > etc/machine-id && : > etc/fstab
# It has never been booted: where this machine was, systemd would make no users.
rm -f etc/.updated var/.updated
rm -rf lib/systemd/system/*.wants etc/systemd/system
mkdir -p etc/systemd/system/sysinit.target.wants
for unit in sysusers.service tmpfiles-setup.service journald.service journald.socket; do
    ln -s "/lib/systemd/system/systemd-$unit" etc/systemd/system/sysinit.target.wants/
done
printf '[Unit]\\nRequires=basic.target\\nAfter=basic.target\\n' > etc/systemd/system/machine.target
# The program as it lies on a dock, for users who may not look into the developer's directories.
mkdir -p opt/dockvoice/bin opt/dockvoice/source opt/dockvoice/packages opt/dockvoice/python
mount --bind "$2" opt/dockvoice/source
mount --bind "$3" opt/dockvoice/packages
mount --bind "$4" opt/dockvoice/python
cp -r opt/dockvoice/source/systemd/*.service etc/systemd/system/
mkdir -p etc/sysusers.d etc/tmpfiles.d
cp opt/dockvoice/source/systemd/sysusers.d/* etc/sysusers.d/
cp opt/dockvoice/source/systemd/tmpfiles.d/* etc/tmpfiles.d/
cp -r "$1/../files/." .
pivot_root . mnt && umount -l mnt
mount --make-rshared /  # as a machine that boots has it: credentials are mounted beside, and seen from here
exec env -i container=other PATH=/usr/sbin:/usr/bin /lib/systemd/systemd --unit=machine.target
"""

PYTHON = f"""#!/bin/sh
export PYTHONPATH=/opt/dockvoice/source:/opt/dockvoice/source/protocol:/opt/dockvoice/packages
export LD_LIBRARY_PATH=/opt/dockvoice/python/lib
exec /opt/dockvoice/python/bin/python{sys.version_info.major}.{sys.version_info.minor} "$@"
"""

PROGRAM = '#!/bin/sh\nexec /opt/dockvoice/bin/python -m edge "$@"\n'


def refusal() -> str:
    """Why this machine lets nobody boot another in it, in the words of its kernel; empty where it does."""
    apart = ["unshare", "--pid", "--fork", "--mount", "--net", "--cgroup", "--uts", "--ipc", "sh", "-euc", _PROBE]
    return subprocess.run([*as_root(), *apart], capture_output=True, text=True, check=False).stderr.strip()


def as_root() -> list[str]:
    """What to put before a command that needs root."""
    return [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]


def first_process(booting: subprocess.Popen[bytes]) -> int:
    """The systemd that it began, by itself or through sudo, which puts processes between; 0 where there is none yet."""
    try:
        begun = psutil.Process(booting.pid).children(recursive=True)
        return next((one.pid for one in begun if one.name() == "systemd"), 0)
    except psutil.NoSuchProcess:
        return 0


def end(booting: subprocess.Popen[bytes]) -> None:
    """Kill it with all that it began: root's processes, also where it was sudo that was started."""
    if booting.poll() is None:
        begun = [one.pid for one in psutil.Process(booting.pid).children(recursive=True)]
        kill = [*as_root(), "kill", "-KILL", *map(str, [*begun, booting.pid])]
        subprocess.run(kill, check=False, capture_output=True)  # with the first of them most are gone
    booting.wait()


class Machine:
    """As a context manager it is booted on entry, and gone on exit.

    `files` are laid on its disk before it boots, by their paths: its settings, and units of the test.
    """

    def __init__(self, directory: Path, files: dict[str, str]) -> None:
        self._directory = directory
        self._log = directory / "boot.log"
        self._cgroup = f"dockvoice-test-{os.getpid()}-{time.monotonic_ns()}"
        self._as_root = as_root()
        self._process: subprocess.Popen[bytes] | None = None
        self._first = 0
        programs = {"opt/dockvoice/bin/python": PYTHON, "opt/dockvoice/bin/dockvoice": PROGRAM}
        for name, text in (programs | files).items():
            path = directory / "files" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            path.chmod(0o755 if text.startswith("#!") else 0o644)
        (directory / "root").mkdir()

    def __enter__(self) -> Self:
        where = self._directory / "root"
        repository = ROOT
        names = [where, self._cgroup, _BOOT, repository, sysconfig.get_paths()["purelib"], sys.base_prefix]
        apart = ["unshare", "--mount", "sh", "-euc", _APART, "sh", *map(str, names)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen([*self._as_root, *apart], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            until(self._is_up, lambda: f"systemd did not boot:\n{self._log.read_text()[-3000:]}", BOOT_S)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command there as root; what it printed."""
        enter = ["nsenter", f"--target={self._first}", "--all", "--", *command]
        ended = subprocess.run([*self._as_root, *enter], capture_output=True, text=True, timeout=120, check=False)
        assert not check or ended.returncode == 0, f"{command}: {ended.stdout}{ended.stderr}"
        return ended.stdout

    def shows(self, unit: str, what: str) -> str:
        """What systemd says of a unit, by the name of the property."""
        return self.run("systemctl", "show", "--value", f"--property={what}", unit).strip()

    def journal(self, unit: str) -> str:
        """What the unit wrote, and what systemd wrote of it."""
        return self.run("journalctl", "--no-pager", "--output=cat", f"--unit={unit}")

    def until(self, unit: str, what: str, holds: Callable[[str], bool]) -> None:
        """Wait until that is so of a property of the unit."""
        until(
            lambda: holds(self.shows(unit, what)),
            lambda: f"{unit}: {what} is {self.shows(unit, what)!r}:\n{self.journal(unit)[-3000:]}",
        )

    def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()[-3000:]
        self._first = first_process(self._process)
        return (
            self._first != 0 and self.run("systemctl", "is-active", "machine.target", check=False).strip() == "active"
        )

    def _end(self) -> None:
        assert self._process is not None
        end(self._process)
        # Its groups are empty as soon as the last process is gone.
        sweep = (
            'mount -t cgroup2 cgroup2 "$1"; for try in 1 2 3 4 5 6 7 8 9; do '
            'find "$1/$2" -depth -type d -exec rmdir {} + 2>/dev/null && break; sleep 0.1; done'
        )
        command = ["unshare", "--mount", "sh", "-c", sweep, "sh", str(self._directory / "root"), self._cgroup]
        subprocess.run([*self._as_root, *command], check=True, timeout=60)
