"""`dockvoice retune`: fit the confidence threshold and the confidence curves to a site's own recordings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.errors import StorageFailed, UnreadableInput
from dockvoice_protocol.terminal import EXIT_CODES, log_warnings_to_stderr, print_lines
from dockvoice_protocol.terminal.tables import print_tables
from edge.agent.parts import load_current_rules
from edge.agree.decide import Rules
from edge.cli import Config, State, load_settings_with_options
from edge.cli.reports import parse_moment
from edge.config import Settings
from edge.keep.journal import Journal
from edge.understand.local.factory import make_recogniser
from lab import printed
from lab.evaluate import load_clip_sources
from lab.evaluate_command import evaluate_with_progress
from lab.on_record import final_entries_by_utterance, recognise_recorded_utterances
from lab.report.comparing import Table, format_percent
from lab.retuning import (
    DEMANDS,
    KeptClip,
    TriedTuning,
    Tuning,
    choose_best,
    cross_validate,
    describe_missing_recordings,
    drop_audio,
    load_rules_by_form,
    mark_all,
    mark_nothing,
)
from lab.scoring import Clip, Mark, read_manifest

commands = typer.Typer()

_COLUMNS = (
    "left out by speaker",
    "right %",
    "asked %",
    "wrong %",
    "worst speaker right %",
    "of nothing: asked",
    "recorded",
)

_BEFORE = ".before-retune"  # Behind the name of a settings file: what it was before it was written.
_TABLES = re.compile(r"(?m)^\[understand\.calibration\.[^\]]*\]\n(?:(?!\[).*\n?)*")
_DEMAND = re.compile(r"(?m)^minimum_confidence *=.*\n?")
_NOTE = re.compile(r"# Written by `dockvoice retune` .*\n# On speakers left out: .*\n")


@commands.command(short_help="Fit thresholds and confidence to a set of your own.", epilog=EXIT_CODES)
def retune(
    manifest: Annotated[
        Path | None, typer.Argument(metavar="MANIFEST", readable=False, help="What `dockvoice record-truth` made.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="Instead: what is on record since 2026-11-20, 2026-11-20T06:00, 7d or 12h."),
    ] = None,
    config: Config = None,
    state: State = None,
    beside: Annotated[
        Path | None,
        typer.Option(
            metavar="MANIFEST", readable=False, help="Another set, to see what this would change there: the product's."
        ),
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the settings with what is better to this file, for --config."),
    ] = None,
    take_back: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Instead: take back what was written last to this file.")
    ] = None,
) -> None:
    """Evaluate other thresholds on a site's own recordings, and write settings that are better.

    Tried are the site's own confidence threshold (agree.minimum_confidence), its own confidence curves
    (understand.calibration), and both. Each is fitted on all speakers but one and tried on that one, in turn; what is
    written is fitted on all. Nothing is written unless it is better: by a point of right and with no more wrong, a
    wrong one less being worth five questions more. Fewer questions than now take 381 clips of which none is wrong, and
    of each of which somebody has heard what was said. What is recorded where nothing was said counts as wrong, and with
    --beside no more of the other set may be wrong than now. Nothing is changed without --write; --take-back FILE puts
    back the thresholds that FILE had before.

    With --since the recordings are operators' utterances at work, with the final values of their entries as truth. They
    can justify more questions, never fewer: an uncorrected entry need not be right.
    """
    log_warnings_to_stderr()
    if [manifest is not None, since is not None, take_back is not None].count(True) != 1:
        raise typer.BadParameter("name a manifest, or --since and when, or --take-back", param_hint="MANIFEST")
    if take_back is not None:
        _take_back(take_back)
        return
    settings = load_settings_with_options(config, state=state)
    shipped = settings.model_copy(
        update={
            "understand": settings.understand.model_copy(update={"calibration": {}}),
            "agree": settings.agree.model_copy(update={"minimum_confidence": None}),
        }
    )
    clips_beside = () if beside is None else _read_beside(beside)
    every = (
        _evaluate_set(shipped, manifest)
        if manifest is not None
        else _recognise_recorded(shipped, parse_moment(str(since)))
    )
    other = () if beside is None else _evaluate(shipped, beside, clips_beside)
    standing = load_rules_by_form(shipped, (*every, *other))
    print_tables(printed.render_figures(_tabulate_thresholds(every, standing)))
    ways = cross_validate(every, standing)
    print_tables(printed.render_figures(_tabulate_tried(ways)))
    there = [_try_on(other, one, standing) for one in ways] if beside is not None else []
    if there:
        print_tables(printed.render_figures(_tabulate_beside(there, str(beside))))
    best = choose_best(ways)
    if best is None:
        print_lines("Nothing is better than what is shipped: nothing is written.")
        return
    more = sum(one.wrong_count for one in there if one.name == best.name) - sum(one.wrong_count for one in there[:1])
    if more > 0:
        print_lines(f"Better: {best.name}, but {more} more of {beside} would be wrong: nothing is written.")
        return
    print_lines(f"Better: {best.name}." + ("" if write is not None else " Nothing is written without --write FILE."))
    if write is not None:
        digest = None if manifest is None else sha256(manifest.read_bytes()).hexdigest()[:16]
        of = f"the record since {since}" if digest is None else f"a set with the SHA-256 {digest}"
        back = f"To go back: dockvoice retune --take-back {write}" if write.exists() else ""
        _write_settings(write, config, best, ways[0], of, weights=settings.understand.model)
        print_lines(f"Written: {write}, for --config. {back}".rstrip())


def _evaluate_set(settings: Settings, manifest: Path) -> tuple[KeptClip, ...]:
    """Evaluate the clips of a set with the shipped thresholds. Raises UnreadableInput if the set is too small."""
    clips = read_manifest(manifest)
    dictated = [KeptClip(clip, manifest.parent.name, None, ()) for clip in clips if clip.fields is not None]
    if (missing := describe_missing_recordings(dictated)) is not None:
        raise UnreadableInput(f"{manifest}: {missing} (dockvoice record-truth DIR --speaker NAME)")
    return _evaluate(settings, manifest, clips)


def _evaluate(settings: Settings, manifest: Path, clips: Sequence[Clip]) -> tuple[KeptClip, ...]:
    scored = evaluate_with_progress(settings, load_clip_sources(clips))
    return tuple(drop_audio(one, manifest.parent.name) for one in scored)


def _read_beside(manifest: Path) -> tuple[Clip, ...]:
    clips = read_manifest(manifest)
    if all(clip.fields is None for clip in clips):
        raise UnreadableInput(f"{manifest}: no clip of it dictates an entry; name another set")
    return clips


def _recognise_recorded(settings: Settings, since: datetime) -> tuple[KeptClip, ...]:
    """Recognise the active form's recordings with shipped thresholds. Raises UnreadableInput if too few."""
    rules = load_current_rules(settings, settings.forms.active)
    with Journal.inspect(settings.state) as journal:
        entries = final_entries_by_utterance(one for one in journal.queries.histories() if one.form == rules.form.name)
        recogniser = make_recogniser(settings, rules.form, rules.catalogue)
        every = tuple(recognise_recorded_utterances(journal, since, recogniser, rules, entries))
    if (missing := describe_missing_recordings(every)) is not None:
        raise UnreadableInput(f"{settings.state}: on record since then are {missing}")
    return every


