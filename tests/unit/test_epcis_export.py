# ruff: noqa: E501 - a row a fault
from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from inventory.epcis.check import Checker, Rule
from inventory.epcis.export import StoredEvent
from inventory.epcis.mapping import EpcisMapping
from inventory.epcis.naming import ObstacleCode
from tests.dictated import identity
from tests.epcis import RECEIVED, SAID, SSCC, a_day, events, exported, happened, mapped, mapping, with_urns
from tests.rows import each_of, every

URN = f"urn:uuid:{identity(1, 1)}"

# What is said, by its form, the code of its refusal, and what the line tells to do.
NAMELESS: Mapping[str, tuple[str, Mapping[str, Any], str, str]] = {
    "a pallet's own number": ("receive", RECEIVED | {"pallet_id": "742"}, "pallet", "'742' with 3 digits, a SSCC has 18; a number of your own is no EPC"),
    "an SSCC with a wrong digit": ("load", {"pallet_id": SSCC[:-1] + "7", "trailer": "5502"}, "pallet", "whose check digit would be 8"),
    "no pallet": ("receive", {"quantity": 1, "uom": "CS", "item": "A100"}, "pallet", "no pallet was said"),
    "no item": ("receive", {"pallet_id": SSCC, "quantity": 24, "uom": "CS"}, "item", "no item was said; EPCIS needs its GTIN"),
    "an item without GTIN": ("receive", RECEIVED | {"item": "B7"}, "item", "'B7' has no GTIN in the mapping; add [items.B7]"),
    "a unit without GTIN": ("receive", RECEIVED | {"uom": "BX"}, "unit", "has no GTIN for BX in the mapping, which has CS, EA"),
    "no unit": ("cycle-count", {"location": "A-01-02", "quantity": 2, "item": "A200"}, "unit", "set unit in [forms.cycle-count]"),
    "none counted": ("cycle-count", {"location": "A-01-02", "quantity": 0, "uom": "EA", "item": "A100"}, "quantity", "none was counted"),
    "less than none": ("receive", RECEIVED | {"quantity": -1}, "quantity", "found -1, allowed is a positive number"),
    "a quantity in words": ("receive", RECEIVED | {"quantity": "24"}, "quantity", "found '24'"),
    "half a case": ("receive", RECEIVED | {"quantity": 2.5}, "quantity", "found 2.5 CS, and CS is counted in whole numbers"),
    "a lot that GS1 cannot write": ("receive-notice", {**SAID["receive-notice"], "lot": "Los ä"}, "lot", "GS1 cannot name it"),
    "a door without GLN": ("receive", RECEIVED | {"door": "7"}, "place", "door: '7' has no GLN in the mapping; add it to [sites.north.places.door]"),
    "a location without GLN": ("put-away", {"pallet_id": SSCC, "location": "Z-99-99"}, "place", "[sites.north.places.location]"),
    "what is wrong, unmapped": ("receive", RECEIVED | {"exception": "refused"}, "exception", "[forms.receive.exceptions.exception]"),
    "a form unmapped": ("weighing", {"pallet_id": SSCC}, "form", "add [forms.weighing], or the name to left_out"),
    "a document's number that is none": ("receive", RECEIVED | {"order": "47 11"}, "document", "order: found '47 11'"),
}  # fmt: skip


def test_what_has_no_name_is_refused_with_the_reason_and_what_to_do() -> None:
    def look(row: tuple[str, Mapping[str, Any], str, str]) -> None:
        form, fields, code, told = row
        document, refused, making = exported([happened(1, form=form, fields=fields)])
        assert events(document) == []
        assert [(number, found) for number, found, _ in refused] == [(1, code)]
        assert told in refused[0][2]
        assert (making.tally.refused, dict(making.tally.reasons)) == (1, {code: 1})

    every(NAMELESS, look)


def test_all_that_an_entry_lacks_is_told_at_once_and_it_counts_once() -> None:
    fields = RECEIVED | {"pallet_id": "742", "door": "7", "exception": "refused"}
    _, refused, making = exported([happened(1, fields=fields)])
    assert [code for _, code, _ in refused] == ["exception", "place", "pallet"]
    assert making.tally.refused == 1


def test_a_site_that_is_not_in_the_mapping_is_refused() -> None:
    _, refused, _ = exported([happened(1, site="south")])
    assert refused == [(1, "site", "the site south is not in the mapping; add [sites.south]")]


def test_a_trailer_without_a_document_is_refused_where_each_must_have_one() -> None:
    of_trailer = {"field": "trailer", "type": "desadv", "gln": "9521321000018", "values": {"5501": "4550012"}}
    entry = happened(1, form="load", fields=SAID["load"])
    _, refused, _ = exported([entry], mapped(transactions=[of_trailer]))
    assert [code for _, code, _ in refused] == ["document"]
    document, refused, _ = exported([entry], mapped(transactions=[of_trailer | {"optional": True}]))
    assert refused == []
    assert "bizTransactionList" not in events(document)[0]


