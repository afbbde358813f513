"""Loudness: the limits by which the headset's wearer and the office are told that a voice is hard to hear."""

from __future__ import annotations

QUIET_DB = -40.0  # Dictation into a headset is at -30 to -12 dBFS.
LOUD_DB = -6.0  # Louder, and the next shout is clipped.
NOISY_DB = 12.0  # A headset's boom 2 cm from the mouth gives 20 dB and more amid machines.
"""From here on somebody is told that the voice is too quiet, too loud, or hardly stands out from what surrounds it: who
wears it by `dockvoice audio test`, the office by the console."""
