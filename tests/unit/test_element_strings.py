from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from dockvoice_protocol.errors import Misconfigured
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.element_strings import parse_element_strings, parse_gs1_date
from dockvoice_protocol.forms.loader import load_form
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.scanned import AS_DELIVERED, ScannerFormat, read_scan
from dockvoice_protocol.forms.spoken import read_fields as read_words
from dockvoice_protocol.records import ScanFault
from tests.reading.gs1_labels import GS, TODAY, Label, broken, keyed, valid
from tests.rows import each_of, every, rows_of

NOTHING = Catalogue({})
SSCC, GTIN = keyed("37613032110910342"), keyed("0400638133393")
PALLET = f"00{SSCC}"

BY_HAND = [
    Label(sent, holds if isinstance(holds, str) else tuple((one, value) for one, value in holds))
    for sent, holds in rows_of("element_strings", "by_hand")
]

LABELS = [*BY_HAND, *valid(), *broken()]


@pytest.fixture(scope="module")
def form() -> Form:
    return load_form(Path(__file__).parent / "tables" / "labels.schema.json")


def test_there_are_hundreds_of_labels_and_every_fault_is_among_them() -> None:
    names = {label.holds for label in LABELS if isinstance(label.holds, str)}
    assert len(LABELS) >= 200
    of_the_whole = {ScanFault.CUT_SHORT, ScanFault.UNREADABLE, ScanFault.NOTHING_FOR_FORM}
    assert names == set(ScanFault) - of_the_whole


def test_every_fault_is_named_and_nothing_is_invented(form: Form) -> None:
    def is_read(label: Label) -> None:
        found = parse_element_strings(label.sent)
        told = found if isinstance(found, ScanFault) else tuple((one.identifier, one.value) for one in found)
        assert told == label.holds
        reading = read_scan(f"{label.sent}\n", form, NOTHING, TODAY)
        if label.fields:
            unit = {"weight_unit": "KGM"} if "weight" in label.fields else {}
            assert {name: one.value for name, one in reading.fields.items()} == label.fields | unit
            assert not any(one.rivals for one in reading.fields.values())
        else:
            assert (reading.fields, reading.not_understood) == ({}, label.holds)

    every(LABELS, is_read)


def read(
    sent: str, form: Form, sending: ScannerFormat = AS_DELIVERED, catalogue: Catalogue = NOTHING
) -> dict[str, object]:
    """The values that stand; None where a field has none, or more than one."""
    fields = read_scan(sent, form, catalogue, TODAY, sending).fields
    return {name: None if one.rivals else one.value for name, one in fields.items()}


@each_of(
    ("value", "today", "expected"),
    [
        ("270305", TODAY, date(2027, 3, 5)),
        ("760305", TODAY, date(2076, 3, 5)),  # fifty years ahead
        ("770305", TODAY, date(1977, 3, 5)),
        ("990305", TODAY, date(1999, 3, 5)),
        ("000200", TODAY, date(2000, 2, 29)),
        ("100101", date(2061, 1, 1), date(2110, 1, 1)),
    ],
)
def test_two_digits_of_a_year_are_the_nearest(value: str, today: date, expected: date) -> None:
    assert parse_gs1_date(value, today) == expected


def test_a_scanner_that_is_known_to_send_separators_leaves_no_doubt_at_the_end() -> None:
    assert parse_element_strings(f"]C101{GTIN}10AB17251231") is ScanFault.TWO_WAYS
    found = parse_element_strings(f"]C101{GTIN}10AB17251231", separators_sent=True)
    assert not isinstance(found, ScanFault)
    assert [str(one) for one in found] == [f"(01){GTIN}", "(10)AB17251231"]


def test_a_text_that_is_made_to_be_cut_for_ever_is_given_up_at_once() -> None:
    made = "9801360390020241041120121142517113300390039030042221200010000110041300000014268005131200013A"
    assert parse_element_strings(f"]C1{made}") is ScanFault.TWO_WAYS  # to look at every cut of it takes 12 seconds


