from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import pytest

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.records import Act, Command, FieldReading, FieldValue, NotUnderstoodReason, Reading, Usage, Word
from edge.agree.decide import Rules, decide
from edge.config import UnderstandingMode
from edge.records import ClosedBy, Outcome
from edge.understand.weighing import PanelRole, contradicts, is_settled, weigh
from tests.rows import each_of, rows_of

SURE = 0.9
TRUTH: dict[str, FieldValue] = {"pallet_id": "742", "quantity": 12, "dock": "B"}
ONE, TWO, OURS = PanelRole.FIRST, PanelRole.SECOND, PanelRole.ON_DEVICE
SILENT = NotUnderstoodReason.NO_WORDS
CHATTER = NotUnderstoodReason.NOT_DICTATION


@pytest.fixture(scope="module")
def rules(form: Form, catalogue: Catalogue) -> Rules:
    return Rules(form, catalogue, SURE)


def said(who: str, confidence: float = 1.0, **differing: FieldValue | None) -> Reading:
    """The truth, but for what differs; a field that is None was not heard."""
    values = {name: value for name, value in {**TRUTH, **differing}.items() if value is not None}
    fields = {name: FieldReading(value, (str(value),), confidence) for name, value in values.items()}
    return Reading(who, "pallet-move", (Word(who, 0, 1, confidence),), fields)


def declined(who: str, reason: NotUnderstoodReason = SILENT) -> Reading:
    return Reading(who, "pallet-move", (), {}, reason)


def did(who: str, act: Act, command: Command | None = None) -> Reading:
    return Reading(who, "pallet-move", (), {}, act=act, command=command)


def told(rules: Rules, mode: UnderstandingMode, opinions: Mapping[PanelRole, Reading]) -> str:
    """What is decided, in short: `accept`, or the outcome with the reasons."""
    out_of_reach = mode is not UnderstandingMode.ON_DEVICE and not opinions.keys() - {OURS}
    reading = weigh(opinions, mode, rules.form, SURE, out_of_reach=out_of_reach)
    verdict = decide(reading, ClosedBy.PAUSE, rules)
    if verdict.outcome is Outcome.ACCEPT:
        assert verdict.fields == TRUTH
        return "accept"
    return " ".join([verdict.outcome, *(str(reason) for reason in verdict.reasons)])


def unclear(who: str) -> Reading:
    """A reading whose quantity may be another one."""
    reading = said(who)
    return replace(reading, fields={**reading.fields, "quantity": FieldReading(20, ("twenty",), 1.0, rivals=(12,))})


def half_sure(who: str) -> Reading:
    """A reading of which the count was not surely heard."""
    reading = said(who)
    return replace(reading, fields={**reading.fields, "quantity": FieldReading(12, ("twelve",), 0.5)})


def no_entry(who: str) -> Reading:
    """Something of a pallet: "pallet 742 does not scan"."""
    return replace(declined(who, CHATTER), unrecorded={"pallet_id": FieldReading("742", ("742",), 1.0)})


def cancelled(who: str, confidence: float = 1.0) -> Reading:
    return replace(did(who, Act.CANCEL), words=(Word("cancel", 0, 1, confidence),))


NAMED: dict[str, Callable[[str], Reading]] = {
    "truth": said,
    "silent": declined,
    "talk": partial(declined, reason=CHATTER),
    "yes": partial(did, act=Act.YES),
    "a cancel": partial(did, act=Act.CANCEL),
    "cancel": cancelled,
    "cancel, unsure": partial(cancelled, confidence=0.6),
    "unclear count": unclear,
    "unsure count": half_sure,
    "correction, unsure count": lambda who: replace(half_sure(who), act=Act.AMEND),
    "no entry": no_entry,
}
ROLES = {"first": ONE, "second": TWO, "device": OURS}


def opinion(who: str, told: str) -> Reading:
    """One of `NAMED`, or the truth but for what differs, and how sure it is: `quantity=20 dock=- 0.8`."""
    if told in NAMED:
        return NAMED[told](who)
    words = told.split()
    sure = float(words.pop()) if "=" not in words[-1] else 1.0
    differing = dict(one.split("=") for one in words)
    values = {name: None if one == "-" else int(one) if name == "quantity" else one for name, one in differing.items()}
    return said(who, sure, **values)


