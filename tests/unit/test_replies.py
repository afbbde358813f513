from __future__ import annotations

from pathlib import Path

from dockvoice_protocol.forms.loader import load_forms
from dockvoice_protocol.records import FieldValue
from edge.agent.voice_output import reply_to_verdict
from edge.records import Cause, ConfirmationKind, Outcome, Reason, Verdict
from edge.records.speech import Earcon, PlayEarcon, Say
from edge.speak.wording import Phrasing
from tests.rows import each_of

MOVE = load_forms(Path(__file__).parent.parent.parent / "schemas/forms")["pallet-move"]
ENTRY: dict[str, FieldValue] = {"pallet_id": "742", "quantity": 12, "dock": "A"}


def verdict(outcome: Outcome, confirm: ConfirmationKind, *candidates: FieldValue) -> Verdict:
    ask = "quantity" if outcome is Outcome.ASK else None
    return Verdict(outcome, (Cause(Reason.COMPLETE),), ENTRY, ask, confirm, candidates)


def heard(told: Verdict, language: str = "en", *, always: bool = False) -> tuple[Earcon | None, str]:
    phrasing = Phrasing(MOVE, language)
    orders = list(reply_to_verdict(told, always=always))
    sounds = [order.earcon for order in orders if isinstance(order, PlayEarcon)]
    words = [phrasing.text(order) for order in orders if isinstance(order, Say)]
    assert orders == sorted(orders, key=lambda order: isinstance(order, Say))
    return next(iter(sounds), None), " ".join(words)


@each_of("outcome", [Outcome.IGNORE, Outcome.HEED, Outcome.CANCEL, Outcome.HOLD])
def test_what_is_no_dictation_is_answered_with_silence(outcome: Outcome) -> None:
    assert heard(verdict(outcome, ConfirmationKind.NONE)) == (None, "")


@each_of(
    ("confirm", "always", "words"),
    [
        (ConfirmationKind.READBACK, False, "7 4 2, 12 units, dock A."),
        (ConfirmationKind.EARCON, True, "7 4 2, 12 units, dock A."),
        (ConfirmationKind.EARCON, False, ""),
    ],
)
def test_an_entry_is_told_and_read_back_as_the_site_wants(confirm: ConfirmationKind, always: bool, words: str) -> None:
    assert heard(verdict(Outcome.ACCEPT, confirm), always=always) == (Earcon.STORED, words)


@each_of(
    ("language", "confirm", "candidates", "words"),
    [
        ("en", ConfirmationKind.FIELD, (), "How many units?"),
        ("en", ConfirmationKind.CHOICE, (15, 50), "15 units, 1 5, or 50 units, 5 0?"),
        ("en", ConfirmationKind.SPOKEN_YES, (12,), "12 units?"),
        ("de", ConfirmationKind.CHOICE, (15, 50), "15 Stück, 1 5, oder 50 Stück, 5 0?"),
    ],
)
def test_a_question_is_the_shortest_that_settles_it(
    language: str, confirm: ConfirmationKind, candidates: tuple[FieldValue, ...], words: str
) -> None:
    assert heard(verdict(Outcome.ASK, confirm, *candidates), language) == (Earcon.QUESTION, words)
