"""`dockvoice forms`: what can be dictated, which words operators use that no form knows, and adding one."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache
from itertools import islice
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dockvoice_protocol.errors import ManyFaults, Misconfigured, StorageFailed, UnreadableInput, describe_os_error
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import form_files_by_name, load_form, load_forms
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken import check_speakable as check_sayable
from dockvoice_protocol.forms.spoken import generate_sentences, read_fields, vocabulary
from dockvoice_protocol.forms.spoken.grammar.tokens import token_texts
from dockvoice_protocol.forms.spoken.kinds import KINDS
from dockvoice_protocol.forms.spoken.language import ENGLISH, language_named
from dockvoice_protocol.forms.spoken.reader import cached_lexicon, make_timed_words
from dockvoice_protocol.languages import LANGUAGES
from dockvoice_protocol.records import FieldReading, FieldValue, Word, as_text
from dockvoice_protocol.terminal import EXIT_CODES, log_warnings_to_stderr, print_lines
from dockvoice_protocol.terminal.choices import choice_option
from dockvoice_protocol.terminal.tables import make_folding_table, pluralize, print_tables
from edge.agent.learning import (
    HarmKind,
    UtteranceChange,
    WordRole,
    add_word_to_form,
    count_unknown_phrases,
    find_changes_in_recordings,
    find_verdict_changes,
)
from edge.agent.parts import load_current_rules, load_named_form, make_rules
from edge.agree.decide import Rules, decide
from edge.cli import AsJson, Config, FormName, State, load_settings_with_options
from edge.cli.parse import as_json as parse_json
from edge.cli.parse import parse_as_text, parse_sentence
from edge.cli.reports import Since, parse_moment
from edge.cli.sayings import judge_sayings
from edge.config import Settings
from edge.keep.journal import Journal
from edge.keep.readings import ModelReadings, ReadUtterance
from edge.ports import Interpreter
from edge.records import Verdict
from edge.understand.llm.tool import tool_definition
from edge.understand.local.factory import find_weights, make_recogniser
from edge.understand.local.respelling import find_respellings, known_pronunciations, parse_phonemes
from edge.understand.local.vosk import make_vocabulary_test

_NO_VALUE = "no value"
_PROPOSED = 8  # Respellings that are shown.
_MOST = 1000  # Unknown words, or changes: more than anybody looks at.

_Name = Annotated[str, typer.Argument(metavar="NAME", help="A name from `dockvoice forms list`.")]

commands = typer.Typer(help="The forms that can be dictated.", no_args_is_help=True)


@commands.command("list", epilog=EXIT_CODES)
def _forms_list(config: Config = None, as_json: AsJson = False) -> None:
    """The forms that can be dictated, and their fields."""
    found = load_forms(load_settings_with_options(config).forms_directory)
    table = Table("form", "title", "fields", box=SIMPLE_HEAD)
    for form in found.values():
        fields = [field.name for field in form.fields]
        if as_json:
            print_lines(json.dumps({"name": form.name, "title": form.title, "fields": fields}))
        table.add_row(form.name, form.title, ", ".join(fields))
    if not as_json:
        print_tables(table)


@commands.command("kinds", epilog=EXIT_CODES)
def _forms_kinds(as_json: AsJson = False) -> None:
    """The spoken kinds of field: what each holds, and how it is said.

    A form names one as `spoken` of a field.
    """
    table = Table("spoken", "value", "said, for instance", box=SIMPLE_HEAD)
    for kind in KINDS.values():
        if as_json:
            print_lines(json.dumps({"name": kind.name, "holds": kind.holds, "said": kind.said}))
        table.add_row(kind.name, kind.holds, kind.said)
    if not as_json:
        print_tables(table)


@commands.command("unknown", short_help="Words that operators use and no form knows.", epilog=EXIT_CODES)
def _forms_unknown(
    since: Since = "30d",
    limit: Annotated[int, typer.Option("--limit", min=1, max=_MOST, metavar="N", help="So many, at most.")] = 20,
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """What operators said and no form explains, beside figures: "door #", 14 times; # is a number or a letter.

    From the words of all who read it: a recogniser of this device hears no word that it does not know, so these come
    from what was typed, from models and from second readers. `dockvoice forms add-word` adds one. Works beside a
    running agent. With --json: a line for each.
    """
    settings = load_settings_with_options(config, state=state)
    with Journal.inspect(settings.state) as journal:
        found = count_unknown_phrases(journal.readings.read_since(parse_moment(since)), _rules_by_form(settings))[
            :limit
        ]
    if as_json:
        for one in found:
            print_lines(json.dumps(asdict(one), ensure_ascii=False))
        return
    table = make_folding_table("said", "form", "times", "recorded", "lacking", "the latest")
    for one in found:
        counts = (str(one.times), str(one.recorded))
        table.add_row(*map(Text, (one.phrase, one.form, *counts, ", ".join(one.lacking), one.examples[-1])))
    print_tables(table)


@commands.command("add-word", short_help="A form with one more word, tried on all of the journal.", epilog=EXIT_CODES)
def _forms_add_word(
    form: Annotated[str, typer.Argument(metavar="FORM", help="A name from `dockvoice forms list`.")],
    word: Annotated[str, typer.Argument(metavar="WORD", help="What operators say, one word or a few.")],
    field: Annotated[str, typer.Option("--field", metavar="NAME", help="The field that it is about.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="What is to be made: NAME.schema.json.")],
    kind: Annotated[
        WordRole, choice_option(WordRole, "--as", help="Opens the field, or is a unit of it.")
    ] = WordRole.LABEL,
    means: Annotated[str, typer.Option(metavar="CODE", help="Of a unit that another field holds, its code: CS.")] = "",
    language: Annotated[str, typer.Option(metavar="TAG", help=f"Its language: {', '.join(LANGUAGES)}.")] = "en",
    since: Since = "90d",
    hear: Annotated[bool, typer.Option("--hear", help="Read the recordings again too; some 0.3 s for each.")] = False,
    anyway: Annotated[bool, typer.Option("--anyway", help="Make the file also where an entry would change.")] = False,
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Make the form's file with one more word, after all that the journal has was read with it and without it.

    What would change is shown, what does harm first: `record`, another entry than that on record; `lost`, no entry by
    itself any more; `other`; `gained`, more is understood. Where an entry on record would change no file is made, and
    the exit code is 1. Give the file to the devices and the inventory in the place of the one before.
    """
    log_warnings_to_stderr()
    settings = load_settings_with_options(config, state=state)
    if language not in LANGUAGES:
        raise typer.BadParameter(f"found {language!r}, allowed is {', '.join(LANGUAGES)}", param_hint="--language")
    files, known = form_files_by_name(settings.forms_directory), load_named_form(settings, form)
    text = add_word_to_form(files[known.name], field, kind, word, language, means)
    catalogue = Catalogue.load(settings.catalogue_directory)
    before = replace(make_rules(settings, known, catalogue), language=language_named(language))
    after = replace(before, form=_load_new_form(text, known.name, catalogue))
    with Journal.inspect(settings.state) as journal:
        past = [one for one in journal.readings.read_since(parse_moment(since)) if _uses_form(one, before, settings)]
        changes = find_verdict_changes(past, before, after)
        if hear:
            readers = (_reader_of_recordings(settings, one, journal.readings) for one in (before, after))
            changes = [*asyncio.run(find_changes_in_recordings(past, *readers)), *changes]
    harmful = sum(one.harm is HarmKind.RECORD for one in changes)
    _print_changes(changes, len(past), as_json=as_json)
    if harmful and not anyway:
        print_lines(
            f"{pluralize(harmful, 'entry', 'entries')} on record would be another: {out} is not made; see --anyway"
        )
        raise typer.Exit(1)
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as fault:
        raise StorageFailed(f"{out}: {describe_os_error(fault)}; name a file that can be written") from None


