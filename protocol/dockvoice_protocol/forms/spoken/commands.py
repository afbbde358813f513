"""Parses commands to the device: "yes", "scratch that", "how many waiting", "sign on ana".

A command is a whole utterance, except for hesitations around it: within a sentence the same words keep their usual
meaning. So words that name a field of a form are never a command. The wordings are in each language's file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as attribute
from functools import lru_cache
from itertools import chain
from typing import Literal

from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken.folding import Phrase, phrase
from dockvoice_protocol.forms.spoken.grammar import costs
from dockvoice_protocol.forms.spoken.grammar.lexicon import value_wordings
from dockvoice_protocol.forms.spoken.grammar.tokens import plain_texts, token_texts
from dockvoice_protocol.forms.spoken.language import ENGLISH, Language
from dockvoice_protocol.records import Act, Command, CommandTrait, FieldReading, FieldValue, Word


@dataclass(frozen=True, slots=True)
class ParsedCommand:
    """A parsed command: its act, the command, and a sign-on's name."""

    act: Act
    command: Command | None = None
    name: str | None = None  # The operator's name in a sign-on, as heard.


YES, _NO, CANCEL = ParsedCommand(Act.YES), ParsedCommand(Act.NO), ParsedCommand(Act.CANCEL)
_OF_COMMANDS = {command: ParsedCommand(Act.COMMAND, command) for command in Command}
NAMED: Mapping[str, ParsedCommand] = {"yes": YES, "no": _NO, "cancel": CANCEL} | {
    str(command): asked for command, asked in _OF_COMMANDS.items()
}
"""Commands by the name of their list in a language's file."""
FEW, TODAY, LACKING = "last_few", "tallies_of_today", "lacking"
"""Lists of phrases that ask for the last entries, today's totals, and the missing fields of the open entry."""
UNRECOGNISED_LISTS: Mapping[str, ParsedCommand] = {"cancels_open_entry": CANCEL, "deletions": CANCEL} | {
    command.lists.more: asked for command, asked in _OF_COMMANDS.items() if command.lists.more
}
"""Lists of further phrases. They stay out of recognisers' grammars, which mishear other words as expected ones."""
PHRASES_IN_GRAMMAR = 4  # Number of phrases of each list, from the first, in a recogniser's grammar.
_CACHE_SIZE = 128
"""Cache size of `possible_digit_strings`: each name at sign-on is compared with a roster, whole and in two parts."""
_LONGEST_PART = 3  # Words of a field's name in a question about it: "the trailer's seal number".
_CHANGE_PHRASES_IN_GRAMMAR = 3  # Number of phrases for a change of work, from the first, in a recogniser's grammar.
_TWICE = 2  # Repetitions in one utterance that confirm an exception without a question.


def parse_command(words: Sequence[Word], language: Language = ENGLISH) -> ParsedCommand | None:
    """Parse the whole utterance as a command; None where it is none."""
    said = _plain_phrase(words, language)
    known = _phrases_to_commands(language)
    if (asked := known.get(said)) is not None:
        return asked
    if _is_concatenation(said, _listed_phrases("yes", language)):
        return YES  # "Correct correct."
    for at in range(len(said) - 1, 0, -1):
        asked = known.get(said[:at])
        if asked is not None and asked.command is Command.SIGN_ON:
            return ParsedCommand(asked.act, asked.command, " ".join(said[at:]))
    return None


def words_after_sign_on(words: Sequence[Word], language: Language) -> str:
    """The words behind "sign on", hesitations included: French "ben" may be a name, which only a roster decides.

    Empty where there are none.
    """
    known = _phrases_to_commands(language)
    for size in range(len(words), 0, -1):
        asked = known.get(_plain_phrase(words[:size], language))
        whole = bool(_plain_phrase(words[size - 1 : size], language))  # No filler ends it.
        if whole and asked is not None and asked.command is Command.SIGN_ON:
            return " ".join(chain.from_iterable(phrase(word.text) for word in words[size:]))
    return ""


