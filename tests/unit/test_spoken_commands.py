from __future__ import annotations

import json

from typer.testing import CliRunner, Result

from edge.cli.forms import commands


def run(*arguments: str) -> Result:
    return CliRunner().invoke(commands, list(arguments))


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
