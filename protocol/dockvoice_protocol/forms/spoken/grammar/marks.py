"""The marks of events and paths: single letters, of which a string holds any number, sorted."""

from __future__ import annotations

from functools import lru_cache

# Of a mention, and of a path for its next mention.
CORRECTS = "c"  # It corrects what was said before.
DENIED = "n"  # It is what is not so: "not twelve".
HEDGED = "h"  # It is only about right: "some twelve".
ALTERNATIVE = "o"  # It is one of two: "twelve or thirteen".
ANNOUNCED_AGAIN = "r"  # A word announces it as a repetition: "I repeat, twelve".
CORRECTS_RECORD = "w"  # It is the corrected value of a thing on record: "pallet 742 was actually twelve".

# Of a path for its next mention alone.
DENIED_BY_NO = "m"  # It is denied by a word like "no", which may only begin a correction.
NOT_THIS_PLACE = "x"  # It is another place than the thing's: "next to dock B".

# Of a mention alone.
UNEXPLAINED = "s"  # It holds an unexplained word.
BARE = "b"  # It has no label, and a count no unit that tells its field.
REPEATED = "a"  # Its field was mentioned before.
OTHER_FIELD = "e"  # It is of another field than the last.
UNITLESS = "u"  # A count without its unit.
NUMBERLESS = "v"  # A unit whose number is unknown: "some cases".
ZERO = "z"  # A word says that it is zero: "empty".
DROPS_ALL = "d"  # All that was said before it is dropped: "scratch that".
MAYBE_PART = "q"  # A count that may be a part of another one.
NAMES_THING = "i"  # It names the thing that a sentence template corrects.
PLUS = "+"  # A word for plus precedes it.

# Of a label.
VALUE_APART = "l"  # Its value follows behind another field.

# Of an unexplained word, or another event without a field.
PAUSED = "p"  # A pause precedes it.
OF_NUMBER = "t"  # It is a part of a number: "minus", "double".
IN_REMARK = "r"  # It is a part of a remark.

# Of the words of a sentence template.
ENDS_SENTENCE = "f"


@lru_cache
def marked(marks: str, *more: str) -> str:
    """The union of marks, sorted."""
    return "".join(sorted({*marks, *more}))
