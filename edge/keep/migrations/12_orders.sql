-- What the inventory's side decides is kept until it is done, and what was done until the operator is told.

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
CREATE TABLE reviews_removed (
    sequence INTEGER PRIMARY KEY NOT NULL,
    link TEXT NOT NULL,
    keyid TEXT NOT NULL,
    signature TEXT NOT NULL
) STRICT;
ALTER TABLE decisions ADD COLUMN untold TEXT;  -- what the operator is still to be told of it
CREATE INDEX decisions_untold ON decisions (id) WHERE untold IS NOT NULL;
