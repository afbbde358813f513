"""Sentences an operator might say for a form, sampled with a seed, each with the truth of what it says.

They are what the on-device recogniser is told to expect: an n-gram model is counted from them, so how often a word
stands after another matters as much as that it occurs. Shares below are of sentences or of mentions.

Where the device answers, a recogniser is given what is said to it as well: commands, one field alone, corrections, bare
values, check digits; fewer than the sentences, so that it still expects these most.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import OWN_LANGUAGE, Form, FormField
from dockvoice_protocol.forms.spoken import in_words, saying
from dockvoice_protocol.forms.spoken.commands import command_phrases
from dockvoice_protocol.forms.spoken.language import ENGLISH
from dockvoice_protocol.forms.spoken.vocabulary import check
from dockvoice_protocol.records import FieldValue

COUNT = 6000
"""Sentences for one grammar: more measured no better."""
SEED = 2026
"""Any fixed number: the same form must give the same grammar at every start."""

IN_ORDER = 0.6
"""The share of sentences that name the fields in the form's own order."""
INCOMPLETE = 0.12
CORRECTED = 0.1
BARE = 0.3
"""The share of corrections that give the value alone: "dock b sorry d", "twelve no fifteen units"."""
BY_UNIT = 0.85
"""The share of counts said with a unit ("twelve cases"); the others come with a label ("quantity twelve")."""
UNLABELLED = 0.8
"""The share of values said without their label where the form lets them stand so: "large", "sealed"."""
OPTIONAL = 0.5
"""The share of sentences in which a field is said that may be left out, where there are few such fields."""
MOST_OPTIONAL = 1.5
"""So many of them in a sentence, on average, however many there are: nobody says nine things in one breath."""

SAID_ANEW = 0.2
"""The share of sentences that say a field which is said once for all entries."""
NEEDED_ANEW = 0.7
"""The same of one that the form requires: before it was said once, no entry goes without."""
FIRST_LABEL = 0.5
"""The share of labels that are the field's first, whatever others it has."""
PER_FURTHER = 20
"""So many sentences with each of the further words of a field: enough to be heard, too few to be heard for others."""

OPENINGS = {"": 65, "um": 8, "okay": 8, "moving": 8, "i have": 8, "next one": 3}
DOING = "moving"
"""The opening that says what is done, in a form that has no word of its own for it."""
BEGUN = 0.5
"""The share of sentences that begin as the form says that entries do, where it does."""
BEFORE_COUNT = {"": 72, "uh": 8, "that is": 8, "with": 8}
BEFORE_PLACE = {"": 64, "to": 10, "at": 10, "going to": 10, "uh": 6}
CLOSINGS = {"": 90, "please": 10}
STILL_TO_DO, HELD = "i have to ", "i have "
"""Of a move that is still to be made nobody says that it was."""
CUES = {"no": 52, "sorry": 19, "correction": 19, "i mean": 5, "no wait": 2, "make that": 3}

COMMANDS = 4
"""So often each command: together some 200 of more than 6,000 sentences."""
ANSWERS = {"yes": 600, "no": 100}
"""So often these besides: they answer one readback in ten. Expected no more than a command, "yes" was heard as "us", or
half, of two voices in five. Of 231 words said alone in five voices, 34 of them for their likeness, 12 of 1,155 are
taken for a sure "yes": "guess", "chess", "mess" (`python -m lab.bench.consents`). More of "no" would be heard for less
within a sentence: "twelve no fifteen"."""
PER_FIELD = 150
"""So many answers and corrections for each field."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words, and the fields they say."""

    text: str
    fields: Mapping[str, FieldValue]
    complete: bool


