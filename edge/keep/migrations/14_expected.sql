-- What the inventory expects at each trailer and door: the latest list, also without a network.

CREATE TABLE expected (
    site TEXT NOT NULL,
    place TEXT NOT NULL,
    version INTEGER NOT NULL,
    body TEXT CHECK (body IS NULL OR json_valid(body)),  -- NULL: withdrawn, or let go of to make room
    PRIMARY KEY (site, place)
) STRICT;