@commands.command("respell", short_help="Known words that sound like one that is not known.", epilog=EXIT_CODES)
def _forms_respell(
    word: Annotated[str, typer.Argument(metavar="WORD", help="What people say, one word or a few: zwinger.")],
    sounds: Annotated[
        list[str] | None,
        typer.Option(metavar="PHONEMES", help='How it sounds, in ARPAbet: "Z W IH NG ER"; repeatable.'),
    ] = None,
    said_as: Annotated[
        str | None, typer.Option("--as", metavar="WORDS", help="Instead: whether these words would do.")
    ] = None,
    form: FormName = None,
    config: Config = None,
) -> None:
    """Find known words that sound like a word that the on-device recogniser does not know.

    Its vocabulary is closed. What it lacks is given beside the word as one more way to say the value, in the column
    `spoken` of a list: zwinger|swinger. Published, devices have it from the next utterance on. Proposed are words that
    mean nothing else in the form. Say it yourself before you use it: dictate it, or try a recording by `replay`.
    """
    settings = load_settings_with_options(config, form=form)
    if (weights := find_weights(settings, ENGLISH)) is None:
        raise Misconfigured(
            f"understand.model = {settings.understand.model!r}: no weights of vosk for English are here"
        )
    knows = make_vocabulary_test(weights)
    fault = _respelling_faults(load_current_rules(settings, settings.forms.active), knows)
    if said_as is not None:
        if faults := list(filter(None, map(fault, said_as.lower().split()))):
            raise Misconfigured(f"{word!r} as {said_as!r}: {'; '.join(faults)}; allowed are known words without one")
        print_lines(f"it will do: {word}|{said_as}, in the column `spoken` of its list")
    elif knows(word.lower()):
        print_lines(f"the recogniser knows {word!r}: it needs no other words")
    else:
        _propose_respellings(word.lower(), sounds or [], lambda one: fault(one) is None)


