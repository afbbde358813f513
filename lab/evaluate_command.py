"""`dockvoice evaluate`: recognise clips with known truth, and print or write the results."""

from __future__ import annotations

import asyncio
import io
import json
import wave
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import typer

from dockvoice_protocol.errors import StorageFailed, UnreadableInput
from dockvoice_protocol.terminal import EXIT_CODES, log_warnings_to_stderr, print_lines, print_to_stderr
from dockvoice_protocol.terminal.choices import choice_option
from dockvoice_protocol.terminal.progress import show_progress as show_progress_bar
from dockvoice_protocol.terminal.tables import EscapingConsole, print_tables
from edge.cli import AsJson, Config, load_settings_with_options
from edge.config import PolicyName, Settings, UnderstandingMode
from edge.records import SAMPLE_BYTES, SAMPLE_RATE
from edge.understand.local.factory import find_recogniser_name
from lab import printed
from lab.evaluate import (
    ClipSource,
    ScoredClip,
    generate_noise_clips,
    load_clip_sources,
    mix_clips_with_noise,
    with_fixed_pause,
)
from lab.evaluate import evaluate as evaluated
from lab.floor import find_vosk_weights
from lab.noises import parse_snrs_db
from lab.operator_speech import require_espeak
from lab.report import breakdown, figures, goals, made_with, page
from lab.report.comparing import Table, compare_runs, to_markdown
from lab.report.goals import FixedPauseRun
from lab.report.lines import ClipLine, read_lines, write_lines
from lab.report.lines import build_line as as_line
from lab.report.measures import measure_silence
from lab.report.statistics import SpeakerHalf, clips_of_half
from lab.scoring import ClipResult, read_manifest, tally_by_condition
from lab.simulated_operator import OperatorHabits

_TENTHS = 10  # A line for each, where there is no terminal for a bar.

_ModeName = Annotated[
    UnderstandingMode | None,
    choice_option(UnderstandingMode, "--mode", help="Whose reading counts, over the settings file's."),
]
_Interpreters = Annotated[
    str | None, typer.Option(metavar="NAME[,NAME]", help="Which is asked first, and its fallbacks, over the file's.")
]
_Second = Annotated[str | None, typer.Option(metavar="NAME", help="The panel's second opinion, over the file's.")]

commands = typer.Typer()