def weighed(rules: Rules, mode: UnderstandingMode, opinions: Mapping[str, str]) -> str:
    return told(rules, mode, {ROLES[role]: opinion(role, one) for role, one in opinions.items()})


@each_of(("opinions", "expected"), rows_of("weighing", "panel"))
def test_what_a_panel_concludes(rules: Rules, opinions: Mapping[str, str], expected: str) -> None:
    assert weighed(rules, UnderstandingMode.PANEL, opinions) == expected


@each_of("mode", [UnderstandingMode.CLOUD_FIRST, UnderstandingMode.CASCADE])
@each_of(("opinions", "expected"), rows_of("weighing", "cloud_first"))
def test_what_is_concluded_where_the_model_counts(
    rules: Rules, mode: UnderstandingMode, opinions: Mapping[str, str], expected: str
) -> None:
    assert weighed(rules, mode, opinions) == expected


@each_of("mode", [UnderstandingMode.CLOUD_FIRST, UnderstandingMode.CASCADE])
@each_of("act", [Act.YES, Act.NO, Act.CANCEL])
def test_where_the_device_surely_heard_a_value_no_model_makes_an_answer_of_it(
    rules: Rules, mode: UnderstandingMode, act: Act
) -> None:
    weighed = weigh({ONE: did("a", act), OURS: half_sure("d")}, mode, rules.form, SURE)
    assert weighed.not_understood is CHATTER


@each_of("mode", [UnderstandingMode.CLOUD_FIRST, UnderstandingMode.CASCADE])
def test_where_the_model_counts_what_the_device_surely_heard_is_offered_too(
    rules: Rules, mode: UnderstandingMode
) -> None:
    reading = weigh({ONE: said("a", pallet_id="7777"), OURS: said("d")}, mode, rules.form, SURE)
    verdict = decide(reading, ClosedBy.PAUSE, rules)
    assert (verdict.ask, verdict.candidates) == ("pallet_id", ("7777", "742"))


@each_of("mode", [UnderstandingMode.CLOUD_FIRST, UnderstandingMode.CASCADE])
@each_of(("model", "asked"), [("7777", "pallet_id"), ("742", None), ("743", None)])
def test_of_two_values_that_the_device_surely_heard_the_model_may_say_which_and_no_third(
    rules: Rules, mode: UnderstandingMode, model: str, asked: str | None
) -> None:
    either = said("d")
    heard = replace(either.fields["pallet_id"], rivals=("743",))
    own = replace(either, fields={**either.fields, "pallet_id": heard})
    verdict = decide(weigh({ONE: said("a", pallet_id=model), OURS: own}, mode, rules.form, SURE), ClosedBy.PAUSE, rules)
    assert (verdict.outcome, verdict.ask) == (Outcome.ASK if asked else Outcome.ACCEPT, asked)


def test_words_that_mean_no_value_confirm_nothing(rules: Rules) -> None:
    unclear = said("d")
    fields = {**unclear.fields, "dock": FieldReading(None, ("dock", "eh"), 1.0)}
    assert told(rules, UnderstandingMode.PANEL, {ONE: said("a"), OURS: replace(unclear, fields=fields)}) == (
        "ask field_unconfirmed:dock"
    )
    assert told(rules, UnderstandingMode.PANEL, {OURS: replace(unclear, fields=fields)}).startswith("defer")


@each_of(
    ("act", "command", "alone_is_enough"),
    [
        (Act.CANCEL, None, False),
        (Act.YES, None, False),
        (Act.NO, None, True),
        *((Act.COMMAND, command, False) for command in Command),
    ],
)
def test_what_has_consequences_takes_two(
    rules: Rules, act: Act, command: Command | None, *, alone_is_enough: bool
) -> None:
    alone = weigh({ONE: did("a", act, command), OURS: declined("d")}, UnderstandingMode.PANEL, rules.form, SURE)
    both = weigh({ONE: did("a", act, command), OURS: did("d", act, command)}, UnderstandingMode.PANEL, rules.form, SURE)
    assert (alone.not_understood is None) is alone_is_enough
    assert (both.act, both.command, both.not_understood) == (act, command, None)


