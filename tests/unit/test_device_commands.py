from __future__ import annotations

from itertools import islice
from pathlib import Path
from random import Random

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_form, load_forms
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import (
    begins_with_cancellation,
    cancels_after_no,
    cancels_open_entry,
    command_phrases,
    generate_sentences,
    is_check,
    is_courtesy,
    parse_command,
    parse_command_with_object,
    parse_exception,
    parse_work,
    read_fields,
    read_transcript,
    speaker_name,
    words_after_sign_on,
)
from dockvoice_protocol.forms.spoken.commands import CANCEL, NAMED, UNRECOGNISED_LISTS, YES
from dockvoice_protocol.forms.spoken.language import ENGLISH, language_named
from dockvoice_protocol.languages import LANGUAGES
from dockvoice_protocol.records import Act, Command, FieldValue, NotUnderstoodReason, Word
from edge.agent.typed_input import parse_typed
from edge.agree.decide import Rules, decide
from edge.records import ClosedBy, Outcome
from edge.understand.reading_builder import read_recognised_words
from tests.reading.languages import said_in, that_say
from tests.rows import each_of, rows_of
from tests.shipped import catalogue as catalogue_shipped
from tests.shipped import form as shipped
from tests.tiers import sized


def words(text: str, confidence: float = 1.0) -> list[Word]:
    return [Word(said, at * 0.4, at * 0.4 + 0.35, confidence) for at, said in enumerate(text.split())]


@each_of("code", LANGUAGES)
def test_every_language_can_say_every_command_and_each_phrase_means_one(code: str) -> None:
    listed = language_named(code).commands
    assert {one.command for one in NAMED.values() if one.act is Act.COMMAND} == set(Command)
    assert {one.act for one in NAMED.values()} == {Act.YES, Act.NO, Act.CANCEL, Act.COMMAND}
    assert all(listed[name] for name in (*NAMED, *UNRECOGNISED_LISTS))
    said = [phrase for name in (*NAMED, *UNRECOGNISED_LISTS) for phrase in listed[name]]
    assert sorted(said) == sorted(set(said))


@each_of("code", LANGUAGES)
def test_each_phrase_is_read_as_its_command_also_among_hesitations(code: str) -> None:
    language = language_named(code)
    hesitation = min(language.hesitations)
    for name, asked in NAMED.items():
        for phrase in language.commands[name] if asked.command is not Command.SIGN_ON else ():
            said = " ".join(phrase)
            assert parse_command(words(said), language) == asked, said
            assert parse_command(words(f"{hesitation} {said} {hesitation}"), language) == asked, said


@each_of("code", LANGUAGES)
def test_what_one_of_its_fields_was_is_asked_of_the_entry_named_behind(code: str) -> None:
    language = language_named(code)
    for way in language.table["commands"]["field_questions"]:
        asked, named = parse_command_with_object(words(f"{way.replace('*', 'xxx')} 5501"), language) or (None, ())
        assert asked is not None, way
        assert asked.command is not None, way
        assert asked.command.lists.field_questions == "field_questions", way
        assert [one.text for one in named] == ["5501"], way


@each_of("code", LANGUAGES)
def test_who_names_himself_is_known_by_what_follows(code: str) -> None:
    language = language_named(code)
    for way in language.commands["presents"]:
        assert speaker_name(words(" ".join((*way, "ana"))), language) == "ana"
    assert speaker_name(words("ana"), language) == "ana"


@each_of("code", LANGUAGES)
def test_a_work_is_gone_back_to_by_its_name_alone(code: str, repository: Path) -> None:
    language, forms = language_named(code), load_forms(repository / "schemas" / "forms").values()
    name = next(iter(forms)).spoken_names(code)[0]
    for way in language.table["works"]["back"]:
        bid = parse_work(words(way.replace("*", name)), forms, language)
        assert bid is not None, way
        assert (bid.role, bid.form) == ("back", next(iter(forms)).name), way
        assert parse_work(words(way.replace("*", "xxx")), forms, language) is None, way


