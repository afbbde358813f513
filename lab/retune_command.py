"""`dockvoice retune`: fit the confidence threshold and the confidence curves to a site's own recordings."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.errors import StorageFailed, UnreadableInput
from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_forms
from dockvoice_protocol.terminal import EXIT_CODES, log_warnings_to_stderr, print_lines
from dockvoice_protocol.terminal.tables import print_tables
from edge.agent.parts import assemble_interpretation, load_named_form, make_rules
from edge.agree.decide import Rules
from edge.cli import Config, State, load_settings_with_options
from edge.cli.reports import parse_moment
from edge.config import Settings
from edge.keep.journal import Journal
from edge.understand.local.factory import make_recogniser
from lab import printed
from lab.evaluate import evaluate, load_clip_sources
from lab.evaluate_command import show_progress
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
)
from lab.scoring import Mark, read_manifest

commands = typer.Typer()

_COLUMNS = ("left out by speaker", "right %", "asked %", "wrong %", "worst speaker right %")


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
    write: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the settings with what is better to this file, for --config."),
    ] = None,
) -> None:
    """Evaluate other thresholds on a site's own recordings, and write settings that are better.

    Tried are the site's own confidence threshold (agree.minimum_confidence), its own confidence curves
    (understand.calibration), and both. Each is fitted on all speakers but one and tried on that one, in turn; what is
    written is fitted on all. Nothing is written unless it is better: by a point of right and with no more wrong, a
    wrong one less being worth five questions more. Fewer questions than now take 381 clips of which none is wrong.

    With --since the recordings are operators' utterances at work, with the final values of their entries as truth. They
    can justify more questions, never fewer: an uncorrected entry need not be right.
    """
    log_warnings_to_stderr()
    if (manifest is None) == (since is None):
        raise typer.BadParameter("name a manifest, or --since and when", param_hint="MANIFEST")
    asked = load_settings_with_options(config, state=state)
    shipped = asked.model_copy(
        update={
            "understand": asked.understand.model_copy(update={"calibration": {}}),
            "agree": asked.agree.model_copy(update={"minimum_confidence": None}),
        }
    )
    every = (
        _evaluate_set(shipped, manifest)
        if manifest is not None
        else _recognise_recorded(shipped, parse_moment(str(since)))
    )
    forms = load_forms(shipped.forms_directory)
    names = sorted({one.clip.form for one in every})
    standing = {
        name: make_rules(shipped, forms[name], assemble_interpretation(shipped, name).catalogue) for name in names
    }
    print_tables(printed.render_figures(_tabulate_thresholds(every, standing)))
    ways = cross_validate(every, standing)
    print_tables(printed.render_figures(_tabulate_tried(ways)))
    best = choose_best(ways)
    if best is None:
        print_lines("Nothing is better than what is shipped: nothing is written.")
        return
    print_lines(f"Better: {best.name}.")
    if write is not None:
        digest = None if manifest is None else sha256(manifest.read_bytes()).hexdigest()[:16]
        of = f"the record since {since}" if digest is None else f"a set with the SHA-256 {digest}"
        _write_settings(write, config, best, ways[0], of, weights=asked.understand.model)
        print_lines(f"Written: {write}, for --config.")


def _evaluate_set(asked: Settings, manifest: Path) -> tuple[KeptClip, ...]:
    """Evaluate the clips of a set with the shipped thresholds. Raises UnreadableInput if the set is too small."""
    clips = [clip for clip in read_manifest(manifest) if clip.speech_end is not None]
    unheard = [KeptClip(clip, manifest.parent.name, None, ()) for clip in clips if clip.fields is not None]
    if (missing := describe_missing_recordings(unheard)) is not None:
        raise UnreadableInput(f"{manifest}: {missing} (dockvoice record-truth DIR --speaker NAME)")
    with show_progress("hearing", len(clips)) as tick:
        scored = asyncio.run(evaluate(asked, load_clip_sources(clips), tick))
    return tuple(drop_audio(one, manifest.parent.name) for one in scored)


def _recognise_recorded(asked: Settings, since: datetime) -> tuple[KeptClip, ...]:
    """Recognise the active form's recordings with shipped thresholds. Raises UnreadableInput if too few."""
    form = load_named_form(asked, asked.forms.active)
    catalogue = Catalogue.load(asked.catalogue_directory)
    with Journal.inspect(asked.state) as journal:
        entries = final_entries_by_utterance(one for one in journal.queries.histories() if one.form == form.name)
        every = tuple(
            recognise_recorded_utterances(
                journal, since, make_recogniser(asked, form, catalogue), make_rules(asked, form, catalogue), entries
            )
        )
    if (missing := describe_missing_recordings(every)) is not None:
        raise UnreadableInput(f"{asked.state}: on record since then are {missing}")
    return every


