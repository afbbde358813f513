-- What was heard.

CREATE TABLE utterances (
    utterance_id TEXT PRIMARY KEY NOT NULL,
    form TEXT NOT NULL,
    language TEXT,                   -- NULL: the device's own
    source TEXT NOT NULL,
    heard_at TEXT NOT NULL,
    dated_at TEXT NOT NULL DEFAULT 'unknown',
    start INTEGER NOT NULL,          -- this and the next three: sample indices of the source
    speech_start INTEGER NOT NULL,
    speech_end INTEGER NOT NULL,
    closed INTEGER NOT NULL,
    closing TEXT NOT NULL,
    samples INTEGER NOT NULL,
    audio_path TEXT UNIQUE NOT NULL, -- relative to the state directory, which may be moved
    audio_sha256 TEXT NOT NULL,
    audio_bytes INTEGER NOT NULL,
    audio_removed_at TEXT,
    evidence TEXT NOT NULL DEFAULT 'needed' CHECK (evidence IN ('needed', 'spare', 'removed')),
    outcome TEXT,
    reasons TEXT CHECK (reasons IS NULL OR json_valid(reasons)),
    fields TEXT CHECK (fields IS NULL OR json_valid(fields)),
    ask TEXT,
    reading TEXT CHECK (reading IS NULL OR json_valid(reading)),
    review TEXT,
    flag TEXT,
    draft TEXT CHECK (draft IS NULL OR json_valid(draft))
) STRICT;
CREATE INDEX utterances_of_source ON utterances (source, speech_start);
CREATE INDEX utterances_unread ON utterances (heard_at, utterance_id) WHERE outcome IS NULL AND review IS NULL;
CREATE INDEX utterances_under_review ON utterances (heard_at) WHERE review IS NOT NULL;
CREATE INDEX utterances_flagged ON utterances (heard_at) WHERE flag IS NOT NULL;
CREATE INDEX utterances_deferred ON utterances (heard_at, utterance_id) WHERE outcome = 'defer' AND review IS NULL;
CREATE INDEX utterances_removed ON utterances (heard_at) WHERE evidence = 'removed';
CREATE INDEX utterances_undated ON utterances (dated_at) WHERE dated_at = 'unknown';
CREATE INDEX utterances_spare ON utterances (dated_at) WHERE evidence = 'spare';

CREATE TABLE removals (
    utterance_id TEXT PRIMARY KEY NOT NULL REFERENCES utterances (utterance_id),
    removed_at TEXT NOT NULL,
    keyid TEXT NOT NULL,
    signature TEXT NOT NULL,
    unlinked INTEGER NOT NULL DEFAULT 0 CHECK (unlinked IN (0, 1))
) STRICT;
CREATE INDEX removals_under_way ON removals (utterance_id) WHERE unlinked = 0;

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

-- What was meant, and what became of it.

CREATE TABLE entries (
    event_id TEXT PRIMARY KEY NOT NULL,
    sequence INTEGER UNIQUE NOT NULL CHECK (sequence > 0),
    utterance_id TEXT UNIQUE NOT NULL REFERENCES utterances (utterance_id),
    form TEXT NOT NULL,
    fields TEXT NOT NULL CHECK (json_valid(fields)),
    operator TEXT,
    recorded_at TEXT NOT NULL,
    act TEXT NOT NULL CHECK (act IN ('record', 'amend', 'cancel')),
    replaces TEXT CHECK ((replaces IS NULL) = (act = 'record')),
    support TEXT NOT NULL CHECK (json_valid(support))
) STRICT;