def test_what_is_damaged_is_an_event_of_its_own() -> None:
    fields = RECEIVED | {"damaged": 2}
    good, damaged = events(exported([happened(1, fields=fields)])[0])
    assert (good["disposition"], good["childQuantityList"][0]["quantity"]) == ("in_progress", 24)
    assert (damaged["disposition"], damaged["childQuantityList"][0]["quantity"]) == ("damaged", 2)
    assert good["eventID"] != damaged["eventID"]
    only = events(exported([happened(1, fields=fields | {"quantity": 0})])[0])
    assert only == [damaged]


@each_of("names", [mapping(), with_urns()], ids=["digital_link", "urn"])
def test_each_form_becomes_what_the_mapping_says(names: EpcisMapping) -> None:
    found = {}
    for form, fields in SAID.items():
        document, refused, _ = exported([happened(1, form=form, fields=fields)], names)
        assert refused == [], form
        assert [*Checker().check_document(document)] == []
        found[form] = [(one["type"], one["bizStep"], one.get("disposition")) for one in events(document)]
    assert found == {
        "receive": [("AggregationEvent", "receiving", "in_progress"), ("AggregationEvent", "receiving", "damaged")],
        "receive-notice": [("AggregationEvent", "receiving", "in_progress")],
        "unload": [("ObjectEvent", "unloading", "damaged")],
        "put-away": [("ObjectEvent", "storing", "in_progress")],
        "pallet-move": [("ObjectEvent", "storing", "in_progress")],
        "load": [("ObjectEvent", "loading", "in_progress")],
        "damage": [("AggregationEvent", "inspecting", "damaged")],
        "cycle-count": [("ObjectEvent", "cycle_counting", None)],
        "stock-count": [("ObjectEvent", "stock_taking", None)],
    }


def test_a_measure_has_its_unit_and_a_count_has_none() -> None:
    (weighed,) = events(exported([happened(1, form="cycle-count", fields=SAID["cycle-count"])])[0])
    assert weighed["quantityList"] == [
        {"epcClass": "https://id.gs1.org/01/99521321002008", "quantity": 2.5, "uom": "KGM"}
    ]
    (counted,) = events(exported([happened(1, form="stock-count", fields=SAID["stock-count"])])[0])
    assert counted["quantityList"] == [{"epcClass": "https://id.gs1.org/01/09521321001008", "quantity": 7}]


def test_a_lot_is_in_the_name_of_the_class_in_either_way_to_write_it() -> None:
    entry = happened(1, form="receive-notice", fields=SAID["receive-notice"])
    (linked,), (named,) = (events(exported([entry], names)[0]) for names in (mapping(), with_urns()))
    assert linked["childQuantityList"][0]["epcClass"] == "https://id.gs1.org/01/09521321001008/10/L4711"
    assert named["childQuantityList"][0]["epcClass"] == "urn:epc:class:lgtin:9521321.000100.L4711"
    assert named["parentID"] == "urn:epc:id:sscc:0614141.1234567890"
    assert named["readPoint"] == {"id": "urn:epc:id:sgln:9521321.00002.0"}


def test_a_suppliers_sscc_has_no_urn_until_its_prefix_is_known() -> None:
    _, refused, _ = exported([happened(1)], mapped(identifiers="urn"))
    assert [code for _, code, _ in refused] == ["pallet"]
    assert "begins with none of the company prefixes 9521321; add its issuer's prefix" in refused[0][2]


# Zone, moment, and what clocks on its walls were ahead of UTC then.
OFFSETS = {
    "Berlin, the last second of summer": ("Europe/Berlin", "2026-10-25T00:59:59.999Z", "+02:00"),
    "Berlin, the first of winter": ("Europe/Berlin", "2026-10-25T01:00:00Z", "+01:00"),
    "Berlin, the first of summer": ("Europe/Berlin", "2026-03-29T01:00:00Z", "+02:00"),
    "Nepal": ("Asia/Kathmandu", "2026-07-01T12:00:00Z", "+05:45"),
    "Lord Howe, half an hour of summer": ("Australia/Lord_Howe", "2026-01-01T12:00:00Z", "+11:00"),
    "a device that starts in 1970": ("Europe/Berlin", "1970-01-01T00:00:00.000Z", "+01:00"),
}


def test_the_offset_is_that_of_the_sites_zone_at_that_moment() -> None:
    def look(row: tuple[str, str, str]) -> None:
        zone, time, ahead = row
        sites = {"north": mapping().sites["north"].model_dump() | {"zone": zone}}
        document, refused, _ = exported([happened(1, time=time)], mapped(sites=sites))
        assert refused == []
        assert events(document)[0]["eventTimeZoneOffset"] == ahead
        assert [*Checker(zone=zone).check_document(document)] == []
        assert [one.rule for one in Checker(zone="Indian/Chagos").check_document(document)] == ["zone"]

    every(OFFSETS, look)


