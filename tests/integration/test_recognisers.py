"""The recognisers as the agent gets them: by its settings, from a directory of weights, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_forms
from dockvoice_protocol.records import FieldValue, Reading
from edge.agent.events import DictationEvent, UtteranceDecided
from edge.agent.parts import assemble_interpretation, dictate_sources, make_dictation
from edge.agree.decide import Rules, decide
from edge.config import Settings
from edge.hear.recording import RecordedSource
from edge.keep.journal_thread import JournalThread
from edge.ports import Interpreter
from edge.records import SAMPLE_RATE, ClosedBy, Outcome
from edge.speak.voices import EspeakVoice
from edge.understand.local.factory import make_recogniser
from edge.understand.local.vosk import VoskInterpreter
from edge.understand.local.weights import find_model, locate
from tests.sayings import recorded, spoken
from tests.tiers import sized

CORRECTED = "07-pallet-9019-eighty-no-seventy-units-dock-alpha.flac"
OTHERS = ["01-pallet-5451-four-cases-dock-alpha.flac", "02-pallet-0126-nine-units-dock-bravo.flac"]


@pytest.fixture(scope="module")
def chosen() -> tuple[Interpreter, bool]:
    """The interpreter of `engine = "auto"`, and whether vosk's weights are here."""
    settings = load_settings(Settings, None)
    form = load_forms(settings.forms_directory)["pallet-move"]
    catalogue = Catalogue.load(settings.catalogue_directory)
    here = locate(find_model("small-en-us"), settings.models) is not None
    return make_recogniser(settings, form, catalogue), here


@pytest.mark.parametrize(
    ("said", "goes_on"),
    [
        ("pallet five five one", True),
        ("dock b", True),
        ("pallet five five one twelve pieces", False),  # The dock may have been said by now.
        ("pallet five five one twelve pieces dock b", False),
        ("zero", False),  # Of a field or not, the next word tells: "zero okay".
        ("sorry", False),
        ("okay", False),
        ("", False),
    ],
)
def test_only_what_lacks_two_fields_surely_goes_on(
    chosen: tuple[Interpreter, bool], said: str, *, goes_on: bool
) -> None:
    reader = chosen[0]
    if isinstance(reader, VoskInterpreter):
        assert reader._is_unfinished_entry(said.split()) is goes_on


def heard(reader: Interpreter, name: str) -> Reading:
    """The reading of a recording that was heard as it was spoken."""
    attention, pcm = reader.listen(), recorded(name)
    for at in range(0, len(pcm), 640):
        attention.hear(pcm[at : at + 640])
    return asyncio.run(attention.finish(spoken(pcm)))


def test_auto_gives_vosk_where_its_weights_are(chosen: tuple[Interpreter, bool]) -> None:
    reader, weights_here = chosen
    assert reader.name == ("vosk/small-en-us" if weights_here else "pocketsphinx/en-us")


EACH = sized(test=7, nightly=1)  # One form in so many.


def test_every_form_can_be_heard(chosen: tuple[Interpreter, bool]) -> None:
    settings = load_settings(Settings, None)
    catalogue = Catalogue.load(settings.catalogue_directory)
    forms = list(load_forms(settings.forms_directory).values())[::EACH]
    readers = [make_recogniser(settings, form, catalogue) for form in forms]
    assert {reader.name for reader in readers} == {chosen[0].name}


def test_a_correction_within_a_sentence_is_not_read_as_what_was_said_first(chosen: tuple[Interpreter, bool]) -> None:
    reading = heard(chosen[0], CORRECTED)
    assert reading.fields["quantity"].value != 80 or reading.fields["quantity"].rivals


def test_an_a_may_be_an_e_that_no_recogniser_lists_and_alpha_may_not(chosen: tuple[Interpreter, bool]) -> None:
    clips = ("005", "003", "063")  # "dock A", "dock alpha", "dock A as in alpha"
    docks = [heard(chosen[0], f"../set/{name}-clean.flac").fields["dock"] for name in clips]
    assert [(one.value, one.runner_up) for one in docks] == [("A", "E"), ("A", None), ("A", None)]


