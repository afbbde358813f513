-- The master data of the site, by kind, as the inventory signed them: the latest, also without a network.

CREATE TABLE catalogue (
    site TEXT NOT NULL,
    place TEXT NOT NULL,  -- the kind
    version INTEGER NOT NULL,
    body TEXT CHECK (body IS NULL OR json_valid(body)),  -- NULL: withdrawn
    PRIMARY KEY (site, place)
) STRICT;
