"""The pages that set it up, typed word for word on a Debian on which nothing was installed yet."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.doc_pages import fenced
from tests.servers.fresh_debian import FreshDebian, refusal
from tests.sound.pulseaudio import OPTIONS
from tests.waiting import until

SPEECH = "/mnt/speech/01-pallet-5451-four-cases-dock-alpha.flac"

SOUND = "unix:/run/pulse/native"

HEADSET = f"""
apt-get --quiet install pulseaudio pulseaudio-utils libasound2-plugins
cat > /etc/asound.conf <<'END'
pcm.headset {{ type pulse server "{SOUND}" device "headset" hint {{ show on description "headset" }} }}
END
cat > /etc/systemd/system/sound.service <<'END'
[Service]
RuntimeDirectory=pulse
Environment=HOME=/run/pulse
ExecStart=/usr/bin/pulseaudio {" ".join(OPTIONS)} \\
    "--load=module-native-protocol-unix socket=/run/pulse/native auth-anonymous=1" \\
    "--load=module-null-sink sink_name=mic" "--load=module-remap-source master=mic.monitor source_name=headset"
END
cat > /etc/systemd/system/talk.service <<'END'
[Service]
ExecStart=/bin/sh -c 'while sleep 2; do paplay --server={SOUND} --device=mic {SPEECH}; done'
END
systemctl daemon-reload
systemctl start sound
"""
"""A headset is plugged in, and somebody may speak into it."""

UDEV = "/lib/systemd/systemd-udevd --daemon"  # A container has none at work, for it has no devices of its own.

CARRIED = """
mkdir -p {0}
cp -rL /mnt/models/small-en-us {0}/
"""
"""The weights come from elsewhere, where their sites do not answer."""

AWAY = 69  # The exit code of what is not there just now.

CONFIG = "--config /etc/dockvoice/inventory.toml"


class Reader:
    """Somebody who types a page, block by block in its order, and leaves none out."""

    def __init__(self, box: FreshDebian, repository: Path, page: str) -> None:
        self._box = box
        self._page = page
        self._left = [block for block in fenced(repository / "docs" / page) if block.kind == "sh"]

    def types(self, heading: str, given: str = "", ends: int = 0, seconds: float | None = None) -> str:
        """Type the next block, which stands under this heading; what was printed. `seconds`: then Ctrl-C."""
        block = self._left.pop(0)
        assert block.heading == heading, f"{self._page}: the next block is of {block.heading!r}: {block.text}"
        script = block.text
        if seconds is not None:
            script = f"timeout --preserve-status --signal=INT {seconds} bash -euc {shlex.quote(script)}"
        ended = self._box.run(script, given)
        told = f"{self._page}, {heading}:\n{block.text}\nended with {ended.returncode}:\n{ended.stdout}{ended.stderr}"
        assert ended.returncode == ends or (ends == AWAY and ended.returncode == 0), told
        assert "Traceback" not in ended.stderr, told
        assert "DEPRECATION" not in ended.stderr, told
        return ended.stdout

    def has_typed_all(self, before: str | None = None) -> None:
        """Whether nothing is left, or what is left begins with that heading."""
        assert [block.heading for block in self._left[:1]] == ([before] if before else [])


@pytest.fixture(params=["bookworm", "trixie"])
def box(request: pytest.FixtureRequest, repository: Path, tmp_path: Path) -> Iterator[FreshDebian]:
    if why := refusal(request.param):
        pytest.skip(f"no Debian can be booted here: {why}")
    models = Path(os.environ["DOCKVOICE_UNDERSTAND__MODELS_DIRECTORY"]).resolve()
    shown = {"/mnt/models": models, "/mnt/speech": repository / "tests" / "data" / "speech" / "demo"}
    with FreshDebian(request.param, tmp_path, shown) as booted:
        yield booted


@contextmanager
def talking(box: FreshDebian) -> Iterator[None]:
    """Somebody speaks, again and again."""
    box.done("systemctl start talk")
    yield
    box.done("systemctl stop talk")


def test_whoever_types_the_pages_has_it_running(box: FreshDebian, repository: Path) -> None:
    page = Reader(box, repository, "install.md")
    installed(box, page)
    at_work(box, page)
    supervised(box, Reader(box, repository, "console.md"))
    connected(box, Reader(box, repository, "connect.md"))
    page.has_typed_all(before="Upgrade")
    upgraded(box, page)
    restored(box, page)
    removed(box, page)
    page.has_typed_all()


def installed(box: FreshDebian, page: Reader) -> None:
    for _ in range(3):
        page.types("The program")
    page.types("The recogniser's weights", ends=AWAY)
    box.done(f"[ -d /var/cache/dockvoice/models/small-en-us ] || {{ {CARRIED.format('/var/cache/dockvoice/models')} }}")
    for _ in range(3):
        page.types("The broker")
    box.done("openssl verify -x509_strict -CAfile /etc/dockvoice/authority.pem /etc/dockvoice/*b.pem")
    box.done("echo 127.0.0.1 mqtt.example >> /etc/hosts")  # the site's own names
    for _ in range(2):
        page.types("The settings")
    page.types("The settings", given="gerbera-7\n")
    box.done("grep -q gerbera-7 /etc/credstore/dockvoice.dock-b.mqtt-password && rm /etc/credstore/dockvoice*")


def at_work(box: FreshDebian, page: Reader) -> None:
    box.done(HEADSET)
    until(lambda: "headset" in box.run(f"pactl --server={SOUND} list sources short").stdout, "no headset")
    with talking(box):
        page.types("The microphone")
    found = page.types("The microphone", ends=1)  # for the clock, and SQLite's age
    assert "failed" not in found
    assert "vosk, weights in /var/cache/dockvoice/models/small-en-us" in found
    page.types("The microphone", seconds=15)
    box.done(UDEV)
    page.types("The microphone")
    page.types("Several headsets on one box")
    page.types("A talk key, a scanner, or a lamp for faults")
    box.done(
        "rm -r /etc/systemd/system/dockvoice@dock-b.service.d && sed -i '/^pcm.left\\|^pcm.right/d' /etc/asound.conf"
    )
    for _ in range(2):
        page.types("Run")
    said = f"replay {SPEECH} --wait 20 --config /etc/dockvoice/dock-b.toml"
    box.done("systemctl stop dockvoice@dock-b")
    box.done(f"runuser -u dockvoice -- dockvoice {said}")
    box.done("systemctl start dockvoice@dock-b")
    assert "5451" in box.done(f"dockvoice inventory rows {CONFIG}")
    assert "5 4 5 1" not in box.done("dockvoice queue list --config /etc/dockvoice/dock-b.toml")
    assert box.done("ls -A /root/.local 2>/dev/null || true") == "", "no second database, for nobody"
    strangers = (
        "find /var/lib/dockvoice-inventory ! -user dockvoice-inventory; find /var/lib/dockvoice ! -user dockvoice"
    )
    assert box.done(strangers) == ""
    refused = box.run(f"dockvoice inventory {CONFIG}")
    assert (refused.returncode, len(refused.stderr.splitlines())) == (78, 1)
    assert "runuser -u dockvoice-inventory -- " in refused.stderr


def supervised(box: FreshDebian, page: Reader) -> None:
    page.types("Set it up", given="a long password\n")
    page.has_typed_all()
    looked = 'import urllib.request as u; print(u.urlopen("http://127.0.0.1:8088/").status)'
    box.until(f"python3 -c '{looked}'", "200")
    assert "admin" in box.done(f"dockvoice console {CONFIG} user list")
    box.done(f"dockvoice api {CONFIG} token add powerbi --read north")


def connected(box: FreshDebian, page: Reader) -> None:
    """There is no Tryton: with one, `tests/integration/test_connect_tryton_commands.py` goes through these."""
    tryton = "Your Tryton, in an afternoon"
    page.types(tryton)
    page.types(tryton, given="aster-1\n")
    page.types(tryton, ends=75)
    page.types(tryton)
    page.types("Files in a folder")
    page.has_typed_all()
    box.done("systemctl is-active dockvoice-connect@tryton dockvoice-connect@csv")
    box.until("stat --format='%A %U %G' /srv/dockvoice/out", "drwxrws--- dockvoice-inventory users")


def upgraded(box: FreshDebian, page: Reader) -> None:
    before = box.done("dockvoice --version")
    box.done("echo '# changed' >> edge/ports.py && echo '# changed' >> inventory/cli/main.py")
    after = page.types("Upgrade").splitlines()[-1]
    assert after.startswith("dockvoice 0.1.0.dev")
    assert after != before.strip()
    assert after.split()[1] in box.done("/opt/dockvoice/bin/pip list 2>/dev/null | grep dockvoice-inventory")
    box.done("systemctl is-active dockvoice-inventory dockvoice-console dockvoice@dock-b")
    assert "5451" in box.done(f"dockvoice inventory rows {CONFIG}")


def restored(box: FreshDebian, page: Reader) -> None:
    page.types("Back up")
    box.done(f"echo another password | dockvoice console {CONFIG} user add ben")
    box.done("rm /etc/dockvoice/inventory.toml")
    page.types("Restore")
    assert "5451" in box.done(f"dockvoice inventory rows {CONFIG}")
    people = box.done(f"dockvoice console {CONFIG} user list")
    assert ("ana" in people, "ben" in people) == (True, False)
    box.done("systemctl is-active dockvoice-inventory")


def removed(box: FreshDebian, page: Reader) -> None:
    """And installed again, as it is without internet."""
    for _ in range(2):
        page.types("Remove")
    assert box.done("getent passwd | grep dockvoice || true") == ""
    left = "find /etc /opt /usr/local /var/lib /var/cache -xdev -name '*dockvoice*' -not -path '/etc/mosquitto/*'"
    assert box.done(left) == ""
    page.types("Without internet")
    page.types("Without internet", ends=AWAY)
    box.done(f"[ -d models/small-en-us ] || {{ {CARRIED.format('models')} }}")
    box.done("install -D -m 644 -t /etc/sysusers.d systemd/sysusers.d/dockvoice.conf && systemd-sysusers")
    box.done("install -D -m 644 -t /etc/tmpfiles.d systemd/tmpfiles.d/dockvoice.conf")
    box.done("systemd-tmpfiles --create dockvoice.conf")
    page.types("Without internet")
    assert "pallet-move" in box.done("dockvoice forms list")
    box.done("[ -d /var/cache/dockvoice/models/small-en-us ]")
