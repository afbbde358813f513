from __future__ import annotations

from datetime import date

from dockvoice_protocol.forms.model import DayOrder, MonthAlone
from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.forms.spoken.kinds.date import DateLabelFormat, date_readings
from dockvoice_protocol.forms.spoken.language import language_named
from dockvoice_protocol.forms.spoken.numerals import Numerals
from dockvoice_protocol.languages import LANGUAGES
from tests.reading.languages import of_each
from tests.rows import each_of, rows_of

ENGLISH = language_named("en").numerals

TODAY = date(2026, 11, 20)
RIVALS = 3.0
DMY = DateLabelFormat(DayOrder.DAY_MONTH_YEAR, MonthAlone.END, TODAY)
MDY = DateLabelFormat(DayOrder.MONTH_DAY_YEAR, MonthAlone.END, TODAY)
YMD = DateLabelFormat(DayOrder.YEAR_MONTH_DAY, MonthAlone.END, TODAY)


def whole(text: str, label: DateLabelFormat = DMY, numerals: Numerals = ENGLISH, language: str = "en") -> list[str]:
    """The days that all the words may say, of what lies within three nats of the best."""
    words = text.split()
    found = date_readings(words, 0, numerals, language_named(language).table, label)
    costs = {day: cost for end, day, cost in found if end == len(words)}
    return sorted(day for day, cost in costs.items() if cost <= min(costs.values()) + RIVALS)


@each_of("text", rows_of("kinds_date", "what_is_no_day_of_the"))
def test_what_is_no_day_of_the_calendar_is_none(text: str) -> None:
    assert whole(text) == []


def test_the_order_of_a_label_is_never_turned_round() -> None:
    assert whole("one three zero five two seven", MDY) == []
    assert whole("13/05/2027", MDY) == []
    assert whole("two seven one three zero five", YMD) == []


def test_without_today_there_is_no_day_whose_year_was_not_said() -> None:
    unknown = DateLabelFormat(DayOrder.DAY_MONTH_YEAR, MonthAlone.END)
    assert whole("the fifth of march", unknown) == []
    assert whole("end of june", unknown) == []


@each_of("text", ["end of june", "march twenty twenty seven", "03/2027", "000327", "zero zero zero three two seven"])
def test_a_month_without_a_day_is_none_where_the_form_says_so(text: str) -> None:
    assert whole(text, DateLabelFormat(DayOrder.DAY_MONTH_YEAR, MonthAlone.NONE, TODAY)) == []


def test_a_number_behind_a_month_may_be_its_day_or_its_year() -> None:
    assert whole("march twenty seven") == ["2027-03-27", "2027-03-31"]


@each_of(("text", "day"), rows_of("kinds_date", "a_date_is_read"))
def test_a_date_is_read(text: str, day: str) -> None:
    assert whole(text) == [day]


@each_of(("text", "label", "day"), rows_of("kinds_date", "in_the_order_of_the_label"))
def test_digits_are_read_in_the_order_of_the_label(text: str, label: str, day: str) -> None:
    assert whole(text, {"DMY": DMY, "MDY": MDY, "YMD": YMD}[label]) == [day]


@each_of(("year", "full"), [("75", "2075"), ("00", "2000"), ("26", "2026")])
def test_two_digits_are_the_year_that_is_nearest(year: str, full: str) -> None:
    assert whole(f"0503{year}") == [f"{full}-03-05"]


def test_a_year_of_the_last_century_is_none() -> None:
    assert whole("050376") == []


@each_of(("language", "text", "day"), of_each("dates"))
def test_a_date_is_read_in_each_language(language: str, text: str, day: str) -> None:
    numerals = language_named(language).numerals
    words = [part for word in fold(text).split() for part in numerals.morphemes(word)]
    assert whole(" ".join(words), DMY, numerals, language) == [day]


@each_of("code", LANGUAGES)
def test_each_language_has_every_month_and_thirty_one_days(code: str) -> None:
    dates = language_named(code).table["dates"]
    assert (len(dates["months"]), len(dates["ordinals"])) == (12, 31)
    names = [name for month in dates["months"] for name in month]
    assert len(names) == len(set(names))
