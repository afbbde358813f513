-- Entries are held and corrected before they are committed, and amended and cancelled afterwards.

ALTER TABLE entries ADD COLUMN act TEXT NOT NULL DEFAULT 'record' CHECK (act IN ('record', 'amend', 'cancel'));
ALTER TABLE entries ADD COLUMN replaces TEXT CHECK ((replaces IS NULL) = (act = 'record'));
ALTER TABLE entries ADD COLUMN support TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(support));

CREATE TABLE conversation (
    one INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
    draft TEXT CHECK (draft IS NULL OR json_valid(draft)),
    operator TEXT
) STRICT;
INSERT INTO conversation (one) VALUES (1);

DROP TRIGGER evidence_of_a_verdict;
CREATE TRIGGER evidence_of_a_verdict AFTER UPDATE OF outcome ON utterances WHEN NEW.evidence <> 'removed' BEGIN
    UPDATE utterances SET
        evidence = CASE WHEN NEW.outcome IN ('ask', 'repeat', 'ignore', 'heed', 'cancel')
            THEN 'spare' ELSE 'needed' END
    WHERE utterance_id = NEW.utterance_id;
END;
DROP TRIGGER evidence_of_an_event;
CREATE TRIGGER evidence_of_an_event AFTER UPDATE OF state, settled_at ON outbox BEGIN
    UPDATE utterances SET
        evidence = CASE WHEN NEW.settled_at IS NULL OR NEW.state = 'dead' THEN 'needed' ELSE 'spare' END
    WHERE evidence <> 'removed' AND utterance_id IN (
        SELECT utterance_id FROM entries WHERE event_id = NEW.event_id
        UNION SELECT value FROM entries, json_each(support) WHERE event_id = NEW.event_id
    );
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