def test_no_sentence_of_a_form_is_a_command(repository: Path, catalogue: Catalogue) -> None:
    for form in load_forms(repository / "schemas" / "forms").values():
        for sentence in islice(generate_sentences(form, catalogue, Random(7)), sized(quick=4, test=15, nightly=400)):
            reading = read_recognised_words("test", words(sentence.text), form, catalogue)
            assert reading.act in {Act.RECORD, Act.AMEND}, sentence.text
            assert parse_command(words(sentence.text)) is None, sentence.text


def test_no_command_says_a_field_of_a_form(repository: Path, catalogue: Catalogue) -> None:
    for form in load_forms(repository / "schemas" / "forms").values():
        for phrase in command_phrases(["ana"])[:: sized(quick=5, test=2, nightly=1)]:
            assert read_fields(words(phrase), form, catalogue) == {}, phrase
            assert read_recognised_words("test", words(phrase), form, catalogue).act not in {Act.RECORD, Act.AMEND}, (
                phrase
            )


@each_of("said", ["Trailer 5501 done", "Trailer 5501 is complete, eh"])
def test_who_asks_whether_a_trailer_is_done_closes_none(said: str) -> None:
    asked, _ = parse_command_with_object(words(said)) or (None, ())
    assert asked is not None
    assert asked.command is Command.TRAILER_DONE
    assert parse_command_with_object(words(f"{said}?")) is None


@each_of("code", LANGUAGES)
def test_a_question_names_its_trailer_or_its_pallet(code: str) -> None:
    rules = Rules(shipped("receive-notice"), catalogue_shipped(), language=language_named(code))
    asked = said_in(code)["asked"]
    readings = [parse_typed(said, rules) for said in asked.values()]
    assert [(reading.act, reading.command) for reading in readings] == [(Act.COMMAND, name) for name in asked]
    named = [{name: one.value for name, one in reading.fields.items()} for reading in readings]
    assert named == [{"trailer": "5501"}, {"pallet_id": "742"}, {"pallet_id": "42"}, {"trailer": "5501"}]


@each_of(
    "said",
    [
        *("where does pallet 742 twelve cases go", "did I do pallet 742 twelve cases door 12", "where does pallet go"),
        *("where does mike live", "close pallet 742", "what is left of pallet 742 twelve cases"),
    ],
)
def test_what_is_asked_in_words_that_say_more_is_no_entry(said: str) -> None:
    rules = Rules(shipped("receive-notice"), catalogue_shipped())
    assert decide(parse_typed(said, rules), ClosedBy.PAUSE, rules).outcome not in {Outcome.ACCEPT, Outcome.IGNORE}
    assert parse_typed(said, rules).act is Act.RECORD


@each_of("before", rows_of("device_commands", "a_sentence_after_words_that_belong"))
def test_a_sentence_after_words_that_belong_to_no_field_is_no_entry(
    before: str, form: Form, catalogue: Catalogue
) -> None:
    reading = read_recognised_words("test", words(f"{before} {SENTENCE}"), form, catalogue)
    assert decide(reading, ClosedBy.PAUSE, Rules(form, catalogue)).outcome is not Outcome.ACCEPT
    assert reading.act is Act.RECORD


SENTENCE = "pallet seven four two twelve units dock b"


@each_of(
    "before",
    [
        *("okay so", "um", "moving", "i have", "please", "no", "no wait", "scratch that", "pallet uh", "dock b no"),
        *("yes", "alright next", "this is", "good morning we have", "please record", "put", "next up"),
    ],
)
def test_a_sentence_after_words_that_say_nothing_is_whole(before: str, form: Form, catalogue: Catalogue) -> None:
    reading = read_recognised_words("test", words(f"{before} {SENTENCE}"), form, catalogue)
    assert {name: said.value for name, said in reading.fields.items()} == {
        "pallet_id": "742",
        "quantity": 12,
        "dock": "B",
    }


