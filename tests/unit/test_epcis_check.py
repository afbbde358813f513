from __future__ import annotations

from typing import Any

from inventory.epcis.check import Checker, Rule
from tests.epcis import mapping
from tests.epcis.broken import broken, whole
from tests.rows import each_of, every

ZONES = mapping().zones


def found(document: object) -> list[tuple[str, str]]:
    checker = Checker(ZONES)
    return [(one.rule.value, str(one)) for one in (*checker.check_document(document), *checker.unknown_references())]


def test_a_whole_document_breaks_no_rule() -> None:
    assert found(whole()) == []
    kinds = {one["type"] for one in whole()["epcisBody"]["eventList"]}
    assert len(kinds) == 5


def test_more_than_a_hundred_broken_documents_are_refused_each_for_the_rule_that_it_breaks() -> None:
    documents = broken()
    assert len(documents) > 100
    assert {rule for rule, _ in documents.values()} == {str(rule) for rule in Rule}

    def look(row: tuple[str, Any]) -> None:
        rule, document = row
        breaches = found(document)
        assert {one for one, _ in breaches} == {rule}, breaches
        assert all(told.startswith("/") and told.endswith(f"({rule})") for _, told in breaches)

    every(documents, look)


@each_of("content", [None, 7, "EPCISDocument", [], True])
def test_what_is_no_document_is_told_as_such(content: object) -> None:
    assert [rule for rule, _ in found(content)] == ["shape"]


def test_no_scrap_of_json_where_another_belongs_brings_it_down() -> None:
    """Each member of a whole document, however deep, in turn is each kind of scrap."""
    document = whole()
    scraps: tuple[Any, ...] = (None, True, 0, -1.5, "", "x", "urn:", [], [None], {}, {"a": 1}, [[]], [{}], "\u0000")
    every_event = document["epcisBody"]["eventList"]
    kinds = {(one["type"], "errorDeclaration" in one): one for one in every_event}
    tried = 0
    for event in kinds.values():
        document["epcisBody"]["eventList"] = [event]
        for holder, name in _members(document):
            kept = holder[name]
            for scrap in scraps:
                holder[name] = scrap
                assert all(isinstance(told, str) for _, told in found(document))
                tried += 1
            holder[name] = kept
    assert tried > 1000


def _members(of: Any) -> list[tuple[Any, Any]]:
    if isinstance(of, dict):
        inner = [*of]
    elif isinstance(of, list):
        inner = [*range(len(of))]
    else:
        return []
    return [(of, name) for name in inner] + [pair for name in inner for pair in _members(of[name])]


def test_events_that_another_file_told_are_known() -> None:
    document = whole()
    events = document["epcisBody"]["eventList"]
    declared = [one for one in events if "errorDeclaration" in one]
    earlier = {**document, "epcisBody": {"eventList": [one for one in events if one not in declared]}}
    later = {**document, "epcisBody": {"eventList": declared}}
    alone, both = Checker(), Checker()
    assert {one.rule for one in alone.check_document(later)} == {Rule.NOT_KNOWN}
    assert [*both.check_document(earlier), *both.check_document(later), *both.unknown_references()] == []


def test_a_file_that_tells_the_same_again_breaks_no_rule_and_one_that_tells_otherwise_does() -> None:
    checker, document = Checker(), whole()
    assert [*checker.check_document(document), *checker.check_document(document)] == []
    document["epcisBody"]["eventList"][0]["bizStep"] = "storing"
    assert {one.rule for one in checker.check_document(document)} == {Rule.TWICE}


def test_a_long_list_is_looked_at_once_and_a_number_that_no_double_holds_is_one() -> None:
    document = whole()
    event = next(one for one in document["epcisBody"]["eventList"] if one["type"] == "AggregationEvent")
    event["childEPCs"] = [f"https://id.gs1.org/01/10614141123459/21/{number}" for number in range(2_000)]
    event["childQuantityList"][0]["quantity"] = 10**400
    document["epcisBody"]["eventList"] = [event]
    assert found(document) == []
    event["childQuantityList"][0]["quantity"] = -(10**400)
    assert [rule for rule, _ in found(document)] == ["quantity"]
