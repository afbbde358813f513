-- Answers of models are counted, late ones kept; what nothing could read is deferred; entries can be flagged.

CREATE TABLE answers (
    id INTEGER PRIMARY KEY NOT NULL,
    utterance_id TEXT NOT NULL REFERENCES utterances (utterance_id),
    interpreter TEXT NOT NULL,
    came TEXT NOT NULL CHECK (came IN ('in time', 'late', 'deferred')),
    answered_at TEXT NOT NULL,
    reading TEXT CHECK (reading IS NULL OR json_valid(reading)),  -- NULL: the verdict's own has it, or it is none
    client TEXT,                     -- this and what follows: as the service counted, where it charges
    model TEXT,
    request_id TEXT,
    text_tokens_in INTEGER NOT NULL DEFAULT 0,
    audio_tokens_in INTEGER NOT NULL DEFAULT 0,
    tokens_out INTEGER NOT NULL DEFAULT 0,
    audio_seconds REAL NOT NULL DEFAULT 0,
    cost_usd REAL                    -- NULL: no price was set
) STRICT;
CREATE INDEX answers_to ON answers (utterance_id);
CREATE INDEX answers_at ON answers (answered_at);

ALTER TABLE utterances ADD COLUMN flag TEXT;
CREATE INDEX utterances_flagged ON utterances (heard_at) WHERE flag IS NOT NULL;
CREATE INDEX utterances_deferred ON utterances (heard_at, utterance_id)
    WHERE outcome = 'defer' AND review IS NULL;

CREATE TABLE decisions_with_flags (
    id INTEGER PRIMARY KEY NOT NULL,
    subject TEXT NOT NULL,           -- an event id, or the id of an utterance
    decision TEXT NOT NULL CHECK (decision IN ('retry', 'discard', 'stand')),
    who TEXT NOT NULL,
    reason TEXT,
    decided_at TEXT NOT NULL
) STRICT;
INSERT INTO decisions_with_flags SELECT id, subject, decision, who, reason, decided_at FROM decisions ORDER BY id;
DROP TABLE decisions;
ALTER TABLE decisions_with_flags RENAME TO decisions;
CREATE INDEX decisions_on ON decisions (subject);