@each_of("code", LANGUAGES)
def test_what_refuses_is_a_cancellation_by_itself_and_of_what_it_names(code: str) -> None:
    language = language_named(code)
    for phrase in (*language.commands["cancels_open_entry"], *language.commands["deletions"]):
        said = " ".join(phrase)
        assert parse_command(words(said), language) == CANCEL, said
        assert begins_with_cancellation(words(f"{said} 742"), language) or phrase in language.cues, said


@each_of("code", LANGUAGES)
def test_what_leaves_an_entry_as_it_is_drops_none(code: str) -> None:
    language, (content, unclear) = language_named(code), said_in(code)["kept"]
    assert [said for said in content if not is_courtesy(words(said), language)] == []
    dropped = [said for said in (*content, *unclear) if parse_command(words(said), language) == CANCEL]
    assert dropped == []
    assert [said for said in (*content, *unclear) if begins_with_cancellation(words(said), language)] == []


@each_of("code", LANGUAGES)
def test_nothing_that_refuses_is_a_harmless_opening(code: str) -> None:
    language = language_named(code)
    harmless = [
        language.words[role] for role in ("openings", "links", "closing_remarks")
    ]  # too many phrases to list them
    for name in ("no", "cancel", *(name for name, asked in UNRECOGNISED_LISTS.items() if asked == CANCEL)):
        assert not [said for said in language.commands[name] if any(said in phrases for phrases in harmless)], name


@each_of("code", LANGUAGES)
def test_no_recogniser_is_told_to_expect_a_refusal(code: str) -> None:
    language = language_named(code)
    unexpected = {" ".join(phrase) for name in UNRECOGNISED_LISTS for phrase in language.commands[name]}
    assert unexpected.isdisjoint(command_phrases(["ana"], language))


@each_of("code", LANGUAGES)
def test_a_refusal_takes_back_what_is_open_and_no_more(code: str) -> None:
    language = language_named(code)
    listed = language.commands
    assert all(cancels_open_entry(words(" ".join(one)), language) for one in listed["cancels_open_entry"])
    for one in (*listed["deletions"], *listed["cancel"]):
        assert not cancels_open_entry(words(" ".join(one)), language), one


def test_a_refusal_may_be_polite_and_say_more() -> None:
    assert cancels_open_entry(words("please never mind about that one"), ENGLISH)


@each_of("code", LANGUAGES)
def test_check_digits_are_an_answer_behind_each_phrase_that_announces_them(code: str) -> None:
    language = language_named(code)
    for one in language.words["checks"]:
        assert is_check(words(f"{' '.join(one)} 47"), "47", language), one
        assert not is_check(words(f"{' '.join(one)} 48"), "47", language), one


@each_of(("code", "said", "meant"), rows_of("device_commands", "a_no_may_go_on_to"))
def test_a_no_may_go_on_to_cancel_and_to_say_why(code: str, said: str, meant: bool) -> None:
    assert cancels_after_no(words(said), language_named(code)) is meant


@each_of("code", that_say("right"))
def test_who_says_what_is_right_of_a_thing_corrects_it(code: str) -> None:
    rules = Rules(shipped("receive"), catalogue_shipped(), language=language_named(code))
    for said, pallet, count in said_in(code)["right"]:
        reading = parse_typed(said, rules)
        values = {name: one.value for name, one in reading.fields.items()}
        assert reading.act is Act.AMEND, said
        assert (values.get("pallet_id", ""), values.get("quantity")) == (pallet, count), said


@each_of(
    "said",
    [
        *("pallet 742 should be at door twelve", "743 should have been 753", "pallet 742 was fourteen yesterday"),
        *("pallet 742 should be 743", "there should be twelve cases", "pallet 742 was wrong, it should be 743"),
    ],
)
def test_what_is_wished_or_told_sets_nothing_right(said: str) -> None:
    assert parse_typed(said, Rules(shipped("receive"), catalogue_shipped())).fields == {}


