"""What a site's own recordings make of thresholds and curves, tried on speakers left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from dockvoice_protocol.config import load_settings
from dockvoice_protocol.errors import Misconfigured, UnreadableInput
from dockvoice_protocol.forms.spoken.confusable import RivalKind
from dockvoice_protocol.records import Act, FieldValue
from edge.agree.decide import Rules
from edge.config import Settings
from edge.understand.local.confidence import VOSK, Calibration, calibration_curves
from lab.on_record import final_entries_by_utterance
from lab.retune_command import replace_tuning, retune
from lab.retuning import (
    ON_RECORD,
    KeptClip,
    TriedTuning,
    Tuning,
    choose_best,
    cross_validate,
    describe_missing_recordings,
)
from lab.scoring import Mark
from tests.lab.test_rotation import clip
from tests.rows import each_of

SPEAKERS = ("anna", "ben", "carl", "dora")


def sayings(count: int, share: float, rules: Rules, wrong: int = 0) -> list[KeptClip]:
    """So many by each speaker, the first of them wrong."""
    made = {(who, right): clip(who, share, rules, right=right) for who in SPEAKERS for right in (True, False)}
    return [
        replace(one, clip=one.clip.model_copy(update={"text": str(number)}))
        for who in SPEAKERS
        for number in range(count)
        for one in (made[who, number >= wrong],)
    ]


def shares(every: Sequence[KeptClip], rules: Rules) -> tuple[tuple[TriedTuning, ...], TriedTuning | None]:
    ways = cross_validate(every, {"pallet-move": rules})
    return ways, choose_best(ways)


def test_too_few_are_refused_and_it_is_told_how_many_more(rules: Rules, tmp_path: Path) -> None:
    assert describe_missing_recordings(sayings(50, 0.9, rules)) is None
    assert "record 40 more, new speakers among them: 0" in str(describe_missing_recordings(sayings(40, 0.9, rules)))
    one_speaker = [one for one in sayings(300, 0.9, rules) if one.clip.speaker == "anna"]
    assert "300 sayings of 1 speakers; it takes 200, and 4 speakers" in str(describe_missing_recordings(one_speaker))
    assert "record 45 more, new speakers among them: 3" in str(describe_missing_recordings(one_speaker))
    (tmp_path / "manifest.jsonl").write_text(
        '{"audio": "a.flac", "fields": {"dock": "B"}, "condition": "clean", "speaker": "anna", "speech_end": 1.0}\n'
    )
    (tmp_path / "a.flac").touch()
    with pytest.raises(UnreadableInput, match=r"manifest.jsonl: 1 sayings of 1 speakers; .* 199 more.*record-truth"):
        retune(tmp_path / "manifest.jsonl")


def test_what_is_wrong_at_a_site_is_asked_there(rules: Rules) -> None:
    every = sayings(16, 0.995, rules) + sayings(5, 0.6, rules, wrong=4)
    ways, best = shares(every, rules)
    assert ways[0].wrong_count == 4 * 4
    assert best is not None
    assert best.wrong_count == 0
    assert best.right_percent >= ways[0].right_percent - 10


@each_of(("clips", "condition", "better"), [(380, "clean", False), (381, "clean", True), (381, ON_RECORD, False)])
def test_less_is_asked_only_where_so_many_bear_it_out(clips: int, condition: str, better: bool, rules: Rules) -> None:
    """At work nobody knows that what was not corrected is right, however much there is of it."""
    one = clip("anna", 0.25, rules)
    one = replace(one, clip=one.clip.model_copy(update={"condition": condition}))
    ways = [
        TriedTuning(name, [(one, mark)] * clips, Tuning()) for name, mark in (("as", Mark.ASKED), ("own", Mark.RIGHT))
    ]
    assert choose_best(ways) is (ways[1] if better else None)


@dataclass(frozen=True)
class Entry:
    utterance_id: str
    event_id: str | None
    act: Act | None
    replaces: str | None
    fields: Mapping[str, FieldValue]
    operator: str | None = "anna"


def test_an_entry_is_what_its_operator_made_of_it_in_the_end() -> None:
    entries: list[Any] = [
        Entry("u1", "e1", Act.RECORD, None, {"dock": "B"}),
        Entry("u2", "e2", Act.RECORD, None, {"dock": "C"}),
        Entry("u3", "e3", Act.AMEND, "e1", {"dock": "D"}),
        Entry("u4", "e4", Act.AMEND, "e3", {"dock": "E"}),
        Entry("u5", "e5", Act.CANCEL, "e2", {}),
        Entry("u6", "e6", Act.AMEND, "e0", {"dock": "A"}),
    ]
    assert {said: entry.fields for said, entry in final_entries_by_utterance(entries).items()} == {"u1": {"dock": "E"}}


SITE = """# ours
site = "north"

[agree] # how sure
policy = "balanced"
minimum_confidence = 0.9

[understand.calibration.none]
weights = "small-en-us"
offset = 3
slope = 3

[deliver]
prefix = "dock"
"""


@pytest.mark.parametrize("text", ["", SITE, 'site = "north"\n[deliver]\nprefix = "dock"\n'])
def test_the_agent_takes_what_is_written(text: str, tmp_path: Path) -> None:
    way = Tuning({**VOSK, RivalKind.ALIKE: Calibration(-0.5, 2.0)}, 0.8)
    (tmp_path / "edge.toml").write_text(replace_tuning(text, way, "small-en-us", "# told\n"))
    settings = load_settings(Settings, tmp_path / "edge.toml")
    assert settings.agree.minimum_confidence == 0.8
    assert calibration_curves("small-en-us", settings.understand.calibration) == way.curves
    assert calibration_curves("small-de", settings.understand.calibration) == VOSK
    if text:
        assert (settings.site, settings.deliver.prefix) == ("north", "dock")
    (tmp_path / "edge.toml").write_text(replace_tuning(text, Tuning(), "small-en-us", "# told\n"))
    settings = load_settings(Settings, tmp_path / "edge.toml")
    assert (settings.agree.minimum_confidence, settings.understand.calibration) == (None, {})


def test_a_kind_that_there_is_not_is_refused() -> None:
    curve = {"weights": "small-en-us", "offset": 0, "slope": 1}
    own = load_settings(Settings, None, understand={"calibration": {"rhyme": curve}}).understand.calibration
    with pytest.raises(Misconfigured, match=r"understand\.calibration: rhyme: no such kind; allowed: none, less"):
        calibration_curves("small-en-us", own)
