"""Labels of GS1, made from the rules of the General Specifications, with what is on each, or what is wrong with it.

It shares nothing with what reads them: no table, no check digit, no date. What is wrong is made wrong on purpose, one
thing at a time, so that its name is known before anybody looks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from string import ascii_letters, digits

GS = chr(29)
CODES = ("]C1", "]d2", "]Q3", "]e0")
NO_CODES = ("]C0", "]E0", "]d1", "]Q1", "]A0", "]I1", "]L2", "]zz")
TODAY = date(2026, 11, 21)


@dataclass(frozen=True)
class Label:
    """What a scanner sends of one, up to its last key."""

    sent: str
    holds: tuple[tuple[str, str], ...] | str  # Identifiers and values, or the name of what is wrong.

    @property
    def fields(self) -> dict[str, object]:
        """What it says in the fields of the form `labels`."""
        return {} if isinstance(self.holds, str) else dict(_field(*one) for one in self.holds if one[0] in FIELDS)


FIELDS = {
    "00": "pallet",
    "01": "item",
    "02": "item",
    "10": "lot",
    "11": "made",
    "15": "best",
    "17": "best",
    "21": "serial",
    "37": "quantity",
    **{f"310{places}": "weight" for places in range(6)},
}


def _field(identifier: str, value: str) -> tuple[str, object]:
    name = FIELDS[identifier]
    if name in {"made", "best"}:
        first = date(2000 + int(value[:2]), int(value[2:4]), 1)
        end = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        return name, (end if value[4:] == "00" else first.replace(day=int(value[4:]))).isoformat()
    if name == "weight":
        places = int(identifier[3])
        return name, float(f"{value[: 6 - places]}.{value[6 - places :]}")
    return name, int(value) if name == "quantity" else value


def keyed(payload: str) -> str:
    """With the check digit behind it: weights three and one, from the right."""
    total = sum(int(digit) * (3 if at % 2 == 0 else 1) for at, digit in enumerate(reversed(payload)))
    return payload + str(-total % 10)


class Printer:
    """Makes labels by chance."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def number(self, length: int) -> str:
        return "".join(self._random.choice(digits) for _ in range(length))

    def name(self, most: int = 20) -> str:
        """What a lot or a serial is called."""
        return "".join(
            self._random.choice(ascii_letters + digits + "-/.") for _ in range(self._random.randint(1, most))
        )

    def word(self, most: int = 20) -> str:
        """Likewise, without any digit."""
        return "".join(self._random.choice(ascii_letters) for _ in range(self._random.randint(1, most)))

    def day(self, *, of_month: bool = True) -> str:
        chosen = date(2021, 1, 1) + timedelta(days=self._random.randrange(4000))
        return f"{chosen:%y%m%d}" if of_month else f"{chosen:%y%m}00"

    def fixed(self) -> list[tuple[str, str]]:
        """Some of what has a length of its own."""
        key = self._random.choice(
            [[("00", keyed(self.number(17)))], [("01", keyed(self.number(13)))], [("02", keyed(self.number(13)))]]
        )
        dates = [
            ("11", self.day()),
            (self._random.choice(["15", "17"]), self.day(of_month=self._random.random() < 0.8)),
        ]
        weight = [(f"310{self._random.randrange(6)}", self.number(6))]
        return key + [one for one in dates + weight if self._random.random() < 0.5]

    def open_ended(self, *, counts: bool = True) -> list[tuple[str, str]]:
        """Some of what has not, at least one of them."""
        every = [("10", self.name()), ("21", self.name())]
        if counts:
            every.append(("37", str(self._random.randint(1, 99_999_999))))
        return self._random.sample(every, self._random.randint(1, len(every)))

    def code(self) -> str:
        return self._random.choice(CODES)


def run_on(found: list[tuple[str, str]]) -> str:
    return "".join(identifier + value for identifier, value in found)


