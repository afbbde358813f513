"""Pocketsphinx, which needs no weights from elsewhere: what it is told to expect, what it hears, and when it serves."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import soundfile

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_forms
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import command_phrases, jsgf_grammar, parse_command, vocabulary
from dockvoice_protocol.forms.spoken.commands import ParsedCommand
from dockvoice_protocol.records import Act, Reading, Word
from edge.config import Settings
from edge.records import ClosedBy, Segment, Utterance
from edge.understand.local.factory import make_recogniser
from edge.understand.local.pocketsphinx import PocketsphinxInterpreter
from tests import shipped

pocketsphinx = pytest.importorskip("pocketsphinx")

ASKED = {"yes", "scratch that", "say again", "repeat", "last entry", "how many waiting"}


def heard(audio: Path, interpreter: PocketsphinxInterpreter) -> Reading:
    pcm, _ = soundfile.read(audio, dtype="int16")
    segment = Segment(0, 0, len(pcm), len(pcm), ClosedBy.PAUSE, pcm.tobytes())
    attention = interpreter.listen()
    attention.hear(segment.pcm)
    return asyncio.run(attention.finish(Utterance("u", "pallet-move", "test", datetime.now(UTC), segment)))


def test_the_name_of_an_operator_that_cannot_be_heard_is_told(form: Form, catalogue: Catalogue) -> None:
    with pytest.raises(Misconfigured, match="zbigniewa"):
        PocketsphinxInterpreter(form, catalogue, command_phrases(("zbigniewa",)))


def test_a_form_whose_doors_are_numbers_alone_is_heard_too(repository: Path) -> None:
    settings = load_settings(Settings, None)
    form, catalogue = (
        load_forms(settings.forms_directory)["receive-notice"],
        Catalogue.load(settings.catalogue_directory),
    )
    interpreter = PocketsphinxInterpreter(form, catalogue, command_phrases())
    clip = repository / "tests" / "data" / "speech" / "trailer" / "02-pallet-seven-four-two-twenty-four-cases.flac"
    assert heard(clip, interpreter).fields["pallet_id"].value == "742"


def test_commands_and_bare_answers_are_heard_where_entries_are_agreed(
    form: Form, catalogue: Catalogue, repository: Path
) -> None:
    interpreter = PocketsphinxInterpreter(form, catalogue, command_phrases())
    directory = repository / "tests" / "data" / "speech" / "conversation"
    clips = [json.loads(line) for line in (directory / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    readings = {clip["audio"]: heard(directory / clip["audio"], interpreter) for clip in clips if clip["line"] in ASKED}
    told = {audio: ParsedCommand(reading.act, reading.command) for audio, reading in readings.items()}
    lines = {clip["audio"]: [Word(word, 0, 0, 1) for word in clip["line"].split()] for clip in clips}
    assert told == {audio: parse_command(lines[audio]) for audio in readings}
    assert [word.text for word in heard(directory / "rms-bravo.flac", interpreter).words] == ["bravo"]


def test_a_sentence_alone_knows_no_command(form: Form, catalogue: Catalogue, repository: Path) -> None:
    audio = repository / "tests" / "data" / "speech" / "conversation" / "rms-yes.flac"
    assert heard(audio, PocketsphinxInterpreter(form, catalogue)).act is Act.RECORD


@pytest.mark.parametrize("name", ["pallet-move", "stock-count"])
def test_every_word_of_the_grammar_and_of_the_commands_is_in_its_dictionary(name: str, catalogue: Catalogue) -> None:
    form, commands = shipped.form(name), command_phrases(("ana",))
    decoder = pocketsphinx.Decoder(lm=None, loglevel="FATAL")
    decoder.add_jsgf_string("form", jsgf_grammar(form, catalogue, commands))
    # The vocabulary has spellings that only transcripts of other recognisers carry; the grammar does not use them.
    words = {word for phrase in commands for word in phrase.split()}
    words |= vocabulary(form, catalogue) & set(re.findall("[a-z]+", jsgf_grammar(form, catalogue)))
    assert [word for word in words if decoder.lookup_word(word) is None] == []


@pytest.mark.parametrize(
    "chosen",
    [{}, {"names": ("Ana", "xqzvwt", "471")}, {"engine": "pocketsphinx", "model": "huge"}],
    ids=["without other weights", "an operator whose name nobody can hear", "it needs no model"],
)
def test_it_serves(form: Form, catalogue: Catalogue, tmp_path: Path, chosen: dict[str, Any]) -> None:
    names = chosen.pop("names", ())
    settings = load_settings(Settings, None, understand={"models_directory": tmp_path, **chosen})
    reader = make_recogniser(settings, form, catalogue, converses=bool(names), names=names)
    assert reader.name == "pocketsphinx/en-us"
