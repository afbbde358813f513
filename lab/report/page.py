"""The HTML report: one self-contained file with results, plots, the worst clips' sound, and the run's conditions."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from dockvoice_protocol.errors import UnreadableInput
from dockvoice_protocol.records import FieldValue, as_text
from dockvoice_protocol.terminal.tables import pluralize
from lab.report import plots
from lab.report.comparing import Table
from lab.report.figures import ALARMING, all_tables
from lab.report.goals import FixedPauseRun
from lab.report.lines import ClipLine, Conversation
from lab.report.measures import count_marks, measure_silence, percentile
from lab.report.plots import Element, append, element, to_html_document
from lab.report.statistics import wilson_interval
from lab.scoring import Mark

_WORST = 24  # Number of clips shown one by one.

_SOUND_BYTES = 12_000_000
"""Maximum bytes of sound in the page: base64-encoded a file of 16 MB, which browsers and mail accept."""

_ORDER = (Mark.WRONG, Mark.INVENTED, Mark.MISSED, Mark.ASKED)  # Order of the clips shown, the worst first.


@dataclass(frozen=True, slots=True)
class ReportInput:
    """The data of a report."""

    manifest: str
    made_at: str
    lines: tuple[ClipLine, ...]
    machine: Mapping[str, str]
    settings: Mapping[str, str]
    sound: Callable[[str], bytes]  # Returns a clip's FLAC or WAV bytes by the clip's name.
    fixed: FixedPauseRun | None = None  # The same run with a fixed pause for endpointing.


def write_report(file: Path, run: ReportInput) -> None:
    """Write the report. Raises UnreadableInput if the file cannot be written."""
    try:
        file.write_text(render_report(run), encoding="utf-8")
    except OSError as fault:
        raise UnreadableInput(f"--report {file}: cannot be written ({fault.strerror}); name another file") from None


def render_report(run: ReportInput) -> str:
    """The report as HTML."""
    title = f"Hearing: {run.manifest}"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", files("lab.report").joinpath("page.css").read_text(encoding="utf-8")),
    )
    body = element(
        "body",
        *_summary_section(run),
        *_plots_section(run.lines),
        *_worst_clips_section(run),
        *_figures_section(run),
        *_conditions_section(run),
    )
    return to_html_document(element("html", head, body, lang="en"))


def _summary_section(run: ReportInput) -> Iterable[Element]:
    yield element("h1", "How well does it hear?")
    yield element("p", f"{run.manifest}: {pluralize(len(run.lines), 'clip')}, {run.made_at}", class_="dim")
    counted = count_marks(run.lines)
    dictated = sum(one.truth is not None for one in run.lines)
    figures = [_headline_figure("right without a question", counted[Mark.RIGHT], dictated)]
    figures += [
        _alarm_figure(Mark.WRONG, counted, dictated),
        _alarm_figure(Mark.INVENTED, counted, len(run.lines) - dictated),
    ]
    times = [one.decision_ms for one in run.lines if one.decision_ms is not None]
    if times:
        p50, p95 = percentile(times, 50), percentile(times, 95)
        figures.append(element("span", f"last word to record: {p50:.0f} ms, at 95 % {p95:.0f} ms", class_="goal"))
    still = measure_silence(run.lines)
    if still is not None:
        least = still.per_hour_at_most(still.invented)
        words = f"{still.hours:.2f} hours without speech: {still.invented} invented (at most {least:.1f} an hour)"
        figures.append(element("span", words, class_="goal"))
    yield element("p", *figures)


def _alarm_figure(mark: Mark, counted: Mapping[Mark, int], of: int) -> Element:
    figure = _headline_figure(mark.value, counted[mark], of)
    if counted[mark]:
        figure.set("class", "goal bad")
    return figure


def _headline_figure(name: str, count: int, of: int) -> Element:
    share = wilson_interval(count, of)
    interval_text = "" if share is None else f" ({share.share:.1%}; 95 %: {share.least:.1%} to {share.most:.1%})"
    return element("span", f"{name}: {count} of {of}{interval_text}", class_="goal")


def _plots_section(lines: Sequence[ClipLine]) -> Iterable[Element]:
    yield element("h2", "What became of the clips")
    key = [element("span", mark.value, class_=f"mark-{mark.value}") for mark in Mark]
    yield element("div", *key, class_="key")
    yield _captioned_figure(
        plots.plot_outcomes(lines),
        "Whiskers: 95 % interval of right; where nothing may be recorded, of nothing recorded.",
    )
    yield element("h2", "Curves")
    shown = [_captioned_figure(plot, caption) for plot, caption in plots.plot_curves(lines)]
    yield element("div", *shown, class_="plots")
    confused = [_captioned_figure(plot, caption) for plot, caption in plots.plot_confusions(lines)]
    if confused:
        yield element("h2", "What was heard as what")
        yield element("div", *confused, class_="plots")


def _captioned_figure(plot: Element, message: str) -> Element:
    return element("figure", plot, element("figcaption", message))


def _worst_clips_section(run: ReportInput) -> Iterable[Element]:
    chosen = sorted((one for one in run.lines if one.mark in _ORDER and _is_bad(one)), key=_badness_key)[:_WORST]
    if not chosen:
        return
    yield element("h2", "The worst clips")
    left = _SOUND_BYTES
    shown = []
    for one in chosen:
        sound = run.sound(one.audio)
        fits = len(sound) <= left
        left -= len(sound) if fits else 0
        shown.append(_clip_block(one, sound if fits else b""))
    yield element("div", *shown, class_="clips")


def _is_bad(one: ClipLine) -> bool:
    # A question about an incomplete dictation is the correct result.
    return one.truth is not None or one.mark in ALARMING


def _badness_key(one: ClipLine) -> tuple[bool, int, float]:
    ended_wrong = one.conversation is not None and one.conversation.end == "wrong"
    return not ended_wrong, _ORDER.index(one.mark), -(one.lowest_confidence_if_complete or 0.0)


def _clip_block(one: ClipLine, sound: bytes) -> Element:
    block = element("div", element("h3", f"{one.mark}: {Path(one.audio).name}"), class_=f"clip {one.mark.value}")
    facts = element("dl")
    for name, value in _clip_facts(one):
        append(facts, element("dt", name))
        append(facts, element("dd", value))
    append(block, facts)
    if sound:
        player = element("audio", src=_to_data_url(sound), controls="controls", preload="none")
        append(block, player)
    return block


def _clip_facts(one: ClipLine) -> Iterable[tuple[str, str]]:
    yield "where", ", ".join(part for part in (one.condition, one.speaker) if part)
    if one.text:
        yield "said", one.text
    yield "truth", _format_values(one.truth) if one.truth is not None else "nothing may be recorded"
    for utterance in one.heard:
        yield "heard", utterance.transcript or "no words"
        yield (
            "read",
            ", ".join(
                f"{name} {'unclear' if read.value is None else read.value} ({read.confidence:.2f}"
                f"{f', else {read.runner_up}' if read.runner_up is not None else ''})"
                for name, read in utterance.readings.items()
            )
            or "no field",
        )
        yield (
            utterance.verdict,
            f"{_format_values(utterance.fields)} ({', '.join(utterance.reasons)}; closed by {utterance.closing})",
        )
    if one.conversation is not None:
        yield from _conversation_facts(one.conversation)


def _conversation_facts(talk: Conversation) -> Iterable[tuple[str, str]]:
    for turn in talk.turns:
        yield "operator", f"{turn.text} (heard: {turn.transcript or 'no words'})"
    if talk.turns:
        yield "in the end", f"{talk.end}: {_format_values(talk.fields)}" if talk.fields else talk.end


def _format_values(fields: Mapping[str, FieldValue]) -> str:
    return ", ".join(f"{name} {as_text(value)}" for name, value in fields.items())


def _to_data_url(sound: bytes) -> str:
    kind = "audio/flac" if sound.startswith(b"fLaC") else "audio/wav"
    return f"data:{kind};base64,{base64.b64encode(sound).decode()}"


def _figures_section(run: ReportInput) -> Iterable[Element]:
    yield element("h2", "Figures")
    for number, table in enumerate(all_tables(run.lines, run.fixed)):
        folded = element("details", element("summary", table.title), _html_table(table))
        if table.note:
            append(folded, element("p", table.note, class_="dim"))
        if not number:
            folded.set("open", "open")
        yield folded


def _html_table(table: Table, style: str = "scroll") -> Element:
    head = element("thead", element("tr", *(element("th", name) for name in table.columns)))
    rows = (element("tr", *(element("td", cell) for cell in row)) for row in table.rows)
    return element("div", element("table", head, element("tbody", *rows)), class_=style)


def _conditions_section(run: ReportInput) -> Iterable[Element]:
    yield element("h2", "Made with")
    for title, properties in (("Machine", run.machine), ("Settings", run.settings)):
        rows = tuple((name, value) for name, value in properties.items())
        yield _html_table(Table(title, (title, ""), rows), "properties")
