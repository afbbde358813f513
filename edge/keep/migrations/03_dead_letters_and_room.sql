-- What cannot be delivered stands aside; recordings are counted, and removed when nothing rests on them.

CREATE TABLE outbox_with_dead_letters (
    event_id TEXT PRIMARY KEY NOT NULL REFERENCES entries (event_id),
    sequence INTEGER UNIQUE NOT NULL REFERENCES entries (sequence),
    body TEXT NOT NULL CHECK (json_valid(body)),
    state TEXT NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'settled', 'refused', 'dead', 'discarded')),
    attempts INTEGER NOT NULL DEFAULT 0,
    sent_at TEXT,
    settled_at TEXT,
    receipt TEXT CHECK (receipt IS NULL OR json_valid(receipt)),
    reason TEXT,                     -- why it is a dead letter
    tombstone TEXT CHECK (tombstone IS NULL OR json_valid(tombstone)),
    fate TEXT GENERATED ALWAYS AS (
        CASE WHEN state IN ('settled', 'refused') THEN coalesce(json_extract(receipt, '$.outcome'), state)
        ELSE state END
    ) VIRTUAL
) STRICT;
INSERT INTO outbox_with_dead_letters (event_id, sequence, body, state, attempts, sent_at, settled_at, receipt)
    SELECT event_id, sequence, body, state, attempts, sent_at, settled_at, receipt FROM outbox ORDER BY sequence;
DROP TABLE outbox;
ALTER TABLE outbox_with_dead_letters RENAME TO outbox;
CREATE INDEX outbox_owed ON outbox (sequence) WHERE settled_at IS NULL;
CREATE INDEX outbox_dead ON outbox (sequence) WHERE state = 'dead';

CREATE TABLE decisions (
    id INTEGER PRIMARY KEY NOT NULL,
    subject TEXT NOT NULL,           -- an event id, or the id of an utterance
    decision TEXT NOT NULL CHECK (decision IN ('retry', 'discard')),
    who TEXT NOT NULL,
    reason TEXT,
    decided_at TEXT NOT NULL
) STRICT;
CREATE INDEX decisions_on ON decisions (subject);

ALTER TABLE utterances ADD COLUMN review TEXT;
ALTER TABLE utterances ADD COLUMN audio_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE utterances ADD COLUMN audio_removed_at TEXT;
ALTER TABLE utterances ADD COLUMN evidence TEXT NOT NULL DEFAULT 'needed'
    CHECK (evidence IN ('needed', 'spare', 'removed'));
UPDATE utterances SET
    audio_bytes = samples * 2,       -- not measured then: as large as without compression, at most
    evidence = CASE
        WHEN outcome IN ('ask', 'repeat', 'ignore') OR utterance_id IN (
            SELECT utterance_id FROM entries JOIN outbox USING (event_id) WHERE settled_at IS NOT NULL
        ) THEN 'spare' ELSE 'needed' END;
DROP INDEX utterances_unread;
CREATE INDEX utterances_unread ON utterances (heard_at, utterance_id) WHERE outcome IS NULL AND review IS NULL;
CREATE INDEX utterances_under_review ON utterances (heard_at) WHERE review IS NOT NULL;
CREATE INDEX utterances_spare ON utterances (heard_at) WHERE evidence = 'spare';

CREATE TRIGGER evidence_of_a_verdict AFTER UPDATE OF outcome ON utterances WHEN NEW.evidence <> 'removed' BEGIN
    UPDATE utterances SET
        evidence = CASE WHEN NEW.outcome IN ('ask', 'repeat', 'ignore') THEN 'spare' ELSE 'needed' END
    WHERE utterance_id = NEW.utterance_id;
END;
CREATE TRIGGER evidence_of_an_event AFTER UPDATE OF state, settled_at ON outbox BEGIN
    UPDATE utterances SET
        evidence = CASE WHEN NEW.settled_at IS NULL OR NEW.state = 'dead' THEN 'needed' ELSE 'spare' END
    WHERE utterance_id = (SELECT utterance_id FROM entries WHERE event_id = NEW.event_id)
        AND evidence <> 'removed';
END;

CREATE TABLE tally (what TEXT PRIMARY KEY NOT NULL, n INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO tally SELECT 'utterance ' || coalesce(outcome, 'unread'), count(*) FROM utterances GROUP BY outcome;
INSERT INTO tally SELECT 'event ' || fate, count(*) FROM outbox GROUP BY fate;
INSERT INTO tally SELECT 'owed', count(*) FROM outbox WHERE settled_at IS NULL;
INSERT INTO tally
    SELECT 'evidence bytes', coalesce(sum(audio_bytes), 0) FROM utterances WHERE evidence <> 'removed';

CREATE TRIGGER tally_utterance AFTER INSERT ON utterances BEGIN
    INSERT INTO tally VALUES ('utterance ' || coalesce(NEW.outcome, 'unread'), 1)
        ON CONFLICT (what) DO UPDATE SET n = n + 1;
    UPDATE tally SET n = n + NEW.audio_bytes * (NEW.evidence <> 'removed') WHERE what = 'evidence bytes';
END;
CREATE TRIGGER tally_verdict AFTER UPDATE OF outcome ON utterances BEGIN
    UPDATE tally SET n = n - 1 WHERE what = 'utterance ' || coalesce(OLD.outcome, 'unread');
    INSERT INTO tally VALUES ('utterance ' || coalesce(NEW.outcome, 'unread'), 1)
        ON CONFLICT (what) DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER tally_recording AFTER UPDATE OF evidence ON utterances
WHEN NEW.evidence = 'removed' AND OLD.evidence <> 'removed' BEGIN
    UPDATE tally SET n = n - NEW.audio_bytes WHERE what = 'evidence bytes';
END;
CREATE TRIGGER tally_event AFTER INSERT ON outbox BEGIN
    INSERT INTO tally VALUES ('event ' || NEW.fate, 1) ON CONFLICT (what) DO UPDATE SET n = n + 1;
    UPDATE tally SET n = n + (NEW.settled_at IS NULL) WHERE what = 'owed';
END;
CREATE TRIGGER tally_fate AFTER UPDATE OF state, settled_at, receipt ON outbox BEGIN
    UPDATE tally SET n = n - 1 WHERE what = 'event ' || OLD.fate;
    INSERT INTO tally VALUES ('event ' || NEW.fate, 1) ON CONFLICT (what) DO UPDATE SET n = n + 1;
    UPDATE tally SET n = n + (NEW.settled_at IS NULL) - (OLD.settled_at IS NULL) WHERE what = 'owed';
END;