@each_of(
    ("sent", "sending", "fault"),
    [
        (f"]C1{PALLET}", AS_DELIVERED, ScanFault.CUT_SHORT),  # its end did not come
        (f"]C1{PALLET}\n", ScannerFormat(prefix="#"), ScanFault.CUT_SHORT),
        (f"#]C1{PALLET}\n", ScannerFormat(prefix="#", suffix="%"), ScanFault.CUT_SHORT),
        ("#\n", ScannerFormat(prefix="#", suffix="#"), ScanFault.CUT_SHORT),
        (f"]C1{PALLET}\N{REPLACEMENT CHARACTER}\n", AS_DELIVERED, ScanFault.UNREADABLE),
        (f"]C14005500123{GS}\n", AS_DELIVERED, ScanFault.NOTHING_FOR_FORM),
        (f"#]C1{PALLET}%\n", ScannerFormat(prefix="#", suffix="%"), None),
        (f"{PALLET}\n", ScannerFormat(symbology=False), None),
    ],
)
def test_what_the_scanner_sends_around_a_code_must_be_there(
    sent: str, sending: ScannerFormat, fault: ScanFault | None, form: Form
) -> None:
    reading = read_scan(sent, form, NOTHING, TODAY, sending)
    assert (reading.interpreter, reading.not_understood) == ("scanner", fault)
    assert bool(reading.fields) is (fault is None)


def test_a_month_without_a_day_is_its_end_only_where_the_form_says_so(form: Form) -> None:
    assert read(f"]C1{PALLET}17270600\n", form)["best"] == "2027-06-30"
    assert read(f"]C1{PALLET}11260600\n", form)["made"] is None


def test_two_days_for_one_field_leave_it_open(form: Form) -> None:
    assert read(f"]C1{PALLET}1527060117270601\n", form)["best"] == "2027-06-01"
    assert read(f"]C1{PALLET}1527060117270701\n", form)["best"] is None


def test_a_number_of_an_item_has_as_many_digits_as_the_field(form: Form) -> None:
    field = form["item"]
    short = replace(field, pattern="^[0-9]{13}$", catalogue="items")
    stocked = Catalogue({"items": {GTIN[1:]: ()}})
    of_thirteen = replace(form, fields=(short,))
    assert read(f"]C101{GTIN}\n", of_thirteen, catalogue=stocked) == {"item": GTIN[1:]}
    case = keyed("1400638133393")
    assert read(f"]C101{case}\n", of_thirteen, catalogue=stocked) == {"item": case}, "no zero is in the way"


def test_what_is_kept_and_told_of_a_scan_has_no_control_character(form: Form) -> None:
    faulty = read_scan(f"]C110A{GS}{GS}\n", form, NOTHING, TODAY)
    assert faulty.transcript == "]C110A\N{SYMBOL FOR GROUP SEPARATOR}\N{SYMBOL FOR GROUP SEPARATOR}"
    assert read_scan(f"]C1{PALLET}37005{GS}\n", form, NOTHING, TODAY).transcript == f"(00){SSCC} (37)005"


def test_a_weight_in_kilograms_is_for_no_field_that_cannot_say_so(tmp_path: Path) -> None:
    schema = json.loads((Path(__file__).parent / "tables" / "labels.schema.json").read_text(encoding="utf-8"))
    schema["properties"]["weight"]["x-voice"]["units"] = {"pounds": "LBR"}
    schema["properties"]["weight_unit"]["enum"] = ["LBR"]
    path = tmp_path / "labels.schema.json"
    path.write_text(json.dumps(schema), encoding="utf-8")
    with pytest.raises(Misconfigured, match=r"weight/x-scan: '310' is in kilograms.* add 'KGM' to it"):
        load_form(path)


def test_a_scanned_count_has_no_unit_that_the_label_does_not_say(form: Form) -> None:
    counted = replace(form, fields=(form["quantity"], replace(form["weight_unit"], unit_of="quantity")))
    assert read(f"]C102{GTIN}37005\n", counted) == {"quantity": 5}


def test_no_word_of_a_scan_means_anything_to_the_reader_of_words(form: Form) -> None:
    for label in valid(each=5):
        words = read_scan(f"{label.sent}\n", form, NOTHING, TODAY).words
        assert not any(one.value for one in read_words(words, form, NOTHING).values())
