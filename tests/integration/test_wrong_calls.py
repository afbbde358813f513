"""More than 200 wrong calls and files: each ends with the right exit code, in words, and none with a traceback.

In the process of the tests, so that a row costs milliseconds. To add one, add it to a table below: a command to
`CONFIGURED`, a broken file to `FILES`, a call of its own to `OTHERS`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge.keep.journal import Journal
from inventory.repository import Store
from tests.dictated import KEY
from tests.processes.command import called
from tests.rows import every
from tests.tiers import sized

USAGE, NO_INPUT, UNAVAILABLE, DISK, CONFIG = 2, 66, 69, 74, 78

DEEP = '{"a":' * 5000 + "1" + "}" * 5000
LONG = "9" * 5000

FILES: dict[str, bytes] = {
    "empty": b"",
    "binary": bytes(range(256)) * 4,
    "not-utf8": "site = 'Straße'\n".encode("latin-1"),
    "deep": DEEP.encode(),
    "long-integer": f'{{"properties": {{"n": {{"minimum": {LONG}}}}}}}'.encode(),
    "list": b"[1, 2]",
    "twice": b'{"a": 1, "a": 2}',
    "surrogate": b'{"a": "\\ud800"}',
}
"""Files that are no settings, no form, no key, no list of recordings, no sound, and no recording's name either."""

SETTINGS: dict[str, tuple[str, int, str]] = {
    "missing": ("no-such.toml", NO_INPUT, "no-such.toml: no such file"),
    "directory": (".", NO_INPUT, "."),
    "binary": ("binary", CONFIG, "binary"),
    "not-utf8": ("not-utf8", CONFIG, "not-utf8"),
    "deep": ("deep", CONFIG, "deep"),
    "broken": ("broken.toml", CONFIG, "broken.toml: is not TOML"),
    "unknown-key": ("unknown-key.toml", CONFIG, "colour"),
    "long-integer": ("long-integer.toml", CONFIG, "long-integer.toml"),
    "nested": ("nested.toml", CONFIG, "nested.toml"),
    "wrong-types": ("wrong-types.toml", CONFIG, "wrong-types.toml"),
    "control": ("control.toml", CONFIG, "control.toml"),
}

WHOLE = {
    "broken.toml": "site = \n",
    "unknown-key.toml": 'colour = "red"\n',
    "long-integer.toml": f"x = {LONG}\n",
    "nested.toml": f"x = {'[' * 5000}{']' * 5000}\n",
    "wrong-types.toml": "mqtt = 3\ndeliver = []\nsite = 1979-05-27\nprefix = 7\n",
    "control.toml": 'prefix = "a\\u0000b"\nsite = "a\\nb"\n',
}

CONFIGURED = (
    *("queue list", "queue show 1", "queue retry 1", "queue discard 1 --reason x", "queue accept 1", "queue stand 1"),
    *("queue unsettled", "queue export TMP/out.jsonl", "audit verify", "audit key", "audit export --all TMP/out.zip"),
    *("forms list", "forms tool pallet-move", "models list", "costs", "replay TMP/good.wav"),
    *("inventory rows", "inventory count", "inventory gaps", "inventory audit verify", "inventory keys list"),
    *("run", "inventory", "evaluate TMP/manifest.jsonl"),
)
"""Commands that read settings; at night each is called with all that `SETTINGS` has."""


@dataclass(frozen=True)
class Call:
    """A command line that cannot be done: TMP is a directory with `FILES`, `WHOLE`, a journal and a database."""

    line: str
    code: int | set[int]
    told: str = ""


DATABASE = "inventory rows --database"

