"""Measures recognition of the library's forms: `python -m lab.bench.library [--form NAME] [--noise-only]`.

Synthetic voices speak the sentences of `tests/data/speech/library/sentences.toml` in turn; each clip is evaluated clean
and in generated noise at 20 dB. Recordings are cached in `.cache/library`. Needs flite, festival and
festvox-us-slt-hts, and the recogniser's weights. `--voices` measures each candidate voice with sentences of the form
pallet-move, and needs festvox-kallpc16k too. `--others` uses another set, `others.toml`, and other voices; nothing was
tuned on it.
"""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from random import Random

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.records import FieldValue
from edge.config import Settings
from lab.bench.command import REPOSITORY, evaluate_sources, make_parser, print_results, print_tables
from lab.bench.voices import keep_recording, make_synthesisers
from lab.evaluate import load_clip_sources, mix_clips_with_noise
from lab.report.comparing import Table, format_share
from lab.report.goals import GOALS, tabulate_causes_of_not_right
from lab.report.lines import ClipLine
from lab.report.measures import count_marks, group_by, group_by_condition
from lab.scoring import Clip, Mark

_SENTENCES = REPOSITORY / "tests" / "data" / "speech" / "library" / "sentences.toml"
_OTHERS = _SENTENCES.with_name("others.toml")
_KEPT = REPOSITORY / ".cache" / "library"

_SET = REPOSITORY / "tests" / "data" / "speech" / "set"

_NOISE_DB = 20  # Signal-to-noise ratio of the noisy clips, dB.

_ESPEAK_PACE = 0.95  # Factor on espeak-ng's usual pace, the middle of the simulated operator's.

_Sentences = Mapping[str, Mapping[str, Mapping[str, FieldValue]]]


def load_sentences(path: Path = _SENTENCES) -> _Sentences:
    """By form, each sentence with its entry."""
    read: _Sentences = tomllib.loads(path.read_text(encoding="utf-8"))
    return read


_SYNTHESISERS = make_synthesisers(
    (
        *(f"flite-{name}" for name in ("slt", "rms", "awb", "kal16", "kal")),
        *(f"festival-{name}" for name in ("cmu_us_slt_arctic_hts", "kal_diphone")),
        *(f"espeak-{name}" for name in ("plain", "m3", "m4", "m5", "f1", "f2")),
    ),
    espeak_pace=_ESPEAK_PACE,
)
"""Function that synthesises a text, by voice; all voices are freely packaged."""

_VOICES = ("flite-slt", "festival-cmu_us_slt_arctic_hts", "flite-awb", "flite-kal16")
"""The voices used in turn: those with at least 80 % of sentences recognised (`--voices`)."""

_OTHER_VOICES = ("flite-rms", "festival-kal_diphone", "espeak-plain")
"""The voices of the second set: others, and less well recognised."""

AUDITION, SEED = 14, 3  # Sentences for each candidate voice, and the seed that chooses them.


