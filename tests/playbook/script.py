"""The language of the plays: a line is what somebody does, or what must be true then.

# A comment. Without any other line first: pallet moves, nobody signs on, nothing has happened yet.
form goods-check                        the form to fill
at hand: receive, cycle-count           the forms at hand, the first of them to begin with
language de                             what is spoken; English if nothing is said
may sign on: ana = op-17, ben = op-18   who may
by number: 471 ana = op-17, 472 ben = op-18 may receive speaks es
                                        the same, with a number each; which forms, and what he speaks
idle for 10 minutes signs off           whoever is signed on, where nothing is open
what is sure is recorded at once        instead of being read back and held

operator: pallet seven four two         what is said; `dock~0.4` is a word the recogniser doubts
operator types: pallet 742, twelve       what is heard perfectly, commas and all
scanner: ]C110AB<GS>37024                the keys of a label; `<GS>` is a separator
operator is cut off: pallet seven       the end was not heard
operator in noise: pallet seven         the sound is poor; … from afar: too faint to be the operator's
operator mumbles                        speech without a word
no model reads: pallet seven            what only a model could be sure of, and none answers
operator begins to speak
the witness: pallet 474 for dock F      what a second reader heard in the last sentence that began an entry
4 s pass
silence                                 until the device does something, if it will
inventory applies 1                     … refuses 1: not_on_site, … has 1: already_recorded:dock-4
inventory knows 1                       it came twice
the office accepts: quantity 13         the oldest that waits for a person, with these values over what was read
the office discards                     the oldest that waits for a person
trailer 5501 brings 742: 24 CS A100; 743: 6 EA A200     what is announced for it; received 743: … has come already
the connection is lost                  … is back
the headset fails: headset_lost         … is healed: headset_lost
it is the shift late of 2026-11-21      by the site's clock
the roster says: 472 ben = op-18        from now on these may, and no others
the power is cut                        what was open, and who was signed on, must come from the disk

device: Pallet 7 4 2?                   the next thing it says; all that it says must stand here
device sounds stored                    heard, stored, not understood, refused, fault: since something was done last
device falls silent                     … talks on
device is louder                        softer, faster, slower
dialogue is held                        signed off, idle, held, asking, choosing, confirming, proving, paused,
                                        choosing work
nothing waits                           … something waits: is there a deadline?
entry: pallet_id 742, quantity 12       the last event's values
entry of cycle-count                    the last event's form
event: recorded 1                       the last event; amended 2 of 1; cancelled 2 of 1
no event
rests on 2 utterances                   the last event
operator on record: op-17               of the last event; nobody
worked: op-17 break meal, op-17 shift   what has ended: of whom, what and why
1 under review                          0 …; 1 on record as cancelled
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Line:
    """One line of a play that is no comment."""

    number: int
    text: str
    words: tuple[str, ...]  # What the pattern of its rule caught.
    rule: str


RULES = {
    "form": r"form ([\w-]+)",
    "language": r"language (\w+)",
    "at_hand": r"at hand: (.+)",
    "operators": r"may sign on: (.+)",
    "numbered": r"by number: (.+)",
    "roster": r"the roster says: (.+)",
    "idle": r"idle for (\d+) minutes signs off",
    "worked": r"worked: (.+)",
    "at_once": r"what is sure is recorded at once",
    "says": r"operator: (.+)",
    "types": r"operator types: (.+)",
    "scans": r"scanner: (.+)",
    "cut_off": r"operator is cut off: (.+)",
    "noisy": r"operator in noise: (.+)",
    "afar": r"operator from afar: (.+)",
    "mumbles": r"operator mumbles",
    "unread": r"no model reads: (.+)",
    "begins": r"operator begins to speak",
    "witness": r"the witness: (.+)",
    "pass": r"([\d.]+) s pass",
    "silence": r"silence",
    "applies": r"inventory applies (\d+)",
    "knows": r"inventory knows (\d+)",
    "refuses": r"inventory refuses (\d+): (\S+)",
    "has": r"inventory has (\d+): (\S+)",
    "accepts": r"the office accepts: (.+)",
    "discards": r"the office discards",
    "brings": r"(trailer|door) (\w+) brings (.+)",
    "lost": r"the connection is lost",
    "back": r"the connection is back",
    "fails": r"the headset fails: (\w+)",
    "healed": r"the headset is healed: (\w+)",
    "shift": r"it is the shift (\w+) of (\S+)",
    "cut": r"the power is cut",
    "device": r"device: (.+)",
    "sounds": r"device sounds (heard|stored|not understood|refused|fault)",
    "silent": r"device falls silent",
    "talks_on": r"device talks on",
    "adjusts": r"device is (louder|softer|faster|slower)",
    "state": r"dialogue is ([\w ]+)",
    "nothing_waits": r"nothing waits",
    "something_waits": r"something waits",
    "of": r"entry of ([\w-]+)",
    "entry": r"entry: (.+)",
    "event": r"event: (recorded|amended|cancelled) (\d+)(?: of (\d+))?",
    "no_event": r"no event",
    "rests": r"rests on (\d+) utterances?",
    "record": r"operator on record: (\S+)",
    "review": r"(\d+) under review",
    "cancelled": r"(\d+) on record as cancelled",
}
"""What each kind of line looks like."""

DOES = {
    *("says", "types", "scans", "cut_off", "noisy", "afar", "mumbles", "unread", "begins", "witness", "pass"),
    *("silence", "applies", "knows", "refuses", "has", "accepts", "discards", "roster", "shift"),
    *("lost", "back", "fails", "healed", "cut"),
}
"""The kinds of which something comes: before each, all that the device said must have been told."""


def lines(play: Path) -> Iterator[Line]:
    """The lines of a play. Raises ValueError, with file and line, for one that is none of the language."""
    for number, raw in enumerate(play.read_text(encoding="utf-8").splitlines(), 1):
        text = raw.strip()
        if not text or text.startswith("#"):
            continue
        matched = ((rule, re.fullmatch(pattern, text)) for rule, pattern in RULES.items())
        found = next(((rule, match) for rule, match in matched if match), None)
        if found is None:
            raise ValueError(f"{play.name}:{number}: no line of a play: {text}")
        rule, match = found
        yield Line(number, text, match.groups(), rule)