@commands.command(epilog=EXIT_CODES)
def evaluate(
    manifest: Annotated[
        Path | None, typer.Argument(metavar="MANIFEST", readable=False, help="JSON lines, one clip each; see above.")
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="All tables, as Markdown.")] = False,
    details: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write one JSON line per clip to this file.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write an HTML page with plots and the worst clips.")
    ] = None,
    comparing: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            "--compare",
            metavar="FILE FILE",
            readable=False,
            help="Compare two files that --details wrote, instead of hearing.",
        ),
    ] = None,
    enrol: Annotated[
        Path | None,
        typer.Option(
            metavar="MANIFEST", readable=False, help="Clips of the same speakers, heard before to learn their voices."
        ),
    ] = None,
    speakers: Annotated[
        SpeakerHalf | None, choice_option(SpeakerHalf, "--speakers", help="Only the clips of one half of the speakers.")
    ] = None,
    noise_hours: Annotated[
        float, typer.Option(min=0, metavar="HOURS", help="Hear so many hours of made noise besides.")
    ] = 0.0,
    noisier: Annotated[
        str | None, typer.Option("--in-noise", metavar="DB[,DB]", help="Clean clips again in made noise: 20,10,5.")
    ] = None,
    operator: Annotated[bool, typer.Option("--operator", help="A simulated operator answers questions.")] = False,
    attentive: Annotated[
        float,
        typer.Option(min=0, max=1, metavar="SHARE", help="The share of wrong readbacks that the operator notices."),
    ] = 1.0,
    read_back: Annotated[
        bool | None, typer.Option(help="Whether the operator hears sure entries read back; unset: as the settings say.")
    ] = None,
    beside_fixed: Annotated[
        int | None,
        typer.Option(min=220, max=5000, metavar="MS", help="Hear dictation again, each turn ended by a pause so long."),
    ] = None,
    floor: Annotated[
        bool | None, typer.Option(help="Dictation the plain way, beside ours; unset: where vosk's weights are here.")
    ] = None,
    policy: Annotated[
        PolicyName | None,
        choice_option(PolicyName, "--policy", help="How questions weigh against errors, over the file's."),
    ] = None,
    mode: _ModeName = None,
    interpreters: _Interpreters = None,
    second: _Second = None,
) -> None:
    """Recognise recordings whose truth is known, and count the outcomes.

    Each line of the manifest: {"audio": "clip.flac", "form": "pallet-move", "fields": {"pallet_id": "742", …} or null,
    "condition": "clean", "speaker": "…", "speech_end": 2.31}. Paths are relative to the manifest; "fields": null means
    that nothing may be recorded; "speech_end" is in seconds, null without speech. "text", what was said, and "noise"
    are for the breakdowns. A voice is learnt from what was accepted of its "speaker" before; "wearer" names another who
    is signed on, so that "speaker" is a colleague. "answers": {"dock": "dock.flac", …}, where given, are the simulated
    operator's answers.

    right: accepted, all fields exact. wrong: accepted without a question, some field differs. asked: something was
    asked. missed: dictation ignored. invented: recorded where nothing may be. silent: rightly nothing.
    """
    log_warnings_to_stderr()
    if comparing is not None:
        _compare(*comparing, as_json=as_json)
        return
    if manifest is None:
        raise typer.BadParameter("name a manifest, or two files after --compare", param_hint="MANIFEST")
    settings = load_settings_with_options(
        config, understand=understand_overrides(mode, interpreters, second), policy=policy
    )
    _check_writable_and_voice(details, report, voice=operator)
    clips = read_manifest(manifest)
    clips = clips if speakers is None else clips_of_half(clips, speakers)
    if not clips:
        raise UnreadableInput(f"{manifest}: no clip is of the {speakers} half of the speakers")
    noisy = mix_clips_with_noise(clips, parse_snrs_db(noisier, "--in-noise"))
    sounds = [*load_clip_sources(clips), *noisy, *(generate_noise_clips(noise_hours, clips) if noise_hours else ())]
    plain = find_vosk_weights(settings) is not None if floor is None else floor
    known = () if enrol is None else load_clip_sources(read_manifest(enrol))
    habits = OperatorHabits(attentive, read_back) if operator else None
    scored = evaluate_with_progress(settings, sounds, habits, floor=plain, enrol=known)
    print_to_stderr(f"heard by {find_recogniser_name(settings)}; whose reading counts: {settings.understand.mode}")
    lines = tuple(as_line(one.result, one.conversation, one.floor, one.wording) for one in scored)
    fixed = None if beside_fixed is None else _evaluate_fixed_pause(settings, sounds, beside_fixed)
    if details is not None:
        write_lines(details, lines)
    if report is not None:
        page.write_report(report, _build_report_input(manifest, settings, scored, lines, fixed))
    if as_markdown:
        print_lines(made_with.describe_run(settings, lines) + "\n")
        for table in figures.all_tables(lines, fixed):
            print_lines(to_markdown(table))
    else:
        _print_results(scored, lines, fixed, as_json=as_json)


def _check_writable_and_voice(*files: Path | None, voice: bool) -> None:
    """Check that the output files can be written and espeak-ng is there, before hours of recognition."""
    if voice:
        require_espeak()
    for file in filter(None, files):
        try:
            file.open("a").close()
        except OSError as fault:
            raise StorageFailed(f"{file}: cannot be written ({fault.strerror}); name another file") from None


def _evaluate_fixed_pause(settings: Settings, sounds: Sequence[ClipSource], pause_ms: int) -> FixedPauseRun:
    dictated = [sound for sound in sounds if sound.clip.fields is not None]
    again = evaluate_with_progress(with_fixed_pause(settings, pause_ms), dictated, None, "with a fixed pause")
    return FixedPauseRun(pause_ms, tuple(as_line(one.result) for one in again))


def evaluate_with_progress(
    settings: Settings,
    sounds: Sequence[ClipSource],
    habits: OperatorHabits | None = None,
    doing: str = "hearing",
    *,
    floor: bool = False,
    enrol: Sequence[ClipSource] = (),
) -> tuple[ScoredClip, ...]:
    """Evaluate as `lab.evaluate.evaluate` does, and show the progress on the terminal."""
    dictated = sum(sound.clip.fields is not None for sound in sounds)
    with show_progress(doing, len(enrol) + len(sounds) + (0 if habits is None else dictated)) as advance:
        return asyncio.run(evaluated(settings, sounds, advance, habits, floor=floor, enrol=enrol))