def _tabulate_thresholds(every: Sequence[KeptClip], rules: Mapping[str, Rules]) -> Table:
    """One row for each confidence threshold: its result over the whole set with the shipped curves."""
    rows = []
    for demand in (None, *DEMANDS):
        way = Tuning(demand=demand)
        row = _try_on(every, TriedTuning("", (), way), rules)
        rows.append(("as shipped" if demand is None else f"{demand:g}", *_format_row(row)))
    said = sum(one.clip.fields is not None for one in every)
    note = f"{said} clips, and {len(every) - said} of which nothing may be recorded."
    return Table("By agree.minimum_confidence", ("demand", *_COLUMNS[1:]), tuple(rows), note)


def _try_on(other: Sequence[KeptClip], one: TriedTuning, rules: Mapping[str, Rules]) -> TriedTuning:
    """The tuning as it would be written, on a set as a whole."""
    way = one.of_all
    return TriedTuning(one.name, mark_all(other, way, rules), way, mark_nothing(other, way, rules))


def _tabulate_beside(there: Sequence[TriedTuning], other: str) -> Table:
    note = "Each as it would be written."
    return Table(f"On {other}", ("", *_COLUMNS[1:]), tuple((one.name, *_format_row(one)) for one in there), note)


def _tabulate_tried(ways: Sequence[TriedTuning]) -> Table:
    note = "Each speaker by what was fitted on the others. In brackets: 95 % intervals (Wilson)."
    return Table(
        "On people on whom nothing was fitted", _COLUMNS, tuple((one.name, *_format_row(one)) for one in ways), note
    )