def _respelling_faults(rules: Rules, knows: Callable[[str], bool]) -> Callable[[str], str | None]:
    """Why a word cannot be part of a respelling; None where it can."""
    means, lexicon = vocabulary(rules.form, rules.catalogue), cached_lexicon(rules.form, rules.catalogue, ENGLISH)

    def fault(one: str) -> str | None:
        if not knows(one):
            return f"the recogniser does not know {one!r}"
        is_hesitation = not token_texts([Word(one, 0.0, 1.0, 1.0)], ENGLISH)
        has_meaning = is_hesitation or one in means or lexicon.uses((one,))
        return f"{one!r} has a meaning in {rules.form.name}" if has_meaning else None

    return fault


def _propose_respellings(word: str, sounds: Sequence[str], usable: Callable[[str], bool]) -> None:
    ways = [parse_phonemes(word, one) for one in sounds] or known_pronunciations(word)
    if not ways:
        raise Misconfigured(f"{word!r}: no dictionary here has its sounds; give them by --sounds, or words by --as")
    respellings = (one for way in ways for one in find_respellings(way, usable))
    found = sorted(respellings, key=lambda one: (one.cost, one.words))
    if not found:
        raise Misconfigured(f"{word!r}: no known words sound like it; choose another name")
    table = Table("write beside it", "differs by", box=SIMPLE_HEAD)
    for one in found[:_PROPOSED]:
        table.add_row(f"{word}|{one.words}", f"{one.cost:g}")
    print_tables(table)


@commands.command("check", epilog=EXIT_CODES)
def _forms_check(
    file: Annotated[Path, typer.Argument(metavar="FILE", readable=False, help="A form, a *.schema.json file.")],
    config: Config = None,
) -> None:
    """Check a form file: every keyword, label and spoken form.

    Its catalogues are taken from the settings' forms.catalogue: every value of theirs must be sayable and valid. All
    that is wrong is told at once, a line each: file, place in it, what was found, what is allowed.
    """
    if not file.is_file():
        raise UnreadableInput(f"{file}: no such file; a form is a file named NAME.schema.json")
    try:
        form = load_form(file)
        check_sayable(form, Catalogue.load(load_settings_with_options(config).catalogue_directory))
    except ManyFaults as found:
        if len(found.faults) == 1:
            raise
        for fault in found.faults:
            print_lines(f"{file}: {fault}")
        raise Misconfigured(f"{file}: {len(found.faults)} faults; how to write a form: schemas/README.md") from None
    print_lines(f"{file}: form {form.name!r} can be dictated, with {', '.join(field.name for field in form.fields)}")


@commands.command("tool", epilog=EXIT_CODES)
def _forms_tool(name: _Name, config: Config = None) -> None:
    """The form as the tool definition that a language model is given."""
    print_lines(json.dumps(tool_definition(load_named_form(load_settings_with_options(config), name)), indent=2))


