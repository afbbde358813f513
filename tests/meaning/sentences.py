"""From what is meant to what is said, and what may be written of it."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

from tests.meaning import numbers
from tests.meaning.frames import LANGUAGES, REQUIRED, SAID, Frame, Maker, Value

_OPEN, _CLOSE = "\x01", "\x02"
"""Stand around what is read as one number or code, until it is known which of them touch."""
_SLOTS = {"p": "pallet_id", "k": "dock", "t": "trailer", "l": "location", "i": "item", "c": "temperature"}
_FROM = frozenset({"receive", "receive-notice", "unload", "damage"})
_DOUBTFUL = frozenset({"total", "sum", "beside", "colleague", "half"})
_BOOKED = frozenset({"receive", "receive-notice", "gate-in", "close-trailer"})
"""What a device can do too: told to nobody by name, "book in pallet 4712" may be said to it."""
_FEW_CODES = 9999

Table = Mapping[str, Any]


@dataclass(frozen=True)
class Sentence:
    """What is said, what it means, and each outcome that does no wrong to it."""

    text: str
    frame: Frame
    accept: tuple[Mapping[str, Any], ...]

    @property
    def plain(self) -> bool:
        """Whether it must be recorded at once."""
        return [one["kind"] for one in self.accept] == ["rec"]


@cache
def wording(language: str) -> Table:
    """All that is said in a language, as its file has it."""
    return tomllib.loads(Path(__file__).with_name("wording").joinpath(f"{language}.toml").read_text("utf-8"))


def ways(templates: Sequence[str]) -> int:
    """In how many ways a list of templates can be said, without the values."""
    return sum(prod(part.count("|") + 1 for part in re.findall(r"\[([^\[\]]*)\]", text)) for text in templates)


def sentences(seed: int | str, languages: Sequence[str] = LANGUAGES) -> Iterator[Sentence]:
    """Sentences without end, the languages in turn; the same seed makes the same ones."""
    rng = random.Random(f"meaning {seed}")
    makers = {language: Maker(rng, wording(language)["units"]) for language in languages}
    while True:
        for language, maker in makers.items():
            yield _Speaker(maker.frame(language), rng).sentence()


_SHORTEST_ID = 100  # The least number that may be an identifier.


class _Speaker:
    """Says one frame."""

    def __init__(self, frame: Frame, rng: random.Random) -> None:
        self._frame, self._rng = frame, rng
        self._words = wording(frame.language)
        self._form: Table = self._words["form"]["receive" if frame.form == "receive-notice" else frame.form]
        plural, dative, self._gender = self._words["units"][frame.unit]
        self._unit = {"q": self._one(plural), "qd": self._one(dative)}
        self._who = rng.choice(self._words["names"])
        self._trust = True

    def sentence(self) -> Sentence:
        text = self._finish(self._around(self._corrected_after(self._body())))
        return Sentence(text, self._frame, self._accept())

    def _accept(self) -> tuple[Mapping[str, Any], ...]:
        frame = self._frame
        if frame.mood in {"approx", "choice"}:
            return ({"kind": "ask", "fields": {"quantity": "?"}},)
        if frame.mood not in SAID:
            return ({"kind": "none"},)
        plain = self._trust and frame.mood not in _DOUBTFUL and self._clear()
        first: Mapping[str, Any] = {"kind": "rec" if plain else "soft", "fields": dict(frame.values)}
        if frame.form != "receive" or frame.mood not in {"total", "sum"}:
            return (first,)
        beside = {"quantity": frame.parts[0], "over" if frame.adds else "short": frame.parts[1]}
        return (first, {"kind": "soft", "fields": {**frame.values, **beside}})  # against the papers, as it may be

    def _clear(self) -> bool:
        """Whether a value that was taken back leaves no doubt which one stands."""
        correction, style = self._frame.correction, self._frame.style
        if correction is None:
            return True
        if correction.place == "behind" or {"damaged", "short", "over"} & set(self._frame.extras):
            return False
        return correction.labelled or (correction.place == "before" and style.punctuation in {"full", "light"})

    def _body(self) -> str:
        frame, moods = self._frame, self._words["mood"]
        if frame.mood not in moods:
            said = "{tele}" if frame.mood == "tele" or self._rng.random() < 0.3 else "{done}"
            return self._fill("{who}, {done}" if frame.mood == "colleague" else said)
        template = self._one(moods[frame.mood])
        while frame.mood == "order" and frame.form in _BOOKED and "{who}" not in template:
            template = self._one(moods[frame.mood])
        return self._fill(template)

    def _fill(self, template: str) -> str:
        """A template with its clauses, each once with what else is said of the thing."""
        told = template.replace("{done}", self._one(self._words["mood"]["done"]))
        for shape in ("state", "sub", "part", "inf", "todo", "imp", "ques"):
            if f"{{{shape}}}" in told:
                told = told.replace(f"{{{shape}}}", self._values(self._one(self._clauses(shape))) + self._extras())
        told = told.replace("{tele}", self._tele()) if "{tele}" in told else told
        told = told.replace("{who}", self._who).replace("{y}", self._code(self._frame.another))
        return told.replace("~", self._ending())

    def _clauses(self, shape: str) -> Sequence[str]:
        """Those of a shape, or of the one that stands in for it."""
        found: Sequence[str] = self._form[shape if shape in self._form else "inf"]
        return found

    def _tele(self) -> str:
        """The fields one after another, as on a list."""
        if "tele" in self._form:
            return self._values(self._one(self._form["tele"]))
        names = [name for name in REQUIRED[self._frame.form] if name != "uom"]
        if self._rng.random() < 0.5:
            self._rng.shuffle(names)
        if "damage" in names:  # what is wrong stands behind how many
            names.remove("damage")
            names.insert(names.index("quantity") + 1, "damage")
        joint = "; " if self._rng.random() < 0.05 else ", "
        return joint.join(self._field(name) for name in names) + self._extras()

    def _extras(self) -> str:
        names = ("damaged_of",) if self._frame.mood == "half" else self._frame.extras
        return "".join(f", {self._field(name)}" for name in names)

    def _field(self, name: str) -> str:
        key = "trailer_off" if name == "trailer" and self._frame.form in _FROM else name
        table = self._words["field"]
        value = self._slot("q" if name == "quantity" else name)
        return self._one(table.get(key, table["bare"])).replace("{v}", value).replace("~", self._ending())

    def _ending(self) -> str:
        return str(self._words.get("agree", {}).get(self._gender, ""))

    def _values(self, clause: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda slot: self._slot(slot[1]), clause)

    def _one(self, choices: str | Sequence[str]) -> str:
        listed = [choices] if isinstance(choices, str) else choices
        text = self._rng.choices(listed, [ways([one]) ** 0.5 for one in listed])[0]
        return re.sub(r"\[([^\[\]]*)\]", lambda found: self._rng.choice(found[1].split("|")), text)

    def _around(self, body: str) -> str:
        frame, around = self._frame, self._words["around"]
        if frame.device:
            body = f"{self._one(around['device'])}{self._rng.choice((',', ',', ':'))} {body}"
        if (
            frame.opening and frame.mood != "question"
        ):  # Without marks it is a statement: "die Nächste ist Palette 742".
            body = f"{self._one(around['opening'])}{self._rng.choice((',', ',', '.'))} {body}"
        if frame.remark:
            remark = self._one(around["remark"])
            body = f"{remark}. {body}" if self._rng.random() < 0.3 else self._then(body, remark)
        return body

    def _then(self, body: str, remark: str) -> str:
        if body.endswith(("?", ".", "!")):
            return f"{body} {remark}"
        return f"{body}{self._rng.choice((',', '.'))} {remark}"

    def _slot(self, name: str) -> str:
        """What stands where a template names a field, with a wrong value before it where the frame has one."""
        if name in {"q", "qd"}:
            return self._quantity(name)
        if name in {"g", "z", "za", "damage", "exception", "position", "action", "recount", "sealed"}:
            return self._named(name)
        field = _SLOTS.get(name, name)
        correction = self._frame.correction
        value = self._frame.values["damaged" if field == "damaged_of" else field]
        if correction is None or correction.field != field:
            return self._say(field, value)
        return self._with_wrong(field, lambda one, whole: self._say(field, one, whole=whole))

    def _named(self, name: str) -> str:
        field = {"g": "damage", "z": "sealed", "za": "sealed"}.get(name, name)
        value = self._frame.values[field]
        key = str(value).lower() if isinstance(value, bool) else str(value)
        table = self._words["words"]["sealed_adjective" if name == "za" else field]
        return self._one(table[key]).replace("~", self._ending())

    def _quantity(self, case: str) -> str:
        frame = self._frame
        if frame.correction is not None and frame.correction.field == "quantity":
            return self._with_wrong("quantity", lambda one, whole: self._count(one, case if whole else ""))
        slot = frame.mood
        if slot not in {"approx", "choice", "total", "sum"}:
            return self._count(frame.parts[0] if slot == "half" else frame.values["quantity"], case)
        if slot in {"total", "sum"}:
            slot = ("add" if frame.adds else "less") + ("_total" if slot == "total" else "")
        first, second = frame.parts
        filled = {
            "{qa}": self._count(first, case), "{nb}": self._count(second, ""), "{a}": self._count(first, ""),
            "{b}": self._count(second, case),
            "{q}": self._count(frame.values["quantity"], case if slot == "approx" else "q"),
        }  # fmt: skip
        said = re.sub(r"\{\w+\}", lambda found: filled[found[0]], self._one(self._words["slot"][slot]))
        return (f"{said}," if ", " in said else said).replace("~", self._ending())

    def _with_wrong(self, field: str, say: Callable[[Value, bool], str]) -> str:
        correction = self._frame.correction
        assert correction is not None
        old, new = correction.old, self._frame.values[field]
        if correction.place in {"end", "sentence"}:
            return say(old, True)
        cue = self._one(self._words["correct"][correction.place])
        label = self._label(field) if correction.labelled else ""
        if correction.place == "before":
            return f"{say(old, correction.labelled)}, {cue} {label}{say(new, True)}"
        return f"{say(old, True)}, {label}{say(new, correction.labelled)} {cue},"

    def _corrected_after(self, body: str) -> str:
        correction = self._frame.correction
        if correction is None or correction.place not in {"end", "sentence"}:
            return body
        text = self._one(self._words["correct"][correction.place])
        for name, value in (("{old}", correction.old), ("{new}", self._frame.values[correction.field])):
            text = text.replace(name, self._named_again(correction.field, value, labelled=correction.labelled))
        return f"{body}, {text}" if correction.place == "end" else f"{body}. {text}"

    def _named_again(self, field: str, value: Value, *, labelled: bool) -> str:
        if field == "quantity":  # Of three digits and without its unit it would be another pallet to any listener.
            return self._count(value, "q" if labelled or int(value) >= _SHORTEST_ID else "")
        return (self._label(field) if labelled else "") + self._say(field, value, whole=labelled)

    def _label(self, field: str) -> str:
        return f"{self._words['label'][field]} " if field in self._words["label"] else ""

    def _count(self, value: Value, case: str) -> str:
        number = self._number(int(value), self._gender)
        return f"{_OPEN}{number}{_CLOSE} {self._unit[case]}" if case else f"{_OPEN}{number}{_CLOSE}"

    def _say(self, field: str, value: Value, *, whole: bool = True) -> str:
        if field == "temperature":
            return self._degrees(float(value), whole=whole)
        if field in {"damaged", "damaged_of", "short", "over", "door"}:
            return f"{_OPEN}{self._number(int(value), '' if field == 'door' else self._gender)}{_CLOSE}"
        if field == "dock":
            return f"{_OPEN}{self._letter(str(value))}{_CLOSE}"
        return self._place(str(value)) if field == "location" else self._code(str(value))

    def _number(self, value: int, gender: str) -> str:
        figures = self._frame.style.numbers == "figures"
        return str(value) if figures else numbers.words(self._frame.language, value, gender)

    def _degrees(self, value: float, *, whole: bool) -> str:
        ones, tenths = divmod(round(abs(value) * 10), 10)
        language, mark = self._frame.language, self._words["decimal"]
        if self._frame.style.numbers == "figures":
            said = str(ones) + (f"{'.' if language == 'en' else ','}{tenths}" if tenths else "")
        else:
            said = self._number(ones, "") + (f" {mark} {numbers.digits(language, str(tenths))}" if tenths else "")
        ways_to_say = self._words["minus" if value < 0 else "plus"]
        return _OPEN + (self._one(ways_to_say) if whole else ways_to_say[1]).replace("{v}", said) + _CLOSE

    def _letter(self, letter: str) -> str:
        style = self._frame.style
        if style.letters == "spelled":
            name = self._words["alphabet"][ord(letter) - ord("A")]
            return self._one(self._words["as_in"]).replace("{letter}", letter).replace("{name}", name)
        if letter in self._words["words_alone"] and style.punctuation in {"none", "lower"}:
            self._trust = False
        return letter

    def _letters(self, letters: str) -> str:
        if self._frame.style.letters == "spelled":
            return " ".join(self._words["alphabet"][ord(letter) - ord("A")] for letter in letters)
        return letters if self._frame.style.ids == "figures" else " ".join(letters)

    def _code(self, value: str) -> str:
        head, tail = re.fullmatch(r"([A-Z]*)(\d+)", value).groups()  # type: ignore[union-attr]  # codes are so made
        joint = "" if self._frame.style.ids == "figures" and self._rng.random() < 0.7 else " "
        if self._frame.style.letters == "spelled":
            joint = " "
        return _OPEN + (self._letters(head) + joint if head else "") + self._figures(tail) + _CLOSE

    def _figures(self, digits: str) -> str:
        style = self._frame.style
        if style.ids == "figures":
            return digits
        if style.numbers == "figures":
            return " ".join(digits)
        if style.ids == "cardinal" and digits[0] != "0" and int(digits) <= _FEW_CODES:
            return numbers.words(self._frame.language, int(digits), "")
        if style.ids == "hundreds" and self._frame.language == "en" and re.fullmatch("[1-9][1-9]00", digits):
            return f"{numbers.words('en', int(digits[:2]))} hundred"
        return (self._pairs(digits) if style.ids == "pairs" else None) or self._one_by_one(digits)

    def _pairs(self, digits: str) -> str | None:
        """As pairs, where nobody could hear other pairs."""
        odd = len(digits) % 2
        groups = [digits[:1]] * odd + [digits[at : at + 2] for at in range(odd, len(digits), 2)]
        if any(len(group) == 2 and (int(group) < 11 or group[1] == "0") for group in groups) or groups[0] == "0":
            return None
        risky = any(one[-1] == "4" and two[0] == "2" for one, two in pairwise(groups))
        if self._frame.language == "fr" and (risky or any(int(group) > 69 for group in groups)):
            return None  # quatre vingt-deux, soixante-dix-sept
        return " ".join(numbers.words(self._frame.language, int(group), "") for group in groups)

    def _one_by_one(self, digits: str) -> str:
        said = numbers.digits(self._frame.language, digits)
        return said.replace("zero", "oh") if self._frame.language == "en" and self._rng.random() < 0.4 else said

    def _place(self, value: str) -> str:
        letter, *groups = value.split("-") if "-" in value else (value[0], value[1:])
        style = self._frame.style
        if style.numbers == "figures":
            spelled = style.letters == "spelled"
            said = value if not spelled and self._rng.random() < 0.5 else " ".join((self._letters(letter), *groups))
        else:
            said = " ".join((self._letters(letter), *(self._two(group) for group in groups)))
        return f"{_OPEN}{said}{_CLOSE}"

    def _two(self, group: str) -> str:
        if group[0] == "0" or self._frame.style.ids == "digits":
            return self._one_by_one(group)
        return numbers.words(self._frame.language, int(group), "")

    def _finish(self, text: str) -> str:
        style = self._frame.style.punctuation
        for pattern, instead in self._words.get("elide", ()):
            text = re.sub(pattern, instead, text)
        text = re.sub(r"\s+([,.])" if self._frame.language == "fr" else r"\s+([,.;:?!])", r"\1", text)
        text = re.sub(r",+(?=[,.;:?!])|,\s*$", "", re.sub(r"\s+", " ", text))
        text = re.sub(r"([?!.])[,.]", r"\1", text).strip()
        if style in {"full", "light"}:
            text = re.sub(r"(^[\x01¿¡]*|[.?!] [\x01¿¡]*)(\w)", lambda found: found[1] + found[2].upper(), text)
            ended = text.rstrip(_CLOSE).endswith(("?", ".", "!"))
            text = text if ended or style == "light" else text + "."
        else:
            text = re.sub(r"[;:?!¿¡]|[,.](?!\d)|(?<!\d)[,.]", "", text)
            text = re.sub(r"(?<=[a-zà-ÿ])-(?=[a-zà-ÿ])", " ", text) if style == "lower" else text
            text = re.sub(r"\s+", " ", text).strip()
            text = text.lower() if style == "lower" else text
        if re.search(_CLOSE + r"\s*" + _OPEN, text):
            self._trust = False
        return text.replace(_OPEN, "").replace(_CLOSE, "")