OTHERS = (
    # Numbers beyond all bounds
    *(Call(f"queue {verb} {number} --state TMP/state", NO_INPUT, "no such entry")
      for verb in ("show", "retry", "accept", "stand", "discard --reason x")
      for number in (LONG, "0", "٣", "1e9")),
    *(Call(f"{command} --limit {number}", USAGE, "--limit")
      for command in ("queue list --state TMP/state", "inventory rows --database sqlite:///TMP/inventory.db")
      for number in ("0", "-1", "1.5", LONG)),
    *(Call(f"{command} --since {when}", NO_INPUT, "--since")
      for command in ("costs --state TMP/state", "reread --interpreter none --state TMP/state")
      for when in ("99999999999d", f"{LONG}h", "0000-00-00", "d", "٣d", "yesterday")),
    *(Call(f"forms examples pallet-move --count {number}", USAGE, "--count") for number in ("0", "9" * 30, "x")),
    *(Call(f"inventory keys rotate north/dock-3 TMP/key.pem --directory TMP/keys --upto {number}", USAGE, "--upto")
      for number in ("-1", "9" * 30, "x")),
    # Forms that are none
    *(Call(f"forms check TMP/{name}", CONFIG, name) for name in FILES),
    Call("forms check TMP/no-such.schema.json", NO_INPUT, "no-such.schema.json: no such file"),
    Call("forms check TMP/state", NO_INPUT, "no such file; a form is a file named NAME.schema.json"),
    Call("forms check TMP/odd.schema.json", CONFIG, "odd.schema.json: 7 faults; how to write a form"),
    *(Call(f"{command} --form nonsense", CONFIG, "'nonsense': not among the forms")
      for command in ("replay TMP/good.wav", "run")),
    Call("evaluate TMP/other-form.jsonl", CONFIG, "'nonsense': not among the forms"),
    *(Call("forms list --config TMP/forms-of-" + name + ".toml", CONFIG, "a.schema.json") for name in FILES),
    # Databases
    *(Call(f"{DATABASE} {url}", CONFIG, "database") for url in (
        "postgresql://u:pw@host:abc/x", "postgresql://u:pw@[::1/x", "mysql://h/x", "sqlite://", "sqlite:///:memory:",
        "x", "://", "sqlite:///TMP/inventory.db?nonsense=1")),
    Call(f"{DATABASE} sqlite:///TMP/no-such.db", NO_INPUT, "no such database"),
    Call(f"{DATABASE} postgresql+psycopg://nobody@127.0.0.1:1/none", UNAVAILABLE, "127.0.0.1"),
    Call(f"{DATABASE} sqlite:////TMP/state", {69, NO_INPUT, CONFIG}, "state"),
    *(Call(f"{DATABASE} sqlite:////TMP/{name}", CONFIG, name) for name in ("binary", "empty", "deep")),
    # Keys of devices
    *(Call(f"inventory keys enrol north/dock-3 TMP/{name} --directory TMP/keys", NO_INPUT, name)
      for name in (*FILES, "no-such.pem", "state")),
    *(Call(f"inventory keys enrol {device} TMP/key.pem --directory TMP/keys", USAGE, "SITE/DEVICE")
      for device in ("north", "north/", "/", "a/b/c", "north/dock\n3", "north/é", "../../passwd", "a" * 500 + "/b")),
    Call("inventory keys enrol north/dock-3 TMP/key.pem --directory TMP/empty", DISK, "cannot be written"),
    Call("inventory keys revoke north/dock-3 --directory TMP/keys", NO_INPUT, "holds no key"),
    *(Call(f"inventory audit verify --key TMP/{name} --database sqlite:////TMP/inventory.db", NO_INPUT, name)
      for name in FILES),
    Call("inventory audit verify --keys TMP/keys-none --database sqlite:////TMP/inventory.db", NO_INPUT, "keys-none"),
    *(Call(f"audit erase {of} {blank} --state TMP/state", USAGE, "found nothing")
      for of in ("--operator", "--entry") for blank in ("", "\t")),
    Call("inventory audit verify --device a/b --database sqlite:////TMP/inventory.db", NO_INPUT, "no event ever"),
    # Sound that is none
    *(Call(f"replay TMP/{name} --state TMP/other", NO_INPUT, told)
      for name, told in {
          **{name: name for name in FILES}, "no-such.wav": "no-such.wav: no such file", "state": "is a directory",
          "text.wav": "text.wav: is not sound", "slow.wav": "slow.wav: claims 100 samples per second"}.items()),
    *(Call(f"replay {device} --state TMP/other", NO_INPUT, device) for device in ("/dev/zero", "/dev/null")),
    Call("replay TMP/broken.mp3 --state TMP/other", NO_INPUT, "broken.mp3"),
    # Places
    *(Call(f"{command} --state ", USAGE, "--state") for command in ("queue list", "audit key", "doctor")),
    *(Call(f"queue list --state TMP/{name}", {NO_INPUT, DISK}, name) for name in ("none", "binary", "a\nb")),
    Call("queue unsettled --state TMP/none", NO_INPUT, "none"),
    *(Call(f"evaluate TMP/manifest.jsonl --{what} TMP/none/out", DISK, "out: cannot be written")
      for what in ("details", "report")),
    Call("speak --earcon stored --out TMP/none/x.wav", DISK, "x.wav: cannot be written"),
    Call("queue export TMP/state --state TMP/state", {NO_INPUT, DISK}, "state"),
    Call("queue export TMP/none/out --state TMP/state", DISK, "out"),
    Call("queue export TMP/binary --state TMP/state", NO_INPUT, "exists already"),
    Call("audit export 1 TMP/none/out.zip --state TMP/state", {NO_INPUT, DISK}),
    # Settings that have no end, or are no file: every command
    *(Call(f"{command} --config /dev/zero", NO_INPUT, "/dev/zero: cannot be read (is no regular file)")
      for command in CONFIGURED),
    Call("queue list --config TMP/fifo", NO_INPUT, "fifo: cannot be read (is no regular file)"),
    Call("queue list --config TMP/large.toml", NO_INPUT, "large.toml: cannot be read (has more than 1,000,000 bytes)"),
    # Other files that have no end, or are no file: wherever a command or a setting names one
    Call("forms check TMP/sparse", CONFIG, "has more than 1,000,000 bytes"),
    *(Call(f"{command} {file}", NO_INPUT, told)
      for command in ("epcis check", "evaluate", "inventory audit verify --acknowledged")
      for file, told in (("/dev/zero", "is no regular file"), ("TMP/fifo", "is no regular file"),
                         ("TMP/sparse", "bytes"))),
    *(Call(f"evaluate --compare TMP/{name} TMP/{name}", NO_INPUT, name) for name in ("fifo", "sparse")),
    Call("forms list --config TMP/forms-fifo.toml", CONFIG, "is no regular file"),
    *(Call(f"inventory --config TMP/{name}-fifo.toml", CONFIG, "is no regular file")
      for name in ("ca", "certificate", "key")),
    # Words that mean nothing
    *(Call(f"forms tool {name}", CONFIG, "not among the forms") for name in ("x", "../x", "", "é")),
    *(Call(f"forms read --language {tag} x", USAGE, "--language") for tag in ("x", "", "en\nde")),
    Call("speak --earcon x", USAGE, "found 'x'; allowed: heard, stored, question, not understood, refused, fault"),
    Call("speak hello --language xx", USAGE, "'--language': found 'xx'; allowed: en, de, es, fr, it, pl, pt"),
    Call("evaluate --mode x x", USAGE, "'--mode': found 'x'; allowed: on-device, cloud-first, panel, cascade"),
    Call("watch foo", USAGE, "extra argument"),
    Call("inventory roster --site north --broker localhost:1", UNAVAILABLE, "dockvoice: broker localhost:1: Conn"),
    *(Call(f"models {verb} x", CONFIG, "no such model") for verb in ("get", "path")),
    Call("models path small-en-us --directory TMP/none", CONFIG, "dockvoice models get small-en-us"),
    Call("models get small-en-us --directory TMP/m --from TMP/none.zip", NO_INPUT, "none.zip"),
    *(Call(f"queue list --config TMP/good.toml --state TMP/state {word}", USAGE) for word in ("--nonsense", "more")),
    *(Call(f"{command} --broker {at}", CONFIG, "--broker")
      for command in ("replay TMP/good.wav --state TMP/other", "inventory --database sqlite:////TMP/none.db")
      for at in ("localhost:99999", "localhost:port", ":1883", "a@b", "mqtt://localhost")),
    Call("evaluate TMP/no-such.jsonl", NO_INPUT, "no-such.jsonl"),
    *(Call(f"evaluate TMP/{name}", {NO_INPUT, CONFIG}, name) for name in FILES if name != "empty"),
)  # fmt: skip

