"""Everything the dialogue can say, walked through in each language with what an operator says in that language."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_form
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.scanned import read_scan
from dockvoice_protocol.forms.spoken import command
from dockvoice_protocol.forms.spoken.commands import NAMED, corrects, wording
from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.languages import LANGUAGES
from dockvoice_protocol.records import (
    Act,
    Command,
    ExpectedLine,
    ExpectedList,
    FieldReading,
    FieldValue,
    NotUnderstood,
    Operator,
    PlaceKind,
    Reading,
    Receipt,
    ReceiptOutcome,
    ReceivingPlace,
    Transcript,
    Word,
)
from edge.agree.decide import Circumstances, Rules
from edge.agree.dialogue.events import (
    Committed,
    Deadline,
    Happening,
    Hardware,
    InventoryAnswered,
    Link,
    OfficeDecided,
    OfficeDecision,
    RosterChanged,
    ShiftBegan,
    Started,
    UtteranceHeard,
)
from edge.agree.dialogue.machine import Dialogue
from edge.agree.dialogue.session import DialogueSettings, InReview
from edge.agree.expectations import NOTHING_EXPECTED, Expectations
from edge.hear.microphone_health import FaultKind
from edge.records import Commit, Draft, LastEntry, Lately, StandingEntry
from edge.records.speech import Prompt, Say
from edge.speak.wording import Phrasing, prompts, words_for_codes
from edge.understand.stt.transcript_reader import TranscriptReader
from tests.reading.languages import said_in
from tests.rows import each_of
from tests.sayings import NOON
from tests.shipped import form
from tests.tiers import sized

REPOSITORY = Path(__file__).parent.parent.parent
MOVE = load_form(REPOSITORY / "schemas" / "forms" / "pallet-move.schema.json")
CHECK = load_form(REPOSITORY / "tests" / "playbook" / "forms" / "goods-check.schema.json")
RECEIVE = load_form(REPOSITORY / "tests" / "data" / "forms" / "receive.schema.json")
CATALOGUE = Catalogue.load(REPOSITORY / "tests" / "playbook" / "catalogue")
OTHERS = [language for language in LANGUAGES if language != "en"]


ALIKE = {
    *("correct", "correction", "pause", "attention", "pallet", "no", "headset", "server", "site", "interruption", "on"),
    *("scan", "scanner", "code", "gs", "in", "do", "lot", "minutes"),
}
"""Words that another language has, too."""

MOST_WORDS = 7
"""Besides the entry: said in two seconds."""

SERIOUS = {FaultKind.UNPLUGGED.value, "muted"}


BY_WHOM = {"who": "ana", "time": "10:12", "why": "742"}
LISTENED = (
    Say(Prompt.LISTENED_NONE),
    Say(Prompt.LISTENED_TIMES, slots={"count": "3"}),
    Say(Prompt.LISTENED, slots=BY_WHOM),
    Say(Prompt.LISTENED_ON, slots={**BY_WHOM, "day": "2026-11-20"}),
)
"""What the journal may know of who listened."""


class Walk:
    """A dialogue in one language, and all that it wanted said."""

    def __init__(
        self, form: Form, language: str, manner: DialogueSettings | None = None, forms: tuple[Form, ...] = ()
    ) -> None:
        self.dialogue = Dialogue(Rules(form, CATALOGUE, language=language_named(language)), manner, forms=forms)
        self.said: list[Say] = []
        self.language = language
        self._number = 0
        self.take(Started())

    @property
    def rules(self) -> Rules:
        return self.dialogue.rules

    def say(
        self,
        text: str,
        *,
        sure: float = 0.94,
        deferrable: bool = False,
        recent: Mapping[str, FieldValue] | None = None,
        expected: Expectations = NOTHING_EXPECTED,
    ) -> None:
        self._number += 1
        reader = TranscriptReader(self.rules.form, CATALOGUE, self.language)
        reading = replace(reader.read(Transcript("walk", text, sure), sure, 3.0), deferrable=deferrable)
        known = Circumstances(recent=() if recent is None else (recent,), expected=expected)
        self.take(UtteranceHeard(f"u{self._number}", reading, known=known))

    def ask(
        self, asked: Command | Act, name: str = "", sure: float = 0.94, expected: Expectations = NOTHING_EXPECTED
    ) -> None:
        meant = next(one for one in NAMED.values() if asked in {one.command, one.act} - {Act.COMMAND})
        self.say(f"{wording(meant, self.rules.language)} {name}".strip(), sure=sure, expected=expected)

    def look_up(self, *recorded: StandingEntry) -> None:
        self.dialogue.set_recent_entries(Lately(NOON, recorded))

    def take(self, happening: Happening) -> None:
        for order in self.dialogue.handle(happening):
            match order:
                case Say():
                    # How many it is stands in the journal, and is filled in by whoever carries the order out.
                    counted = {"count": "2"} if order.prompt is Prompt.TALLY else order.slots
                    heard = LISTENED if order.prompt is Prompt.LISTENED else (replace(order, slots=counted),)
                    self.said += heard
                    self.said += TOTALS if order.prompt is Prompt.GOODBYE else ()
                case Commit(draft, verdict):
                    self.take(Committed(LastEntry(draft.utterance_id, draft, verdict.fields)))
                case _:
                    pass


TOTALS = tuple(
    Say(prompt, slots={"form": "pallet move", "count": "2"})
    for prompt in Prompt
    if prompt.value.startswith("total_") or prompt in {Prompt.TOTAL, Prompt.IN_ALL_ASIDE}
)
"""What whoever carries the order out tells behind a goodbye: it stands in the journal."""


def moving(language: str) -> Walk:
    """Entries, questions, corrections and news."""
    pallet, units, dock, correction, no = said_in(language)["move"]
    whole = f"{pallet} 742, 12 {units}, {dock} B"
    walk = Walk(MOVE, language)
    for asked in (Command.SAY_AGAIN, Command.LAST_ENTRY, Command.HOW_MANY_WAITING, Command.HELP, Act.CANCEL):
        walk.ask(asked)
    walk.say(f"{correction} 15 {units}")
    walk.say("grmpf hmpf")
    walk.say(f"{pallet} 750, 9 {units}, {dock} B, {pallet} 751, 7 {units}, {dock} C")
    walk.ask(Act.CANCEL)
    walk.say(whole)
    walk.ask(Command.HELP)
    walk.say(f"{pallet} 743")  # next, or instead?
    walk.ask(Command.HELP)
    walk.ask(Act.CANCEL)
    walk.say(whole)
    walk.say(f"{no}, {pallet} 743")
    walk.ask(Act.YES)
    walk.ask(Act.NO)  # what is wrong?
    walk.ask(Command.HELP)
    walk.say(f"{no}, 15 {units}")
    walk.say("grmpf hmpf")
    walk.say("grmpf hmpf")  # correct?
    walk.ask(Act.YES)
    walk.say(f"{no}, {pallet} 749")
    walk.ask(Command.HELP)
    walk.ask(Act.NO)
    walk.ask(Command.HOW_MANY_WAITING)
    walk.ask(Command.HOW_MANY_HERE)
    asked = walk.rules.language.table["commands"]["lookups"][0]
    entry = StandingEntry("e1", MOVE.name, {"pallet_id": "743", "quantity": 12, "dock": "B"}, None, NOON)
    for found in (
        *(entry, replace(entry, recorded_at=NOON - timedelta(minutes=5)), replace(entry, operator="op-18")),
        *(replace(entry, recorded_at=NOON - timedelta(hours=2)), replace(entry, refused=True)),
    ):
        walk.look_up(found)
        walk.say(f"{asked} {pallet} 743")
    walk.say(f"{asked} {pallet} 999")
    walk.take(Link(up=False))
    walk.look_up(replace(entry, owed=True))
    walk.say(f"{asked} {pallet} 743")
    walk.take(Link(up=True))
    _refused(walk)
    _told(walk)
    _cut(walk)
    return walk


def _refused(walk: Walk) -> None:
    """The inventory does not take the last entry; then questions about other ones."""
    pallet, units, dock, correction, _ = said_in(walk.language)["move"]
    last = walk.dialogue.recorded.last
    assert last is not None
    walk.take(InventoryAnswered(Receipt(last.event_id, ReceiptOutcome.REFUSED, ("not_on_site",)), {"pallet_id": "742"}))
    walk.ask(Command.HOW_MANY_WAITING)
    walk.ask(Command.LAST_ENTRY)
    walk.say(f"{pallet} 744, 9 {units}")
    walk.ask(Command.HELP)
    walk.ask(Act.CANCEL)
    walk.say(f"{pallet} 746, 9 {units} grmpf, {dock} B")  # without that?
    walk.ask(Act.CANCEL)
    walk.say(f"{pallet} 745, 9 {units}, {dock} B, {dock} D")
    walk.ask(Command.HELP)
    walk.say("D")
    walk.ask(Command.PAUSE)
    walk.ask(Command.HELP)
    walk.ask(Command.RESUME)
    walk.ask(Command.RESUME)
    walk.ask(Command.HOW_MANY_WAITING)
    walk.ask(Command.LAST_ENTRY)
    walk.ask(Act.CANCEL)
    walk.ask(Act.NO)
    walk.say(f"{correction} 15 {units}")
    walk.ask(Act.YES)
    walk.ask(Act.CANCEL)
    walk.ask(Act.YES)


def _told(walk: Walk) -> None:
    """What the device does about its voice, and tells by itself."""
    for asked in (Command.LOUDER, Command.SOFTER, Command.FASTER, Command.SLOWER):
        walk.ask(asked)
    for up in (False, True):
        walk.take(Link(up))
    for fault in SERIOUS:
        walk.take(Hardware(fault))
        walk.take(Hardware(fault, healed=True))
    walk.take(
        InventoryAnswered(Receipt("e9", ReceiptOutcome.DUPLICATE, ("already_recorded:dock-4",)), {"pallet_id": "742"})
    )


def _cut(walk: Walk) -> None:
    """The power is cut while an entry is held."""
    pallet, units, dock, _, _ = said_in(walk.language)["move"]
    walk.say(f"{pallet} 746, 9 {units}, {dock} A")
    restarted = Walk(MOVE, walk.language)
    restarted.take(Started(walk.dialogue.draft))
    restarted.take(Deadline())
    restarted.take(Deadline())
    restarted.say(f"{pallet} 742, 12 {units}, {dock} B", sure=0.3, deferrable=True)
    walk.said += restarted.said


def checking(language: str) -> Walk:
    """Signing on, exceptions and check digits."""
    walk = Walk(CHECK, language, DialogueSettings(operators=(Operator("op-17", spoken=("ana",)),), idle_s=600))
    walk.say("pallet 5432, bay A")
    walk.ask(Command.HELP)
    walk.ask(Command.SIGN_ON, "zoe")
    walk.ask(Command.SIGN_ON, "ana")
    walk.say("pallet 5432, bay A")
    walk.ask(Command.HELP)
    walk.say("48")
    walk.say("47")
    walk.say("damaged")
    walk.ask(Act.YES)
    walk.ask(Act.YES)
    walk.say("pallet 5433, bay B")
    walk.ask(Command.SIGN_OFF)  # not finished
    walk.ask(Command.SIGN_OFF)
    walk.ask(Command.SIGN_ON, "ana", sure=0.3)
    walk.ask(Act.YES)
    walk.take(RosterChanged((Operator("op-18", spoken=("maria",)),)))
    walk.ask(Command.SIGN_ON, "maria")
    walk.say(walk.rules.language.table["breaks"]["meal"][0])
    walk.ask(Command.RESUME)
    walk.take(Deadline())
    walk.take(RosterChanged(None))
    walk.ask(Command.SIGN_OFF)  # and nobody was signed on
    return walk


def wondering(language: str) -> Walk:
    """Questions that say why they are asked, and what is put aside."""
    pallet, units, dock, *_ = said_in(language)["move"]
    walk = Walk(MOVE, language)
    for said in (f"{pallet} 8, 12 {units}, {dock} B", f"{pallet} 742, 12 {units}, {dock} Z", f"{pallet} 99, {dock} B"):
        walk.say(said)
        walk.ask(Act.CANCEL)
    walk.say(f"{pallet} 742, 12 {units}, {dock} B", recent={"pallet_id": "742"})
    walk.ask(Act.CANCEL)
    walk.say(f"{pallet} 742, 12 {units}, {dock} B", sure=0.3)
    walk.ask(Act.CANCEL)
    walk.say(f"12 {units}")
    walk.take(Deadline())
    walk.take(Deadline())
    before = FieldReading("742", (), 1.0)
    told = {"pallet_id": before, "quantity": FieldReading(15, (), 1.0)}
    walk.dialogue.recorded.aside = InReview(1, (Draft("u-before", MOVE.name, Reading("test", MOVE.name, (), told)),))
    walk.say(f"{pallet} 742, 12 {units}, {dock} B")
    walk.ask(Act.CANCEL)
    walk.dialogue.recorded.aside = InReview(2)
    fields: Mapping[str, FieldValue] = {"pallet_id": "742", "quantity": 12, "dock": "B"}
    for fate in (OfficeDecision.RECORDED, OfficeDecision.CORRECTED, OfficeDecision.DROPPED):
        walk.take(OfficeDecided("u0", fate, fields))
    walk.take(OfficeDecided("u0", OfficeDecision.DROPPED))
    walk.take(OfficeDecided("u0", OfficeDecision.DECLINED, fields, why="lot_missing"))
    walk.ask(Command.HOW_MANY_WAITING)
    return walk


def receiving(language: str) -> Walk:
    """What a list of expected receipts makes the device ask."""
    walk = Walk(RECEIVE, language)
    place, other = (ReceivingPlace(PlaceKind.DOOR, name) for name in ("12", "13"))
    line = ExpectedLine("4550012", "742", "A100", 24, "CS", lot_needed=False)
    here, there = (line, replace(line, pallet="743", received=True)), (replace(line, pallet="744"),)
    expected = Expectations([ExpectedList("north", place, 1, here), ExpectedList("north", other, 1, there)])
    for pallet, count in (("745", 24), ("743", 24), ("744", 24), ("742", 22)):
        walk.say(f"pallet {pallet}, {count} cases, door 12", expected=expected)
        walk.ask(Act.CANCEL)
    return walk


def unloading(language: str) -> Walk:
    """What is asked of a trailer, of what is announced for it, and of one pallet."""
    walk = Walk(RECEIVE, language, DialogueSettings(closing=form("close-trailer")))
    place, other = (ReceivingPlace(PlaceKind.TRAILER, name) for name in ("5501", "5502"))
    line = ExpectedLine("4550012", "742", "A100", 24, "CS", lot_needed=False)
    lines = tuple(replace(line, pallet=pallet) for pallet in ("742", "842", "743", "744"))
    lists = (ExpectedList("north", place, 1, lines), ExpectedList("north", other, 1, (replace(line, received=True),)))
    entry = StandingEntry(
        "e1",
        RECEIVE.name,
        {"pallet_id": "742", "quantity": 24, "uom": "CS", "trailer": "5501", "state": "wet"},
        None,
        NOON,
    )
    where = walk.rules.language.table["commands"]["whereabouts"][0]
    walk.ask(Command.WHAT_IS_LEFT)
    walk.say("pallet 745, 24 cases, trailer 5501")
    walk.ask(Act.YES)
    walk.ask(Command.WHAT_IS_LEFT)
    for expected in (Expectations(lists[:1]), Expectations([replace(lists[0], lines=lines[:2])])):
        walk.ask(Command.WHAT_IS_LEFT, expected=expected)
    walk.look_up(entry, replace(entry, refused=True))
    walk.dialogue.recorded.aside = InReview(5, tuple(_unagreed(one) for one in ("742", "743", "744", "745", None)))
    walk.ask(Command.HOW_MANY_ON_TRAILER)
    walk.dialogue.recorded.aside = InReview(1, (_unagreed("743"),))
    walk.ask(Command.WHAT_IS_LEFT, expected=Expectations([replace(lists[0], lines=lines[:1])]))
    for pallet in ("42", "743", "744", "999"):
        walk.say(f"{where} pallet {pallet}", expected=Expectations(lists[:1]))
    walk.look_up()
    walk.say(f"{where} pallet 742", expected=Expectations(lists[1:]))
    _close(walk, Expectations(lists[:1]), Expectations([replace(lists[0], lines=lines[:2])]))
    walk.said += _of_trailer(language).said
    return walk


def _of_trailer(language: str) -> Walk:
    """How much there is of a form that names no pallet: its entries are counted."""
    reads = form("temperature")
    walk = Walk(reads, language)
    walk.look_up()
    draft = Draft("u-5501", reads.name, Reading("test", reads.name, (), {}))
    walk.take(Committed(LastEntry("e1", draft, {"trailer": "5501"})))
    walk.ask(Command.HOW_MANY_ON_TRAILER)
    return walk


def _close(walk: Walk, *expected: Expectations) -> None:
    """A trailer is closed, and opened again."""
    walk.dialogue.recorded.aside = InReview()
    for announced, answer in zip(expected, (Act.NO, Act.YES), strict=True):
        walk.ask(Command.TRAILER_DONE, expected=announced)
        walk.ask(answer)
    walk.ask(Act.CANCEL)
    walk.ask(Act.YES)


def _unagreed(pallet: str | None) -> Draft:
    fields = {} if pallet is None else {"pallet_id": FieldReading(pallet, (), 1.0)}
    return Draft(f"u-{pallet}", RECEIVE.name, Reading("test", RECEIVE.name, (), fields))


def standing(language: str) -> Walk:
    """What is said once for all entries, and when it ends."""
    form = replace(RECEIVE, context=("trailer", "door"))
    lasting = language_named(language).table["commands"]["from_now_on"][0]
    walk = Walk(form, language)
    walk.take(ShiftBegan(("2026-11-21", "late")))
    for said in ("trailer 5501, door 12", "pallet 745, 24 cases", "pallet 746, 24 cases, door 13", "trailer 5502"):
        walk.say(said)
        walk.take(Deadline())
    walk.say(f"pallet 747, 24 cases, door 14 {lasting}")
    walk.take(Deadline())
    walk.ask(Command.WHERE_AM_I)
    context = walk.dialogue.context
    restarted = Walk(form, language)
    for shift in (("2026-11-21", "night"), ("2026-11-22", "late")):
        restarted.take(Started(context=context, shift=context.shift))
        restarted.take(ShiftBegan(shift))
    restarted.ask(Command.WHERE_AM_I)
    restarted.take(Started(context=replace(context, operator="op-17")))
    walk.said += restarted.said
    return walk


def changing(language: str) -> Walk:
    """Several forms at hand, one of which is chosen, and a language that nobody hears."""
    may = Operator("op-18", spoken=("maria",), forms=(MOVE.name,)), Operator("op-19", spoken=("zoe",), forms=("x",))
    walk = Walk(MOVE, language, DialogueSettings(operators=(Operator("op-17", spoken=("ana",)), *may)), (MOVE, CHECK))
    pallet, units, dock, *_ = said_in(language)["move"]
    bid = walk.rules.language.table["works"]["switch"][0]
    walk.ask(Command.SIGN_ON, "ana")
    walk.say(MOVE.names(language)[0])
    walk.say(f"{pallet} 742, 12 {units}, {dock} B")
    walk.ask(Act.YES)
    walk.say(bid.replace("*", CHECK.names(language)[0]))
    walk.ask(Command.WHICH_WORK)
    walk.ask(Act.CANCEL)
    walk.say(bid.replace("*", "grmpf"))
    walk.dialogue.recorded.aside = InReview(1, elsewhere=(MOVE.name,))
    walk.ask(Command.WHAT_IS_OPEN)
    unheard = Reading("none", CHECK.name, (), {}, NotUnderstood.UNHEARD_LANGUAGE)
    walk.take(UtteranceHeard("x", unheard))
    walk.ask(Command.SIGN_ON, "maria")
    walk.say(bid.replace("*", CHECK.names(language)[0]))
    walk.ask(Command.SIGN_ON, "zoe")
    alone = Walk(MOVE, language)
    alone.ask(Command.WHICH_WORK)
    alone.ask(Command.WHO_LISTENED)
    walk.said += alone.said
    return walk


def scanning(language: str) -> Walk:
    """A label of another pallet than was said, and one with a wrong check digit."""
    pallet, _, dock, *_ = said_in(language)["move"]
    walk = Walk(MOVE, language)
    walk.say(f"{pallet} 742, {dock} B")
    for label in ("376130321109103420", "376130321109103421"):
        reading = read_scan(f"]C100{label}\n", MOVE, CATALOGUE, date(2026, 11, 21))
        walk.take(UtteranceHeard(label, reading))
    return walk


def all_said(language: str) -> Iterator[tuple[Prompt, str]]:
    walks = (moving(language), checking(language), wondering(language), receiving(language))
    for walk in (*walks, unloading(language), scanning(language), standing(language), changing(language)):
        phrasing = Phrasing(walk.rules.form, language, {one.name: one for one in (MOVE, CHECK)})
        yield from ((say.prompt, phrasing.text(say)) for say in walk.said)


@each_of("language", LANGUAGES[:: sized(quick=3, test=1, nightly=1)])
def test_the_walk_comes_past_every_prompt_and_each_is_whole(language: str) -> None:
    said = list(all_said(language))
    assert set(Prompt) - {prompt for prompt, _ in said} == set()
    assert [text for _, text in said if re.search(r"[{}_]|¿ ", text)] == []


@each_of("language", OTHERS)
def test_no_english_is_left_over(language: str) -> None:
    english = dict(prompts("en")) | {
        (name, code): text for name in TABLES for code, text in words_for_codes(name, "en").items()
    }
    ours = dict(prompts(language)) | {
        (name, code): text for name in TABLES for code, text in words_for_codes(name, language).items()
    }
    assert set(ours) == set(english)
    left = {key: both for key in english if (both := words(ours[key]) & words(english[key]) - ALIKE)}
    assert left == {}


TABLES = ("faults", "mended", "reasons", "scans", "aways")


def words(text: str) -> set[str]:
    return {word for word in re.findall(r"[^\W\d_]+", re.sub(r"\{\w+\}", "", text).lower()) if len(word) > 1}


@each_of("language", LANGUAGES)
def test_what_is_said_is_short(language: str) -> None:
    """But for help, which who asks for it will listen to."""
    long = {
        prompt: text
        for prompt, text in prompts(language).items()
        if not prompt.value.startswith("help") and len(re.sub(r"\{\w+\}", "", text).split()) > MOST_WORDS
    }
    assert long == {}


@each_of("language", LANGUAGES)
def test_what_help_tells_to_say_is_understood(language: str) -> None:
    spoken = language_named(language)
    listed = re.split(r"[.:] ", prompts(language)[Prompt.HELP])[-1].strip(".")
    for said in listed.split(", "):
        heard = [Word(word, at, at + 0.3, 1.0) for at, word in enumerate(said.split())]
        assert command(heard, spoken) is not None or corrects(heard, spoken), said


@each_of("language", LANGUAGES)
def test_each_language_has_every_reason_that_the_inventory_gives(language: str) -> None:
    given = {*("wrong_source", "unknown_form", "invalid", "malformed", "conflicting_event", "sequence_reused")}
    given |= {*("unstorable", "unknown_event", "already_amended", "already_cancelled", "undeliverable")}
    assert given <= set(words_for_codes("reasons", language))


@each_of("language", OTHERS)
def test_forms_that_are_shipped_ask_in_every_language(language: str) -> None:
    for path in (REPOSITORY / "schemas" / "forms").glob("*.schema.json"):
        for field in load_form(path).fields:
            assert field.wording(language).ask, f"{path.name}: {field.name}"
