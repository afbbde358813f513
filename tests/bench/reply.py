"""How soon the device answers: `python -m tests.bench.reply [--entries N] [--language en]`.

Entries are told as an agent tells them: the earcon, then the readback. A null sink of a sound server of our own takes
the sound, and its monitor is recorded: the earcon is found there, taken away sample by sample, and what is left begins
with the first word. Needs Debian's pulseaudio, pulseaudio-utils, libasound2-plugins and libportaudio2.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median, quantiles

import numpy as np

from dockvoice_protocol.forms.catalogue import Catalogue
from dockvoice_protocol.forms.loader import load_forms
from dockvoice_protocol.forms.model import Form
from dockvoice_protocol.forms.spoken.sentences import sample_value
from dockvoice_protocol.plain_file import shipped_directory
from dockvoice_protocol.records import FieldValue
from edge.records.speech import Earcon, PlayEarcon, Prompt, Say
from edge.speak.loudspeaker import Loudspeaker
from edge.speak.mixer import earcon_samples
from edge.speak.synthesis import ClauseCache, Speaker
from edge.speak.voices import EspeakVoice
from edge.speak.wording import Phrasing
from tests.sound.earpiece import DEVICE, Earpiece, earpiece
from tests.sound.pulseaudio import headset

EARCON_MS, WORD_MS = 50, 100  # What is asked of the median.

AUDIBLE = 60
"""Of 32768, -55 dBFS: the sink adds no noise, so that less would do, but a fade must not count as a beginning."""

PAUSE_S = 0.3  # Between two entries, so that each finds silence.


@dataclass
class Replies:
    """What was measured, in ms from the order."""

    earcons: list[float] = field(default_factory=list)
    words: list[float] = field(default_factory=list)


async def measure(listening: Earpiece, language: str, count: int, seed: int) -> Replies:
    """Tell so many entries and listen to each."""
    form = load_forms(shipped_directory("schemas") / "forms")["pallet-move"]
    catalogue = Catalogue.load(shipped_directory("config") / "catalogue")
    loudspeaker = Loudspeaker(DEVICE)
    await loudspeaker.open()
    speaker = Speaker(loudspeaker, ClauseCache(EspeakVoice, language), Phrasing(form, language))
    replies, random = Replies(), Random(seed)
    async with asyncio.TaskGroup() as group:
        beside = [group.create_task(work) for work in (loudspeaker.keep_open(), speaker.run())]
        await asyncio.sleep(2)  # as in an agent: labels and prompts are made before the first utterance
        for _ in range(count):
            await _reply(speaker, loudspeaker, listening, _entry(form, catalogue, random), replies)
        for task in beside:
            task.cancel()
    return replies


def _entry(form: Form, catalogue: Catalogue, random: Random) -> Mapping[str, FieldValue]:
    return {one.name: sample_value(one, catalogue, random) for one in form.fields if one.required}


async def _reply(
    speaker: Speaker, loudspeaker: Loudspeaker, listening: Earpiece, entry: Mapping[str, FieldValue], replies: Replies
) -> None:
    ordered = time.monotonic()
    speaker.carry_out(PlayEarcon(Earcon.STORED))
    speaker.carry_out(Say(Prompt.READBACK, entry))
    await loudspeaker.wait_until_quiet()
    await asyncio.sleep(PAUSE_S)
    heard = listening.samples[listening.at(ordered) :].astype(np.int32)
    first = int(np.flatnonzero(np.abs(heard) > AUDIBLE)[0])
    ring = earcon_samples(Earcon.STORED).astype(np.int32)
    begins = first - int(np.flatnonzero(np.abs(ring) > AUDIBLE)[0])
    heard[begins : begins + len(ring)] -= ring
    word = int(np.flatnonzero(np.abs(heard) > AUDIBLE)[0])
    replies.earcons.append(_ms(listening, ordered, first))
    replies.words.append(_ms(listening, ordered, word))


def _ms(listening: Earpiece, ordered: float, sample: int) -> float:
    return (listening.moment(listening.at(ordered) + sample) - ordered) * 1000


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=40)
    parser.add_argument("--language", default="en")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, headset(Path(directory)) as worn, earpiece(worn) as listening:
        os.environ.update(worn.environment)  # read when PortAudio is loaded
        replies = asyncio.run(measure(listening, options.language, options.entries, options.seed))
    print(f"{'ms after the verdict':<34} {'median':>7} {'p95':>7} {'longest':>8}")
    for name, ms in (("earcon, at the sink", replies.earcons), ("first word, at the sink", replies.words)):
        p95 = quantiles(ms, n=20, method="inclusive")[-1]
        print(f"{name:<34} {median(ms):>7.0f} {p95:>7.0f} {max(ms):>8.0f}")
    kept = median(replies.earcons) <= EARCON_MS and median(replies.words) <= WORD_MS
    print(f"medians are {'within' if kept else 'PAST'} {EARCON_MS} ms and {WORD_MS} ms")


if __name__ == "__main__":
    main()
