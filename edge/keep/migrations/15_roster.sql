-- Who may sign on at the site, as the inventory signed it: the latest, also without a network.

CREATE TABLE roster (
    site TEXT NOT NULL,
    place TEXT NOT NULL,
    version INTEGER NOT NULL,
    body TEXT CHECK (body IS NULL OR json_valid(body)),  -- NULL: withdrawn
    PRIMARY KEY (site, place)
) STRICT;
