-- Who asked to hear which recording, so that the operator can be told; and which recordings are still to be sent.

CREATE TABLE clip_requests (
    request TEXT PRIMARY KEY NOT NULL,
    utterance_id TEXT NOT NULL,
    who TEXT NOT NULL,
    reason TEXT NOT NULL,
    asked_at TEXT NOT NULL,  -- by the clock of whoever asked
    taken_at TEXT NOT NULL,
    body TEXT NOT NULL CHECK (json_valid(body))  -- as it was signed
) STRICT;
CREATE INDEX clip_requests_of ON clip_requests (utterance_id);
CREATE TABLE clips (
    utterance_id TEXT PRIMARY KEY NOT NULL,
    audio_sha256 TEXT NOT NULL,  -- as whoever asked named it
    opened_at TEXT NOT NULL,
    closed TEXT  -- what became of it; NULL: it is still to be sent
) STRICT;
CREATE INDEX clips_open ON clips (opened_at) WHERE closed IS NULL;