def _print_results(
    scored: Sequence[ScoredClip], lines: Sequence[ClipLine], fixed: FixedPauseRun | None, *, as_json: bool
) -> None:
    by_condition, overall = tally_by_condition(one.result for one in scored)
    if as_json:
        results: dict[str, Any] = {"conditions": {name: one.as_json() for name, one in by_condition.items()}}
        still = measure_silence(lines)
        without = {} if still is None else {"without_speech": still.as_json()}
        print_lines(
            json.dumps({**results, "overall": overall.as_json(), **without, **_tables_as_json(lines, fixed)}, indent=2)
        )
    else:
        print_tables(printed.render_evaluation(by_condition, overall))
        for one in _additional_tables(lines, fixed).values():
            print_tables(printed.render_figures(one))


def _additional_tables(lines: Sequence[ClipLine], fixed: FixedPauseRun | None) -> dict[str, Table]:
    """The tables of a run beyond outcomes that have content, by name."""
    every = {
        "floor": breakdown.tabulate_baseline(lines),
        "spread": breakdown.tabulate_spread(lines),
        "operator": figures.tabulate_conversations(lines),
        "noise": figures.tabulate_silence(lines),
        "end_of_turn": goals.tabulate_fixed_pause(lines, fixed),
        "reading_ahead": goals.tabulate_speculation(lines),
    }
    return {name: table for name, table in every.items() if table.rows}


def _tables_as_json(lines: Sequence[ClipLine], fixed: FixedPauseRun | None) -> dict[str, Any]:
    return {
        name: {row[0]: dict(zip(table.columns[1:], row[1:], strict=True)) for row in table.rows}
        for name, table in _additional_tables(lines, fixed).items()
        if name != "noise"
    }


def _compare(first: Path, second: Path, *, as_json: bool) -> None:
    found = compare_runs(read_lines(first), read_lines(second))
    if as_json:
        print_lines(json.dumps(found.as_json(), indent=2))
    else:
        print_tables(printed.render_comparison(found))


def _build_report_input(
    manifest: Path,
    settings: Settings,
    scored: Sequence[ScoredClip],
    lines: tuple[ClipLine, ...],
    fixed: FixedPauseRun | None,
) -> page.ReportInput:
    results = {str(one.result.clip.audio): one.result for one in scored}
    return page.ReportInput(
        manifest=str(manifest),
        made_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        lines=lines,
        fixed=fixed,
        machine=made_with.describe_machine(),
        settings=made_with.describe_settings(settings, lines),
        sound=lambda audio: _clip_audio(results[audio]),
    )


def _clip_audio(result: ClipResult) -> bytes:
    """The clip's audio file; for generated sound, a WAV of the detected utterance only."""
    if result.clip.audio.is_file():
        return result.clip.audio.read_bytes()
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, SAMPLE_BYTES, SAMPLE_RATE, 0, "NONE", ""))
        for one in result.decisions:
            sound.writeframes(one.utterance.segment.pcm)
    return file.getvalue()


def understand_overrides(
    mode: UnderstandingMode | None, interpreters: str | None, second: str | None
) -> dict[str, Any]:
    """The `understand` settings given on the command line."""
    first, *fallback = interpreters.split(",") if interpreters else [None]
    given = {"mode": mode, "first": first, "fallback": tuple(fallback) or None, "second": second}
    return {name: value for name, value in given.items() if value is not None}


@contextmanager
def show_progress(doing: str, total: int) -> Iterator[Callable[[], None]]:
    """Show progress over `total` steps; yield a function that counts one step."""
    console = EscapingConsole(stderr=True)
    steps = count(1)
    if not console.is_terminal:

        def count_step() -> None:
            done = next(steps)
            if (done - 1) * _TENTHS // total != done * _TENTHS // total:
                console.print(f"{doing}: {done} of {total}", highlight=False)

        yield count_step
        return
    with show_progress_bar(doing, total) as tell:
        yield lambda: tell(next(steps))