def without_courtesy(said: str, language: Language) -> str:
    """The text without "please" and the like at its end: they may also be in a name, which only a roster decides."""
    words, tails = phrase(said), language.words["closing_remarks"]
    return " ".join(words[: next((at for at in range(1, len(words)) if len(words) in tails.ends(words, at)), None)])


def speaker_name(words: Sequence[Word], language: Language) -> str:
    """The speaker's name in the utterance: "ana", "it's ana"."""
    said = _plain_phrase(words, language)
    ways = map(language.unelided, language.commands["presents"])
    return " ".join(said[max((len(one) for one in ways if said[: len(one)] == one), default=0) :])


def is_listed_command(name: str, words: Sequence[Word], language: Language) -> bool:
    """Whether the whole utterance is in this list of commands."""
    return _plain_phrase(words, language) in _listed_phrases(name, language)


def begins_with_no(words: Sequence[Word], language: Language) -> bool:
    """Whether the first word is a "no" by itself: "no, don't cancel it"."""
    return bool(words) and _plain_phrase(words[:1], language) in _listed_phrases("no", language)


def words_behind_yes(words: Sequence[Word], language: Language) -> tuple[Word, ...]:
    """The words behind a leading "yes"; none where it has no other, or does not begin so: "yes, cancel it"."""
    yes = _listed_phrases("yes", language)
    for size in range(len(words) - 1, 0, -1):
        if _is_concatenation(_plain_phrase(words[:size], language), yes):
            return tuple(words[size:])
    return ()


def parse_break_reason(words: Sequence[Word], language: Language) -> str | None:
    """The code of the reason for a pause; None where the utterance gives none."""
    return _phrases_to_break_reasons(language).get(_plain_phrase(words, language))


def is_complete_command(words: Sequence[Word], language: Language) -> bool:
    """Whether the words are a complete command, which need not wait for more: "say again", but not "no".

    A longer wording of the same command ("say again please") does not matter; "cancel" may be followed by an object.
    """
    said = _plain_phrase(words, language)
    known = _phrases_to_commands(language)
    if said not in known or known[said].command is Command.SIGN_ON or said in language.cues:
        return False
    longer = (asked for other, asked in known.items() if len(other) > len(said) and other[: len(said)] == said)
    return all(asked == known[said] and asked != CANCEL for asked in longer)


def parse_exception(words: Sequence[Word], form: Form, language: Language = ENGLISH) -> Mapping[str, FieldReading]:
    """The form's exception that the whole utterance says, once or twice: "damaged", "damaged damaged".

    Twice confirms it; once needs a confirmation.
    """
    said = _plain_phrase(words, language)
    for name, choice, one in _exception_phrases(form, language):
        times = len(said) // len(one)
        if times in {1, _TWICE} and said == one * times:
            sure = min(word.confidence for word in words)
            texts = tuple(word.text for word in words)
            return {name: FieldReading(choice, texts, sure, confirmed=times == _TWICE)}
    return {}


def _exception_phrases(form: Form, language: Language) -> Iterator[tuple[str, FieldValue, Phrase]]:
    """The form's exceptions: field, value, and each phrase for it."""
    for field in form.fields:
        for choice in field.choices if field.exception else ():
            yield from ((field.name, choice, phrase(way)) for way in value_wordings(choice, field, language))


def is_courtesy(words: Sequence[Word], language: Language = ENGLISH) -> bool:
    """Whether the utterance is only courtesies: "okay", "thank you", "yeah yeah okay", but not a mere "yes"."""
    said = _plain_phrase(words, language)
    if said in language.commands["courtesies"]:
        return True
    return _is_concatenation(said, _courtesy_phrases(language)) and not _is_concatenation(
        said, _listed_phrases("yes", language)
    )


def is_murmur(words: Sequence[Word], language: Language) -> bool:
    """Whether the utterance is only hesitations and murmurs: "uh huh", "come on"."""
    said = _plain_phrase(words, language)
    own = _courtesy_phrases(language) | _listed_phrases("murmurs", language)
    return bool(words) and (not said or _is_concatenation(said, own))


@lru_cache
def _courtesy_phrases(language: Language) -> frozenset[Phrase]:
    return _listed_phrases("yes", language) | _listed_phrases("courtesies", language)


