-- What waits for a person, and what became of it, is told beyond the device.

CREATE TABLE reviews (
    sequence INTEGER PRIMARY KEY NOT NULL CHECK (sequence > 0),
    event_id TEXT UNIQUE NOT NULL,
    utterance_id TEXT NOT NULL REFERENCES utterances (utterance_id),
    state TEXT NOT NULL CHECK (state IN ('open', 'recorded', 'answered', 'dropped', 'retried')),
    fields TEXT CHECK (fields IS NULL OR json_valid(fields)),  -- those that were told as known
    latest INTEGER NOT NULL DEFAULT 1 CHECK (latest IN (0, 1)),
    link TEXT NOT NULL,
    body TEXT NOT NULL CHECK (json_valid(body)),
    settled_at TEXT
) STRICT;
CREATE INDEX reviews_of ON reviews (utterance_id);
CREATE INDEX reviews_open ON reviews (utterance_id) WHERE latest AND state = 'open';
CREATE INDEX reviews_owed ON reviews (sequence) WHERE settled_at IS NULL;
