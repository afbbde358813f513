"""The nouns of the agent: what is handed from one room to the next, by subject. All are frozen values.

Sound is 16 kHz mono 16-bit little-endian PCM throughout; its clock is the *sample index*, counted from the first sample
of the source, so that a recording and a microphone keep the same time.
"""

from edge.records.entry import (
    NOTHING_STANDS,
    Cause,
    Commit,
    ConfirmationKind,
    DerivedFields,
    Draft,
    DurableOrder,
    Entry,
    EventIds,
    LastEntry,
    Note,
    OutboxRow,
    Outcome,
    Park,
    Reason,
    RecentEntries,
    Recording,
    ReviewChange,
    ReviewState,
    Shift,
    SiteCalendar,
    StandingContext,
    StandingEntry,
    StoreDropped,
    StoreFormOrLanguageChange,
    Verdict,
    Workday,
)
from edge.records.sound import SAMPLE_BYTES, SAMPLE_RATE, Acoustics, ClosedBy, Frame, Segment, Utterance, make_copy_id
