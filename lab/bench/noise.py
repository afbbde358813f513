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
    options = parser.parse_args()
    sound = limit_peak(generate_noise(options.kind, options.seconds, options.seed))
    soundfile.write(options.out, sound, RATE, subtype="PCM_16")
    print(f"{options.out}: {options.seconds:g} s of {options.kind}, seed {options.seed}")


if __name__ == "__main__":
    main()
