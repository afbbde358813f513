from __future__ import annotations

import pytest

from inventory.epcis.keys import Key, KeyKind, NoKey, check_digit, gtin14, link, read, urn
from tests.rows import each_of, every

# Pairs that GS1's own texts show: TDS (0614141…), CBV and the examples of EPCIS (4012345…).
ALIKE = {
    "https://id.gs1.org/00/106141412345678908": ("urn:epc:id:sscc:0614141.1234567890", "0614141"),
    "https://id.gs1.org/01/10614141123459": ("urn:epc:idpat:sgtin:0614141.112345.*", "0614141"),
    "https://id.gs1.org/01/10614141123459/21/400": ("urn:epc:id:sgtin:0614141.112345.400", "0614141"),
    "https://id.gs1.org/01/04012345123456/10/998877": ("urn:epc:class:lgtin:4012345.012345.998877", "4012345"),
    "https://id.gs1.org/414/0614141123452/254/400": ("urn:epc:id:sgln:0614141.12345.400", "0614141"),
    "https://id.gs1.org/414/0614141123452": ("urn:epc:id:sgln:0614141.12345.0", "0614141"),
    "https://id.gs1.org/01/04012345123456/10/A%2FB%25": ("urn:epc:class:lgtin:4012345.012345.A%2FB%25", "4012345"),
    "https://id.gs1.org/01/04012345123456/10/A%28B%29": ("urn:epc:class:lgtin:4012345.012345.A(B)", "4012345"),
    "https://id.gs1.org/414/9521321000018": ("urn:epc:id:sgln:952132100001..0", "952132100001"),
}

BROKEN = {
    "https://id.gs1.org/00/106141412345678907": "check digit would be 8",
    "https://id.gs1.org/00/106141412345678908/21/1": "nothing may stand",
    "https://id.gs1.org/01/04012345123456/10/": "1 to 20",
    "https://id.gs1.org/01/04012345123456/10/%C3%A4": "without accents",
    "https://id.gs1.org/01/04012345123456/22/1": "allowed are",
    "https://id.gs1.org/414/0614141123452/10/1": "allowed are",
    "https://id.gs1.org/01/04012345123456?10=1": "no path",
    "https://shop.example/01/04012345123457": "check digit would be 6",
    "urn:epc:id:sscc:0614141.123456789": "have 17 together",
    "urn:epc:id:sscc:0614141.1234567890.0": "nothing may stand",
    "urn:epc:id:sscc:06141.412345678901": "6 to 12 digits",
    "urn:epc:id:sgln:0614141.12345": "1 to 20",
    "urn:epc:idpat:sgtin:0614141.112345.400": "ends with",
    "urn:epc:class:lgtin:4012345.012345.A/B": "not escaped",
    "urn:epc:class:lgtin:4012345.012345.": "1 to 20",
}

OTHERS = (
    "https://partner.example/places/door/12",
    "https://partner.example/00/742",
    "urn:epc:id:grai:9521321.00123.7",
    "urn:epc:id:pgln:9521321.00001",
    "urn:uuid:01919f3e-0001-7000-8000-000000000001",
    "https://id.gs1.org/8003/09521321000016A",
)


def test_a_key_written_in_both_ways_is_as_gs1_writes_it_and_is_read_again() -> None:
    def look(pair: tuple[str, tuple[str, str]]) -> None:
        address, (name, prefix) = pair
        key = read(address)
        assert key is not None
        assert (link(key), urn(key, ("123456", prefix)), read(name)) == (address, name, key)

    every({address: (address, pair) for address, pair in ALIKE.items()}, look)


def test_a_broken_key_is_told_with_what_is_wrong() -> None:
    def look(row: tuple[str, str]) -> None:
        address, told = row
        with pytest.raises(NoKey, match=told):
            read(address)

    every({address: (address, told) for address, told in BROKEN.items()}, look)


@each_of("address", OTHERS)
def test_what_is_no_key_of_these_kinds_is_left_to_whoever_names_it_so(address: str) -> None:
    assert read(address) is None


def test_a_short_gtin_gets_zeros_and_keeps_its_check_digit() -> None:
    assert gtin14("9521321001008") == "09521321001008"
    assert gtin14("96385074") == "00000096385074"
    assert check_digit("629104150021") == "3"  # The example of the General Specifications, section 7.9.
    for broken in ("952132100100", "9521321001009", "95213210010088", "", "abc", "٩٥٢١٣٢١٠٠١٠٠٨"):
        with pytest.raises(NoKey):
            gtin14(broken)


def test_no_urn_is_made_where_nobody_knows_where_the_company_prefix_ends() -> None:
    with pytest.raises(NoKey, match="none of the company prefixes 4012345"):
        urn(Key(KeyKind.UNIT, "106141412345678908"), ("4012345",))