def _clips_in_each_voice() -> tuple[Clip, ...]:
    """Plain sentences of the pallet-move set, each in every candidate voice."""
    lines = (_SET / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    plain = [one for one in map(json.loads, lines) if one["kind"] == "plain"]
    Random(SEED).shuffle(plain)  # noqa: S311 - chance, not secrecy
    some = plain[:AUDITION]
    return tuple(
        _sentence_clip(one["form"], one["text"], one["fields"], voice) for voice in _SYNTHESISERS for one in some
    )


def one_clip_per_sentence(
    form: str, said: Mapping[str, Mapping[str, FieldValue]], voices: Sequence[str] = _VOICES
) -> tuple[Clip, ...]:
    """A clip of each sentence of a form; the voices take turns."""
    return tuple(
        _sentence_clip(form, text, fields, voice)
        for (text, fields), voice in zip(said.items(), cycle(voices), strict=False)
    )


def cached_recording(voice: str, text: str) -> tuple[Path, float]:
    """The recording of a text in a voice, synthesised on first use; and where its speech ends, seconds."""
    return keep_recording(_KEPT, f"{voice} {text}", lambda: _SYNTHESISERS[voice](text))


def _sentence_clip(form: str, text: str, fields: Mapping[str, FieldValue], voice: str) -> Clip:
    audio, end_s = cached_recording(voice, text)
    return Clip(
        audio=audio, form=form, fields=dict(fields), condition="clean", speaker=voice, speech_end=end_s, text=text
    )


def evaluate_clips(settings: Settings, clean: Sequence[Clip], *, noise_only: bool = False) -> tuple[ClipLine, ...]:
    """Evaluate the clips clean (unless `noise_only`) and in noise."""
    sounds = [*(() if noise_only else load_clip_sources(clean)), *mix_clips_with_noise(clean, [_NOISE_DB])]
    return evaluate_sources(settings, sounds)


def tabulate_by_form(lines: Sequence[ClipLine]) -> Table:
    """A row for each form and condition, compared with the goal."""
    rows = (
        _outcome_row(f"{form}: {condition}", condition, some)
        for form, of_form in group_by(lines, lambda one: one.form).items()
        for condition, some in group_by_condition(of_form).items()
    )
    columns = ("form: condition", "n", "right", "asked", "wrong", "right %", "wrong %", "goal")
    return Table("The library", columns, tuple(rows), "In brackets: 95 % intervals (Wilson).")


def tabulate_by_voice(lines: Sequence[ClipLine]) -> Table:
    """Recognition results, a row for each voice and condition."""
    return tabulate_groups("The library by voice", lines, lambda one: f"{one.speaker}: {one.condition}")


def tabulate_groups(title: str, lines: Sequence[ClipLine], group: Callable[[ClipLine], str]) -> Table:
    """Recognition results, a row for each group."""
    rows = (_outcome_row(name, None, some) for name, some in group_by(lines, group).items())
    return Table(title, ("group", "n", "right", "asked", "wrong", "right %", "wrong %"), tuple(rows))


def _outcome_row(name: str, condition: str | None, lines: Sequence[ClipLine]) -> tuple[str, ...]:
    counted = count_marks(lines)
    right, wrong = counted[Mark.RIGHT], counted[Mark.WRONG]
    shares = format_share(right, len(lines)), format_share(wrong, len(lines))
    verdict = () if condition is None else ("met" if meets_goal(condition, lines) else "missed",)
    return name, *map(str, (len(lines), right, len(lines) - right - wrong, wrong)), *shares, *verdict


def meets_goal(condition: str, lines: Sequence[ClipLine]) -> bool:
    """Whether the shares right and wrong meet the condition's goal."""
    counted, goal = count_marks(lines), GOALS[condition]
    of = len(lines) / 100
    return counted[Mark.RIGHT] >= goal.right * of and counted[Mark.WRONG] <= goal.wrong * of


def main() -> None:
    """Evaluate the forms; print figures, and on standard error each clip that was not right."""
    said = load_sentences()
    parser = make_parser("lab.bench.library", __doc__)
    parser.add_argument("--form", action="append", choices=[*said], help="default: all; may be given again")
    parser.add_argument("--noise-only", action="store_true", help="not clean: half the time")
    parser.add_argument("--voices", action="store_true", help="not the library: each voice that was tried")
    parser.add_argument("--others", action="store_true", help="the second set, by other voices")
    parser.add_argument("--details", type=Path, metavar="FILE", help="a JSON line for each clip")
    options = parser.parse_args()
    settings = load_settings(Settings, None)
    if options.voices:
        print_tables(tabulate_by_voice(evaluate_clips(settings, _clips_in_each_voice())))
        return
    lines: list[ClipLine] = []
    said, voices = (load_sentences(_OTHERS), _OTHER_VOICES) if options.others else (said, _VOICES)
    for form in options.form or said:
        lines += (
            found := evaluate_clips(
                settings, one_clip_per_sentence(form, said[form], voices), noise_only=options.noise_only
            )
        )
        right = {name: count_marks(some)[Mark.RIGHT] for name, some in group_by_condition(found).items()}
        print(f"{form}: right of {len(said[form])}: {right}", file=sys.stderr, flush=True)
    tables = tabulate_by_form(lines), tabulate_by_voice(lines), tabulate_causes_of_not_right(lines)
    print_results(lines, options.details, *tables)


if __name__ == "__main__":
    main()
