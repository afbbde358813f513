from __future__ import annotations

import json

from typer.testing import CliRunner, Result

from edge.cli.forms import commands


def run(*arguments: str) -> Result:
    return CliRunner().invoke(commands, list(arguments))


def test_a_language_that_is_not_read_is_wrong_usage() -> None:
    told = run("read", "--language", "sv", "pall 742")
    assert told.exit_code == 2
    assert "'sv' is not read here" in told.stderr


def test_what_is_in_doubt_is_told() -> None:
    told = run("read", "pallet seven [unk], no units, dock B, dock D").stdout
    assert "the words make no one value" in told
    assert "B or D" in told
    assert "which of them" in told


def test_a_sentence_with_the_words_that_say_it() -> None:
    told = run("read", "Pallet 742, twelve, no, fifteen units, dock B as in Bravo", "--json")
    assert json.loads(told.stdout) == {
        "pallet_id": {"value": "742", "rivals": [], "words": ["pallet", "742"]},
        "quantity": {"value": 15, "rivals": [], "words": ["twelve", "no", "fifteen", "units"]},
        "dock": {"value": "B", "rivals": [], "words": ["dock", "b", "as", "in", "bravo"]},
    }


def test_examples_say_what_they_are_said_to_say() -> None:
    told = run("examples", "pallet-move", "--count", "20", "--json").stdout.splitlines()
    assert len(told) == 20
    assert all({"text", "fields"} == json.loads(one).keys() for one in told)
    assert run("examples", "pallet-move", "--seed", "2", "--count", "1").stdout.count("->") == 1
