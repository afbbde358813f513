-- Utterances whose recording is gone are found by their time, so that they can be removed in their turn.

CREATE INDEX utterances_removed ON utterances (heard_at) WHERE evidence = 'removed';