def test_all_opinions_are_kept_and_each_keeps_what_it_cost(rules: Rules) -> None:
    paid = replace(said("a"), usage=Usage("openai", "gpt-audio-mini", cost_usd=0.001))
    for mode in (UnderstandingMode.PANEL, UnderstandingMode.CLOUD_FIRST):
        reading = weigh({OURS: said("d"), ONE: paid}, mode, rules.form, SURE)
        assert reading.opinions == (paid, said("d"))
        assert reading.usage is None
    assert weigh({OURS: said("d"), ONE: paid}, UnderstandingMode.PANEL, rules.form, SURE).interpreter == "panel(a d)"


@each_of(
    ("mode", "opinions", "settled"),
    [
        (UnderstandingMode.CLOUD_FIRST, {OURS: said("d")}, False),
        (UnderstandingMode.CLOUD_FIRST, {ONE: declined("a")}, True),
        (UnderstandingMode.CLOUD_FIRST, {ONE: said("a")}, False),
        (UnderstandingMode.CLOUD_FIRST, {ONE: said("a"), OURS: said("d", pallet_id="743")}, True),
        (UnderstandingMode.PANEL, {OURS: said("d")}, False),
        (UnderstandingMode.PANEL, {ONE: said("a"), OURS: said("d")}, True),
        (UnderstandingMode.PANEL, {ONE: said("a"), OURS: said("d", pallet_id="743")}, False),
        (UnderstandingMode.PANEL, {ONE: said("a"), OURS: declined("d")}, False),
        (UnderstandingMode.ON_DEVICE, {OURS: declined("d")}, True),
    ],
)
def test_waiting_ends_when_nothing_more_can_matter(
    rules: Rules, mode: UnderstandingMode, opinions: Mapping[PanelRole, Reading], *, settled: bool
) -> None:
    assert is_settled(opinions, mode, rules.form, SURE) is settled


@each_of(
    ("late", "act", "contradiction"),
    [
        (said("a"), Act.RECORD, False),
        (said("a", dock=None), Act.RECORD, False),
        (declined("a"), Act.RECORD, False),
        (said("a", pallet_id="991"), Act.RECORD, True),
        (did("a", Act.CANCEL), Act.RECORD, True),
        (replace(said("a", pallet_id=None), act=Act.AMEND), Act.AMEND, False),
        (replace(said("a", dock="D"), act=Act.AMEND), Act.AMEND, True),
        (did("a", Act.NO), Act.AMEND, False),
        (did("a", Act.YES), Act.AMEND, True),
    ],
)
def test_what_contradicts_an_entry(late: Reading, act: Act, *, contradiction: bool) -> None:
    assert contradicts(late, act, TRUTH) is contradiction


@each_of(("late", "contradiction"), [(did("a", Act.CANCEL), False), (did("a", Act.NO), False), (said("a"), True)])
def test_what_contradicts_a_cancellation(late: Reading, *, contradiction: bool) -> None:
    assert contradicts(late, Act.CANCEL, {}) is contradiction


UNCONFIRMED = "ask field_unconfirmed:pallet_id field_unconfirmed:dock"


def heard_by(model: str, who: str) -> Reading:
    return replace(said(who), usage=Usage("client", model))


@each_of(
    ("one", "other", "outcome"),
    [
        ("gemini-3.5-flash-lite", "gpt-audio-1.5", "accept"),
        # Google routes what ended to its successor, which the second one names already.
        ("gemini-3.5-flash-lite", "gemini-3.5-flash-lite", UNCONFIRMED),
        ("gpt-audio-mini", "gpt-audio-mini-2025-12-15", UNCONFIRMED),
        ("whisper-1", "whisper-1 + gpt-6-luna", UNCONFIRMED),
        ("whisper-1 + gpt-6-luna", "gpt-transcribe + gpt-6-luna", "accept"),
    ],
)
def test_two_readings_that_one_model_heard_are_one_opinion(one: str, other: str, outcome: str, rules: Rules) -> None:
    opinions = {ONE: heard_by(one, "a"), TWO: heard_by(other, "b")}
    assert told(rules, UnderstandingMode.PANEL, opinions) == outcome
    assert is_settled(opinions, UnderstandingMode.PANEL, rules.form, SURE) == (outcome == "accept")
    assert len(weigh(opinions, UnderstandingMode.PANEL, rules.form, SURE).opinions) == 2  # on record they are both
