-- The tables of version 0.1.

CREATE TABLE utterances (
    utterance_id TEXT PRIMARY KEY NOT NULL,
    form TEXT NOT NULL,
    source TEXT NOT NULL,
    heard_at TEXT NOT NULL,
    start INTEGER NOT NULL,          -- this and the next three: sample indices of the source
    speech_start INTEGER NOT NULL,
    speech_end INTEGER NOT NULL,
    closed INTEGER NOT NULL,
    closing TEXT NOT NULL,
    samples INTEGER NOT NULL,
    audio_path TEXT UNIQUE NOT NULL, -- relative to the state directory, which may be moved
    audio_sha256 TEXT NOT NULL,
    outcome TEXT,
    reasons TEXT CHECK (reasons IS NULL OR json_valid(reasons)),
    fields TEXT CHECK (fields IS NULL OR json_valid(fields)),
    ask TEXT,
    reading TEXT CHECK (reading IS NULL OR json_valid(reading))
) STRICT;
CREATE INDEX utterances_of_source ON utterances (source, speech_start);
CREATE INDEX utterances_unread ON utterances (heard_at, utterance_id) WHERE outcome IS NULL;

CREATE TABLE entries (
    event_id TEXT PRIMARY KEY NOT NULL,
    sequence INTEGER UNIQUE NOT NULL CHECK (sequence > 0),
    utterance_id TEXT UNIQUE NOT NULL REFERENCES utterances (utterance_id),
    form TEXT NOT NULL,
    fields TEXT NOT NULL CHECK (json_valid(fields)),
    operator TEXT,
    recorded_at TEXT NOT NULL
) STRICT;

CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY NOT NULL REFERENCES entries (sequence),
    event_id TEXT UNIQUE NOT NULL REFERENCES entries (event_id),
    link TEXT NOT NULL,
    previous TEXT NOT NULL
) STRICT;

CREATE TABLE outbox (
    event_id TEXT PRIMARY KEY NOT NULL REFERENCES entries (event_id),
    sequence INTEGER UNIQUE NOT NULL REFERENCES entries (sequence),
    body TEXT NOT NULL CHECK (json_valid(body)),
    state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'settled', 'refused')),
    attempts INTEGER NOT NULL DEFAULT 0,
    sent_at TEXT,
    settled_at TEXT,
    receipt TEXT CHECK (receipt IS NULL OR json_valid(receipt))
) STRICT;
CREATE INDEX outbox_waiting ON outbox (sequence) WHERE state = 'waiting';
