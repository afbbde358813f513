"""Several things that are each said whole in one sentence, and what keeps them from being told apart. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import groupby

from dockvoice_protocol.forms.spoken.account import Sense, account_for
from dockvoice_protocol.forms.spoken.folding import fold
from dockvoice_protocol.forms.spoken.grammar.marks import CORRECTS, DENIED
from dockvoice_protocol.forms.spoken.grammar.path import EventKind
from dockvoice_protocol.forms.spoken.reader import parse_meaning
from dockvoice_protocol.records import Act, FieldReading, FieldValue, Reading
from edge.agree.decide import Rules
from edge.agree.off_talk import says_values_only
from edge.agree.one_breath import find_first_field, find_label, join_again, split_if_several
from edge.agree.readings import SHORTEST_NAME, ends_with_and, possible_values, read_part, without_trailing_next
from edge.agree.sentence_parts import is_understood, with_words_not_got
from edge.agree.unclear_numbers import count_digits


def split_off_first(reading: Reading, rules: Rules) -> tuple[Reading, Reading] | None:
    """Split the first off several things that are all said whole: "pallet 742, ten cases, pallet 743, two cases".

    Or "pallets 742 and 743, ten cases each". A trailer before the first name is of all. None where it does not begin
    with a name, where a word corrects, or where one of them lacks a field that another has, or no context gives, or is
    in doubt. What was told as not got of the whole is told of the first.
    """
    split = split_if_several(reading, rules)
    if not split or find_first_field(split[0], rules) not in rules.identifying_fields:
        return None
    shares = [word for one in split for word in one.words] != [*reading.words]
    things = [_without_joining_word(one, rules) for one in split]
    of_all = {name for name in rules.form.standing_fields if any(name not in one.fields for one in things)}
    fields = {frozenset(one.fields.keys() - of_all) for one in things}
    needed = rules.form.required_fields - {*rules.form.standing_fields}
    shared = {*needed, *rules.identifying_fields, *rules.form.standing_fields}
    each = all(said.confirmed and name in shared for one in split for name, said in one.fields.items())
    alike = len(fields) == 1 and all(needed <= names for names in fields)
    sure = all(is_understood(one, rules) and says_values_only(one, rules) for one in things)
    if not (alike and sure and (each or not shares)) or _stand_at_several_places(things, of_all, rules):
        return None
    first, lasting = things[0], {name: reading.fields[name] for name in of_all if name in reading.fields}
    said_here = {name: one for name, one in lasting.items() if {*one.words} <= {word.text for word in reading.words}}
    if any(not _is_before_names(one, first, rules) for one in said_here.values()):
        return None
    behind = join_again(split[1:], rules) if shares else reading.words[len(split[0].words) :]
    rest = read_part(reading, behind, rules)
    both = (replace(one, act=Act.RECORD, fields={**lasting, **one.fields}) for one in (first, rest))
    return _with_words_of_another(next(both), reading, rules), next(both)


def _stand_at_several_places(things: Sequence[Reading], of_all: Collection[str], rules: Rules) -> bool:
    """Whether each has a place of its own, of which the last one may hold from now on."""
    names = {*rules.form.standing_fields} - {*rules.identifying_fields, *of_all}
    return any(one.fields[name].value != things[0].fields[name].value for one in things for name in names)


def _with_words_of_another(first: Reading, whole: Reading, rules: Rules) -> Reading:
    """The first of several things, in doubt by what was split off the whole as of another thing, and not got."""
    words = tuple(dict.fromkeys(word for one in whole.fields.values() for word in one.unexplained))
    own = {word.text for word in whole.words}
    return first if own.issuperset(words) else with_words_not_got(first, words, rules)


def corrects_one_of_several(reading: Reading, rules: Rules) -> bool:
    """Whether words of correction take back more than one name, "741, 742, no, 743", or a name with a value of its own.

    "742, twelve cases, hang on, pallet 743, eight cases" may be two things, or one.
    """
    names = {name: one for name, one in reading.fields.items() if name in rules.identifying_fields and one.denied}
    if not names:
        return False
    meant = parse_meaning(reading.words, rules.form, rules.catalogue, rules.language)
    events = [one for one in (meant.paths[0].events if meant.paths else ()) if one.kind is EventKind.MENTION]
    corrected = Counter(one.field for one in events if {CORRECTS, DENIED} & {*one.marks})
    values = ((str(one.field), one.value) for one in events if one.field not in rules.identifying_fields)
    replaced = any(value not in possible_values(reading.fields.get(name)) for name, value in values)
    return replaced or any(len({*one.denied}) > max(1, corrected[name]) for name, one in names.items())


def names_several_unclearly(reading: Reading, rules: Rules) -> bool:
    """Whether an identifier has several labels and no value, or a number as long as a name is left over.

    "Pallet 742 twelve and pallet 743 eight cases"; "pallets 742 and 743, no, 744"; beside a field that is said twice,
    "pallet 742 twelve cases, 743 eight cases".
    """
    named = [one for name in rules.identifying_fields if (one := reading.fields.get(name)) is not None]
    unnamed = (one.words for one in named if not possible_values(one))
    labels = (sum(find_label(fold(word), rules) is not None for word in words) for words in unnamed)
    if any(count > 1 for count in labels) or (named and count_digits(reading.preface or (), rules) >= SHORTEST_NAME):
        return True
    return _says_a_field_twice(reading, rules) and _leaves_name_over(reading, rules)


def _says_a_field_twice(reading: Reading, rules: Rules) -> bool:
    """Whether a field that is no name has two values, and no word of correction."""
    meant = parse_meaning(reading.words, rules.form, rules.catalogue, rules.language)
    said: dict[str | None, set[FieldValue | None]] = {}
    for one in meant.paths[0].events if meant.paths else ():
        if one.kind is EventKind.MENTION and not {CORRECTS, DENIED} & {*one.marks}:
            said.setdefault(one.field, set()).add(one.value)
    return any(len(values) > 1 for name, values in said.items() if name not in rules.identifying_fields)


def _leaves_name_over(reading: Reading, rules: Rules) -> bool:
    """Whether words that nothing explains have a number as long as a name."""
    parts = account_for(reading.words, rules.form, rules.catalogue, rules.language)
    runs = (list(run) for unread, run in groupby(parts, lambda one: one.sense is Sense.UNEXPLAINED) if unread)
    return any(count_digits((word for one in run for word in one.words), rules) >= SHORTEST_NAME for run in runs)


def _without_joining_word(part: Reading, rules: Rules) -> Reading:
    """The part without the "and", or the "then", that joins the next one to it."""
    words = without_trailing_next(part.words, rules)
    words = words[:-1] if ends_with_and(words, rules) else words
    return read_part(part, words, rules) if len(words) < len(part.words) else part


def _is_before_names(said: FieldReading, first: Reading, rules: Rules) -> bool:
    """Whether the first of several things begins with this field, or it is of the context."""
    texts = [word.text for word in first.words]
    begun = {name: one.words[0] for name, one in first.fields.items() if name in rules.identifying_fields and one.words}
    behind = [texts.index(word) for word in begun.values() if word not in said.words]
    return said.is_inherited or (said.words[0] in texts and texts.index(said.words[0]) < min(behind, default=0))
