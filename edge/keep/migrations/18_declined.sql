-- A system behind the inventory can decline an entry, which stands; the operator is told as of what persons decide.

CREATE TABLE decisions_with_refusals (
    id INTEGER PRIMARY KEY NOT NULL,
    subject TEXT NOT NULL,           -- an event id, or the id of an utterance
    decision TEXT NOT NULL CHECK (decision IN ('retry', 'discard', 'stand', 'accept', 'declined')),
    who TEXT NOT NULL,
    reason TEXT,
    decided_at TEXT NOT NULL,
    untold TEXT                      -- what the operator is still to be told of it
) STRICT;
INSERT INTO decisions_with_refusals
    SELECT id, subject, decision, who, reason, decided_at, untold FROM decisions ORDER BY id;
DROP TABLE decisions;
ALTER TABLE decisions_with_refusals RENAME TO decisions;
CREATE INDEX decisions_on ON decisions (subject);
CREATE INDEX decisions_untold ON decisions (id) WHERE untold IS NOT NULL;
