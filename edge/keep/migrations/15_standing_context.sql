-- What was said once and holds for many entries: it stands across restarts, and many entries may rest on one utterance.

ALTER TABLE conversation ADD COLUMN context TEXT CHECK (context IS NULL OR json_valid(context));

-- One event that is settled must not let go of what another, or the standing context, still rests on.
DROP TRIGGER evidence_of_an_event;
CREATE TRIGGER evidence_of_an_event AFTER UPDATE OF state, settled_at ON outbox BEGIN
    UPDATE utterances SET
        evidence = CASE WHEN NEW.settled_at IS NULL OR NEW.state IN ('refused', 'dead')
            THEN 'needed' ELSE 'spare' END
    WHERE evidence <> 'removed' AND utterance_id IN (
        SELECT utterance_id FROM entries WHERE event_id = NEW.event_id
        UNION SELECT value FROM entries, json_each(support) WHERE event_id = NEW.event_id
    ) AND (NEW.settled_at IS NULL OR NEW.state IN ('refused', 'dead') OR utterance_id NOT IN (
        SELECT value FROM outbox INDEXED BY outbox_owed JOIN entries USING (event_id), json_each(entries.support)
        WHERE settled_at IS NULL
        UNION SELECT value FROM outbox INDEXED BY outbox_held JOIN entries USING (event_id), json_each(entries.support)
        WHERE outbox.state IN ('refused', 'dead')
        UNION SELECT value FROM conversation, json_each(context, '$.said_in')
    ));
END;

CREATE TRIGGER evidence_of_the_context AFTER UPDATE OF context ON conversation
WHEN NEW.context IS NOT OLD.context BEGIN
    UPDATE utterances SET evidence = 'spare'
    WHERE evidence = 'needed' AND outcome = 'heed' AND utterance_id IN (
        SELECT value FROM json_each(OLD.context, '$.said_in')
    ) AND utterance_id NOT IN (
        SELECT value FROM outbox INDEXED BY outbox_owed JOIN entries USING (event_id), json_each(entries.support)
        WHERE settled_at IS NULL
        UNION SELECT value FROM outbox INDEXED BY outbox_held JOIN entries USING (event_id), json_each(entries.support)
        WHERE outbox.state IN ('refused', 'dead')
    );
    UPDATE utterances SET evidence = 'needed'
    WHERE evidence <> 'removed' AND utterance_id IN (SELECT value FROM json_each(NEW.context, '$.said_in'));
END;
