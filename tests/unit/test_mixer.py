from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.records import SAMPLE_RATE
from edge.speak.mixer import FADE, LEAD, LOUDEST_DB, MOST_WAITING, SOFTEST_DB, Mixer, Rank
from tests.rows import each_of

MS = SAMPLE_RATE // 1000
BLOCK = 10 * MS


def tone(loudness: int, ms: int) -> NDArray[np.int16]:
    return np.full(ms * MS, loudness, dtype=np.int16)


def said(playing: Mixer, loudness: int, ms: int, rank: Rank = Rank.REPLY) -> int:
    phrase = playing.say(rank)
    playing.add(phrase, tone(loudness, ms))
    playing.end(phrase)
    return phrase.number


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


def test_with_nothing_to_say_there_is_silence() -> None:
    playing = Mixer()
    assert runs(played(playing, 50)) == [(0, 50)]
    assert playing.quiet


def test_a_phrase_whose_voice_failed_holds_up_nothing() -> None:
    playing = Mixer()
    failed = playing.say(Rank.REPLY)
    said(playing, 200, 20)
    assert runs(played(playing, 20)) == [(0, 20)]
    playing.end(failed)
    assert runs(played(playing, 30)) == [(200, 20), (0, 10)]


def test_an_earcon_is_heard_in_the_next_block_and_the_phrase_while_it_fades() -> None:
    playing = Mixer()
    played(playing, 30)
    ring = playing.play_earcon(tone(1000, 120))
    phrase = said(playing, 10, 100)
    assert runs(played(playing, 170)) == [(1000, 50), (1010, 70), (10, 30), (0, 20)]
    assert [(began.number, began.at) for began in playing.began()] == [(ring, 30 * MS), (phrase, 30 * MS + LEAD)]


def test_an_earcon_under_a_phrase_does_not_stop_it() -> None:
    playing = Mixer()
    said(playing, 10, 100)
    played(playing, 20)
    playing.play_earcon(tone(1000, 50))
    assert runs(played(playing, 90)) == [(1010, 50), (10, 30), (0, 10)]


def test_two_earcons_are_heard_one_after_the_other() -> None:
    playing = Mixer()
    playing.play_earcon(tone(100, 30))
    playing.play_earcon(tone(300, 30))
    assert runs(played(playing, 70)) == [(100, 30), (300, 30), (0, 10)]


def test_the_sound_of_a_phrase_may_come_piece_by_piece_and_late() -> None:
    playing = Mixer()
    phrase = playing.say(Rank.REPLY)
    playing.add(phrase, tone(10, 20))
    later = said(playing, 500, 20)
    assert runs(played(playing, 40)) == [(10, 20), (0, 20)]
    playing.add(phrase, tone(20, 20))
    playing.end(phrase)
    assert runs(played(playing, 50)) == [(20, 20), (500, 20), (0, 10)]
    assert [began.number for began in playing.began()] == [phrase.number, later]


def test_what_matters_more_is_said_first_but_nothing_is_cut_for_news() -> None:
    playing = Mixer()
    said(playing, 10, 30)
    played(playing, 10)
    said(playing, 30, 10, Rank.NEWS)
    said(playing, 20, 10)
    assert runs(played(playing, 50)) == [(10, 20), (20, 10), (30, 10), (0, 10)]


def test_a_priority_prompt_goes_before_all_else() -> None:
    playing = Mixer()
    said(playing, 1000, 300)
    played(playing, 50)
    said(playing, 20, 30, Rank.PRIORITY)
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
    assert playing.quiet


def test_barge_in_does_not_stop_what_must_be_heard() -> None:
    playing = Mixer()
    said(playing, 10, 100, Rank.PRIORITY)
    said(playing, 20, 100)
    played(playing, 20)
    playing.stop_speaking()
    assert runs(played(playing, 100)) == [(10, 80), (0, 20)]


def test_more_of_a_phrase_that_was_stopped_is_not_wanted() -> None:
    playing = Mixer()
    phrase = playing.say(Rank.REPLY)
    assert playing.add(phrase, tone(10, 20))
    playing.stop_speaking()
    assert not playing.add(phrase, tone(10, 20))
    assert runs(played(playing, 20)) == [(0, 20)]


def test_the_queue_has_an_end_and_the_oldest_news_gives_way() -> None:
    playing = Mixer()
    for loudness in range(1, MOST_WAITING + 3):
        said(playing, loudness, 10, Rank.NEWS)
    sound = played(playing, 10 * (MOST_WAITING + 2))
    assert [loudness for loudness, _ in runs(sound)] == [*range(3, MOST_WAITING + 3), 0]


def test_a_reply_gives_way_to_none_of_the_news() -> None:
    playing = Mixer()
    said(playing, 1, 10)
    for loudness in range(2, MOST_WAITING + 3):
        said(playing, loudness, 10, Rank.NEWS)
    assert runs(played(playing, 10))[0] == (1, 10)


@each_of(("steps", "volume_db"), [(1, 3.0), (-2, -6.0), (99, LOUDEST_DB), (-99, SOFTEST_DB)])
def test_louder_and_softer_are_steps_within_bounds(steps: int, volume_db: float) -> None:
    playing = Mixer()
    assert playing.adjust_volume(steps) == volume_db
    said(playing, 1000, 40)
    assert runs(played(playing, 40))[-1][0] == round(1000 * 10 ** (volume_db / 20))


def test_a_change_of_volume_does_not_click() -> None:
    playing = Mixer()
    said(playing, 10_000, 100)
    before = played(playing, 20)
    playing.adjust_volume(-2)
    after = played(playing, 20)
    assert np.abs(np.diff(np.concatenate([before, after]).astype(int))).max() < 100


def test_together_they_never_overrun() -> None:
    playing = Mixer(LOUDEST_DB)
    playing.play_earcon(tone(30_000, 100))
    said(playing, 30_000, 100)
    assert played(playing, 100).max() == 32_767


def test_whoever_silences_it_is_told_whether_it_was_saying_anything() -> None:
    mouth = Mixer()
    assert mouth.stop_speaking() is False
    mouth.add(mouth.say(Rank.REPLY), np.ones(1600, dtype=np.int16))
    assert mouth.stop_speaking() is True
    mouth.add(mouth.say(Rank.PRIORITY), np.ones(1600, dtype=np.int16))
    assert mouth.stop_speaking() is False
