"""Whatever an entry says: a document without fault, or a refusal with its reason; never both, never neither."""

from __future__ import annotations

from typing import Any

from hypothesis import given, note
from hypothesis import strategies as st

from inventory.epcis.check import Checker
from inventory.epcis.keys import InvalidKey, Key, KeyKind, check_digit, parse_key, to_digital_link, to_urn
from inventory.epcis.mapping import EpcisMapping
from tests.epcis import SAID, SSCC, events, exported, happened, mapping, with_urns

ZONES = mapping().zones

numbers = st.one_of(
    st.integers(-2, 10**6), st.integers(), st.floats(), st.floats(0.5, 3), st.booleans(), st.text(max_size=5)
)
texts = st.one_of(
    st.text(max_size=25), st.text("0123456789", max_size=20), st.sampled_from(["A100", "A200", "CS", "KGM"])
)
values = st.one_of(numbers, texts, st.none(), st.lists(texts, max_size=2), st.dictionaries(texts, numbers, max_size=2))
FIELDS = sorted({name for fields in SAID.values() for name in fields} | {"lot", "exception", "damaged", "short"})

moments = st.datetimes().map(lambda moment: moment.isoformat(timespec="milliseconds") + "Z")
forms = st.sampled_from([*SAID, "gate-in", "weighing"])


@st.composite
def said(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """An entry of a form: what can be named, with some of it other, gone or beside it."""
    form = draw(forms)
    fields = dict(SAID.get(form, {"trailer": "5501"}))
    for name in draw(st.lists(st.sampled_from([*fields]), max_size=2)):
        fields.pop(name, None)
    return form, fields | draw(st.dictionaries(st.sampled_from(FIELDS), values, max_size=3))


def held(document: dict[str, Any]) -> list[str]:
    checker = Checker(ZONES)
    return [str(one) for one in (*checker.check_document(document), *checker.unknown_references())]


@given(said(), moments, st.booleans(), st.sampled_from([mapping(), with_urns()]))
def test_an_entry_becomes_a_document_without_fault_or_is_refused_with_its_reason(
    entry: tuple[str, dict[str, Any]], time: str, believed: bool, names: EpcisMapping
) -> None:
    form, fields = entry
    clock = None if believed else "unsynchronised"
    document, refused, making = exported([happened(1, form=form, fields=fields, time=time, clock=clock)], names)
    note(f"{refused} {document}")
    assert held(document) == []
    assert (events(document) != []) + (refused != []) + (form in names.left_out) == 1
    assert all(code and told for _, code, told in refused)
    assert making.tally.refused == bool(refused)


@given(
    st.lists(st.tuples(said(), st.sampled_from(["amended", "cancelled", "struck", "stands"])), min_size=1, max_size=4)
)
def test_whatever_becomes_of_entries_the_whole_document_holds_and_a_second_one_is_empty(
    story: list[tuple[tuple[str, dict[str, Any]], str]],
) -> None:
    came, number = [], 0
    for (form, fields), fate in story:
        number += 2
        first = number - 1
        if fate == "struck":
            came.append(happened(first, form=form, fields=fields, struck_at=happened(1).received_at))
            continue
        came.append(happened(first, form=form, fields=fields, replaced=fate != "stands"))
        if fate == "amended":
            other = {**fields, "quantity": 3, "damaged": 1}
            came.append(happened(number, "amended", of=first, form=form, fields=other))
        elif fate == "cancelled":
            came.append(happened(number, "cancelled", of=first, form=form))
    document, _, making = exported(came)
    note(f"{document}")
    assert held(document) == []
    assert making.tally.events == len(events(document))
    standing = {one["eventID"] for one in events(document)} - {
        one["eventID"] for one in events(document) if "errorDeclaration" in one
    }
    fates = {f"{2 * at + 1:012x}": fate for at, (_, fate) in enumerate(story)}
    gone = {tail for tail, fate in fates.items() if fate in {"cancelled", "struck"}}
    assert not any(name.endswith(tail) for name in standing for tail in gone)
    assert events(exported(came, known=[document])[0]) == []


suffixes = st.text("!\"%&'()*+,-./0123456789:;<=>?ABCXYZ_abcxyz", min_size=1, max_size=20)
KINDS = {KeyKind.UNIT: 17, KeyKind.CLASS: 13, KeyKind.LOT: 13, KeyKind.ITEM: 13, KeyKind.PLACE: 12}


@given(
    st.sampled_from([*KINDS]),
    st.text("0123456789", min_size=17, max_size=17).filter(lambda d: d[:12].strip("0")),
    suffixes,
    st.integers(6, 12),
)
def test_every_key_is_read_as_it_was_written(kind: KeyKind, digits: str, more: str, parted: int) -> None:
    body = digits[: KINDS[kind]]
    takes = kind in {KeyKind.LOT, KeyKind.ITEM, KeyKind.PLACE}
    key = Key(kind, body + check_digit(body), more if takes and more != "0" else "7" if takes else "")
    prefix = body[:parted] if kind is KeyKind.PLACE else body[1 : 1 + parted]
    assert parse_key(to_digital_link(key)) == key
    assert parse_key(to_urn(key, (prefix,))) == key


@given(st.text(max_size=60))
def test_any_text_is_a_key_or_none_or_is_told_to_be_broken(text: str) -> None:
    for address in (
        text,
        f"https://id.gs1.org/{text}",
        f"urn:epc:id:sgln:{text}",
        f"https://id.gs1.org/00/{SSCC}{text}",
    ):
        try:
            found = parse_key(address)
        except InvalidKey as fault:
            assert str(fault)  # noqa: PT017 - either is right
        else:
            assert found is None or parse_key(to_digital_link(found)) == found