FILES_EACH = sized(test=1, nightly=len(SETTINGS))
"""So many of the broken files each command is called with: by day others than the command before it."""


def calls() -> Iterator[Call]:
    broken = cycle(SETTINGS.values())
    for command in CONFIGURED:
        for name, code, told in islice(broken, FILES_EACH):
            yield Call(f"{command} --config TMP/{name}", code, told)
    yield from OTHERS


CALLS = list(calls())


@pytest.fixture(scope="module")
def tmp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tmp = tmp_path_factory.mktemp("wrong")
    for name, content in FILES.items():
        (tmp / name).write_bytes(content)
        (tmp / f"forms-{name}").mkdir()
        (tmp / f"forms-{name}" / "a.schema.json").write_bytes(content)
        (tmp / f"forms-of-{name}.toml").write_text(f'[forms]\ndirectory = "forms-{name}"\n')
    for name, text in WHOLE.items():
        (tmp / name).write_text(text)
    (tmp / "good.toml").touch()
    (tmp / "large.toml").write_text("#" * 1_000_001)
    os.mkfifo(tmp / "fifo")
    with (tmp / "sparse").open("wb") as sparse:
        sparse.truncate(60 * 2**30)
    (tmp / "forms-fifo").mkdir()
    os.mkfifo(tmp / "forms-fifo" / "a.schema.json")
    (tmp / "forms-fifo.toml").write_text('[forms]\ndirectory = "forms-fifo"\n')
    files = {"ca": "ca_file = 'fifo'", "certificate": "certificate_file = 'fifo'"}
    files["key"] = "certificate_file = 'key.pem'\nkey_file = 'fifo'"
    for name, told in files.items():
        (tmp / f"{name}-fifo.toml").write_text(f"[mqtt]\ntls = true\n{told}\n")
    (tmp / "key.pem").write_bytes(KEY.public.pem)
    (tmp / "broken.mp3").write_bytes(b"ID3\x04\0\0\0\0\0\0" + b"\xff\xfb\x90\x44" + b"\0" * 40 + bytes(range(200)))
    soundfile.write(tmp / "good.wav", np.zeros(16_000), 16_000)
    soundfile.write(tmp / "slow.wav", np.zeros(1000), 100)
    (tmp / "text.wav").write_text("this is no sound")
    (tmp / "odd.schema.json").write_text(json.dumps({"type": "object", "patternProperties": {}}))
    for name, form in (("manifest", "pallet-move"), ("other-form", "nonsense")):
        line = {"audio": "good.wav", "form": form, "fields": None, "condition": "clean"}
        (tmp / f"{name}.jsonl").write_text(json.dumps(line) + "\n")
    Journal.open(tmp / "state").close()
    Store.open(f"sqlite:///{tmp / 'inventory.db'}").close()
    return tmp


