"""The voice commands: one row for each, of which the recogniser, a model, the keyboard and the dialogue are told."""

from __future__ import annotations

from enum import Flag, StrEnum, auto
from typing import Self


class Trait(Flag):
    """What holds for some commands and not for others."""

    OF_TRAILER = auto()  # Asked while a trailer is unloaded: its wordings hold labels of forms, and are no entries.
    OF_RECORD = auto()  # Its answer depends on what stands on record, which is looked up before the dialogue hears it.
    UNEXPECTED = auto()  # No recogniser expects its wordings: words that a grammar holds are heard in others.


_PLAIN, _BOTH = Trait(0), Trait.OF_TRAILER | Trait.OF_RECORD


class Command(StrEnum):
    """What an operator can ask of the device.

    A row is the name of the list of its wordings in the file of each language, what a model is told that it asks, the
    key that asks it in `dockvoice watch`, and its traits. A command that only tells something has its function in
    `edge.agree.dialogue.machine.ANSWERS`; any other, a column of the dialogue's table by its name.
    """

    meaning: str
    key: str
    traits: Trait

    SAY_AGAIN = "say_again", "say the last thing again", "a"
    HOW_MANY_WAITING = "how_many_waiting", "tell how many entries still wait to be sent", "w"
    HOW_MANY_HERE = (
        "how_many_here",
        "tell how many entries of today are for the same place as the last one",
        "d",
        Trait.OF_RECORD | Trait.UNEXPECTED,  # Nearly all words of its wordings are those of sentences.
    )
    HOW_MANY_ON_TRAILER = (
        "how_many_on_trailer",
        "tell how much of the trailer that stands at the door was received so far",
        "s",
        _BOTH,
    )
    WHAT_IS_LEFT = "what_is_left", "tell which announced pallets were not received yet", "e", _BOTH
    WHERE_TO = "where_to", "tell where the pallet at hand goes", "g", _BOTH
    TRAILER_DONE = "trailer_done", "the trailer is empty, or all of it was received", "f", _BOTH
    WHAT_IS_OPEN = "what_is_open", "go on with what was put aside, or tell what is still open", "o"
    PUT_ASIDE = "put_aside", "put aside, for a person to look at, what is being asked about", "r"
    LAST_ENTRY = "last_entry", "tell the last entry", "l", Trait.OF_RECORD
    WHERE_AM_I = "where_am_i", "tell which trailer, door or order all entries are for now", "t"
    HELP = "help", "tell what can be said", "h"
    PAUSE = "pause", "stop listening for a while"
    RESUME = "resume", "listen again"
    LOUDER = "louder", "speak louder", "+"
    SOFTER = "softer", "speak more softly", "-"
    FASTER = "faster", "speak faster", ">"
    SLOWER = "slower", "speak more slowly", "<"
    SIGN_ON = "sign_on", "a worker begins his shift"
    SIGN_OFF = "sign_off", "a worker ends his shift"
    # For devices with several forms at hand, which expect the names of those.
    WHICH_WORK = "which_work", "tell which work is being done", "k", Trait.UNEXPECTED
    WHO_LISTENED = "who_listened", "tell who in the office listened to what the worker said", "v"

    def __new__(cls, value: str, meaning: str = "", key: str = "", traits: Trait = _PLAIN) -> Self:
        """A row of the table; with its value alone, as in `Command("help")`, the row of that."""
        one = str.__new__(cls, value)
        one._value_, one.meaning, one.key, one.traits = value, meaning, key, traits
        return one
