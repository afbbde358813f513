"""`dockvoice forms unknown` and `add-word`: words that operators use and a form does not know, and adding one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.text import Text

from edge.agent.learning import Change, Harm, Kind, trial, trial_heard, unknown_phrases, with_word
from edge.agent.parts import form_named, in_force, rules
from edge.agree.decide import Rules, decide
from edge.cli.options import AsJson, Config, State, settings
from edge.cli.output import line, log_warnings
from edge.cli.reports import Since, moment
from edge.config import Settings
from edge.errors import Misconfigured, StorageFailed, plainly
from edge.forms.catalogue import Catalogue
from edge.forms.loader import form_files, load_form
from edge.forms.model import Form
from edge.forms.spoken import LANGUAGES
from edge.forms.spoken import check as check_sayable
from edge.forms.spoken.language import language_named
from edge.keep.journal import Journal
from edge.keep.readings import ModelReadings, ReadBefore
from edge.ports import Interpreter
from edge.records import FieldValue, Verdict, written
from edge.terminal.tables import folding, many, show
from edge.understand.local.factory import recogniser

MOST = 1000  # More than anybody looks at.


def unknown(
    since: Since = "30d",
    limit: Annotated[int, typer.Option("--limit", min=1, max=MOST, metavar="N", help="So many, at most.")] = 20,
    config: Config = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """What operators said and no form explains, beside figures: "door #", 14 times; # is a number or a letter.

    From the words of all who read it: a recogniser of this device hears no word that it does not know, so these come
    from what was typed, from models and from second readers. `dockvoice forms add-word` adds one. Works beside a
    running agent. With --json: a line for each.
    """
    given = settings(config, state=state)
    with Journal.inspect(given.state) as journal:
        found = unknown_phrases(journal.readings.read_since(moment(since)), _rules_of(given))[:limit]
    if as_json:
        for one in found:
            line(json.dumps(asdict(one), ensure_ascii=False))
        return
    table = folding("said", "form", "times", "recorded", "lacking", "the latest")
    for one in found:
        counts = (str(one.times), str(one.recorded))
        table.add_row(*map(Text, (one.phrase, one.form, *counts, ", ".join(one.lacking), one.examples[-1])))
    show(table)


def add_word(
    form: Annotated[str, typer.Argument(metavar="FORM", help="A name from `dockvoice forms list`.")],
    word: Annotated[str, typer.Argument(metavar="WORD", help="What operators say, one word or a few.")],
    field: Annotated[str, typer.Option("--field", metavar="NAME", help="The field that it is about.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="What is to be made: NAME.schema.json.")],
    kind: Annotated[Kind, typer.Option("--as", help="Opens the field, or is a unit of it.")] = Kind.LABEL,
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
    log_warnings()
    given = settings(config, state=state)
    if language not in LANGUAGES:
        raise typer.BadParameter(f"found {language!r}, allowed is {', '.join(LANGUAGES)}", param_hint="--language")
    files, known = form_files(given.forms_directory), form_named(given, form)
    text = with_word(files[known.name], field, kind, word, language, means)
    catalogue = Catalogue.load(given.catalogue_directory)
    before = replace(rules(given, known, catalogue), language=language_named(language))
    after = replace(before, form=_loaded(text, known.name, catalogue))
    with Journal.inspect(given.state) as journal:
        past = [one for one in journal.readings.read_since(moment(since)) if _is_of(one, before, given)]
        changes = trial(past, before, after)
        if hear:
            readers = (_hearing(given, one, journal.readings) for one in (before, after))
            changes = [*asyncio.run(trial_heard(past, *readers)), *changes]
    harmful = sum(one.harm is Harm.RECORD for one in changes)
    _tell(changes, len(past), as_json=as_json)
    if harmful and not anyway:
        line(f"{many(harmful, 'entry', 'entries')} on record would be another: {out} is not made; see --anyway")
        raise typer.Exit(1)
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as fault:
        raise StorageFailed(f"{out}: {plainly(fault)}; name a file that can be written") from None


def _rules_of(given: Settings) -> Callable[[ReadBefore], Rules | None]:
    known = dict[tuple[str, str | None], Rules | None]()

    def rules_of(one: ReadBefore) -> Rules | None:
        key = one.form, one.language
        if key not in known:
            try:
                found = in_force(given, one.form)
            except Misconfigured:  # the form is not here any more
                known[key] = None
            else:
                spoken = found.language if one.language is None else language_named(one.language)
                known[key] = replace(found, language=spoken)
        return known[key]

    return rules_of


def _is_of(one: ReadBefore, asked: Rules, given: Settings) -> bool:
    own = rules(given, asked.form, asked.catalogue).language.code
    return one.form == asked.form.name and (one.language or own) == asked.language.code


def _loaded(text: str, name: str, catalogue: Catalogue) -> Form:
    """The form that the file makes, which must be sayable. Raises Misconfigured."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / f"{name}.schema.json"
        path.write_text(text, encoding="utf-8")
        form = load_form(path)
    check_sayable(form, catalogue)
    return form


def _hearing(given: Settings, by: Rules, readings: ModelReadings) -> Callable[[str], Awaitable[Verdict | None]]:
    reads: Interpreter = recogniser(given, by.form, by.catalogue)

    async def heard(utterance_id: str) -> Verdict | None:
        utterance = readings.sound(utterance_id)
        if utterance is None or utterance.typed is not None:
            return None
        return decide(await reads.attend().finish(utterance), utterance.segment.closing, by)

    return heard


def _tell(changes: Sequence[Change], looked_at: int, *, as_json: bool) -> None:
    if as_json:
        for one in changes:
            line(json.dumps(asdict(one), ensure_ascii=False))
        return
    table = folding("", "as it is", "with the word", "utterance")
    for one in changes[:MOST]:
        table.add_row(*map(Text, (one.harm, _values(one.before), _values(one.after), one.utterance_id)))
    if changes:
        show(table)
    line(f"{many(looked_at, 'utterance')} read with it and without it: {len(changes)} would change")


def _values(fields: Mapping[str, FieldValue]) -> str:
    return " ".join(f"{name}={written(value)}" for name, value in fields.items()) or "nothing"