def _is_concatenation(said: Phrase, phrases: frozenset[Phrase]) -> bool:
    """Whether the words are a concatenation of such phrases."""
    reached = {0}
    for at in range(len(said)):
        if at in reached:
            reached |= {end for end in range(at + 1, len(said) + 1) if said[at:end] in phrases}
    return len(said) in reached and bool(said)


def chosen_position(words: Sequence[Word], offered: int, language: Language) -> int | None:
    """The index of the one of `offered` values that the utterance chooses by position: "the last one"; None for none.

    "The other one" chooses of two alone. A bare number, "two", chooses none: it may be a value.
    """
    said = _plain_phrase(words, language)
    little, is_number = (
        [language.words[role] for role in ("links", "after_label", "closing_remarks")],
        language.numerals.is_part,
    )
    if any(map(is_number, said)) and all(is_number(word) or any((word,) in one for one in little) for word in said):
        return None
    end = offered - 1
    places = {"first": 0, "second": 1, "last": end} | ({"latter": end} if end == 1 else {})
    return next((at for name, at in places.items() if said in language.commands[name]), None)


def says_next(words: Sequence[Word], language: Language) -> bool:
    """Whether the utterance begins or ends with a phrase for the next thing: "741 next"."""
    return split_at_listed("next_one", words, language) is not None


def says_all_is_well(words: Sequence[Word], language: Language) -> bool:
    """Whether the utterance answers that nothing is wrong: "nothing", "it's fine", "okay"."""
    nothing = _listed_phrases("nothing", language)
    ways = (words, without_cue(words, language))  # "sorry, it's fine"
    return any(is_courtesy(said, language) or _plain_phrase(said, language) in nothing for said in ways if said)


def parse_command_with_object(
    words: Sequence[Word], language: Language = ENGLISH, undone: Sequence[str] = ()
) -> tuple[ParsedCommand, tuple[Word, ...]] | None:
    """A command with an object, and the words of the object: "delete 742", "did I do 742"; None where it is none.

    The object may also come first or in the middle: "trailer 5501 is done", "where does 742 go". `undone`: the form's
    verbs that undo its work.
    """
    said, undoing = _without_hesitations(words, language), frozenset(language.unelided(phrase(one)) for one in undone)
    asking = _phrases_before_object(language) | dict.fromkeys(undoing, CANCEL)
    plain, begins = plain_texts(said, language)
    if (parts := _parse_field_question(said, language)) is not None:
        return parts
    for size in range(len(said) - 1, 0, -1):
        begun = plain[: begins[size]]
        if begun in language.cues and _is_after_pause(said, size):
            continue  # "Cancella, pallet 743."
        if (asked := asking.get(begun)) is not None:
            ends = asked.command.lists.ends if asked.command else ""
            return asked, _words_before(said[size:], _listed_phrases(ends, language), language)
    if words and words[-1].text.endswith("?"):
        return None  # "Trailer 5501 done?" asks.
    for asked, behind in (
        (_OF_COMMANDS[Command.TRAILER_DONE], _listed_phrases(Command.TRAILER_DONE.lists.ends, language)),
        (CANCEL, _cancellations(language) | undoing),
    ):
        named = _words_before(said, behind, language)
        if len(named) < len(said) and not (asked == CANCEL and _is_after_pause(said, len(named))):
            return asked, named
    return None


def _parse_field_question(said: tuple[Word, ...], language: Language) -> tuple[ParsedCommand, tuple[Word, ...]] | None:
    """A question about one field of an entry, and the words of the entry: "what was the seal on trailer 5501"."""
    words, table = _plain_phrase(said, language), language.table["commands"]
    for asked, way in (
        (one, way) for command, one in _OF_COMMANDS.items() for way in table.get(command.lists.field_questions, ())
    ):
        before, after = (language.unelided(phrase(part)) for part in way.split("*"))
        for at in range(len(before) + 1, len(before) + _LONGEST_PART + 1) if words[: len(before)] == before else ():
            if words[at : at + len(after)] == after and len(words) == len(said) > at + len(after):
                return asked, said[at + len(after) :]
    return None


