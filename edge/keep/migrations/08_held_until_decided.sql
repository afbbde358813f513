-- What the inventory turned down waits for a person, and its recording with it.

ALTER TABLE outbox ADD COLUMN reentered TEXT;
CREATE INDEX outbox_held ON outbox (sequence) WHERE state IN ('refused', 'dead');

DROP TRIGGER evidence_of_an_event;
CREATE TRIGGER evidence_of_an_event AFTER UPDATE OF state, settled_at ON outbox BEGIN
    UPDATE utterances SET
        evidence = CASE WHEN NEW.settled_at IS NULL OR NEW.state IN ('refused', 'dead')
            THEN 'needed' ELSE 'spare' END
    WHERE evidence <> 'removed' AND utterance_id IN (
        SELECT utterance_id FROM entries WHERE event_id = NEW.event_id
        UNION SELECT value FROM entries, json_each(support) WHERE event_id = NEW.event_id
    );
END;
UPDATE utterances SET evidence = 'needed' WHERE evidence = 'spare' AND utterance_id IN (
    SELECT utterance_id FROM entries JOIN outbox USING (event_id) WHERE state = 'refused'
    UNION SELECT value FROM entries JOIN outbox USING (event_id), json_each(support) WHERE state = 'refused'
);
