"""Generates a recogniser's expectations for a form: its vocabulary, sampled sentences, and a JSGF grammar.

The sentences are sampled with a seed, each with its true field values. An n-gram model is counted from them, so that
the frequency of word pairs matters as much as their occurrence. Probabilities below are of sentences or of mentions:
estimates, since no field recordings exist yet.

Where the device answers, the recogniser also gets short utterances: commands, single fields, corrections, bare values,
check digits; fewer than the sentences, so that these remain the likeliest.

The grammar (JSpeech Grammar Format 1.0, for pocketsphinx) is looser than the reader: it may accept words that make no
value, and the reader then asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from dockvoice_protocol.errors import ManyFaults
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.model import OWN_LANGUAGE, Form, FormField
from dockvoice_protocol.forms.pattern import SEPARATORS
from dockvoice_protocol.forms.spoken.commands import command_phrases
from dockvoice_protocol.forms.spoken.folding import phrase
from dockvoice_protocol.forms.spoken.grammar.lexicon import value_words
from dockvoice_protocol.forms.spoken.in_words import ONES, TEENS, TENS, spell_out
from dockvoice_protocol.forms.spoken.kinds import kind_of
from dockvoice_protocol.forms.spoken.kinds.kind import section_phrases
from dockvoice_protocol.forms.spoken.language import CODE_WORDS, ENGLISH, LETTERS, NATO
from dockvoice_protocol.records import FieldValue

_ZEROS = ("zero", "oh", "o")  # Words for a zero in a string of digits. As a count only "zero" is valid.

_DIGITS = dict.fromkeys(_ZEROS, "0") | {word: str(value) for word, value in ONES.items()} | {"niner": "9"}

NUMBER_WORDS = frozenset(
    {*_DIGITS, *TEENS, *TENS, "double", "triple", "quadruple", "hundred", "thousand", "dozen", "half", "and"}
)
"""Every word that can be part of a number, except "a" ("a hundred"), which is a letter."""

_AS_IN = ("as", "in")  # Joiner of a letter and its explaining word.
_LETTER_WORDS = frozenset({*LETTERS, *(word for phrase in CODE_WORDS for word in phrase), *_AS_IN})
"""Every word that can be part of a spoken letter."""

_AROUND = """
um uh er erm hmm and okay ok well hey so now please moving move take going goes have has got i've that that's is
it's there to at the for of on over with thanks thank you i am are no sorry correction rather mean meant make it
wait scratch next
"""
AROUND = frozenset(_AROUND.split())  # The likeliest words around the fields; more words would cause false recognitions.


def vocabulary(form: Form, catalogue: Catalogue) -> frozenset[str]:
    """The words of the form's labels, units and values, and common words around them."""
    begun = {word for said in form.openings.get(OWN_LANGUAGE, ()) for word in said.split()}
    return AROUND.union(begun, *(_vocabulary_of_field(field, catalogue) for field in form.fields))


def _vocabulary_of_field(field: FormField, catalogue: Catalogue) -> set[str]:
    named = field.wording(OWN_LANGUAGE)
    said = [*field.labels, *field.units.keys(), *field.units.values(), *value_words(field, catalogue, ENGLISH)]
    said += [*named.counted, *named.zero]
    if (section := kind_of(field).section) is not None:
        said += [*named.true, *named.false]
        said += [" ".join(phrase(one)) for one in section_phrases(ENGLISH.table[section])]
    words = {word for one in said for word in one.split()}
    words |= _LETTER_WORDS if field.spoken.may_have_letters else set()
    return words | (NUMBER_WORDS if field.spoken.of_numbers else set())


def check_speakable(form: Form, catalogue: Catalogue) -> None:
    """Raise Misconfigured naming each value that breaks the form's rules or has no words, or a missing catalogue."""
    faults = [fault for field in form.fields for fault in _field_faults(field, catalogue)]
    if faults:
        raise ManyFaults(f"form {form.name!r}: {'; '.join(faults)}", faults)


