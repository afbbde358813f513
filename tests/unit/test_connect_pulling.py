"""What a pull would change in what is expected: a connector withdraws what it announced itself, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dockvoice_protocol.records import ExpectedLine, ExpectedList, PlaceKind, ReceivingPlace
from inventory.connect.pulling import plan_lists
from inventory.site.expected import StoredList

OURS, OTHER = "connect tryton", "connect files"


def at(trailer: str) -> ReceivingPlace:
    return ReceivingPlace(PlaceKind.TRAILER, trailer)


def line(notice: str, pallet: str, quantity: float = 24) -> ExpectedLine:
    return ExpectedLine(notice, pallet, "A100", quantity, "CS", lot_needed=False)


def kept(trailer: str, sources: Mapping[str, str], *lines: ExpectedLine) -> StoredList:
    return StoredList(ExpectedList("north", at(trailer), 7, lines), sent=True, sources=sources)


def test_what_others_announced_is_never_withdrawn() -> None:
    known = [
        kept("5501", {"ASN1": "expect"}, line("ASN1", "1")),
        kept("5502", {"PUT1": "api"}, line("PUT1", "2")),
        kept("5503", {"CSV1": OTHER}, line("CSV1", "3")),
        kept("5505", {"SH1": OURS}, line("SH1", "5")),
    ]
    plan = plan_lists(known, {at("700123"): [line("SH2", "9")]}, OURS)
    assert plan.lists == {at("700123"): [line("SH2", "9")], at("5505"): []}
    assert plan.sources == {at("700123"): {"SH2": OURS}, at("5505"): {}}
    assert plan.summary_lines() == ["trailer/700123: 1 line", "trailer/5505: withdrawn: notice SH1"]
    assert plan.omitted == []


def test_on_a_trailer_that_two_announce_each_withdraws_its_own() -> None:
    both = kept("5501", {"ASN1": "expect", "SH1": OURS}, line("ASN1", "1"), line("SH1", "2"))
    assert plan_lists([both], {}, OURS).lists == {at("5501"): [line("ASN1", "1")]}
    more = plan_lists([both], {at("5501"): [line("SH1", "2", 30), line("SH2", "3")]}, OURS)
    assert more.lists == {at("5501"): [line("ASN1", "1"), line("SH1", "2", 30), line("SH2", "3")]}
    assert more.sources == {at("5501"): {"ASN1": "expect", "SH1": OURS, "SH2": OURS}}
    assert more.withdrawn == {}


def test_what_another_announced_of_a_pallet_stays_and_is_told() -> None:
    known = [kept("5501", {"ASN1": "expect"}, line("ASN1", "1", 24))]
    plan = plan_lists(known, {at("5501"): [line("SH1", "1", 30)]}, OURS)
    assert (plan.lists, plan.withdrawn) == ({}, {})
    (omitted,) = plan.omitted
    assert omitted.what == "trailer/5501, pallet 1, item A100"
    assert omitted.why == "is announced by expect already, in notice ASN1, and stays as it is there"


def test_a_notice_of_another_is_not_taken_over_and_not_withdrawn_with_ones_own() -> None:
    known = [kept("5501", {"N1": OTHER}, line("N1", "1"))]
    plan = plan_lists(known, {at("5501"): [line("N1", "2"), line("N2", "3")]}, OURS)
    assert plan.lists == {at("5501"): [line("N1", "1"), line("N2", "3")]}
    assert plan.sources == {at("5501"): {"N1": OTHER, "N2": OURS}}
    (omitted,) = plan.omitted
    assert omitted.what == "trailer/5501, pallet 2, item A100"
    assert omitted.why == "notice N1 is announced by connect files already, and a notice is of one of them alone"
    gone = plan_lists([kept("5501", plan.sources[at("5501")], *plan.lists[at("5501")])], {}, OURS)
    assert (gone.lists, gone.withdrawn) == ({at("5501"): [line("N1", "1")]}, {at("5501"): ["N2"]})


def test_what_was_received_of_its_own_stays_on_a_list_that_goes_on() -> None:
    known = [kept("5501", {"SH1": OURS}, replace(line("SH1", "1"), received=True), line("SH1", "2"))]
    plan = plan_lists(known, {at("5501"): [line("SH1", "2")]}, OURS)
    assert (plan.lists, plan.withdrawn) == ({}, {})
    assert plan_lists(known, {}, OURS).withdrawn == {at("5501"): ["SH1"]}
    assert plan_lists(known, {at("5501"): []}, OURS).lists == {at("5501"): [replace(line("SH1", "1"), received=True)]}
