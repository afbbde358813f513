"""Writes a dock noise, generated from a seed by `lab.noises`, to a file.

    python -m lab.bench.noise KIND SECONDS OUT.wav --seed N

The same kind, length and seed give the same samples, so that noise need not be stored for reproducible measurements.
"""

from __future__ import annotations

import argparse

import soundfile

from lab.noises import NOISE_KINDS, RATE, generate_noise, limit_peak


def main() -> None:
    """Write a generated noise to a sound file."""
    parser = argparse.ArgumentParser(
        prog="python -m lab.bench.noise", description="Make a noise of the dock from a seed."
    )
    parser.add_argument("kind", choices=sorted(NOISE_KINDS))
    parser.add_argument("seconds", type=float)
    parser.add_argument("out", help="the file to write; its ending says the format: .wav or .flac")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    sound = limit_peak(generate_noise(asked.kind, asked.seconds, asked.seed))
    soundfile.write(asked.out, sound, RATE, subtype="PCM_16")
    print(f"{asked.out}: {asked.seconds:g} s of {asked.kind}, seed {asked.seed}")


if __name__ == "__main__":
    main()