@lru_cache
def _phrases_before_object(language: Language) -> dict[Phrase, ParsedCommand]:
    # Of the cues of a correction ("scratch that") only verbs have an object: "cancella".
    verbs = _listed_phrases("deleting", language)
    naming = {
        one: asked for command, asked in _OF_COMMANDS.items() for one in _listed_phrases(command.lists.named, language)
    }
    cancelling = {one for one, asked in _phrases_to_commands(language).items() if asked == CANCEL}
    return naming | dict.fromkeys(cancelling - language.cues | verbs, CANCEL)


def _is_after_pause(said: Sequence[Word], at: int) -> bool:
    """Whether a pause of a comma's length or more precedes a word."""
    return said[at].start - said[at - 1].end >= costs.COMMA_S


@lru_cache
def may_end_order_to_close(word: Word, language: Language) -> bool:
    """Whether an order to close a trailer may end with this word: "done"."""
    return not _last_words_of_closing(language).isdisjoint(_plain_phrase((word,), language))


@lru_cache
def _last_words_of_closing(language: Language) -> frozenset[str]:
    lists = Command.TRAILER_DONE.lists
    return frozenset(said[-1] for name in (Command.TRAILER_DONE.value, lists.ends) for said in language.commands[name])


def _listed_phrases(name: str, language: Language) -> frozenset[Phrase]:
    """The phrases of this list of commands, without elisions; none for ""."""
    return frozenset() if not name else frozenset(map(language.unelided, language.commands[name]))


@lru_cache
def _cancellations(language: Language) -> frozenset[Phrase]:
    """The phrases that cancel the entry named right before them: German "Palette 743 löschen"."""
    return frozenset(one for name in ("cancel", "deletions") for one in _listed_phrases(name, language)) - language.cues


def _words_before(said: tuple[Word, ...], ends: frozenset[Phrase], language: Language) -> tuple[Word, ...]:
    """The words before the longest of these phrases at their end; all words where there is none, or nothing before."""
    plain, begins = plain_texts(said, language)
    return next((said[:at] for at in range(1, len(said)) if plain[begins[at] :] in ends), said)


def begins_with_cancellation(words: Sequence[Word], language: Language) -> bool:
    """Whether the utterance begins with a cancellation of an object: "cancel pallet seven four two".

    Phrases that are cues too, "scratch that", do not count: they announce a correction. "Please" and the like may come
    first.
    """
    known = _phrases_to_commands(language)
    begun = _prefixes_past_courtesies(words, language)
    return any(known[one].act is Act.CANCEL for one in begun if one in known and one not in language.cues)


def cancels_after_no(words: Sequence[Word], language: Language) -> bool:
    """Whether a cancellation follows a leading "no", with words that name nothing: "no, cancel that, it stays here"."""
    said, first = _plain_phrase(_without_hesitations(words, language), language), _cue_length(words, language)
    if not first or sum(map(language.may_be_in_identifier, said)) > 1:  # "that one stays here" holds a number
        return False
    ways = {one for one, asked in _phrases_to_commands(language).items() if asked == CANCEL}
    begun = (said[at:end] for at in range(first + 1) for end in range(at + 1, len(said) + 1))
    return any(part in ways for part in (*begun, *(said[at:] for at in range(first, len(said)))))


def cancels_open_entry(words: Sequence[Word], language: Language) -> bool:
    """Whether a cancellation begins with a phrase for the open entry alone: "never mind".

    "Forget the last one" is of an entry that may be on record.
    """
    opens = _listed_phrases("cancels_open_entry", language)
    begun = _prefixes_past_courtesies(words, language)
    return not is_listed_command("deletions", words, language) and any(one in opens for one in begun)


def is_correction(words: Sequence[Word], language: Language) -> bool:
    """Whether the utterance begins with a cue ("no, fifteen units"), or `corrects_named_thing`."""
    return _cue_length(_without_hesitations(words, language), language) > 0 or corrects_named_thing(words, language)