@each_of("code", that_say("deleted"))
def test_a_verb_with_a_thing_deletes_that(code: str) -> None:
    rules = Rules(shipped("receive"), catalogue_shipped(), language=language_named(code))
    readings = [parse_typed(said, rules) for said in said_in(code)["deleted"]]
    assert {(one.act, one.fields["pallet_id"].value) for one in readings} == {(Act.CANCEL, "743")}


@each_of("code", that_say("undone"))
def test_the_verb_that_undoes_a_work_cancels_its_entry(code: str) -> None:
    load, unload = (
        Rules(shipped(name), catalogue_shipped(), language=language_named(code)) for name in ("load", "unload")
    )
    assert {parse_typed(said, load).act for said in said_in(code)["undone"]} == {Act.CANCEL}
    assert {parse_typed(said, load).fields["pallet_id"].value for said in said_in(code)["undone"]} == {"742"}
    assert Act.CANCEL not in {parse_typed(said, unload).act for said in said_in(code)["undone"]}


@each_of(("code", "said", "meant"), rows_of("device_commands", "what_was_read_back_is_put"))
def test_what_was_read_back_is_put_right_in_few_words(code: str, said: str, meant: dict[str, FieldValue]) -> None:
    held: dict[str, FieldValue] = {"pallet_id": "742", "quantity": 10, "uom": "CS"}
    found = read_transcript(said, shipped("receive"), catalogue_shipped(), code, held=held)
    assert {name: one.value for name, one in found.items()} == meant


@each_of("code", that_say("murmured"))
def test_what_agrees_to_nothing_and_asks_for_nothing_is_not_asked_about(code: str) -> None:
    rules = Rules(shipped("receive"), catalogue_shipped(), language=language_named(code))
    assert {parse_typed(said, rules).not_understood for said in said_in(code)["murmured"]} == {NotUnderstoodReason.TALK}


@each_of("said", ["correct correct", "yes correct", "yeah yeah yep"])
def test_a_yes_said_again_is_one(said: str) -> None:
    assert parse_command(words(said)) == YES
    assert not is_courtesy(words(said))


def test_whoever_signs_on_is_named() -> None:
    asked = parse_command(words("sign on ana maria"))
    assert asked is not None
    assert asked.name == "ana maria"
    assert "sign on ben" in command_phrases(["ben"])
    assert all("sign on" not in phrase for phrase in command_phrases())


def test_an_exception_counts_when_it_is_said_twice(repository: Path) -> None:
    form = load_form(repository / "tests" / "playbook" / "forms" / "goods-check.schema.json")
    once, twice = parse_exception(words("damaged", 0.9), form), parse_exception(words("damaged damaged", 0.9), form)
    assert (once["condition"].value, once["condition"].confirmed, once["condition"].confidence) == (
        "damaged",
        False,
        0.9,
    )
    assert twice["condition"].confirmed
    assert parse_exception(words("damaged wet"), form) == parse_exception(words("damaged damaged damaged"), form) == {}


def test_a_word_for_a_count_of_zero_takes_nothing_back() -> None:
    counts = shipped("cycle-count")["quantity"]
    for language in map(language_named, LANGUAGES):
        for said in counts.wording(language.code).zero:
            heard = words(said)
            assert parse_command(heard, language) != CANCEL, f"{language.code}: {said}"
            assert not begins_with_cancellation(heard, language), f"{language.code}: {said}"


@each_of(("said", "behind"), rows_of("device_commands", "what_stands_behind_sign_on_is"))
def test_what_stands_behind_sign_on_is_there_with_what_hesitates(said: str, behind: str) -> None:
    assert words_after_sign_on(words(said), language_named("fr")) == behind