def test_where_no_clock_of_the_site_says_anything_no_offset_is_made_up() -> None:
    def is_refused(row: tuple[str, str]) -> None:
        zone, time = row
        sites = {"north": mapping().sites["north"].model_dump() | {"zone": zone}}
        _, refused, _ = exported([happened(1, time=time)], mapped(sites=sites))
        assert [code for _, code, _ in refused] == ["offset"]

    every([("America/New_York", "0001-01-01T00:00:00.000Z"), ("Asia/Tokyo", "9999-12-31T23:59:59.999Z")], is_refused)


def test_what_a_doubtful_clock_dated_is_refused_or_dated_by_when_it_came() -> None:
    entry = happened(1, time="1970-01-01T00:00:09.000Z", clock="unsynchronised")
    assert [code for _, code, _ in exported([entry])[1]] == ["clock"]
    document, refused, _ = exported([entry], mapped(unsynchronised="received"))
    assert refused == []
    assert events(document)[0]["eventTime"] == "2026-11-20T07:15:04.000Z"


def test_what_happened_after_the_export_is_refused() -> None:
    _, refused, _ = exported([happened(1, time="2027-01-01T00:00:00.000Z")])
    assert [code for _, code, _ in refused] == ["unsound"]
    assert "later than the document" in refused[0][2]


def corrected(of: Mapping[str, Any], to: Mapping[str, Any]) -> list[StoredEvent]:
    later = happened(2, "amended", of=1, fields=to, time="2026-11-20T09:30:00.000Z")
    return [happened(1, fields=of, replaced=True), later]


def test_a_correction_declares_what_was_wrong_and_names_what_is_right() -> None:
    document, refused, _ = exported(corrected(RECEIVED, RECEIVED | {"quantity": 23}))
    first, declared, right = events(document)
    error = declared.pop("errorDeclaration")
    assert refused == []
    assert declared == first
    assert error == {
        "declarationTime": "2026-11-20T09:30:00.000Z",
        "reason": "incorrect_data",
        "correctiveEventIDs": [right["eventID"]],
    }
    assert right == first | {"eventID": f"urn:uuid:{identity(1, 2)}", "childQuantityList": right["childQuantityList"]}
    assert right["childQuantityList"][0]["quantity"] == 23


def test_a_part_that_is_gone_is_declared_wrong_and_what_stood_before_is_not_named_for_it() -> None:
    document, _, _ = exported(corrected(RECEIVED | {"damaged": 2}, RECEIVED))
    _, damaged, declared = events(document)
    assert declared["eventID"] == damaged["eventID"]
    assert "correctiveEventIDs" not in declared["errorDeclaration"]


def test_a_correction_of_what_epcis_does_not_tell_changes_nothing() -> None:
    document, refused, making = exported(corrected(RECEIVED, RECEIVED | {"short": 3}))
    assert [one["eventID"] for one in events(document)] == [URN]
    assert (refused, making.tally.unchanged) == ([], 1)


def test_a_correction_of_a_correction_is_at_the_time_of_the_first_word() -> None:
    chain = [
        happened(1, replaced=True),
        happened(
            2, "amended", of=1, fields=RECEIVED | {"quantity": 23}, time="2026-11-20T09:00:00.000Z", replaced=True
        ),
        happened(3, "amended", of=2, fields=RECEIVED | {"quantity": 22}, time="2026-11-20T10:00:00.000Z"),
    ]
    document, _, _ = exported(chain)
    told = [(one["eventTime"], one.get("errorDeclaration", {}).get("declarationTime")) for one in events(document)]
    at = "2026-11-20T07:15:02.417Z"
    assert told == [
        (at, None),
        (at, "2026-11-20T09:00:00.000Z"),
        (at, None),
        (at, "2026-11-20T10:00:00.000Z"),
        (at, None),
    ]
    assert [*Checker().check_document(document)] == []


def test_a_correction_to_what_has_no_name_still_declares_what_was_wrong() -> None:
    document, refused, _ = exported(corrected(RECEIVED, RECEIVED | {"pallet_id": "742"}))
    _, declared = events(document)
    assert declared["errorDeclaration"] == {"declarationTime": "2026-11-20T09:30:00.000Z", "reason": "incorrect_data"}
    assert [(number, code) for number, code, _ in refused] == [(2, "pallet")]


