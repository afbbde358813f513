from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.forms.spoken.commands import NAMED
from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.languages import LANGUAGES
from dockvoice_protocol.records import Act, Command, FieldValue, NotUnderstoodReason, Reading
from edge.agent.dictation import INTERRUPTED, Dictation
from edge.agent.events import DictationEvent
from edge.agent.typed_input import KEYBOARD, LONGEST_LINE_BYTES, parse_typed, words_for_key
from edge.agree.decide import Rules
from edge.agree.dialogue.interface import UtteranceHeard
from edge.agree.dialogue.table import Event
from edge.keep.journal import Journal
from edge.keep.journal_thread import JournalThread
from edge.keep.queries import UtteranceHistory
from edge.records import Outcome, Verdict
from tests.fakes import ScriptedInterpreter
from tests.reading.languages import said_in
from tests.rows import every
from tests.tiers import sized
from tests.unit.test_dictation import Bench, nobody_is_there


@pytest.fixture
def bench(tmp_path: Path, rules: Rules) -> Bench:
    return Bench(tmp_path, rules)


def decide_what_is(bench: Bench, doing: Callable[[Dictation], Awaitable[object]]) -> None:
    """Conclude what is typed by `doing`, until one of it is decided."""
    decided = asyncio.Event()

    def tell(told: DictationEvent) -> None:
        bench.told.append(told)
        decided.set()

    async def work(dictation: Dictation) -> None:
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            await doing(dictation)
            concluding = group.create_task(dictation.process_queue())
            await decided.wait()
            concluding.cancel()

    bench.tell = tell
    with JournalThread(bench.directory) as executor:
        asyncio.run(work(bench.dictation(ScriptedInterpreter(), executor)))


def take_typed(bench: Bench, text: str) -> None:
    decide_what_is(bench, lambda dictation: dictation.queue_text(text))


def type_and_go_down(bench: Bench, text: str) -> None:
    """Nobody reads it."""
    with JournalThread(bench.directory) as executor:
        asyncio.run(bench.dictation(ScriptedInterpreter(), executor).queue_text(text))


def on_record(bench: Bench) -> list[UtteranceHistory]:
    with Journal.inspect(bench.directory) as journal:
        heard = list(journal.readings.utterances_since(datetime.min.replace(tzinfo=UTC), "pallet-move"))
        return [journal.queries.history(one.utterance.utterance_id) for one in heard]


WHOLE = "Pallet 742, twelve units, dock B."


def test_what_is_typed_is_on_disk_before_anything_reads_it(bench: Bench) -> None:
    type_and_go_down(bench, WHOLE)
    with Journal.inspect(bench.directory) as journal:
        [unread] = journal.queries.unread_utterances()
    assert (unread.source, unread.typed) == (KEYBOARD, WHOLE)
    assert WHOLE not in repr(unread)


def test_what_was_typed_before_a_crash_is_recorded_once(bench: Bench) -> None:
    type_and_go_down(bench, WHOLE)
    assert [bench.resume() for _ in range(3)] == [1, 0, 0]
    [decided] = bench.decided
    assert decided.reading.interpreter == KEYBOARD
    assert [one.event_id is not None for one in on_record(bench)] == [True]


@pytest.mark.parametrize("text", [WHOLE, "pallet 742 twelve units", "no, fifteen units", "scratch that", "gibberish"])
def test_what_was_typed_before_a_crash_goes_to_a_person_where_he_could_have_answered(bench: Bench, text: str) -> None:
    type_and_go_down(bench, text)
    assert [bench.resume(converse=nobody_is_there) for _ in range(2)] == [1, 0]
    [one] = on_record(bench)
    assert one.review == INTERRUPTED
    assert bench.decided[0].reading.transcript == " ".join(text.lower().replace(",", "").replace(".", "").split())


def test_a_typed_yes_that_a_crash_overtook_says_yes_to_nothing(bench: Bench) -> None:
    type_and_go_down(bench, "yes")
    bench.resume(converse=nobody_is_there)
    [one] = on_record(bench)
    assert (one.review, one.event_id) == (None, None)


def test_a_typed_sentence_is_recorded_as_typed_and_without_a_recording_of_anybody(bench: Bench) -> None:
    take_typed(bench, "Pallet 742, twelve units, dock B.")
    [decided] = bench.decided
    assert decided.verdict.outcome is Outcome.ACCEPT
    assert decided.reading.interpreter == KEYBOARD
    assert set(decided.utterance.segment.pcm) == {0}
    with Journal.inspect(bench.directory) as journal:
        found = journal.queries.get_utterance(decided.utterance.utterance_id)
        assert found is not None
        assert found.source == KEYBOARD
        assert dict(found.fields) == {"pallet_id": "742", "quantity": 12, "dock": "B"}
        assert list(journal.queries.unread_utterances()) == []


