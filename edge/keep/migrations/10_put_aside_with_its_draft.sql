-- What is put aside in a conversation keeps what was agreed about it, so that it can be asked about again.

ALTER TABLE utterances ADD COLUMN draft TEXT CHECK (draft IS NULL OR json_valid(draft));
CREATE TRIGGER draft_of_a_review AFTER UPDATE OF review ON utterances
WHEN NEW.review IS NULL AND NEW.draft IS NOT NULL BEGIN
    UPDATE utterances SET draft = NULL WHERE utterance_id = NEW.utterance_id;
END;