def corrects_named_thing(words: Sequence[Word], language: Language) -> bool:
    """Whether the utterance corrects the value of a thing that it names: "pallet 742 was actually fourteen"."""
    said, listed = token_texts(words, language), language.words
    numbers = [at for at, word in enumerate(said) if word.isdigit() or language.numerals.is_part(word)]
    changes = max(listed["changes"].ends(said, 0), default=0) > max(listed["openings"].ends(said, 0), default=0)
    roles = ("corrects_to", "changes_to") if changes else ("corrects_to",)
    named = range(numbers[0] + 1, len(said)) if numbers else ()
    ends = {end for role in roles for at in named for end in listed[role].ends(said, at)}
    ends |= {end for at in ends for end in listed["corrects_to_again"].ends(said, at)}
    return not ends.isdisjoint(numbers)


def leading_cue(words: Sequence[Word], language: Language) -> tuple[Word, ...]:
    """The cue of a correction at the beginning of the utterance."""
    said = _without_hesitations(words, language)
    return said[: len(said) - len(without_cue(words, language))]


def without_cue(words: Sequence[Word], language: Language) -> tuple[Word, ...]:
    """The words without hesitations and leading cues."""
    left = _without_hesitations(words, language)
    while left:
        size = _cue_length(left, language)
        if not size:
            break
        left = left[size:]
    return left


def last_entry_cue(words: Sequence[Word], language: Language) -> tuple[Word, ...]:
    """The leading cue of a correction of the previous entry: "the last one was eleven"; empty where there is none."""
    announced, pointing = leading_cue(words, language), (*language.words["last_one"], *language.words["that_one"])
    said = token_texts(announced, language)
    return announced if any(said[-len(one) :] == one for one in pointing) else ()


def names_by_position(words: Sequence[Word], values: Iterable[Sequence[str]], language: Language) -> bool:
    """Whether the words name an entry by its position, "the first one", and not within one of the `values`: a day."""
    said, ways = token_texts(words, language), language.words["which_one"]
    known = [phrase(" ".join(value)) for value in values]
    found = (said[at:end] for at in range(len(said)) for end in ways.ends(said, at))
    return any(not any(_contains(value, one) for value in known) for one in found)


def _contains(said: Phrase, part: Phrase) -> bool:
    return any(said[at : at + len(part)] == part for at in range(len(said)))


def words_behind_pointer(
    words: Sequence[Word],
    language: Language,
    pointing: Literal["that_one", "this_one", "where_it_is", "where_others_are"] = "that_one",
) -> tuple[Word, ...]:
    """The words behind a phrase that points at what was named last: "that was thirteen"; empty without one."""
    said = _without_hesitations(words, language)
    ways = (said[size:] for size in range(len(said)) if token_texts(said[:size], language) in language.words[pointing])
    return next(ways, ())


def without_part_reference(words: Sequence[Word], language: Language) -> tuple[Word, ...]:
    """The words without a reference to the things counted before: "two of those were damaged" gives "two damaged"."""
    said, starts = plain_texts(words, language)
    ways = sorted(language.words["of_those"], key=len, reverse=True)
    inner = starts[1:-1]  # A count precedes it, a word of the form follows.
    found = ((at, at + len(one)) for at in inner for one in ways if said[at : at + len(one)] == one)
    begins, ends = next(((at, end) for at, end in found if end in inner), (0, 0))
    return tuple(one for one, at in zip(words, starts, strict=False) if not begins <= at < ends)


def begins_with_last_one(words: Sequence[Word], language: Language) -> bool:
    """Whether the words begin with "the last one" or the like, which may be the previous entry or the coming one."""
    said = token_texts(_without_hesitations(words, language), language)
    return any(said[: len(one) - 1] == one[:-1] for one in language.words["last_one"])


def names_last_one(words: Sequence[Word], language: Language) -> bool:
    """Whether the words have "the last one" or the like in them: "scratch the last one"."""
    said = token_texts(words, language)
    return any(_contains(said, one[:-1]) for one in language.words["last_one"])


