-- What was said once and holds for many entries: it stands across restarts, and many entries may rest on one utterance.

ALTER TABLE conversation ADD COLUMN context TEXT CHECK (context IS NULL OR json_valid(context));

-- Which entries name an utterance in their support, to be found by the utterance.
CREATE TABLE rests_on (
    utterance_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (utterance_id, sequence)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO rests_on SELECT value, sequence FROM entries, json_each(support);
CREATE TRIGGER rests_on_support AFTER INSERT ON entries BEGIN
    INSERT OR IGNORE INTO rests_on SELECT value, NEW.sequence FROM json_each(NEW.support);
END;
CREATE TRIGGER rests_on_no_more AFTER DELETE ON entries BEGIN
    DELETE FROM rests_on
    WHERE sequence = OLD.sequence AND utterance_id IN (SELECT value FROM json_each(OLD.support));
END;

-- One event that is settled must not let go of what another, or the standing context, still rests on.
DROP TRIGGER evidence_of_an_event;
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
