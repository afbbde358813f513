-- A device has several forms at hand, and may be spoken to in several languages: which, must survive a restart.

ALTER TABLE conversation ADD COLUMN work TEXT CHECK (work IS NULL OR json_valid(work));
ALTER TABLE utterances ADD COLUMN language TEXT;  -- NULL: the device's own