def end_of(line: str, tmp: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """What a command line ends with, and what it says on standard error."""
    monkeypatch.setenv("DOCKVOICE_STATE_DIRECTORY", str(tmp / "state"))
    monkeypatch.setenv("DOCKVOICE_INVENTORY_DATABASE", f"sqlite:///{tmp / 'inventory.db'}")
    ended = called(*(word.replace("TMP", str(tmp)) for word in line.split(" ")), capfd=capfd)
    return ended.returncode, ended.stderr


def test_there_are_enough() -> None:
    assert len(CALLS) >= 200
    assert len({call.line for call in CALLS}) == len(CALLS)


def test_each_wrong_call_ends_in_words(
    tmp: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def ends_in_words(call: Call) -> None:
        code, said = end_of(call.line, tmp, monkeypatch, capfd)
        assert code in (call.code if isinstance(call.code, set) else {call.code}), said[-2000:]
        assert "Traceback" not in said
        assert call.told.strip(".").replace("\n", r"\u000a") in said
        assert all(character.isprintable() for character in said.replace("\n", ""))
        if code != USAGE:  # typer shows how the command is called besides
            assert said.count("\n") == 1, said[-2000:]
            assert said.startswith("dockvoice: ")

    every({f"{at}: {call.line[:70]}": call for at, call in enumerate(CALLS)}, ends_in_words)


def test_a_variable_that_is_nested_without_end_is_named_in_a_line(
    tmp: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def ends_in_words(given: tuple[str, str]) -> None:
        variable, line = given
        monkeypatch.setenv(variable, "[" * 100_000)
        code, said = end_of(line, tmp, monkeypatch, capfd)
        monkeypatch.delenv(variable)
        assert code == CONFIG, said[-2000:]
        assert said.count("\n") == 1, said[-2000:]
        assert f"{variable}: is nested too deeply" in said

    every(
        [("DOCKVOICE_AGREE__OPERATORS", "queue list"), ("DOCKVOICE_INVENTORY_DOSSIER__RECEIPTS", "inventory count")],
        ends_in_words,
    )
