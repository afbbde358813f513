"""Cross-validates the confidence curves, fitted on other data only: `python -m lab.bench.rotation MANIFEST...`.

Each clip is recognised once, and cached. Then speakers, wordings, kinds of noise and sets are left out in turn: curves
are fitted on the rest (`lab/bench/calibration.py`), and the part left out is decided with them. For comparison: the
shipped curves, and curves fitted on everything. *Demand too*: the confidence threshold is also chosen on the rest, as
the lowest that keeps wrong within its goals.

What was set by hand with these sets cannot be left out: the parser's rules, the words beside the form, the pauses, the
temperature of the shares, the limits of poor sound. The cache is keyed by the code below `edge` and `config`.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path

from dockvoice_protocol.config import load_settings
from edge.agree.decide import Rules
from edge.agree.policy import BALANCED
from edge.config import Settings
from edge.understand.local.confidence import VOSK
from lab.bench.command import REPOSITORY, make_parser
from lab.evaluate import load_clip_sources
from lab.evaluate_command import evaluate_with_progress
from lab.report.breakdown import LEAST, lower_quartile
from lab.report.comparing import NONE, Table, format_percent, format_share, to_markdown
from lab.report.goals import GOALS
from lab.report.measures import group_by
from lab.retuning import (
    Curves,
    KeptClip,
    Marks,
    drop_audio,
    extract_field_samples,
    find_lowest_threshold,
    fit_curves,
    is_within_wrong_limit,
    load_rules_by_form,
    mark_with_curves,
)
from lab.scoring import Mark, read_manifest

_KEPT = REPOSITORY / ".cache" / "rotation"

_ALLOWED_FALL = 2.0  # Points by which right may be lower on data left out of the fit.

GROUPS: Mapping[str, Callable[[KeptClip], str | None]] = {
    "speaker": lambda one: one.clip.speaker,
    "wording": lambda one: one.wording,
    "noise": lambda one: one.clip.noise,
    "set": lambda one: one.set,
}


def _evaluate_clips_cached(settings: Settings, manifest: Path, cache: Path) -> tuple[KeptClip, ...]:
    """Evaluate the clips of a manifest, with a cache on disk keyed by the manifest and the code."""
    digest = sha256(manifest.read_bytes())
    for file in sorted([*(REPOSITORY / "edge").rglob("*.py"), *(REPOSITORY / "config").rglob("*.*")]):
        digest.update(file.read_bytes())
    file = cache / f"{digest.hexdigest()[:32]}.pickle"
    if file.exists():
        found: tuple[KeptClip, ...] = pickle.loads(file.read_bytes())  # noqa: S301 - written below, by this very code
        return found
    clips = [clip for clip in read_manifest(manifest) if clip.speech_end is not None]
    scored = evaluate_with_progress(settings, load_clip_sources(clips), doing=f"hearing {manifest}")
    found = tuple(drop_audio(one, manifest.parent.name) for one in scored)
    cache.mkdir(parents=True, exist_ok=True)
    file.write_bytes(pickle.dumps(found))
    return found


def _mark_with_threshold(
    every: Sequence[KeptClip], by: Curves, standing: Mapping[str, Rules], minimum: float
) -> list[tuple[KeptClip, Mark]]:
    """Decide the clips with these curves and another confidence threshold; return their marks."""
    poor = min(0.99, minimum + BALANCED.poor - BALANCED.minimum)
    rules = {
        form: replace(one, policy=replace(one.policy, minimum=minimum, poor=poor)) for form, one in standing.items()
    }
    return [(one, mark_with_curves(one, by, rules[one.clip.form])) for one in every]


def cross_validate_groups(
    every: Sequence[KeptClip],
    key: Callable[[KeptClip], str | None],
    rules: Mapping[str, Rules],
    *,
    fit_threshold: bool = False,
) -> list[tuple[KeptClip, Mark]]:
    """The marks of each group's clips, by curves fitted on all other groups (cross-validation).

    With `fit_threshold` the confidence threshold is fitted on them too.
    """
    forms = {name: one.form for name, one in rules.items()}
    readings = [(key(one), read) for one, read in extract_field_samples(every, forms)]
    marked = []
    for name in sorted({group for one in every if (group := key(one)) is not None}):
        by = fit_curves([read for group, read in readings if group != name])
        some = [one for one in every if key(one) == name]
        if fit_threshold:
            rest = [one for one in every if key(one) != name]
            least = find_lowest_threshold(partial(_mark_with_threshold, rest, by, rules))
            marked += _mark_with_threshold(some, by, rules, least)
        else:
            marked += [(one, mark_with_curves(one, by, rules[one.clip.form])) for one in some]
    return marked


_COLUMNS = ("condition: fitted on", "n", "right %", "wrong %", "worst speaker right %", "their lower quartile %")


def tabulate_right_wrong_by_fitted_set(ways: Mapping[str, Marks], title: str) -> Table:
    """Right and wrong of dictated clips, by condition and by the set that the curves were fitted on."""
    rows = []
    conditions = list(dict.fromkeys(one.clip.condition for one, _ in next(iter(ways.values()))))
    for condition in (*conditions, None):
        for way, marks in ways.items():
            some = [
                (one, became)
                for one, became in marks
                if one.clip.fields is not None and condition in {None, one.clip.condition}
            ]
            if some:
                rows.append((f"{condition or 'together'}: {way}", *_right_wrong_and_speaker_cells(some)))
    note = (
        f"Speakers with at least {LEAST} dictated clips of the condition. In brackets: 95 % intervals, Wilson's; the "
        "quartile's by drawing the speakers anew."
    )
    return Table(title, _COLUMNS, tuple(rows), note)


def _right_wrong_and_speaker_cells(some: Marks) -> Iterator[str]:
    right, wrong = (sum(became is kind for _, became in some) for kind in (Mark.RIGHT, Mark.WRONG))
    yield str(len(some))
    yield format_share(right, len(some))
    yield format_share(wrong, len(some))
    speakers = {
        name: sum(became is Mark.RIGHT for _, became in of) / len(of)
        for name, of in group_by(some, lambda marked: GROUPS["speaker"](marked[0])).items()
        if len(of) >= LEAST
    }
    if len(speakers) < 2:  # noqa: PLR2004 - a spread needs two
        yield from (NONE, NONE)
        return
    worst = min(speakers, key=lambda name: speakers[name])
    yield f"{worst} {100 * speakers[worst]:.0f}"
    yield format_percent(lower_quartile(list(speakers.values())))


def judge_left_out_results(together: Marks, apart_from: Marks) -> str:
    """Say whether right falls by no more than _ALLOWED_FALL on data left out, and wrong stays within its goal."""
    names = {id(one) for one, _ in apart_from}
    same = [(one, became) for one, became in together if id(one) in names and one.clip.fields is not None]
    left = [(one, became) for one, became in apart_from if one.clip.fields is not None]
    fell = _percent_right(same) - _percent_right(left)
    conditions = group_by(left, lambda marked: marked[0].clip.condition)
    most = max(
        (_percent_right([both for both in same if both[0].clip.condition == name]) - _percent_right(some), name)
        for name, some in conditions.items()
    )
    over = [name for name, some in conditions.items() if name in GOALS and not is_within_wrong_limit(name, some)]
    verdict = "met" if fell <= _ALLOWED_FALL else f"missed, {_ALLOWED_FALL:g} allowed"
    wrong = f"wrong is beyond its goal at {', '.join(over)}" if over else "wrong is within its goals"
    return f"right falls by {fell:.1f} points ({verdict}), at most by {most[0]:.1f}, at {most[1]}; {wrong}"


def _percent_right(some: Marks) -> float:
    return 100 * sum(became is Mark.RIGHT for _, became in some) / len(some)


def main() -> None:
    """Mark clips with curves fitted on other sets and speakers; print the marks."""
    parser = make_parser("lab.bench.rotation", __doc__)
    parser.add_argument("manifests", type=Path, nargs="+", metavar="MANIFEST")
    parser.add_argument("--kept", type=Path, default=_KEPT, help="where hearings are kept; default .cache/rotation")
    options = parser.parse_args()
    settings = load_settings(Settings, None)
    every = [one for manifest in options.manifests for one in _evaluate_clips_cached(settings, manifest, options.kept)]
    standing = load_rules_by_form(settings, every)
    readings = [read for _, read in extract_field_samples(every, {name: one.form for name, one in standing.items()})]
    all_in = fit_curves(readings)
    ways: dict[str, Marks] = {
        "in use": [(one, mark_with_curves(one, VOSK, standing[one.clip.form])) for one in every],
        "all of it": [(one, mark_with_curves(one, all_in, standing[one.clip.form])) for one in every],
    }
    verdicts = []
    for name, key in GROUPS.items():
        if len({key(one) for one in every} - {None}) > 1:
            ways[f"other {name}s"] = cross_validate_groups(every, key, standing)
            verdicts.append(f"Other {name}s: {judge_left_out_results(ways['all of it'], ways[f'other {name}s'])}.")
    ways["other speakers, demand too"] = cross_validate_groups(every, GROUPS["speaker"], standing, fit_threshold=True)
    verdicts.append(f"The demand too: {judge_left_out_results(ways['all of it'], ways['other speakers, demand too'])}.")
    wrong = sum(not one.right for one in readings)
    print(to_markdown(tabulate_right_wrong_by_fitted_set(ways, "Tuned on other speakers, wordings, noises and sets")))
    print(f"Fitted on up to {len(readings)} fields, {wrong} wrong. {' '.join(verdicts)}")


if __name__ == "__main__":
    main()