def test_what_was_cancelled_did_not_occur() -> None:
    both = [happened(1, fields=RECEIVED | {"damaged": 2}, replaced=True), happened(2, "cancelled", of=1)]
    document, refused, making = exported(both)
    assert refused == []
    declared = [one for one in events(document) if "errorDeclaration" in one]
    assert [one["errorDeclaration"]["reason"] for one in declared] == ["did_not_occur", "did_not_occur"]
    assert (making.tally.events, making.tally.declarations) == (4, 2)


def test_what_a_person_struck_did_not_occur_since_he_decided() -> None:
    document, _, _ = exported([happened(1, struck_at=datetime(2026, 11, 21, 9, tzinfo=UTC))])
    first, declared = events(document)
    assert declared["errorDeclaration"] == {"declarationTime": "2026-11-21T09:00:00.000Z", "reason": "did_not_occur"}
    assert declared["eventID"] == first["eventID"]


def test_an_entry_that_was_withheld_is_refused_and_one_that_was_altered_too() -> None:
    altered = happened(2)
    bodies = (
        "",
        "[]",
        "{",
        '{"data":{}}',
        '{"data":{"form":"receive"},"type":"dockvoice.entry.recorded.v1","time":"x"}',
    )
    came = [happened(1, "withheld"), *(_with(altered, body) for body in bodies)]
    document, refused, _ = exported(came)
    assert events(document) == []
    assert [code for _, code, _ in refused] == ["withheld", *["altered"] * len(bodies)]


def _with(one: StoredEvent, body: str) -> StoredEvent:
    return StoredEvent(**{name: getattr(one, name) for name in StoredEvent.__dataclass_fields__} | {"body": body})


def test_a_second_export_is_the_same_and_with_the_first_known_it_is_empty() -> None:
    first, again = exported(a_day())[0], exported(a_day())[0]
    assert first == again
    document, refused, making = exported(a_day(), known=[first])
    assert events(document) == []
    assert (refused, making.tally.before) == ([], len(events(first)))


def test_what_is_corrected_between_two_exports_is_declared_in_the_second() -> None:
    standing = happened(1)
    first = exported([standing])[0]
    document, refused, _ = exported(corrected(RECEIVED, RECEIVED | {"quantity": 23}), known=[first])
    declared, right = events(document)
    assert refused == []
    assert declared["errorDeclaration"]["correctiveEventIDs"] == [right["eventID"]]
    assert held(first, document) == []
    assert {one.rule for one in Checker().check_document(document)} == {"unknown_event"}


def held(*documents: dict[str, Any]) -> list[str]:
    """What is wrong with documents that are told one after the other."""
    checker = Checker(mapping().zones)
    return [str(one) for document in documents for one in checker.check_document(document)] + [
        *map(str, checker.unknown_references())
    ]


OTHER_ITEMS = {"A100": {"CS": "09521321001008"}}


def test_what_was_exported_is_never_exported_otherwise() -> None:
    document, refused, _ = exported([happened(1)], mapped(items=OTHER_ITEMS), [exported([happened(1)])[0]])
    assert events(document) == []
    assert [code for _, code, _ in refused] == ["exported_otherwise"]


@each_of("items", [OTHER_ITEMS, {}], ids=["named otherwise by now", "without a name by now"])
def test_what_is_declared_wrong_is_what_was_told_whatever_the_mapping_says_by_now(items: dict[str, Any]) -> None:
    fields = RECEIVED | {"damaged": 2}
    first = exported([happened(1, fields=fields)])[0]
    entry = happened(1, fields=fields, replaced=True)
    gone, refused, _ = exported([entry, happened(2, "cancelled", of=1)], mapped(items=items), [first])
    assert refused == []
    assert [{**one, "errorDeclaration": None} for one in events(gone)] == [
        {**one, "errorDeclaration": None} for one in events(first)
    ]
    assert held(first, gone) == []

    other = happened(2, "amended", of=1, fields=fields | {"quantity": 23})
    changed, refused, _ = exported([entry, other], mapped(items=items), [first])
    declared = [one for one in events(changed) if "errorDeclaration" in one]
    assert [{name: one[name] for name in one if name != "errorDeclaration"} for one in declared] == events(first)
    assert bool(refused) == (items == {})
    assert held(first, changed) == []


def test_the_example_of_the_page_is_what_the_program_writes(repository: Path) -> None:
    page = (repository / "docs" / "epcis.md").read_text(encoding="utf-8")
    said, told = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL))
    later = {**said["fields"], "damaged": 3}
    came = [happened(1, fields=said["fields"], replaced=True)]
    came.append(happened(2, "amended", of=1, fields=later, time="2026-11-20T09:15:40.000Z"))
    assert exported(came)[0] == told


def test_the_page_names_every_reason_and_every_rule(repository: Path) -> None:
    page = (repository / "docs" / "epcis.md").read_text(encoding="utf-8")
    assert [code for code in (*ObstacleCode, *Rule) if f"`{code}`" not in page] == []