def contains_check(words: Sequence[str], checks: Collection[str], language: Language) -> bool:
    """Whether the words of a place hold one of its `checks` behind its cue: "dock B, check 47"."""
    said = tuple(one for word in words for one in phrase(word))
    cues = [end for at in range(len(said)) for end in language.words["checks"].ends(said, at)]
    spans = [said[at:end] for at in cues for end in range(at + 1, len(said) + 1)]
    return any(check == " ".join(one) or check in _spelt_digits(one, language) for check in checks for one in spans)


def is_check(words: Sequence[Word], check: str, language: Language) -> bool:
    """Whether the words are exactly the check word or digits `check`, with or without what leads to them."""
    return any(check == " ".join(said) or check in _spelt_digits(said, language) for said in _answers(words, language))


def may_be_check(words: Sequence[Word], check: str, language: Language) -> bool:
    """Whether the words may be meant as a check like `check`: where that is of digits, they are nothing but digits."""
    return not check.isdecimal() or any(_spelt_digits(said, language) - {""} for said in _answers(words, language))


def _answers(words: Sequence[Word], language: Language) -> list[Phrase]:
    """The words behind each of the phrases that may lead to an answer: "yes, check digits 47", "it's 47"."""
    said = token_texts(words, language)
    found = [0]
    for at in found:  # It grows meanwhile.
        ends = {end for role in _BEFORE_CHECK for end in language.words[role].ends(said, at)}
        ends |= {at + len(one) for one in _courtesy_phrases(language) if said[at : at + len(one)] == one}
        found += sorted(ends - {*found})
    return [said[at:] for at in found]


_BEFORE_CHECK = ("checks", "openings", "repeats", "after_label")  # Lists of phrases that may lead to a check.


def _spelt_digits(said: Sequence[str], language: Language) -> set[str]:
    """The digit strings that all the words together may say."""
    reached: dict[int, set[str]] = {0: {""}}
    for at in range(len(said)):
        for group in language.numerals.groups(said, at) if at in reached else ():
            reached.setdefault(group.end, set()).update(before + group.text for before in reached[at])
    return reached.get(len(said), set())


@dataclass(frozen=True, slots=True)
class _WorkNamed:
    """An utterance that names a work, or asks to change to one."""

    role: str  # `name`: a bare "counting"; `bid`: "I'm counting"; `switch`: "switch to counting".
    said: str = attribute(repr=False)  # The words in the place of the name.
    form: str | None  # The available form of that name, or None.


def parse_work(words: Sequence[Word], forms: Iterable[Form], language: Language) -> _WorkNamed | None:
    """The work that the whole utterance names; None where it names none.

    A name without an available form counts only behind a `switch` phrase.
    """
    return _parse_work_phrase(_plain_phrase(words, language), forms, language)


def split_sign_on(name: str, forms: Sequence[Form], language: Language) -> tuple[str, str] | None:
    """The operator and the form in a sign-on with a work: "ben counting"; None where no form is named."""
    said = tuple(name.split())
    for at in range(1, len(said)):
        work = _parse_work_phrase(said[at:], forms, language)
        if work is not None and work.form is not None:
            return " ".join(said[:at]), work.form
    return None


def _parse_work_phrase(said: Phrase, forms: Iterable[Form], language: Language) -> _WorkNamed | None:
    named = {language.unelided(phrase(one)): form.name for form in forms for one in form.spoken_names(language.code)}
    for role, before, after in (("name", (), ()), *_phrases_around_work(language)):
        if len(said) <= len(before) + len(after) or said[: len(before)] != before:
            continue
        if said[len(said) - len(after) :] != after:
            continue
        name = said[len(before) : len(said) - len(after)]
        if name not in named and name[0] in language.articles:
            name = name[1:]
        if name in named:
            return _WorkNamed(role, " ".join(name), named[name])
        if role == "switch" and name:
            inner = _parse_work_phrase(name, forms, language)  # "switch to counting, please"
            return _WorkNamed(role, " ".join(name), None if inner is None else inner.form)
    return None