def _format_row(one: TriedTuning) -> tuple[str, ...]:
    speakers = {clip.clip.speaker for clip, _ in one.marks}
    by_speaker = {who: [became for clip, became in one.marks if clip.clip.speaker == who] for who in speakers}
    worst = min(sum(became is Mark.RIGHT for became in some) / len(some) for some in by_speaker.values())
    wrong = one.share(Mark.WRONG, Mark.INVENTED)
    silent = [(clip, became) for clip, became in one.nothing if not clip.clip.heard]  # of the others it is right to ask
    return (
        format_percent(one.share(Mark.RIGHT)),
        format_percent(one.share(Mark.ASKED, Mark.MISSED)),
        format_percent(wrong),
        f"{100 * worst:.0f}",
        f"{sum(became is Mark.ASKED for _, became in silent)} of {len(silent)}",
        f"{sum(became is Mark.INVENTED for _, became in one.nothing)} of {len(one.nothing)}",
    )


def _write_settings(
    write: Path, config: Path | None, best: TriedTuning, shipped: TriedTuning, of: str, *, weights: str
) -> None:
    """Write the settings file with the better tuning, and what it was before beside it."""
    note = (
        f"# Written by `dockvoice retune` on {datetime.now(UTC):%Y-%m-%d}, from {len(best.marks)} sayings of {of}.\n"
        f"# On speakers left out: right {best.right_percent:.1f} % (as shipped {shipped.right_percent:.1f} %), "
        f"wrong {best.wrong_count} ({shipped.wrong_count}).\n"
    )
    text = "" if config is None else config.read_text(encoding="utf-8")
    if write.exists():
        _write_valid(write.with_name(write.name + _BEFORE), write.read_text(encoding="utf-8"))
    _write_valid(write, replace_tuning(text, best.of_all, weights, note))


def _take_back(file: Path) -> None:
    """Put back the thresholds and curves that a settings file had before they were written to it last."""
    kept = file.with_name(file.name + _BEFORE)
    if not kept.exists():
        raise UnreadableInput(f"{kept}: no such file; `dockvoice retune --write {file}` makes it, and it serves once")
    before, now = (one.read_text(encoding="utf-8") for one in (kept, file))
    demand = _DEMAND.search(before)
    _write_valid(file, _put_tuning(now, "" if demand is None else demand[0].rstrip(), _TABLES.findall(before), ""))
    kept.unlink()
    print_lines(f"Taken back: {file} has the thresholds that it had before; restart the agent.")


def _write_valid(file: Path, content: str) -> None:
    """Write a settings file: validate it as the agent reads it, then rename it into place."""
    part = file.with_name(f".{file.name}.part")
    try:
        try:
            part.write_text(content, encoding="utf-8")
            load_settings(Settings, part)
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    except OSError as fault:
        raise StorageFailed(f"{file}: cannot be written ({fault.strerror}); name another file") from None


def replace_tuning(text: str, tuning: Tuning, weights: str, message: str) -> str:
    """Replace the confidence threshold and the curves in a settings file's text by those of `tuning`."""
    demand = "" if tuning.demand is None else f"minimum_confidence = {tuning.demand:g}"
    curves = [
        f'[understand.calibration.{rival}]\nweights = "{weights}"\noffset = {one.offset:.3f}\nslope = {one.slope:.3f}\n'
        for rival, one in (tuning.curves or {}).items()
    ]
    return _put_tuning(text, demand, curves, message)


def _put_tuning(text: str, demand: str, curves: Sequence[str], message: str) -> str:
    text = _DEMAND.sub("", _TABLES.sub("", _NOTE.sub("", text))).rstrip("\n")
    if demand:
        table = re.compile(r"(?m)^\[agree\][^\n]*$")
        text = table.sub(rf"\g<0>\n{demand}", text, count=1) if table.search(text) else f"{text}\n\n[agree]\n{demand}"
    return f"{message}{text.lstrip()}\n" + "".join(f"\n{curve.rstrip()}\n" for curve in curves)
