from __future__ import annotations

import hashlib
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dockvoice_protocol.errors import UnreadableInput
from edge.hear.recording import RecordedSource


def tone(seconds: float, rate: int = 16_000, hertz: float = 440) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def written(path: Path, sound: np.ndarray, rate: int = 16_000, subtype: str | None = "PCM_16") -> Path:
    soundfile.write(path, sound, rate, subtype=subtype)
    return path


def heard(recording: RecordedSource) -> np.ndarray:
    return np.frombuffer(b"".join(frame.pcm for frame in recording.frames()), "<i2")


def refusal(path: Path) -> str:
    with pytest.raises(UnreadableInput) as refused:
        list(RecordedSource(path).frames())
    message = str(refused.value)
    assert str(path) in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", ["text.wav", "text.flac", "text.raw", "text.txt"])
def test_what_is_not_sound_is_refused_whatever_its_name(tmp_path: Path, name: str) -> None:
    assert "no such file" in refusal(tmp_path / name)
    (tmp_path / name).write_text("pallet seven four two")
    assert "is not sound" in refusal(tmp_path / name)
    assert "holds no sound" in refusal(written(tmp_path / "none.wav", np.zeros(0)))


@pytest.mark.parametrize("rate", [1_000, 3_999, 384_001, 1_000_000])
def test_an_implausible_rate_is_refused_with_what_is_allowed(tmp_path: Path, rate: int) -> None:
    message = refusal(written(tmp_path / "rate.wav", tone(0.1), rate))
    assert f"{rate} samples per second, 4000 to 384000" in message


@pytest.mark.parametrize("ending", ["wav", "aiff", "flac", "mp3"])
def test_a_recording_that_was_cut_off_is_refused(tmp_path: Path, ending: str) -> None:
    whole = written(tmp_path / f"cut.{ending}", tone(3), subtype=None).read_bytes()
    (tmp_path / f"cut.{ending}").write_bytes(whole[: len(whole) // 2])
    assert "damaged or cut off" in refusal(tmp_path / f"cut.{ending}")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_refused(tmp_path: Path, bad: float) -> None:
    sound = tone(0.5)
    sound[4000] = bad
    assert "no numbers" in refusal(written(tmp_path / "nan.wav", sound, subtype="FLOAT"))


def test_a_file_of_unknown_length_as_pipes_leave_it_is_read_whole(tmp_path: Path) -> None:
    path = written(tmp_path / "piped.wav", tone(1))
    content = bytearray(path.read_bytes())
    data = content.index(b"data")
    content[4:8] = content[data + 4 : data + 8] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    assert len(heard(RecordedSource(path))) == 16_000


def test_sixteen_bit_mono_at_16_khz_passes_unchanged(tmp_path: Path) -> None:
    every_value = np.arange(-32_768, 32_768, dtype=np.int16)
    recording = RecordedSource(written(tmp_path / "exact.wav", every_value))
    np.testing.assert_array_equal(heard(recording)[: len(every_value)], every_value)


def test_the_name_is_the_digest_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path / "named.wav", tone(0.2))
    recording = RecordedSource(path)
    assert recording.name == "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    assert recording.live is False


def test_sound_beyond_full_scale_is_clipped_not_wrapped(tmp_path: Path) -> None:
    loud = np.array([2.0, -2.0] * 160)
    assert set(heard(RecordedSource(written(tmp_path / "loud.wav", loud, subtype="FLOAT")))) == {32_767, -32_768}


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 96_000])
@pytest.mark.parametrize(("ending", "subtype"), [("wav", "PCM_24"), ("flac", "PCM_16")])
def test_any_rate_becomes_16_khz_with_pitch_length_and_level_kept(
    tmp_path: Path, rate: int, ending: str, subtype: str
) -> None:
    path = written(tmp_path / f"rate.{ending}", np.stack([tone(1, rate)] * 2, axis=1), rate, subtype)
    sound = heard(RecordedSource(path)) / 32_768
    assert len(sound) == pytest.approx(16_000, abs=320)
    loudest = np.argmax(np.abs(np.fft.rfft(sound[:16_000]))) * 16_000 / len(sound[:16_000])
    assert loudest == pytest.approx(440, abs=2)
    assert np.abs(sound[1000:-1000]).max() == pytest.approx(0.5, abs=0.01)


def test_a_long_recording_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    recording = RecordedSource(written(tmp_path / "long.wav", np.tile(tone(1, 48_000), 60), 48_000))
    tracemalloc.start()
    count = sum(1 for _ in recording.frames())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 60 * 50
    assert peak < 1_500_000  # the whole is 1.9 MB at 16 kHz, 12 MB as read