@lru_cache
def _phrases_around_work(language: Language) -> tuple[tuple[str, Phrase, Phrase], ...]:
    """The words around the name of a work, with their role; `switch` first, then the longest."""
    listed = [
        (role, language.unelided(before), language.unelided(after))
        for role, ways in language.works.items()
        for before, after in ways
    ]
    return tuple(sorted(listed, key=lambda one: (one[0] != "switch", -len(one[1]) - len(one[2]))))


def form_choice_phrases(forms: Sequence[Form], language: Language = ENGLISH) -> tuple[str, ...]:
    """Phrases for a recogniser that name each of several works, or ask which is active; none for a single work."""
    if len(forms) == 1:
        return ()
    bids = [one.replace("*", "").strip() for one in language.table["works"]["switch"] if one.endswith("*")][
        :_CHANGE_PHRASES_IN_GRAMMAR
    ]
    names = [name for form in forms for name in form.spoken_names(language.code)]
    asking = map(" ".join, language.commands[str(Command.WHICH_WORK)][:PHRASES_IN_GRAMMAR])
    return (*names, *(f"{bid} {name}" for name in names for bid in bids), *asking)


def command_phrases(
    names: Sequence[str] = (), language: Language = ENGLISH, *, trailers: bool = False
) -> tuple[str, ...]:
    """Phrases of each command for a recogniser, with sign-ons of the operators in `names`.

    `trailers`: include the commands of unloading a trailer.
    """
    plain: list[str] = []
    signing: list[str] = []
    for name, asked in NAMED.items():
        traits = CommandTrait(0) if asked.command is None else asked.command.traits
        if CommandTrait.UNEXPECTED in traits or (CommandTrait.OF_TRAILER in traits and not trailers):
            continue
        ways_to_say = [" ".join(said) for said in language.commands[name][:PHRASES_IN_GRAMMAR]]
        (signing if asked.command is Command.SIGN_ON else plain).extend(ways_to_say)
    plain.extend(" ".join(reason[0]) for reason in language.breaks.values())  # with more, "say again" is misheard
    spoken = [speak_name(name, language) for name in names]
    return (*plain, *(f"{phrase} {name}" for phrase in signing for name in spoken))


@lru_cache(maxsize=_CACHE_SIZE)
def possible_digit_strings(said: str, language: Language) -> frozenset[str]:
    """The digit strings that all the words together may say: "one four", "fourteen" and "14" give "14"."""
    return frozenset(_spelt_digits(phrase(said), language))


def speak_name(name: str, language: Language) -> str:
    """A name as it is said: a number digit by digit, in words that every recogniser knows."""
    numbers = language.table["numbers"]
    digits = {"0": numbers["zeros"][0]} | dict(one.split()[:2] for one in numbers["words"])
    return " ".join(digits[digit] for digit in name) if name.isdecimal() and name.isascii() else name


def wording(asked: ParsedCommand, language: Language = ENGLISH) -> str:
    """The first phrase of a command."""
    name = next(name for name, other in NAMED.items() if (other.act, other.command) == (asked.act, asked.command))
    said: str = language.table["commands"][name][0]
    return said


@lru_cache
def _phrases_to_commands(language: Language) -> Mapping[Phrase, ParsedCommand]:
    known = {said: asked for name, asked in UNRECOGNISED_LISTS.items() for said in _listed_phrases(name, language)}
    known |= dict.fromkeys(_phrases_to_break_reasons(language), _OF_COMMANDS[Command.PAUSE])
    return known | {said: asked for name, asked in NAMED.items() for said in _listed_phrases(name, language)}


@lru_cache
def _phrases_to_break_reasons(language: Language) -> Mapping[Phrase, str]:
    return {language.unelided(said): reason for reason, ways in language.breaks.items() for said in ways}


def _prefixes_past_courtesies(words: Sequence[Word], language: Language) -> Iterator[Phrase]:
    """All prefixes of the words, and of the words behind "please" and the like."""
    said = _plain_phrase(words, language)
    while said:
        yield from (said[:size] for size in range(1, len(said) + 1))
        if not any(said[:1] in language.words[role] for role in ("links", "openings", "closing_remarks")):
            return
        said = said[1:]