DROPPED_IN = Path(__file__).parent.parent / "data" / "forms"  # Forms that nothing was ever written for.
PACE, SPEAKERS = 10 / 11, ("m3", "f2", "m5", "m7")
"""Times the usual pace, and speakers of espeak-ng; of all of them vosk understands each word here in silence."""
EVERYBODY = sized(test=False, nightly=True)
"""Speaks; by day the next one only where none was understood: a voice of espeak-ng is not the same twice."""
DICTATED: dict[str, dict[str, dict[str, FieldValue]]] = {
    "coffee": {
        "large cappuccino, double shot, oat milk": {
            "size": "large",
            "drink": "cappuccino",
            "shots": "double shot",
            "milk": "oat milk",
        },
        "small espresso": {"size": "small", "drink": "espresso"},
    },
    "cycle-count": {
        "Location alpha twelve oh three, twelve pieces, lot bravo seven one four, weight twelve point five kilos, "
        "damaged, sealed": {
            "location": "A-12-03",
            "quantity": 12,
            "uom": "EA",
            "lot": "B714",
            "weight": 12.5,
            "condition": "damaged",
            "sealed": True,
        },
        "Bin hotel twenty two eleven, forty cases, expiry end of June twenty twenty six, condition wet, not sealed": {
            "location": "H-22-11",
            "quantity": 40,
            "uom": "CS",
            "expiry": "2026-06-30",
            "condition": "wet",
            "sealed": False,
        },
    },
}


async def told(text: str, speaker: str) -> bytes:
    silence = bytes(SAMPLE_RATE)  # half a second
    said = [piece async for piece in EspeakVoice(PACE, speaker).say(text, "en", 60.0)]
    return b"".join([silence, *said, silence])


@pytest.mark.parametrize("name", DICTATED)
def test_a_form_dropped_in_is_dictated(name: str, chosen: tuple[Interpreter, bool]) -> None:
    form, catalogue = load_forms(DROPPED_IN)[name], Catalogue({})
    reader, under = make_recogniser(load_settings(Settings, None), form, catalogue), Rules(form, catalogue)
    at_once = set()
    for text, meant in DICTATED[name].items():
        for speaker in SPEAKERS:
            reading = asyncio.run(reader.listen().finish(spoken(asyncio.run(told(text, speaker)))))
            verdict = decide(reading, ClosedBy.PAUSE, under)
            assert verdict.fields.items() <= meant.items(), f"{speaker}: {text}"
            if verdict.outcome is Outcome.ACCEPT and verdict.fields == meant:
                at_once.add(text)
            if text in at_once and not EVERYBODY:
                break
    weights_here = chosen[1]
    assert not weights_here or at_once == {*DICTATED[name]}, "each is recorded as it is said, by one speaker at least"


READ_ALL = """
import asyncio, json, sys
from pathlib import Path
from tests.integration.test_recognisers import heard
from dockvoice_protocol.config import load_settings
from edge.config import Settings
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_forms
from edge.understand.local.factory import make_recogniser
settings = load_settings(Settings, None)
form = load_forms(settings.forms_directory)["pallet-move"]
reader = make_recogniser(settings, form, Catalogue.load(settings.catalogue_directory))
print(json.dumps([repr(heard(reader, name)) for name in sys.argv[1:]]))
"""


def run_alone(repository: Path, *names: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", READ_ALL, *names],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )


def test_another_process_reads_the_same_in_another_order(repository: Path, chosen: tuple[Interpreter, bool]) -> None:
    elsewhere = run_alone(repository, *OTHERS)
    assert json.loads(elsewhere.stdout) == [repr(heard(chosen[0], name)) for name in reversed(OTHERS)][::-1]
    assert elsewhere.stderr == "", "nothing of what was said is written anywhere else"


def test_an_entry_said_in_several_breaths_is_heard_as_one_sound(
    chosen: tuple[Interpreter, bool], tmp_path: Path
) -> None:
    assert chosen[1], "dockvoice models get small-en-us, and name the directory in DOCKVOICE_TEST_MODELS"
    name = OTHERS[1]
    said = heard(chosen[0], name).words
    cuts = [round(word.start * SAMPLE_RATE) for word in said if word.text in {"nine", "dock"}]
    pcm = recorded(name)
    parts = [pcm[2 * one : 2 * other] for one, other in zip((0, *cuts), (*cuts, len(pcm) // 2), strict=True)]
    thinks = tmp_path / "thinks.wav"
    with wave.open(str(thinks), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", "not compressed"))
        file.writeframes(bytes(2 * SAMPLE_RATE * 2).join([*parts, b""]))
    events: list[DictationEvent] = []
    settings = load_settings(Settings, None)
    with JournalThread(tmp_path / "state") as executor:
        asyncio.run(
            dictate_sources(
                make_dictation(assemble_interpretation(settings, "pallet-move"), executor, events.append),
                [RecordedSource(thinks)],
            )
        )
    decided = [one.verdict for one in events if isinstance(one, UtteranceDecided)]
    assert [one.outcome for one in decided] == [Outcome.ASK, Outcome.ASK, Outcome.ACCEPT]
    assert decided[-1].fields == {"pallet_id": "0126", "quantity": 9, "dock": "B"}