def sentences(form: Form, catalogue: Catalogue, random: Random) -> Iterator[Sentence]:
    """Sentences without end: fields in any order, with fillers, units, corrections, some fields left out."""
    several = sum(not one.required for one in form.fields if not one.spoken.by_unit)
    share = min(OPTIONAL, MOST_OPTIONAL / several) if several else OPTIONAL
    while True:
        fields = [one for one in form.fields if not one.spoken.by_unit]  # which the word behind a count says
        wanted = [one for one in fields if one.required]
        fields = [one for one in fields if one.required or random.random() < share] or fields
        if form.said_once and random.random() >= SAID_ANEW:
            fields = [one for one in fields if one.name not in form.said_once or _is_needed(one, random)] or fields
        if random.random() >= IN_ORDER:
            random.shuffle(fields)
        if len(fields) > 1 and random.random() < INCOMPLETE:
            fields.remove(random.choice(fields))
        said = _sentence(form, fields, catalogue, random, complete=all(one in fields for one in wanted))
        yield said if form.terminator is None else replace(said, text=f"{said.text} {form.terminator}")


def _is_needed(field: FormField, random: Random) -> bool:
    return field.required and random.random() < NEEDED_ANEW


def phrases(form: Form, catalogue: Catalogue, count: int = COUNT, seed: int = SEED) -> tuple[str, ...]:
    """`count` sentences, the same for the same form, catalogue and seed; repetitions are kept, they carry weight.

    Raises Misconfigured where the form or its catalogue holds a value that cannot be said.
    """
    check(form, catalogue)
    endless = sentences(form, catalogue, Random(seed))  # noqa: S311 - sampling, not secrecy
    return tuple(next(endless).text for _ in range(count))


def further(form: Form, catalogue: Catalogue, seed: int = SEED) -> tuple[str, ...]:
    """Sentences with the words that a form has for English besides its own, which not every recogniser knows."""
    random = Random(seed)  # noqa: S311 - sampling, not secrecy
    return tuple(
        _with(mention, field, form, catalogue, random)
        for field in form.fields
        for mention in _further(field, catalogue, random)
    )


def _further(field: FormField, catalogue: Catalogue, random: Random) -> Iterator[str]:
    """Mentions of a field, each with one of its further labels, units and words for a count."""
    named = field.wording(OWN_LANGUAGE)

    def words() -> str:
        return saying.said(saying.value(field, catalogue, random), field, catalogue, random)

    if field.spoken.by_unit:
        return
    for _ in range(PER_FURTHER):
        yield from (f"{label} {words()}" for label in named.labels if label not in field.labels)
        own = {*field.units.keys(), *field.units.values()}
        yield from (f"{words()} {unit}" for unit in named.units if unit not in own)
        yield from (f"{words()} {random.choice([*field.units, ''])} {good}" for good in named.counted)
        yield from named.zero


def _with(mention: str, field: FormField, form: Form, catalogue: Catalogue, random: Random) -> str:
    """A sentence that says one field in these words, and of the others those that are required."""
    others = [
        _mention(saying.value(one, catalogue, random), one, form, catalogue, random)
        for one in form.fields
        if one.required and one is not field and not one.spoken.by_unit
    ]
    others.insert(random.randint(0, len(others)), mention)
    return " ".join(" ".join(others).split())


def _sentence(form: Form, fields: list[FormField], catalogue: Catalogue, random: Random, *, complete: bool) -> Sentence:
    truth = {field.name: saying.value(field, catalogue, random) for field in fields}
    corrected = random.choice(fields).name if random.random() < CORRECTED else None
    opening = _chosen(OPENINGS, random)
    if form.openings.get(OWN_LANGUAGE) and random.random() < BEGUN:
        opening = random.choice(form.openings[OWN_LANGUAGE])
    parts = [_doing(form, random) if opening == DOING else opening]
    for field in fields:
        say = _put_right if field.name == corrected else _mention
        said = field
        if (unit := form.unit_field(field.name)) is not None:
            code = random.choice([one for one in unit.choices if one in field.codes.values()])
            truth[unit.name], said = code, _counted_in(code, field)
        parts.append(say(truth[field.name], said, form, catalogue, random))
    parts.append(_chosen(CLOSINGS, random))
    text = " ".join(part for part in parts if part)
    return Sentence(text.replace(STILL_TO_DO, HELD), truth, complete)


def _doing(form: Form, random: Random) -> str:
    """What is done, as the form calls its work: "loading", "putting away"."""
    first = (one.split()[0] for one in form.names(OWN_LANGUAGE))
    return random.choice([one for one in first if one.endswith("ing")] or [DOING])


