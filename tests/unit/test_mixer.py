from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.records import SAMPLE_RATE
from edge.speak.mixer import MOST_WAITING, Mixer, PhrasePriority
from tests.rows import each_of

FADE = 80
MS = SAMPLE_RATE // 1000
BLOCK = 10 * MS


def tone(loudness: int, ms: int) -> NDArray[np.int16]:
    return np.full(ms * MS, loudness, dtype=np.int16)


def said(playing: Mixer, loudness: int, ms: int, rank: PhrasePriority = PhrasePriority.REPLY) -> None:
    phrase = playing.queue_phrase(rank)
    playing.append_sound(phrase, tone(loudness, ms))
    playing.end_phrase(phrase)


def played(playing: Mixer, ms: int) -> NDArray[np.int16]:
    return np.concatenate([playing.render(BLOCK) for _ in range(ms * MS // BLOCK)])


def runs(sound: NDArray[np.int16]) -> list[tuple[int, int]]:
    """What is heard: loudness and how many ms of it, fades aside."""
    found: list[tuple[int, int]] = []
    for loudness in sound[::MS].tolist():
        if found and found[-1][0] == loudness:
            found[-1] = (loudness, found[-1][1] + 1)
        else:
            found.append((loudness, 1))
    return found


def test_a_phrase_whose_voice_failed_holds_up_nothing() -> None:
    playing = Mixer()
    failed = playing.queue_phrase(PhrasePriority.REPLY)
    said(playing, 200, 20)
    assert runs(played(playing, 20)) == [(0, 20)]
    playing.end_phrase(failed)
    assert runs(played(playing, 30)) == [(200, 20), (0, 10)]


def test_an_earcon_is_heard_in_the_next_block_and_the_phrase_while_it_fades() -> None:
    playing = Mixer()
    played(playing, 30)
    playing.play_earcon(tone(1000, 120))
    said(playing, 10, 100)
    assert runs(played(playing, 170)) == [(1000, 50), (1010, 70), (10, 30), (0, 20)]


def test_what_matters_more_is_said_first_but_nothing_is_cut_for_news() -> None:
    playing = Mixer()
    said(playing, 10, 30)
    played(playing, 10)
    said(playing, 30, 10, PhrasePriority.NEWS)
    said(playing, 20, 10)
    assert runs(played(playing, 50)) == [(10, 20), (20, 10), (30, 10), (0, 10)]


def test_a_priority_prompt_goes_before_all_else() -> None:
    playing = Mixer()
    said(playing, 1000, 300)
    played(playing, 50)
    said(playing, 20, 30, PhrasePriority.PRIORITY)
    sound = played(playing, 100)
    assert runs(sound[FADE:])[0][0] == 20
    assert runs(sound)[-1][0] == 0


def test_barge_in_is_silence_after_a_fade_of_a_few_milliseconds() -> None:
    playing = Mixer()
    said(playing, 10_000, 1000)
    said(playing, 500, 1000)
    played(playing, 100)
    playing.stop_speaking()
    sound = played(playing, 100)
    assert (sound[FADE:] == 0).all()
    assert np.abs(np.diff(np.concatenate([[10_000], sound]).astype(int))).max() < 10_000 / FADE * 1.5
    assert playing.is_quiet


def test_barge_in_does_not_stop_what_must_be_heard() -> None:
    playing = Mixer()
    said(playing, 10, 100, PhrasePriority.PRIORITY)
    said(playing, 20, 100)
    played(playing, 20)
    playing.stop_speaking()
    assert runs(played(playing, 100)) == [(10, 80), (0, 20)]


def test_the_queue_has_an_end_and_the_oldest_news_gives_way() -> None:
    playing = Mixer()
    for loudness in range(1, MOST_WAITING + 3):
        said(playing, loudness, 10, PhrasePriority.NEWS)
    sound = played(playing, 10 * (MOST_WAITING + 2))
    assert [loudness for loudness, _ in runs(sound)] == [*range(3, MOST_WAITING + 3), 0]


@each_of(("steps", "volume_db"), [(1, 3.0), (-2, -6.0), (99, 6.0), (-99, -24.0)])
def test_louder_and_softer_are_steps_within_bounds(steps: int, volume_db: float) -> None:
    playing = Mixer()
    assert playing.adjust_volume(steps) == volume_db
    said(playing, 1000, 40)
    assert runs(played(playing, 40))[-1][0] == round(1000 * 10 ** (volume_db / 20))