CREATE TABLE rests_on (
    utterance_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (utterance_id, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY NOT NULL REFERENCES entries (sequence),
    event_id TEXT UNIQUE NOT NULL REFERENCES entries (event_id),
    link TEXT NOT NULL,
    previous TEXT NOT NULL,
    public_key TEXT NOT NULL,        -- 32 bytes, in hex
    signature TEXT NOT NULL
) STRICT;

CREATE TABLE outbox (
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
    reentered TEXT,
    fate TEXT GENERATED ALWAYS AS (
        CASE WHEN state IN ('settled', 'refused') THEN coalesce(json_extract(receipt, '$.outcome'), state)
        ELSE state END
    ) VIRTUAL
) STRICT;
CREATE INDEX outbox_owed ON outbox (sequence) WHERE settled_at IS NULL;
CREATE INDEX outbox_dead ON outbox (sequence) WHERE state = 'dead';
CREATE INDEX outbox_held ON outbox (sequence) WHERE state IN ('refused', 'dead');

CREATE TABLE tally (what TEXT PRIMARY KEY NOT NULL, n INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO tally VALUES ('owed', 0), ('evidence bytes', 0);

-- The conversation, and what persons decide.

CREATE TABLE conversation (
    one INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
    draft TEXT CHECK (draft IS NULL OR json_valid(draft)),
    operator TEXT,
    context TEXT CHECK (context IS NULL OR json_valid(context)),
    work TEXT CHECK (work IS NULL OR json_valid(work))
) STRICT;
INSERT INTO conversation (one) VALUES (1);

CREATE TABLE shifts (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    operator TEXT NOT NULL,
    change TEXT NOT NULL CHECK (change IN ('on', 'break', 'back', 'off')),
    reason TEXT,                     -- why the break, or the end of the shift
    entries INTEGER NOT NULL         -- the number of the last entry before it
) STRICT;
CREATE INDEX shifts_of ON shifts (operator, id);

CREATE TABLE decisions (
    id INTEGER PRIMARY KEY NOT NULL,
    subject TEXT NOT NULL,           -- an event id, or the id of an utterance
    decision TEXT NOT NULL CHECK (decision IN ('retry', 'discard', 'stand', 'accept', 'declined')),
    who TEXT NOT NULL,
    reason TEXT,
    decided_at TEXT NOT NULL,
    untold TEXT                      -- what the operator is still to be told of it
) STRICT;
CREATE INDEX decisions_on ON decisions (subject);
CREATE INDEX decisions_untold ON decisions (id) WHERE untold IS NOT NULL;

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

CREATE TABLE reviews_removed (
    sequence INTEGER PRIMARY KEY NOT NULL,
    link TEXT NOT NULL,
    keyid TEXT NOT NULL,
    signature TEXT NOT NULL
) STRICT;

CREATE TABLE orders (
    signature TEXT PRIMARY KEY NOT NULL,
    body TEXT CHECK (body IS NULL OR json_valid(body)),  -- NULL: it was done, or never will be
    taken_at TEXT NOT NULL
) STRICT;
CREATE INDEX orders_due ON orders (taken_at) WHERE body IS NOT NULL;

CREATE TABLE orders_not_done (
    reason TEXT PRIMARY KEY NOT NULL,
    times INTEGER NOT NULL,
    last_at TEXT NOT NULL
) STRICT;

-- What the inventory signed for the site: the latest, also without a network.

CREATE TABLE expected (
    site TEXT NOT NULL,
    place TEXT NOT NULL,
    version INTEGER NOT NULL,
    body TEXT CHECK (body IS NULL OR json_valid(body)),  -- NULL: withdrawn, or let go of to make room
    PRIMARY KEY (site, place)
) STRICT;

CREATE TABLE roster (
    site TEXT NOT NULL,
    place TEXT NOT NULL,
    version INTEGER NOT NULL,
    body TEXT CHECK (body IS NULL OR json_valid(body)),  -- NULL: withdrawn
    PRIMARY KEY (site, place)
) STRICT;

CREATE TABLE catalogue (
    site TEXT NOT NULL,
    place TEXT NOT NULL,             -- the kind
    version INTEGER NOT NULL,
    body TEXT CHECK (body IS NULL OR json_valid(body)),  -- NULL: withdrawn
    PRIMARY KEY (site, place)
) STRICT;

-- Who asked to hear which recording, and which are still to be sent.

CREATE TABLE clip_requests (
    request TEXT PRIMARY KEY NOT NULL,
    utterance_id TEXT NOT NULL,
    who TEXT NOT NULL,
    reason TEXT NOT NULL,
    asked_at TEXT NOT NULL,          -- by the clock of whoever asked
    taken_at TEXT NOT NULL,
    body TEXT NOT NULL CHECK (json_valid(body))  -- as it was signed
) STRICT;
CREATE INDEX clip_requests_of ON clip_requests (utterance_id);

CREATE TABLE clips (
    utterance_id TEXT PRIMARY KEY NOT NULL,
    audio_sha256 TEXT NOT NULL,      -- as whoever asked named it
    opened_at TEXT NOT NULL,
    closed TEXT                      -- what became of it; NULL: it is still to be sent
) STRICT;
CREATE INDEX clips_open ON clips (opened_at) WHERE closed IS NULL;

-- How many there are of what.

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

-- What an utterance is needed for: its recording is spare when nothing rests on it any more.

CREATE TRIGGER evidence_of_a_verdict AFTER UPDATE OF outcome ON utterances WHEN NEW.evidence <> 'removed' BEGIN
    UPDATE utterances SET
        evidence = CASE WHEN NEW.outcome IN ('ask', 'repeat', 'ignore', 'heed', 'cancel')
            THEN 'spare' ELSE 'needed' END
    WHERE utterance_id = NEW.utterance_id;
END;
CREATE TRIGGER evidence_of_an_entry AFTER INSERT ON entries BEGIN
    UPDATE utterances SET evidence = 'needed'
    WHERE evidence <> 'removed' AND utterance_id IN (SELECT value FROM json_each(NEW.support));
END;
CREATE TRIGGER evidence_of_a_draft AFTER UPDATE OF draft ON conversation BEGIN
    UPDATE utterances SET evidence = 'spare'
    WHERE evidence = 'needed' AND outcome IN ('ask', 'heed') AND utterance_id IN (
        SELECT json_extract(OLD.draft, '$.utterance_id') UNION SELECT value FROM json_each(OLD.draft, '$.support')
    ) AND utterance_id NOT IN (SELECT value FROM entries, json_each(support) WHERE entries.sequence = (
        SELECT max(sequence) FROM entries
    ));
    UPDATE utterances SET evidence = 'needed'
    WHERE evidence <> 'removed' AND utterance_id IN (
        SELECT json_extract(NEW.draft, '$.utterance_id') UNION SELECT value FROM json_each(NEW.draft, '$.support')
    );
END;
CREATE TRIGGER draft_of_a_review AFTER UPDATE OF review ON utterances
WHEN NEW.review IS NULL AND NEW.draft IS NOT NULL BEGIN
    UPDATE utterances SET draft = NULL WHERE utterance_id = NEW.utterance_id;
END;
CREATE TRIGGER rests_on_support AFTER INSERT ON entries BEGIN
    INSERT OR IGNORE INTO rests_on SELECT value, NEW.sequence FROM json_each(NEW.support);
END;
CREATE TRIGGER rests_on_no_more AFTER DELETE ON entries BEGIN
    DELETE FROM rests_on
    WHERE sequence = OLD.sequence AND utterance_id IN (SELECT value FROM json_each(OLD.support));
END;
-- One event that is settled must not let go of what another, or the standing context, still rests on.
CREATE TRIGGER evidence_of_an_event AFTER UPDATE OF state, settled_at ON outbox BEGIN
    UPDATE utterances SET
        evidence = CASE WHEN NEW.settled_at IS NULL OR NEW.state IN ('refused', 'dead')
            THEN 'needed' ELSE 'spare' END
    WHERE evidence <> 'removed' AND utterance_id IN (
        SELECT utterance_id FROM entries WHERE event_id = NEW.event_id
        UNION SELECT value FROM entries, json_each(support) WHERE event_id = NEW.event_id
    ) AND (NEW.settled_at IS NULL OR NEW.state IN ('refused', 'dead') OR NOT (
        EXISTS (
            SELECT 1 FROM rests_on AS r CROSS JOIN outbox AS o USING (sequence)
            WHERE r.utterance_id = utterances.utterance_id AND (o.settled_at IS NULL OR o.state IN ('refused', 'dead'))
        ) OR utterance_id IN (SELECT value FROM conversation, json_each(context, '$.said_in'))
    ));
END;
CREATE TRIGGER evidence_of_the_context AFTER UPDATE OF context ON conversation
WHEN NEW.context IS NOT OLD.context BEGIN
    UPDATE utterances SET evidence = 'spare'
    WHERE evidence = 'needed' AND outcome = 'heed' AND utterance_id IN (
        SELECT value FROM json_each(OLD.context, '$.said_in')
    ) AND NOT EXISTS (
        SELECT 1 FROM rests_on AS r CROSS JOIN outbox AS o USING (sequence)
        WHERE r.utterance_id = utterances.utterance_id AND (o.settled_at IS NULL OR o.state IN ('refused', 'dead'))
    );
    UPDATE utterances SET evidence = 'needed'
    WHERE evidence <> 'removed' AND utterance_id IN (SELECT value FROM json_each(NEW.context, '$.said_in'));
END;

-- For people and their programs; nothing here reads them. docs/journal.md tells what is in them.

CREATE VIEW v_entries AS
    SELECT e.sequence AS number, e.recorded_at, e.form, e.fields, e.operator, o.fate, o.attempts, o.settled_at,
        e.replaces, u.heard_at, u.audio_path, u.evidence AS recording, e.event_id, e.utterance_id
    FROM entries AS e LEFT JOIN outbox AS o USING (event_id) LEFT JOIN utterances AS u USING (utterance_id)
    ORDER BY e.sequence DESC;
CREATE VIEW v_utterances AS
    SELECT u.heard_at, u.form, u.outcome, u.reasons, json_extract(u.reading, '$.interpreter') AS interpreter,
        u.fields, u.ask, u.review, u.flag, e.sequence AS number, u.audio_path, u.evidence AS recording,
        u.utterance_id
    FROM utterances AS u LEFT JOIN entries AS e USING (utterance_id)
    ORDER BY u.heard_at DESC;