def valid(seed: int = 1, each: int = 20) -> Iterator[Label]:
    """Labels with nothing wrong."""
    made = Printer(seed)
    for _ in range(each):
        fixed = made.fixed()
        yield Label(made.code() + run_on(fixed), tuple(fixed))
    for _ in range(2 * each):
        fixed = made.fixed()
        several = made.open_ended(counts=fixed[0][0] != "01")
        sent = run_on(fixed) + GS.join(identifier + value for identifier, value in several)
        yield Label(made.code() + sent + GS, (*fixed, *several))
        if len(several) > 1:
            yield Label(f"{made.code()}{GS}{sent}", (*fixed, *several))
    for _ in range(each // 2):
        several = made.open_ended()
        key = [("00", keyed(made.number(17)))]
        sent = GS.join([*(identifier + value for identifier, value in several), run_on(key)])
        yield Label(made.code() + sent, (*several, *key))
    for _ in range(each // 2):
        found = [*made.fixed(), ("10", made.word())]
        yield Label(made.code() + run_on(found), tuple(found))


def _wrong_digit(made: Printer, key: str) -> str:
    at = len(made.number(1)) + int(made.number(1)) % (len(key) - 1)
    return key[:at] + str((int(key[at]) + 1 + int(made.number(1)) % 9) % 10) + key[at + 1 :]


def broken(seed: int = 2, each: int = 6) -> Iterator[Label]:
    """Labels with one thing wrong."""
    made = Printer(seed)
    for _ in range(each):
        code, sscc, gtin, day = made.code(), keyed(made.number(17)), keyed(made.number(13)), made.day()
        for identifier, key in (("00", sscc), ("01", gtin), ("02", gtin)):
            yield Label(f"{code}{identifier}{_wrong_digit(made, key)}17{day}", "check_digit")
            yield Label(f"{code}17{day}{identifier}{key[:-2]}", "too_short")
        yield Label(f"{code}01{gtin}17{day[:2]}{13 + int(made.number(1))}{day[4:]}", "no_date")
        yield Label(f"{code}01{gtin}15{day[:2]}00{day[4:]}", "no_date")
        yield Label(f"{code}01{gtin}11{day[:2]}0230", "no_date")
        yield Label(f"{code}01{gtin}17{day[:4]}{32 + int(made.number(1))}", "no_date")
        yield Label(f"{code}00{sscc}3102{made.number(5)}", "too_short")
        yield Label(f"{code}00{sscc}37{made.number(9)}", "too_long")
        yield Label(f"{code}00{sscc}10{made.word()}{made.number(20)}{made.word()}{GS}37{made.number(2)}", "too_long")
        yield Label(f"{code}00{sscc}10{GS}37{made.number(3)}", "no_value")
        yield Label(f"{code}00{sscc}21", "no_value")
        yield Label(f"{code}10{made.name()}{GS}{GS}21{made.name()}", "no_value")
        yield Label(f"{code}00{sscc[:9]}O{sscc[10:]}", "bad_character")
        yield Label(f"{code}00{sscc}37{made.number(2)}x{made.number(2)}", "bad_character")
        yield Label(f"{code}00{sscc}10{made.word(9)}{' ^~$ä'[int(made.number(1)) % 5]}{made.word(9)}", "bad_character")
        yield Label(
            f"{code}00{sscc}{['05', '29', '38', '88', '23', '4', 'A'][int(made.number(1)) % 7]}", "unknown_identifier"
        )
        yield Label(f"{code}00{sscc}00{keyed('9' + sscc[1:17])}" if sscc[0] != "9" else f"{code}10A{GS}10B", "repeated")
        yield Label(f"{code}10{made.word(10)}{GS}10{made.word(9)}{made.number(2)}", "repeated")
        yield Label(f"{code}01{gtin}02{gtin}37{made.number(2)}", "together")
        yield Label(f"{code}01{gtin}37{made.number(2)}", "together")
        yield Label(f"{code}01{gtin}3101{made.number(6)}3102{made.number(6)}", "together")
        yield Label(f"{NO_CODES[int(made.number(3)) % len(NO_CODES)]}00{sscc}", "other_code")
        yield Label(f"00{sscc}17{day}", "no_symbology")
        # The separators are missing. What stands behind a lot can be read as what it is, or as more of the lot.
        yield Label(f"{code}01{gtin}10{made.word(6)}17{day}", "two_ways")
        yield Label(f"{code}02{gtin}10{made.word(6)}37{made.number(3)}", "two_ways")
        yield Label(f"{code}10{made.word(6)}21{made.word(6)}", "two_ways")
        yield Label(f"{code}01{gtin}21{made.word(5)}3103{made.number(6)}", "two_ways")
        yield Label(f"{code}37{made.number(2)}10{made.word(3)}", "bad_character")