def english_words_with_meaning(form: Form, catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Each label, unit and catalogued value of a form in English, with what it means: `the unit of 'quantity'`."""
    for field in form.fields:
        yield from ((label, f"the field {field.name!r}") for label in field.labels)
        yield from ((unit, f"the unit of {field.name!r}") for unit in field.units)
        if not field.spoken.is_single_letter:  # its code word distinguishes a letter
            values = value_words(field, catalogue, ENGLISH) if field.catalogue or field.choices else {}
            yield from ((words, f"{value!r} of {field.name!r}") for words, value in values.items())


def _field_faults(field: FormField, catalogue: Catalogue) -> Iterator[str]:
    where = f"catalogue {field.catalogue!r}" if field.catalogue else "'enum'"
    yield from (f"{where}: {fault}" for _, fault in value_faults(field, catalogue))


def value_faults(field: FormField, catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Each value of a field that breaks its rules or has no words, with its fault."""
    if field.spoken.by_unit:  # its codes are said by the unit words of the count
        return
    known = catalogue.values(field.catalogue) if field.catalogue else field.choices
    said = {value for words, value in value_words(field, catalogue, ENGLISH).items() if re.fullmatch("[a-z ]+", words)}
    for value in known:
        if not field.item_field.allows(value):
            yield value, f"{value!r} breaks the rules of field {field.name!r}; mend one of the two"
        elif value not in said and not _can_be_spelt(value, field):
            yield value, f"{value!r} cannot be said as {field.spoken}; give it words in a catalogue's column 'spoken'"


def _can_be_spelt(value: str, field: FormField) -> bool:
    one = not field.spoken.is_single_letter or len(value) == 1
    said = "".join(character for character in value if character not in SEPARATORS)
    joined = said == value or (field.shape is not None and field.shape.insert_separators(said) == value)
    return one and joined and set(said) <= set(field.spoken.characters)


_CHECKED = 0.3  # Probability of a value with its check word, where it has one.
_LISTED = 0.5  # Probability of a catalogue's own words for a value, where it has some.
_LONGEST_LIST = 3  # Values of a sampled list: longer lists have the same wording.


def sample_value(field: FormField, catalogue: Catalogue, random: Random) -> FieldValue:
    """A random value that the form and the catalogue allow."""
    if field.many is not None:
        several = field.many[:_LONGEST_LIST] or field.many
        return tuple(str(sample_value(field.item_field, catalogue, random)) for _ in range(random.choice(several)))
    if known := catalogue.values(field.catalogue) if field.catalogue is not None else field.choices:
        return random.choice(known)
    return kind_of(field).sample_value(field, random)


def value_in_words(value: FieldValue, field: FormField, catalogue: Catalogue, random: Random) -> str:
    """The value in random words that the reader parses as the same value."""
    if isinstance(value, tuple):
        return " and ".join(value_in_words(one, field.item_field, catalogue, random) for one in value)
    phrases = [words for words, meant in value_words(field, catalogue, ENGLISH).items() if meant == value]
    if phrases and (field.spoken.listed or random.random() < _LISTED):
        words = random.choice(phrases)
    else:
        words = kind_of(field).words_for(value, field, random)
    checks = catalogue.check_words(field.catalogue, str(value)) if field.catalogue else ()
    if not checks or random.random() >= _CHECKED:
        return words
    check = random.choice(checks)
    return f"{words} check {spell_out(check, random) if check.isdigit() else check}"


def _stands_alone(value: FieldValue, field: FormField) -> bool:
    """Whether the value is valid without the label of its field."""
    named = field.wording(OWN_LANGUAGE)
    return field.bare or (isinstance(value, bool) and bool(named.true if value else named.false))


_COUNT = 6000  # Sentences for one grammar: more measured no better.
_SEED = 2026  # Any fixed number: the same form must give the same grammar at every start.

_IN_ORDER = 0.6  # Probability of the form's own order of fields.
_INCOMPLETE = 0.12
_CORRECTED = 0.1
_BARE = 0.3  # Probability of a correction with the value alone: "dock b sorry d", "twelve no fifteen units".
_BY_UNIT = 0.85  # Probability of a count with a unit ("twelve cases"), not a label ("quantity twelve").
_UNLABELLED = 0.8  # Probability of a value without its label where the form allows that: "large", "sealed".
_OPTIONAL = 0.5  # Probability of each optional field, where there are few of them.
_MOST_OPTIONAL = 1.5  # Mean number of optional fields in a sentence, at most: a breath has room for few.

_SAID_ANEW = 0.2  # Probability of the `standing_fields` fields in a sentence.
_NEEDED_ANEW = 0.7  # Probability of a required one otherwise: no entry is valid before it was said.
_FIRST_LABEL = 0.5  # Probability of the field's first label; the others share the rest with it.
_PER_FURTHER = 20
"""Sentences with each further word of a field: enough to recognise it, too few for false recognitions."""

_OPENINGS = {"": 65, "um": 8, "okay": 8, "moving": 8, "i have": 8, "next one": 3}
_DOING = "moving"  # The opening that names the work, in a form without its own word for it.
BEGUN = 0.5  # Probability of one of the form's own openings, where it has some.
_ARTICLE = 0.7  # Probability of an article between such an opening and a value without a label: "can i get a latte".
_VOWELS = "aeiou"
_BEFORE_COUNT = {"": 72, "uh": 8, "that is": 8, "with": 8}
_BEFORE_PLACE = {"": 64, "to": 10, "at": 10, "going to": 10, "uh": 6}
_BETWEEN_NAMED = {"": 70, "with": 15, "and": 15}
"""Between two values that are said without a label: "latte with milk and sugar"."""
_CLOSINGS = {"": 90, "please": 10}
_STILL_TO_DO, _HELD = "i have to ", "i have "
"""The first is replaced by the second: "i have to dock b" would announce a move, and an entry reports one."""
_CUES = {"no": 52, "sorry": 19, "correction": 19, "i mean": 5, "no wait": 2, "make that": 3}

_COMMANDS = 4  # Repetitions of each command: together some 200 of more than 6,000 sentences.
_ANSWERS = {"yes": 600, "no": 100}
"""Additional repetitions: these answer one readback in ten. With no more than a command's, "yes" was recognised as
"us", or with its half, for two voices in five. Of 231 words said alone in five voices, 34 of them chosen as similar, 12
of 1,155 are mistaken for a sure "yes": "guess", "chess", "mess" (`python -m lab.bench.consents`). With more, "no" would
be recognised less within a sentence: "twelve no fifteen"."""
_PER_FIELD = 150  # Number of answers and corrections for each field.


@dataclass(frozen=True, slots=True)
class SampledSentence:
    """A sampled sentence with its true field values."""

    text: str
    fields: Mapping[str, FieldValue]
    complete: bool


def generate_sentences(form: Form, catalogue: Catalogue, random: Random) -> Iterator[SampledSentence]:
    """Infinitely many sentences: fields in any order, with fillers, units, corrections, some fields left out."""
    several = sum(not one.required for one in form.fields if not one.spoken.by_unit)
    share = min(_OPTIONAL, _MOST_OPTIONAL / several) if several else _OPTIONAL
    while True:
        fields = [one for one in form.fields if not one.spoken.by_unit]  # the unit word of a count says these
        wanted = [one for one in fields if one.required]
        fields = [one for one in fields if one.required or random.random() < share] or fields
        if form.standing_fields and random.random() >= _SAID_ANEW:
            fields = [
                one for one in fields if one.name not in form.standing_fields or _is_needed(one, random)
            ] or fields
        if random.random() >= _IN_ORDER:
            random.shuffle(fields)
        if len(fields) > 1 and random.random() < _INCOMPLETE:
            fields.remove(random.choice(fields))
        said = _make_sentence(form, fields, catalogue, random, complete=all(one in fields for one in wanted))
        yield said if form.terminator is None else replace(said, text=f"{said.text} {form.terminator}")


def _is_needed(field: FormField, random: Random) -> bool:
    return field.required and random.random() < _NEEDED_ANEW


def sample_sentences(form: Form, catalogue: Catalogue, count: int = _COUNT, seed: int = _SEED) -> tuple[str, ...]:
    """`count` sentences, deterministic for a form, catalogue and seed; repetitions remain, as weights.

    Raises Misconfigured where the form or its catalogue holds a value without words.
    """
    check_speakable(form, catalogue)
    endless = generate_sentences(form, catalogue, Random(seed))  # noqa: S311 - sampling, not secrecy
    return tuple(next(endless).text for _ in range(count))


def sentences_with_further_words(form: Form, catalogue: Catalogue) -> tuple[str, ...]:
    """Sentences with a form's further English words (`x-languages`), which not every recogniser knows."""
    random = Random(_SEED)  # noqa: S311 - sampling, not secrecy
    return tuple(
        _sentence_with(mention, field, form, catalogue, random)
        for field in form.fields
        for mention in _further_mentions(field, catalogue, random)
    )


def _further_mentions(field: FormField, catalogue: Catalogue, random: Random) -> Iterator[str]:
    """Mentions of a field, each with one of its further labels, units and words for a count."""
    named = field.wording(OWN_LANGUAGE)

    def words() -> str:
        return value_in_words(sample_value(field, catalogue, random), field, catalogue, random)

    if field.spoken.by_unit:
        return
    for _ in range(_PER_FURTHER):
        yield from (f"{label} {words()}" for label in named.labels if label not in field.labels)
        own = {*field.units.keys(), *field.units.values()}
        yield from (f"{words()} {unit}" for unit in named.units if unit not in own)
        yield from (f"{words()} {random.choice([*field.units, ''])} {good}" for good in named.counted)
        yield from named.zero


def _sentence_with(mention: str, field: FormField, form: Form, catalogue: Catalogue, random: Random) -> str:
    """A sentence with this mention of one field, and the other required fields."""
    others = [
        _make_mention(sample_value(one, catalogue, random), one, form, catalogue, random)
        for one in form.fields
        if one.required and one is not field and not one.spoken.by_unit
    ]
    others.insert(random.randint(0, len(others)), mention)
    return " ".join(" ".join(others).split())


def _make_sentence(
    form: Form, fields: list[FormField], catalogue: Catalogue, random: Random, *, complete: bool
) -> SampledSentence:
    truth = {field.name: sample_value(field, catalogue, random) for field in fields}
    corrected = random.choice(fields).name if random.random() < _CORRECTED else None
    opening = _choose_weighted(_OPENINGS, random)
    if form.openings.get(OWN_LANGUAGE) and random.random() < BEGUN:
        opening = random.choice(form.openings[OWN_LANGUAGE])
    parts = [_work_verb(form, random) if opening == _DOING else opening]
    for before, field in zip((None, *fields), fields, strict=False):
        say = _correction if field.name == corrected else _make_mention
        said = field
        if (unit := form.unit_field(field.name)) is not None:
            code = random.choice([one for one in unit.choices if one in field.codes.values()])
            truth[unit.name], said = code, _counted_field(code, field)
        if before is not None and before.bare and field.bare:
            parts.append(_choose_weighted(_BETWEEN_NAMED, random))
        parts.append(say(truth[field.name], said, form, catalogue, random))
    parts.append(_choose_weighted(_CLOSINGS, random))
    if opening in form.openings.get(OWN_LANGUAGE, ()) and fields[0].bare and random.random() < _ARTICLE:
        parts.insert(1, "an" if parts[1][0] in _VOWELS else "a")
    text = " ".join(part for part in parts if part)
    return SampledSentence(text.replace(_STILL_TO_DO, _HELD), truth, complete)


def _work_verb(form: Form, random: Random) -> str:
    """A verb for the form's work, from its names: "loading", "putting away"."""
    first = (one.split()[0] for one in form.spoken_names(OWN_LANGUAGE))
    return random.choice([one for one in first if one.endswith("ing")] or [_DOING])


def _correction(value: FieldValue, field: FormField, form: Form, catalogue: Catalogue, random: Random) -> str:
    """A wrong value, a cue, and the value; one of the two may lack label and unit."""
    slip = sample_value(field, catalogue, random)
    bare = random.random() < _BARE
    earlier = bare and bool(field.units)

    def words(of: FieldValue, *, alone: bool) -> str:
        return (
            value_in_words(of, field, catalogue, random) if alone else _make_mention(of, field, form, catalogue, random)
        )

    first, later = words(slip, alone=earlier), words(value, alone=bare and not earlier)
    return f"{first} {_choose_weighted(_CUES, random)} {later}"


def _counted_field(code: str, field: FormField) -> FormField:
    return replace(field, units={several: one for several, one in field.units.items() if field.codes[several] == code})


def _make_mention(value: FieldValue, field: FormField, form: Form, catalogue: Catalogue, random: Random) -> str:
    words = value_in_words(value, field, catalogue, random)
    if _stands_alone(value, field) and random.random() < _UNLABELLED:
        return words
    if field.units and (field.codes or random.random() < _BY_UNIT):
        plural, singular = random.choice(list(field.units.items()))
        return f"{_choose_weighted(_BEFORE_COUNT, random)} {words} {singular if value == 1 else plural}".strip()
    label = field.labels[0] if random.random() < _FIRST_LABEL else random.choice(field.labels)
    words = words if not isinstance(value, bool) else "yes" if value else "no"
    link = _choose_weighted(_BEFORE_PLACE, random) if field.is_place or field.name in form.context else ""
    return f"{link} {label} {words}".strip()


def _choose_weighted(weights: Mapping[str, int], random: Random) -> str:
    return random.choices(list(weights), weights=list(weights.values()))[0]


def sample_replies(
    form: Form, catalogue: Catalogue, names: Sequence[str] = (), works: Sequence[str] = ()
) -> tuple[str, ...]:
    """Short utterances to a device that answers, deterministic for the same arguments.

    `names` are the operators' sign-on names, `works` the phrases for the available forms.
    """
    random = Random(_SEED)  # noqa: S311 - sampling, not secrecy
    answers = [
        one for field in form.fields for _ in range(_PER_FIELD) for one in _field_answers(field, catalogue, random)
    ]
    said_twice = [f"{choice} {choice}" for field in form.fields if field.exception for choice in field.choices]
    once = [_context_sentence(form, catalogue, random) for _ in range(_PER_FIELD) if form.standing_fields]
    asked = (*command_phrases(names, trailers=bool(form.trailer_and_door_fields)), *works) * _COMMANDS
    plain = [answer for answer, times in _ANSWERS.items() for _ in range(times)]
    return (*plain, *asked, *said_twice, *answers, *once, *_check_answers(form, catalogue, random))


def _context_sentence(form: Form, catalogue: Catalogue, random: Random) -> str:
    """A sentence of the context: "trailer five five oh one door twelve", "door thirteen from now on"."""
    fields = [form[name] for name in form.standing_fields if random.random() >= _OPTIONAL] or [
        form[form.standing_fields[0]]
    ]
    said = " ".join(_make_mention(sample_value(one, catalogue, random), one, form, catalogue, random) for one in fields)
    return said if random.random() < _LASTING else f"{said} {' '.join(ENGLISH.commands['from_now_on'][0])}"


_LASTING = 0.5  # Probability of such a sentence without "from now on".


def _field_answers(field: FormField, catalogue: Catalogue, random: Random) -> Iterator[str]:
    """A bare value, the field alone, and the field as a correction."""
    words = value_in_words(sample_value(field, catalogue, random), field, catalogue, random)
    named = f"{words} {random.choice(list(field.units))}" if field.units else f"{random.choice(field.labels)} {words}"
    yield words
    yield named
    yield f"{random.choices(list(_CUES), weights=list(_CUES.values()))[0]} {named}"


def _check_answers(form: Form, catalogue: Catalogue, random: Random) -> Iterator[str]:
    yield from (spell_out(one, random) if one.isdigit() else one for one in _check_words(form, catalogue))


def _check_words(form: Form, catalogue: Catalogue) -> Iterator[str]:
    """The check words and check digits of all places."""
    for name in (field.catalogue for field in form.fields if field.catalogue):
        yield from (check for value in catalogue.values(name) for check in catalogue.check_words(name, value))


_NUMBERS = {
    "digit": " | ".join(word for word in _DIGITS if word not in {"o", "niner"}),
    "one": " | ".join(ONES),
    "teen": " | ".join(TEENS),
    "ten": " | ".join(TENS),
    "pair": "<teen> | <ten> [<one>]",
    "group": "/0.8/ <digit> | /0.1/ (double | triple) <digit> | /0.1/ <pair>",
    "below": "<one> | <pair>",
    "hundreds": "(a | <below>) hundred [[and] <below>]",
    "count": "<below> | <hundreds> | <below> thousand [[and] (<below> | <hundreds>)]",
}
"""Rules of every form; a pair of digits said as a number is rarer than single digits."""

_REPLIES = ("command", "answer", "exception", "check")  # Rules of utterances other than sentences.


def jsgf_grammar(form: Form, catalogue: Catalogue, commands: Sequence[str] = ()) -> str:
    """The JSGF grammar of one form.

    `commands`, for a device that answers, are utterances of their own; they add bare values, exceptions and check
    digits. Raises Misconfigured where the form or its catalogue holds a value without words.
    """
    check_speakable(form, catalogue)
    name = form.name.replace("-", "_")
    rules = {**_NUMBERS, "cue": _alternatives_rule(_CUES)}
    for field in form.fields:
        rules |= kind_of(field).jsgf_rules()
        rules |= {} if field.spoken.by_unit else _field_rules(field, catalogue)
    rules["mention"] = " | ".join(f"<{one.name}>" for one in form.fields if not one.spoken.by_unit)
    # One loop, not a sequence of mentions: each copy of the number rules would cost the decoder as much again.
    openings = (*_OPENINGS, *form.openings.get(OWN_LANGUAGE, ()))
    rules["sentence"] = f"[{_alternatives_rule(openings)}] ([<cue>] <mention>)+ [{_alternatives_rule(_CLOSINGS)}]"
    if commands:
        rules |= _reply_rules(form, catalogue, commands)
    said = " | ".join(f"<{rule}>" for rule in ("sentence", *_REPLIES) if rule in rules)
    lines = [f"<{rule}> = {expansion};" for rule, expansion in rules.items()]
    return "\n".join(["#JSGF V1.0;", f"grammar {name};", *lines, f"public <utterance> = {said};", ""])


def _reply_rules(form: Form, catalogue: Catalogue, commands: Sequence[str]) -> dict[str, str]:
    values = [f"<{one.name}_value>" for one in form.fields if not one.exception and not one.spoken.by_unit]
    exceptions = [choice.lower().replace("-", " ") for one in form.fields if one.exception for choice in one.choices]
    checks = set(_check_words(form, catalogue))
    rules = {"command": " | ".join(sorted(set(commands))), "answer": " | ".join(values)}
    if exceptions:
        rules["exception"] = " | ".join(f"{one} [{one}]" for one in exceptions)
    if checks:
        words = sorted(check for check in checks if not check.isdigit())
        rules["check"] = " | ".join([*words, *(["<digit>+"] if len(words) < len(checks) else [])])
    return rules


def _field_rules(field: FormField, catalogue: Catalogue) -> dict[str, str]:
    value = f"<{field.name}_value>"
    several = f"{value} ([and] {value})*" if field.many is not None else value
    labelled, link = f"{_alternatives_rule(field.labels)} {several}", f"[{_alternatives_rule(_BEFORE_PLACE)}] "
    mention = labelled if field.identifier else link + labelled
    if field.bare or field.kind == "boolean":
        mention = f"{mention} | {value}"
    if field.units:
        units = _alternatives_rule([*field.units.keys(), *field.units.values()])
        mention = f"{labelled} | [{_alternatives_rule(_BEFORE_COUNT)}] {value} {units}"
    rules = {f"{field.name}_value": _value_rule(field, catalogue), field.name: mention}
    if field.spoken.may_have_letters:
        rules[f"{field.name}_letter"] = _letter_rule(field, catalogue)
    return rules


def _value_rule(field: FormField, catalogue: Catalogue) -> str:
    usual = (rule.format(field=field.name) for rule in kind_of(field).grammar)
    named = field.wording(OWN_LANGUAGE)
    return " | ".join([*sorted(value_words(field, catalogue, ENGLISH)), *named.true, *named.false, *usual])


def _letter_rule(field: FormField, catalogue: Catalogue) -> str:
    """The letters in the field's known values, with their NATO words; digits where the values hold no letter.

    JSGF's <VOID> is no alternative: the decoder treats it as silence, and then misrecognises the whole grammar.
    """
    known = catalogue.values(field.catalogue) if field.catalogue else field.choices
    characters = {character for value in known for character in value.lower()} or LETTERS
    possible = {letter: code for letter, code in NATO.items() if letter in characters}
    return " | ".join(f"{letter} [as in {code}] | {code}" for letter, code in possible.items()) or "<digit>"


def _alternatives_rule(words: Iterable[str]) -> str:
    return f"({' | '.join(word for word in words if word)})"
