-- A person can make an entry of an utterance under review.

CREATE TABLE decisions_with_acceptances (
    id INTEGER PRIMARY KEY NOT NULL,
    subject TEXT NOT NULL,           -- an event id, or the id of an utterance
    decision TEXT NOT NULL CHECK (decision IN ('retry', 'discard', 'stand', 'accept')),
    who TEXT NOT NULL,
    reason TEXT,
    decided_at TEXT NOT NULL
) STRICT;
INSERT INTO decisions_with_acceptances
    SELECT id, subject, decision, who, reason, decided_at FROM decisions ORDER BY id;
DROP TABLE decisions;
ALTER TABLE decisions_with_acceptances RENAME TO decisions;
CREATE INDEX decisions_on ON decisions (subject);