def _put_right(value: FieldValue, field: FormField, form: Form, catalogue: Catalogue, random: Random) -> str:
    """Another value first, then a cue and the value; one of the two may go without label and unit."""
    slip = saying.value(field, catalogue, random)
    bare = random.random() < BARE
    earlier = bare and bool(field.units)

    def words(of: FieldValue, *, alone: bool) -> str:
        return saying.said(of, field, catalogue, random) if alone else _mention(of, field, form, catalogue, random)

    first, later = words(slip, alone=earlier), words(value, alone=bare and not earlier)
    return f"{first} {_chosen(CUES, random)} {later}"


def _counted_in(code: str, field: FormField) -> FormField:
    """A count that is said with the unit words of one code."""
    return replace(field, units={several: one for several, one in field.units.items() if field.codes[several] == code})


def _mention(value: FieldValue, field: FormField, form: Form, catalogue: Catalogue, random: Random) -> str:
    words = saying.said(value, field, catalogue, random)
    if saying.stands_alone(value, field) and random.random() < UNLABELLED:
        return words
    if field.units and (field.codes or random.random() < BY_UNIT):
        plural, singular = random.choice(list(field.units.items()))
        return f"{_chosen(BEFORE_COUNT, random)} {words} {singular if value == 1 else plural}".strip()
    label = field.labels[0] if random.random() < FIRST_LABEL else random.choice(field.labels)
    words = words if not isinstance(value, bool) else "yes" if value else "no"
    link = _chosen(BEFORE_PLACE, random) if field.is_place or field.name in form.context else ""
    return f"{link} {label} {words}".strip()


def _chosen(weights: Mapping[str, int], random: Random) -> str:
    return random.choices(list(weights), weights=list(weights.values()))[0]


def conversational(
    form: Form, catalogue: Catalogue, names: Sequence[str] = (), works: Sequence[str] = ()
) -> tuple[str, ...]:
    """Short utterances to a device that answers, the same for the same form, catalogue, `names` of operators.

    And for the same ways to name the forms at hand, `works`.
    """
    random = Random(SEED)  # noqa: S311 - sampling, not secrecy
    answers = [one for field in form.fields for _ in range(PER_FIELD) for one in _answers(field, catalogue, random)]
    said_twice = [f"{choice} {choice}" for field in form.fields if field.exception for choice in field.choices]
    once = [_once(form, catalogue, random) for _ in range(PER_FIELD) if form.said_once]
    asked = (*command_phrases(names, trailers=bool(form.places_received)), *works) * COMMANDS
    plain = [answer for answer, times in ANSWERS.items() for _ in range(times)]
    return (*plain, *asked, *said_twice, *answers, *once, *_checks(form, catalogue, random))


def _once(form: Form, catalogue: Catalogue, random: Random) -> str:
    """What is said once for all entries: "trailer five five oh one door twelve", "door thirteen from now on"."""
    fields = [form[name] for name in form.said_once if random.random() >= OPTIONAL] or [form[form.said_once[0]]]
    said = " ".join(_mention(saying.value(one, catalogue, random), one, form, catalogue, random) for one in fields)
    return said if random.random() < LASTING else f"{said} {' '.join(ENGLISH.commands['from_now_on'][0])}"


LASTING = 0.5  # The share of these that do not say that they hold from then on.


def _answers(field: FormField, catalogue: Catalogue, random: Random) -> Iterator[str]:
    """A bare value, the field alone, and one of these as a correction."""
    words = saying.said(saying.value(field, catalogue, random), field, catalogue, random)
    named = f"{words} {random.choice(list(field.units))}" if field.units else f"{random.choice(field.labels)} {words}"
    yield words
    yield named
    yield f"{random.choices(list(CUES), weights=list(CUES.values()))[0]} {named}"


def _checks(form: Form, catalogue: Catalogue, random: Random) -> Iterator[str]:
    for field in form.fields:
        for value in catalogue.values(field.catalogue) if field.catalogue else ():
            for proof in catalogue.checks_of(str(field.catalogue), value):
                yield in_words.spelt(proof, random) if proof.isdigit() else proof
