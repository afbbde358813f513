from __future__ import annotations

import pytest

from inventory.epcis.keys import (
    InvalidKey,
    Key,
    KeyKind,
    check_digit,
    check_key_digits,
    check_lot_or_extension,
    parse_key,
    to_digital_link,
    to_gtin14,
    to_urn,
)
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
        key = parse_key(address)
        assert key is not None
        assert (to_digital_link(key), to_urn(key, ("123456", prefix)), parse_key(name)) == (address, name, key)

    every({address: (address, pair) for address, pair in ALIKE.items()}, look)


def test_a_broken_key_is_told_with_what_is_wrong() -> None:
    def look(row: tuple[str, str]) -> None:
        address, told = row
        with pytest.raises(InvalidKey, match=told):
            parse_key(address)

    every({address: (address, told) for address, told in BROKEN.items()}, look)


@each_of("address", OTHERS)
def test_what_is_no_key_of_these_kinds_is_left_to_whoever_names_it_so(address: str) -> None:
    assert parse_key(address) is None


def test_a_digital_link_of_another_domain_names_the_same() -> None:
    assert parse_key("https://brand.example/some/where/01/04012345123456/10/1") == Key(
        KeyKind.LOT, "04012345123456", "1"
    )


def test_every_wrong_digit_and_most_turned_ones_are_seen() -> None:
    digits = "106141412345678908"
    wrong = {
        digits[:at] + other + digits[at + 1 :] for at in range(18) for other in "0123456789" if other != digits[at]
    }
    assert len(wrong) == 18 * 9
    for one in wrong:
        with pytest.raises(InvalidKey):
            check_key_digits(one, 18, "SSCC")


def test_a_short_gtin_gets_zeros_and_keeps_its_check_digit() -> None:
    assert to_gtin14("9521321001008") == "09521321001008"
    assert to_gtin14("96385074") == "00000096385074"
    assert check_digit("629104150021") == "3"  # The example of the General Specifications, section 7.9.
    for broken in ("952132100100", "9521321001009", "95213210010088", "", "abc", "٩٥٢١٣٢١٠٠١٠٠٨"):
        with pytest.raises(InvalidKey):
            to_gtin14(broken)


def test_no_urn_is_made_where_nobody_knows_where_the_company_prefix_ends() -> None:
    with pytest.raises(InvalidKey, match="none of the company prefixes 4012345"):
        to_urn(Key(KeyKind.UNIT, "106141412345678908"), ("4012345",))


@each_of("lot", ["", "a" * 21, "zwölf", "L 1", "L\n1", "L1\n", "L#1", "L~1"])
def test_a_lot_that_gs1_cannot_write_is_none(lot: str) -> None:
    with pytest.raises(InvalidKey, match="1 to 20"):
        check_lot_or_extension(lot, "lot")