def _plain_phrase(words: Sequence[Word], language: Language) -> Phrase:
    return language.unelided(token_texts(words, language))


def _without_hesitations(words: Sequence[Word], language: Language) -> tuple[Word, ...]:
    return tuple(word for word in words if token_texts((word,), language))


_REMARKS = ("openings", "addresses", "closing_remarks")
"""Lists of phrases around an entry, of which one may begin with the words of a cue: "sorry for the noise"."""


def _cue_length(words: Sequence[Word], language: Language) -> int:
    """The number of words in the longest leading cue; 0 for none, and for "back to", which corrects nothing.

    So it is where the cue begins a remark, "sorry for the noise", or a remark follows: "no thanks" answers somebody.
    """
    begun: Phrase = ()
    longest, cue = 0, 0
    for size, word in enumerate(words, start=1):
        begun += token_texts((word,), language)
        if begun in _return_phrases(language):
            return 0
        if begun in language.cues:
            longest, cue = size, len(begun)
    if not cue:
        return 0
    remarks = (end for name in _REMARKS for end in language.words[name].ends(begun, 0))
    answers = language.words["closing_remarks"].ends(begun, cue)
    return 0 if answers or max(remarks, default=0) > cue else longest


@lru_cache
def _return_phrases(language: Language) -> frozenset[Phrase]:
    """The phrases for "back to"."""
    return frozenset(language.unelided(phrase(one.partition("*")[0])) for one in language.table["works"]["back"])


_Parted = tuple[Sequence[Word], Sequence[Word]]  # The words of a phrase, and the other words.


def split_at_same_place(
    words: Sequence[Word], form: Form, language: Language, asked: str | None = None
) -> tuple[str, Sequence[Word], Sequence[Word]] | None:
    """The field of a place that is the same as before, the words for that, and the other words; None for none.

    The phrase must begin or end the utterance: removing it would else join words that were apart. Where `asked` is a
    place, "the same" is enough; where it identifies a thing, "that one" is too.
    """
    said, alike = plain_texts(words, language)[0], _standalone_same_phrases(language)
    if asked in form.identifies and (said in alike or said in language.commands["same_one"]):
        return asked, words, ()
    if asked is not None and form[asked].is_place and said in alike:
        return asked, words, ()
    found = _split_at_phrase(words, _same_place_phrases(form, language), language)
    return None if found is None else (found[0], *found[1])


def split_at_listed(
    name: Literal["from_now_on", "same_again", "next_one", "instead_one", "beside_one"],
    words: Sequence[Word],
    language: Language,
) -> _Parted | None:
    """The words of a leading or trailing phrase of this list, and the other words; None where there is none."""
    found = _split_at_phrase(words, dict.fromkeys(_listed_phrases(name, language), ""), language)
    return None if found is None else found[1]


def _split_at_phrase(
    words: Sequence[Word], ways: Mapping[Phrase, str], language: Language
) -> tuple[str, _Parted] | None:
    """The meaning of the longest phrase that ends the words, else begins them, and the words split at it; or None."""
    said, begins = plain_texts(words, language)
    for at in range(len(words)):
        if (meant := ways.get(said[begins[at] :])) is not None:
            return meant, (words[at:], words[:at])
    for at in range(len(words), 0, -1):
        if (meant := ways.get(said[: begins[at]])) is not None:
            return meant, (words[:at], words[at:])
    return None


@lru_cache
def _standalone_same_phrases(language: Language) -> frozenset[Phrase]:
    before, after = _phrases_around(language)
    return frozenset(language.unelided((*one, *other)) for one in before for other in after)


@lru_cache
def _same_place_phrases(form: Form, language: Language) -> dict[Phrase, str]:
    before, after = _phrases_around(language)
    return {
        language.unelided((*one, *phrase(label), *other)): field.name
        for field in form.fields
        if field.is_place
        for label in field.wording(language.code).labels
        for one in before
        for other in after
    }


def _phrases_around(language: Language) -> tuple[Sequence[Phrase], Sequence[Phrase]]:
    return language.commands["same"], ((), *language.commands["as_before"])
