"""What to do about how an operator sounds: a self test's figures in, sentences for a person out. Pure.

The limits are those at which recognisers begin to err and to be sure of it.
"""

from __future__ import annotations

from edge.hear.acoustics import measured
from edge.hear.levels import is_narrow
from edge.records import Acoustics, Segment

QUIET_DB = -40.0
"""Dictation into a headset is at -30 to -12 dBFS."""

LOUD_DB = -6.0
"""Louder, and the next shout is clipped."""

CLIPPED = 0.001
"""One sample in a thousand: it is heard as crackling."""

NOISY_DB = 12.0
"""A headset's boom 2 cm from the mouth gives 20 dB and more amid machines."""

OTHERS = 0.3
"""The share of another pitch from which somebody else was probably heard."""


def advice(segment: Segment) -> tuple[Acoustics, list[str]]:
    """How an utterance sounded, and what to do about it; nothing to do: an empty list."""
    heard = measured(segment)
    judged = (
        (heard.clipped >= CLIPPED, "overdriven: turn the gain down, or move the microphone away from the mouth"),
        (heard.level_db > LOUD_DB, "very loud: turn the gain down a little"),
        (heard.level_db < QUIET_DB, "very quiet: turn the gain up (`alsamixer`, F4; or `pactl set-source-volume`)"),
        (heard.snr_db < NOISY_DB, "drowned in noise: bring the microphone to the corner of the mouth, 2 cm away"),
        (heard.second_voice > OTHERS, "another voice is heard too: turn the boom to the mouth, away from others"),
        (
            is_narrow(segment.pcm),
            "a telephone band: pick a wideband profile (mSBC, not CVSD), or one with a dongle",
        ),
    )
    return heard, [sentence for holds, sentence in judged if holds]
