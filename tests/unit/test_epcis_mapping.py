# ruff: noqa: E501 - a row a fault
from __future__ import annotations

from pathlib import Path

import pytest

from dockvoice_protocol.errors import Misconfigured, UnreadableInput
from inventory.epcis.mapping import load_mapping
from inventory.forms import form_field_names, load_forms
from tests.epcis import MAPPING, mapped, mapping
from tests.rows import every
from tests.sharing import ROOT

# A line of the shipped file, what stands there instead, and what the error says of it.
WRONG = {
    "wrong check digit of a GLN": ('gln = "9521321000018"\n\n# Its', 'gln = "9521321000019"\n\n# Its', "sites.north.gln: found 9521321000019, whose check digit would be 8"),
    "a GLN too short": ('1 = "9521321000025"', '1 = "952132100002"', "sites.north.places.door.1.gln: found '952132100002' with 12 digits"),
    "a GLN without quotes": ('1 = "9521321000025"', "1 = 9521321000025", "sites.north.places.door.1"),
    "wrong check digit of a GTIN": ('EA = "9521321001008"', 'EA = "9521321001001"', "items.A100.EA: found 09521321001001, whose check digit would be 8"),
    "a case that weighs": ('CS = "19521321001005"', 'KGM = "19521321001005"', "begins with 1: it is counted, and KGM measures"),
    "a measured item that is counted": ('KGM = "99521321002008"', 'CS = "99521321002008"', "begins with 9: it is measured, and CS is no measure"),
    "a zone that is none": ('zone = "Europe/Berlin"', 'zone = "Berlin"', "sites.north.zone: found 'Berlin'; a name of the time zone database is allowed, such as Europe/Berlin"),
    "no zone": ('zone = "Europe/Berlin"\n', "", "sites.north.zone: must be given"),
    "a step of its own": ('step = "unloading"', 'step = "unload"', "forms.unload.step: found 'unload'; a word of CBV 2.0's business steps is allowed"),
    "a disposition of its own": ('wet = "damaged"', 'wet = "soaked"', "a word of CBV 2.0's dispositions is allowed"),
    "a kind of its own": ('kind = "pallet"\nstep = "unloading"', 'kind = "pallets"\nstep = "unloading"', "forms.unload.kind"),
    "a type of its own": ('type = "po"', 'type = "order"', "transactions.0.type: found 'order'; a word of CBV 2.0's types"),
    "an unknown key": ('identifiers = "digital_link"', 'identifier = "digital_link"', "identifier: no such key"),
    "an unknown way to write": ('identifiers = "digital_link"', 'identifiers = "web"', "identifiers"),
    "a prefix too short": ('company_prefixes = ["9521321"]', 'company_prefixes = ["95213"]', "company_prefixes.0: found '95213'; 6 to 12 digits"),
    "two prefixes, one in the other": ('company_prefixes = ["9521321"]', 'company_prefixes = ["9521321", "952132"]', "begins with 952132, so where is a key parted"),
    "urns without their prefix": ('identifiers = "digital_link"\n', 'identifiers = "urn"\n', None),
    "urns of unknown prefix": ('company_prefixes = ["9521321"]', 'company_prefixes = ["4012345"]', None),
    "an extension that GS1 cannot write": ('extension = "DOOR12"', 'extension = "door zwölf"', "places.door.12.extension: found 'door zwölf'"),
    "a form that is left out, too": ('left_out = ["close-trailer"', 'left_out = ["load"', "left_out: load is a form below [forms] too"),
    "a site without GLN where the goods are": ('zone = "Europe/Berlin"\ngln = "9521321000018"\n', 'zone = "Europe/Berlin"\n', 'forms.receive.location: is "site", and sites.north has no gln'),
    "a read point that is a site": ('read_point = "dock"', 'read_point = "site"', "forms.pallet-move.read_point"),
    "a place in two zones": (
        "[sites.north.places.door]",
        '[sites.south]\nzone = "Asia/Tokyo"\ngln = "9521321000018"\n[sites.north.places.door]',
        "9521321000018 is in Europe/Berlin at another site; a place has one time zone",
    ),
    "a GTIN of zeros": ('EA = "9521321001008"', 'EA = "0000000000000"', "items.A100.EA: found nothing but zeros"),
    "no TOML": ("[items.A100]", "[items.A100", "is not TOML"),
    "a number of 5,000 digits": ('identifiers = "digital_link"', f"identifiers = {'9' * 5000}", "is not TOML"),
}  # fmt: skip


def test_every_fault_is_told_with_file_and_key_what_was_found_and_what_is_allowed(tmp_path: Path) -> None:
    shipped = MAPPING.read_text(encoding="utf-8")

    def look(row: tuple[str, str, str | None]) -> None:
        right, wrong, told = row
        assert right in shipped, right
        file = tmp_path / "epcis.toml"
        file.write_text(shipped.replace(right, wrong, 1), encoding="utf-8")
        if told is None:  # by itself nothing is wrong with it
            load_mapping(file)
            return
        with pytest.raises(Misconfigured) as fault:
            load_mapping(file)
        assert str(fault.value).startswith(f"{file}: ")
        assert told in str(fault.value)
        assert "\n" not in str(fault.value)

    every(WRONG, look)


def test_with_urns_every_key_of_the_file_needs_the_prefix_of_who_issued_it(tmp_path: Path) -> None:
    shipped = MAPPING.read_text(encoding="utf-8").replace('identifiers = "digital_link"\n', 'identifiers = "urn"\n')
    file = tmp_path / "epcis.toml"
    file.write_text(
        shipped.replace('company_prefixes = ["9521321"]', 'company_prefixes = ["4012345"]'), encoding="utf-8"
    )
    with pytest.raises(Misconfigured) as fault:
        load_mapping(file)
    for where in ("items.A100.CS", "items.A200.KGM", "sites.north:", "sites.north.places.door.12"):
        assert where in str(fault.value)
    assert 'add its prefix, or set identifiers = "digital_link"' in str(fault.value)


def test_a_missing_file_and_what_is_none_are_told(tmp_path: Path) -> None:
    for path, told in ((tmp_path / "none.toml", "no such file; name the mapping"), (tmp_path, "Is a directory")):
        with pytest.raises(UnreadableInput, match=told):
            load_mapping(path)


def test_a_field_that_no_form_has_is_told_for_what_is_spelt_wrong_would_be_left_out_unseen() -> None:
    forms = {name: form_field_names(form) for name, form in load_forms(ROOT / "schemas" / "forms").items()}
    assert [*mapping().unknown_fields(forms)] == []
    receive = mapping().forms["receive"].model_dump()
    wrong = {"read_point": "dor", "location": "sites", "exceptions": {"excepton": {}}}
    typed = mapped(
        forms={**mapping().model_dump()["forms"], "receive": receive | wrong},
        transactions=[{"field": "ordr", "type": "po", "gln": "9521321000018"}],
    )
    found = [*typed.unknown_fields(forms)]
    assert [one.partition(":")[0] for one in found] == [
        "forms.receive.read_point",
        "forms.receive.location",
        "forms.receive.exceptions.excepton",
        "transactions.0.field",
    ]
    assert "found 'dor', the form has damaged, door" in found[0]
    assert [*typed.unknown_fields({})] == [], "a form that is no more may still have entries"