def _tabulate_thresholds(every: Sequence[KeptClip], standing: Mapping[str, Rules]) -> Table:
    """One row for each confidence threshold: its result over the whole set with the shipped curves."""
    said = [one for one in every if one.clip.fields is not None]
    rows = []
    for demand in (None, *DEMANDS):
        way = Tuning(demand=demand)
        row = TriedTuning("", [(one, way.mark_clip(one, standing)) for one in said], way)
        rows.append(("as shipped" if demand is None else f"{demand:g}", *_format_row(row)))
    return Table("By agree.minimum_confidence", ("demand", *_COLUMNS[1:]), tuple(rows), f"{len(said)} clips.")


def _tabulate_tried(ways: Sequence[TriedTuning]) -> Table:
    note = "Each speaker by what was fitted on the others. In brackets: 95 % intervals (Wilson)."
    return Table(
        "On people on whom nothing was fitted", _COLUMNS, tuple((one.name, *_format_row(one)) for one in ways), note
    )


def _format_row(one: TriedTuning) -> tuple[str, str, str, str]:
    speakers = {clip.clip.speaker for clip, _ in one.marks}
    by_speaker = {who: [became for clip, became in one.marks if clip.clip.speaker == who] for who in speakers}
    worst = min(sum(became is Mark.RIGHT for became in some) / len(some) for some in by_speaker.values())
    wrong = one.share(Mark.WRONG, Mark.INVENTED)
    return (
        format_percent(one.share(Mark.RIGHT)),
        format_percent(one.share(Mark.ASKED, Mark.MISSED)),
        format_percent(wrong),
        f"{100 * worst:.0f}",
    )


def _write_settings(
    write: Path, config: Path | None, best: TriedTuning, shipped: TriedTuning, of: str, *, weights: str
) -> None:
    """Write the settings file with the better tuning: validate it as the agent reads it, then rename it into place."""
    told = (
        f"# Written by `dockvoice retune` on {datetime.now(UTC):%Y-%m-%d}, from {len(best.marks)} sayings of {of}.\n"
        f"# On speakers left out: right {best.right_percent:.1f} % (as shipped {shipped.right_percent:.1f} %), "
        f"wrong {best.wrong_count} ({shipped.wrong_count}).\n"
    )
    text = "" if config is None else config.read_text(encoding="utf-8")
    content = replace_tuning(text, best.of_all, weights, told)
    part = write.with_name(f".{write.name}.part")
    try:
        try:
            part.write_text(content, encoding="utf-8")
            load_settings(Settings, part)
            part.replace(write)
        finally:
            part.unlink(missing_ok=True)
    except OSError as fault:
        raise StorageFailed(f"{write}: cannot be written ({fault.strerror}); name another file") from None


def replace_tuning(text: str, way: Tuning, weights: str, told: str) -> str:
    """Replace the confidence threshold and the curves in a settings file's text by those of `way`."""
    text = re.sub(r"(?m)^\[understand\.calibration\.[^\]]*\]\n(?:(?!\[).*\n?)*", "", text)
    text = re.sub(r"(?m)^minimum_confidence *=.*\n?", "", text).rstrip("\n")
    if way.demand is not None:
        demand = f"minimum_confidence = {way.demand:g}"
        table = re.compile(r"(?m)^\[agree\][^\n]*$")
        text = table.sub(rf"\g<0>\n{demand}", text, count=1) if table.search(text) else f"{text}\n\n[agree]\n{demand}"
    curves = [
        f'[understand.calibration.{rival}]\nweights = "{weights}"\noffset = {one.offset:.3f}\nslope = {one.slope:.3f}\n'
        for rival, one in (way.curves or {}).items()
    ]
    return f"{told}{text.lstrip()}\n" + "".join(f"\n{curve}" for curve in curves)
