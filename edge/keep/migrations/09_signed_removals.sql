-- The device signs for each recording that it removes; age counts by a clock that can be believed.

CREATE TABLE removals (
    utterance_id TEXT PRIMARY KEY NOT NULL REFERENCES utterances (utterance_id),
    removed_at TEXT NOT NULL,
    keyid TEXT NOT NULL,
    signature TEXT NOT NULL,
    unlinked INTEGER NOT NULL DEFAULT 0 CHECK (unlinked IN (0, 1))
) STRICT;
CREATE INDEX removals_under_way ON removals (utterance_id) WHERE unlinked = 0;

ALTER TABLE utterances ADD COLUMN dated_at TEXT NOT NULL DEFAULT 'unknown';
UPDATE utterances SET dated_at = heard_at WHERE utterance_id IN (
    SELECT utterance_id FROM entries JOIN outbox USING (event_id) WHERE json_extract(body, '$.clock') IS NULL
);
CREATE INDEX utterances_undated ON utterances (dated_at) WHERE dated_at = 'unknown';
DROP INDEX utterances_spare;
CREATE INDEX utterances_spare ON utterances (dated_at) WHERE evidence = 'spare';