@commands.command("schema", short_help="The form as plain JSON Schema, for every validator.", epilog=EXIT_CODES)
def _forms_schema(name: _Name, config: Config = None) -> None:
    """The form as plain JSON Schema 2020-12, without how it is spoken: what every validator takes, strict ones too."""
    print_lines(json.dumps(plain_schema(load_named_form(load_settings_with_options(config), name).schema), indent=2))


def plain_schema(schema: Any) -> Any:
    """The schema without our own keywords, which begin with x-; no field name can begin so."""
    if isinstance(schema, Mapping):
        return {name: plain_schema(value) for name, value in schema.items() if not name.startswith("x-")}
    return [plain_schema(one) for one in schema] if isinstance(schema, list) else schema


@commands.command("read", short_help="What a sentence says about each field of a form.", epilog=EXIT_CODES)
def _forms_read(
    text: Annotated[
        str | None,
        typer.Argument(metavar="[TEXT]", help="What was said, in words or figures, as a model would write it."),
    ] = None,
    form: FormName = None,
    language: Annotated[str, typer.Option(metavar="TAG", help=f"Its language: {', '.join(LANGUAGES)}.")] = "en",
    explain: Annotated[
        bool, typer.Option("--explain", help="What each word stands for, and in what other ways it may be understood.")
    ] = False,
    lines: Annotated[
        bool, typer.Option("--lines", help="Sayings from stdin, and what would be decided about each: JSON lines.")
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show what a sentence says about each field of a form, and which words say it.

    A field with several values, or with none, is asked for. Nothing is recorded.

    \b
    $ dockvoice forms read --explain "pallet 742, about twelve units, dock B"

    shows each word with what it stands for: a label, a value, a unit, a link, a remark, a correction, or nothing that
    is known; below it the cost of that explanation, and its rivals with the values in which they differ.

    \b
    $ echo '{"text": "pallet 742, twelve units, dock B"}' | dockvoice forms read --lines
    {"outcome": "accept", "fields": {"pallet_id": "742", "quantity": 12, "dock": "B"}, "ask": null, ...}

    tries a site's own sayings, one in each line. Besides its "text" a line may have "form" and "language", which are
    otherwise those of the options; "asked", the field that it answers the question for; and "held", the fields of an
    entry that was read back before: {"text": "no, fifteen", "held": {"pallet_id": "742", "quantity": 12, "dock": "B"}}.
    The outcome is accept, ask, repeat, ignore or command; "why" says it in words, with what was not understood. What is
    wrong with a line is told as its "error"; then the exit code is 1.
    """  # noqa: D301 - "\\b" tells click to leave the lines below it as they are
    if lines == (text is not None):
        found = "both TEXT and --lines" if lines else "neither TEXT nor --lines"
        raise typer.BadParameter(f"found {found}; allowed is one of them", param_hint="TEXT")
    if lines and explain:
        raise typer.BadParameter("found with --lines; allowed with TEXT alone", param_hint="--explain")
    chosen = load_settings_with_options(config, form=form)
    forms = load_forms(chosen.forms_directory)
    filled = load_named_form(chosen, chosen.forms.active)
    catalogue = Catalogue.load(chosen.catalogue_directory)
    try:
        spoken = language_named(language)
    except ValueError as fault:
        raise typer.BadParameter(str(fault), param_hint="--language") from None
    if lines:
        _answer_stdin(replace(make_rules(chosen, filled, catalogue), language=spoken), forms)
        return
    words = make_timed_words(text or "", filled, catalogue, spoken)
    readings = read_fields(words, filled, catalogue, spoken)
    output: dict[str, Any] = {
        name: {"value": reading.value, "rivals": reading.rivals, "words": reading.words}
        for name, reading in readings.items()
    }
    if explain:
        ways = parse_sentence(words, filled, catalogue, spoken)
        output = {"fields": output, **parse_json(ways)}
        drawing: RenderableType = Group(parse_as_text(ways), _reading_table(filled, readings))
    else:
        drawing = _reading_table(filled, readings)
    if as_json:
        print_lines(json.dumps(output, ensure_ascii=False))
    else:
        print_tables(drawing)


def _answer_stdin(usual: Rules, forms: Mapping[str, Form]) -> None:
    """Answer each line of stdin at once, so that another program may wait for it."""
    wrong = False
    for answer in judge_sayings(sys.stdin.buffer, usual, forms):
        wrong |= "error" in answer
        print_lines(json.dumps(answer))
        sys.stdout.flush()
    if wrong:
        raise typer.Exit(1)


@commands.command("examples", epilog=EXIT_CODES)
def _forms_examples(
    name: _Name,
    count: Annotated[int, typer.Option(min=1, max=10_000, metavar="N", help="How many.")] = 10,
    seed: Annotated[int, typer.Option(metavar="N", help="Another number, other sentences.")] = 1,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Sentences that operators may say for a form, and what each says."""
    chosen = load_settings_with_options(config)
    form, catalogue = load_named_form(chosen, name), Catalogue.load(chosen.catalogue_directory)
    check_sayable(form, catalogue)
    for sentence in islice(generate_sentences(form, catalogue, Random(seed)), count):  # noqa: S311 - sampling, not secrecy
        fields = dict(sentence.fields)
        if as_json:
            print_lines(json.dumps({"text": sentence.text, "fields": fields}))
        else:
            print_lines(f"{sentence.text}  ->  {form.readback(fields)}")


def _reading_table(form: Form, readings: Mapping[str, FieldReading]) -> Table:
    table = Table("field", "value", "words", "to be asked", box=SIMPLE_HEAD)
    for field in form.fields:
        reading = readings.get(field.name)
        if reading is None:
            table.add_row(field.name, "", "", "not said" if field.required else "")
        else:
            table.add_row(
                field.name, _values_text(reading), " ".join(reading.words), _doubt_text(form, field.name, reading)
            )
    return table


def _values_text(reading: FieldReading) -> str:
    if reading.value is None:
        return _NO_VALUE
    return " or ".join(as_text(value) for value in (reading.value, *reading.rivals))


def _doubt_text(form: Form, name: str, reading: FieldReading) -> str:
    if reading.value is None:
        return "the words make no one value"
    if reading.rivals:
        return "which of them"
    return "" if form[name].allows(reading.value) else "breaks a rule of the form"


# Words, and what a new one changes.


def _rules_by_form(settings: Settings) -> Callable[[ReadUtterance], Rules | None]:
    @cache
    def rules_in(form: str, language: str | None) -> Rules | None:
        try:
            rules = load_current_rules(settings, form)
        except Misconfigured:  # the form is not here any more
            return None
        return rules if language is None else replace(rules, language=language_named(language))

    return lambda one: rules_in(one.form, one.language)


def _uses_form(one: ReadUtterance, asked: Rules, settings: Settings) -> bool:
    own = make_rules(settings, asked.form, asked.catalogue).language.code
    return one.form == asked.form.name and (one.language or own) == asked.language.code


def _load_new_form(text: str, name: str, catalogue: Catalogue) -> Form:
    """Make the form of a file's text, and check that it can be spoken. Raises Misconfigured."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / f"{name}.schema.json"
        path.write_text(text, encoding="utf-8")
        form = load_form(path)
    check_sayable(form, catalogue)
    return form


def _reader_of_recordings(
    settings: Settings, by: Rules, readings: ModelReadings
) -> Callable[[str], Awaitable[Verdict | None]]:
    reads: Interpreter = make_recogniser(settings, by.form, by.catalogue)

    async def verdict_of(utterance_id: str) -> Verdict | None:
        utterance = readings.utterance_with_sound(utterance_id)
        if utterance is None or utterance.typed is not None:
            return None
        return decide(await reads.listen().finish(utterance), utterance.segment.closing, by)

    return verdict_of


def _print_changes(changes: Sequence[UtteranceChange], looked_at: int, *, as_json: bool) -> None:
    if as_json:
        for one in changes:
            print_lines(json.dumps(asdict(one), ensure_ascii=False))
        return
    table = make_folding_table("", "as it is", "with the word", "utterance")
    for one in changes[:_MOST]:
        table.add_row(*map(Text, (one.harm, _values_in_line(one.before), _values_in_line(one.after), one.utterance_id)))
    if changes:
        print_tables(table)
    print_lines(f"{pluralize(looked_at, 'utterance')} read with it and without it: {len(changes)} would change")


def _values_in_line(fields: Mapping[str, FieldValue]) -> str:
    return " ".join(f"{name}={as_text(value)}" for name, value in fields.items()) or "nothing"