@pytest.mark.parametrize("broken", ["caf\udce9", "\ud83d"])
def test_what_is_no_text_is_marked_and_the_rest_is_taken_as_it_is(bench: Bench, broken: str) -> None:
    take_typed(bench, f"pallet 742, twelve units, dock b {broken}")
    [decided] = bench.decided
    assert decided.reading.words[-1].text == f"{broken[:-1]}\N{REPLACEMENT CHARACTER}"
    assert (values(decided.reading)["pallet_id"], values(decided.reading)["quantity"]) == ("742", 12)


def test_a_line_that_nobody_would_say_is_refused_and_not_kept(bench: Bench) -> None:
    fits = "ü" * (LONGEST_LINE_BYTES // 2)
    type_and_go_down(bench, fits)
    with pytest.raises(UnreadableInput) as refused:
        type_and_go_down(bench, f"{fits}.")
    assert str(refused.value) == (
        "typed: found a line of 65537 bytes, allowed are 65536; nothing of it is kept: type it as sentences"
    )
    with Journal.inspect(bench.directory) as journal:
        assert [utterance.typed for utterance in journal.queries.unread_utterances()] == [fits]


OTHERS = [code for code in LANGUAGES if code != "en"]
EVERY = sized(quick=10, test=10, nightly=1)  # One phrase in so many is typed.


def values(reading: Reading) -> dict[str, FieldValue | None]:
    return {name: said.value for name, said in reading.fields.items()}


@pytest.mark.parametrize("code", OTHERS[:: sized(quick=3, test=1, nightly=1)])
def test_every_command_can_be_typed_in_the_language_of_the_device_too(bench: Bench, code: str) -> None:
    language = language_named(code)
    for name, asked in NAMED.items():
        for phrase in language.commands[name][::EVERY] if asked.command is not Command.SIGN_ON else ():
            reading = parse_typed(" ".join(phrase), bench.rules, language)
            assert (reading.act, reading.command, reading.not_understood) == (asked.act, asked.command, None), phrase


@pytest.mark.parametrize("code", OTHERS)
def test_a_sentence_is_read_in_the_language_in_which_it_says_more(bench: Bench, code: str) -> None:
    whole = {"pallet_id": "742", "quantity": 12, "dock": "B"}
    besides = language_named(code)
    assert values(parse_typed(said_in(code)["sentence"], bench.rules, besides)) == whole
    assert values(parse_typed(WHOLE, bench.rules, besides)) == whole


@pytest.mark.parametrize("code", OTHERS)
def test_a_correction_that_is_whole_is_not_taken_for_the_next_entry(bench: Bench, code: str) -> None:
    """The dialogue would commit the entry that it corrects."""
    reading = parse_typed(
        f"{said_in(code)['correction']}, {said_in(code)['sentence']}", bench.rules, language_named(code)
    )
    assert (reading.not_understood, values(reading)) == (NotUnderstoodReason.NOT_DICTATION, {})


@pytest.mark.parametrize("code", OTHERS)
def test_what_is_not_to_be_recorded_is_not_in_whichever_language(bench: Bench, code: str) -> None:
    besides = language_named(code)
    refusal = " ".join(besides.commands["cancels_open_entry"][0])
    for text in (f"don't record {WHOLE}", f"{refusal} {said_in(code)['sentence']}", f"{refusal} {WHOLE}"):
        assert values(parse_typed(text, bench.rules, besides)) == {}, text


KEYS: list[Act | Command] = [Act.YES, Act.NO, Act.CANCEL, *sorted(set(Command) - {Command.SIGN_ON})]
"""Nobody signs on by a key: it takes a name."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_key_is_to_the_dialogue_what_the_words_for_it_are(language: str, bench: Bench) -> None:
    rules = replace(bench.rules, language=language_named(language))

    def means(asked: Act | Command) -> None:
        reading = parse_typed(words_for_key(asked, rules.language), rules)
        assert asked == (reading.command or reading.act)
        assert UtteranceHeard("1", reading, verdict=Verdict(Outcome.REPEAT, (), {})).event(rules) is not Event.UNCLEAR

    every(KEYS, means)
