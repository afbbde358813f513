"""The demo's stories in other languages than English say what they mean, and its operator answers to the point."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import read_transcript
from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.forms.spoken.reader import make_timed_words
from dockvoice_protocol.records import Act, Command, FieldValue, Reading
from edge.agent.parts import load_named_form
from edge.agree.dialogue.questions import Question, Topic
from edge.config import Settings
from edge.understand.reading_builder import read_recognised_words
from lab.demo.story import AnsweringOperator, Sentence, Story, StoryLanguage, gives, load_story
from tests.processes.command import called
from tests.rows import each_of

SPOKEN = [one for one in StoryLanguage if one is not StoryLanguage.ENGLISH]


@pytest.fixture(scope="module")
def notice_form() -> Form:
    return load_named_form(Settings(), "receive-notice")


@pytest.fixture(scope="module")
def notice_catalogue() -> Catalogue:
    return Catalogue.load(Settings().catalogue_directory)


@each_of("language", SPOKEN)
def test_each_sentence_with_its_answers_says_what_it_means(
    language: StoryLanguage, notice_form: Form, notice_catalogue: Catalogue
) -> None:
    def values(text: str) -> dict[str, FieldValue]:
        said = read_transcript(text, notice_form, notice_catalogue, language.value)
        return {name: one.value for name, one in said.items() if one.value is not None and not one.rivals}

    story = load_story(language)
    for sentence in story.sentences[:-1]:
        said = values(sentence.text)
        if not sentence.truth:
            assert "quantity" not in said, sentence.text
            continue
        assert said.keys() == sentence.truth.keys(), sentence.text
        for name, answer in sentence.answers.items():
            assert values(answer)[name] == sentence.truth[name], answer
            assert values(answer).items() <= sentence.truth.items(), answer
        wrong = {name for name in said if said[name] != sentence.truth[name]}
        assert wrong <= sentence.answers.keys(), sentence.text


@each_of("language", SPOKEN)
def test_the_usual_answers_are_understood(
    language: StoryLanguage, notice_form: Form, notice_catalogue: Catalogue
) -> None:
    known = notice_form, notice_catalogue, language_named(language)

    def read(text: str) -> Reading:
        return read_recognised_words("typed", make_timed_words(text, *known), *known)

    story = load_story(language)
    assert (read(story.yes).act, read(story.no).act) == (Act.YES, Act.NO)
    assert read(story.aside).command is Command.PUT_ASIDE
    assert read(story.sentences[-1].text).command is Command.TRAILER_DONE


MEANT = Sentence("all of it", truth={"pallet_id": "742", "quantity": 24, "uom": "CS"}, answers={"quantity": "24 cases"})
STORY = Story([MEANT], yes="yes", no="no", aside="aside")
RIGHT: Mapping[str, FieldValue] = {**MEANT.truth, "trailer": "5501", "item": "A100"}


@each_of(
    ("question", "answer"),
    [
        (Question(Topic.ENTRY_RIGHT, fields=RIGHT), "yes"),
        (Question(Topic.ENTRY_RIGHT, fields={**RIGHT, "quantity": 42}), "no"),
        (Question(Topic.ENTRY_RIGHT, fields={**RIGHT, "damaged": 2}), "no"),
        (Question(Topic.FIELD_RIGHT, "quantity", (24,)), "yes"),
        (Question(Topic.FIELD_RIGHT, "quantity", (42,)), "24 cases"),
        (Question(Topic.FIELD, "uom"), "24 cases"),
        (Question(Topic.CHOICE, "quantity", (24, 42)), "24 cases"),
        (Question(Topic.FIELD, "pallet_id"), "all of it"),
        (Question(Topic.CLOSE), "yes"),
        (Question(Topic.CANCEL), "no"),
    ],
)
def test_a_question_is_answered_by_what_is_meant(question: Question, answer: str) -> None:
    assert AnsweringOperator(STORY, MEANT).react(question, None, ()) == answer
    aside = AnsweringOperator(STORY, Sentence("about thirty", aside=True))
    assert aside.react(question, None, ()) == "aside"


def test_what_was_read_back_wrong_is_named_when_it_is_asked() -> None:
    operator = AnsweringOperator(STORY, MEANT)
    assert operator.react(None, {**RIGHT, "quantity": 42}, ()) == "no"
    assert operator.react(Question(Topic.WRONG), None, ()) == "24 cases"
    assert operator.react(None, RIGHT, ()) is None


def test_a_sentence_is_said_again_until_something_comes_of_it() -> None:
    operator = AnsweringOperator(STORY, MEANT)
    assert operator.react(None, None, [{"trailer": "5501"}]) == "all of it"
    assert operator.react(None, None, [RIGHT]) is None
    assert AnsweringOperator(STORY, Sentence("the game?", by_colleague=True)).react(None, None, ()) is None


def test_an_entry_with_another_field_is_not_what_was_meant() -> None:
    assert gives(MEANT.truth, RIGHT)
    assert not gives(MEANT.truth, {**RIGHT, "damaged": 2})
    assert not gives(MEANT.truth, {"pallet_id": "742"})


def test_a_language_without_a_story_is_told_with_those_that_have_one(capfd: pytest.CaptureFixture[str]) -> None:
    ended = called("demo", "--language", "xx", capfd=capfd)
    assert ended.returncode == 2
    assert all(str(one) in ended.stderr.rsplit("allowed: ", 1)[-1] for one in StoryLanguage)


def test_a_recogniser_of_english_alone_hears_no_other_story(capfd: pytest.CaptureFixture[str]) -> None:
    ended = called("demo", "--language", "de", "--engine", "pocketsphinx", capfd=capfd)
    assert (ended.returncode, ended.stdout) == (78, "")
    assert ended.stderr == ("dockvoice: demo: the recogniser hears 'en', and --language is 'de'; leave --engine out\n")
