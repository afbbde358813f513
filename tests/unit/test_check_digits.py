from __future__ import annotations

from random import Random

from dockvoice_protocol.forms.model import Gs1, is_valid_container
from tests.rows import each_of, rows_of
from tests.shipped import form as shipped


@each_of(("value", "key"), rows_of("check_digits", "no_key"))
def test_what_is_no_key(value: str, key: str) -> None:
    assert not Gs1[key].is_valid(value)


# The examples of the GS1 General Specifications and of everyday labels: an EAN-13, an EAN-8, a UPC-A, an ITF-14.
@each_of(("value", "key"), rows_of("check_digits", "key"))
def test_what_is_a_key(value: str, key: str) -> None:
    assert Gs1[key].is_valid(value)


@each_of("key", Gs1)
def test_samples_are_keys(key: Gs1) -> None:
    assert all(key.is_valid(key.sample(Random(seed))) for seed in range(50))


@each_of(("value", "fits"), rows_of("check_digits", "a_container_is_taken_where_its"))
def test_a_container_is_taken_where_its_check_digit_fits_and_else_is_none(value: str, fits: bool | None) -> None:
    trailer = shipped("gate-in")["trailer"]
    assert is_valid_container(value) is fits
    assert trailer.allows(value) is (fits is not False)
    assert trailer.is_usual(value) is (fits is True or value == "5501")


@each_of(("value", "usual"), rows_of("check_digits", "a_trailer_marked_by_its_carrier"))
def test_a_trailer_marked_by_its_carrier_is_usual(value: str, usual: bool) -> None:
    assert shipped("gate-in")["trailer"].is_usual(value) is usual
