-- Who signed on and off, and which breaks were taken: personal data, which goes with what is outlived, or is erased.

CREATE TABLE shifts (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    operator TEXT NOT NULL,
    change TEXT NOT NULL CHECK (change IN ('on', 'break', 'back', 'off')),
    reason TEXT,  -- why the break, or the end of the shift
    entries INTEGER NOT NULL  -- the number of the last entry before it
) STRICT;

CREATE INDEX shifts_of ON shifts (operator, id);
