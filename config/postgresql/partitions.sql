-- Splits the inventory's largest tables by month, so that old months are dropped instead of deleted row by row.
--
--     psql -1 -v ON_ERROR_STOP=1 -f partitions.sql inventory     as the owner of the tables, with the inventory stopped
--
-- On empty tables, on full ones (each is read once, none is copied), or again. Then each day, as dockvoice-months.timer does:
--
--     CALL dockvoice_keep_months(3);                             three months ahead have partitions
--     CALL dockvoice_keep_months(3, interval '36 months');       or: the same, and older months are dropped
--     ANALYZE events, entries, dockvoice_said, dockvoice_pallets;
--
-- An event's id is a UUIDv7, which begins with the milliseconds since 1970: a month is a range of ids. So the primary key
-- stays as it is, another device's event with the same id is still refused, and a search by id looks into one partition.
-- (pg_partman 4.7 splits by times and whole numbers only; a key would then need the time in it.)
--
-- Given up: foreign keys between events and entries, and that the database itself keeps a device's numbers unique beyond a
-- month, which the inventory sees to by locking the device. Unique constraints of yours must contain event_id.
-- stock_moves is never dropped: stock is the sum of all of them.

CREATE OR REPLACE FUNCTION dockvoice_first_id(month timestamp) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT left(hex, 8) || '-' || right(hex, 4)
    FROM lpad(to_hex((extract(epoch FROM month AT TIME ZONE 'UTC') * 1000)::bigint), 12, '0') AS hex
$$;

CREATE OR REPLACE FUNCTION dockvoice_by_month() RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT ARRAY['events', 'entries', 'dockvoice_said', 'dockvoice_pallets']
$$;

-- Moves rows of `from_part` whose ids are in the range to `part`.
CREATE OR REPLACE PROCEDURE dockvoice_move_rows(from_part text, part text, low text, high text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'WITH moved AS (DELETE FROM %I WHERE event_id >= %L AND event_id < %L RETURNING *) INSERT INTO %I TABLE moved',
        from_part, low, high, part);
END $$;

-- A table like `parent`, to become its partition.
CREATE OR REPLACE PROCEDURE dockvoice_make_part(parent text, part text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', part, parent);
    IF parent = 'events' THEN
        EXECUTE format('CREATE UNIQUE INDEX %I ON %I (site, device, sequence)',
            'one_event_per_sequence' || substr(part, length(parent) + 1), part);
    END IF;
END $$;

CREATE OR REPLACE PROCEDURE dockvoice_keep_months(ahead int, keep interval DEFAULT NULL) LANGUAGE plpgsql
-- Shorter than deadlock_timeout: of two who wait for each other, this one gives up, and is called again next day.
SET lock_timeout = '900ms' AS $$
DECLARE
    this_month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
    month timestamp;
    parent text;
    part text;
    is_needed boolean;
BEGIN
    FOR month IN SELECT this_month + number * interval '1 month' FROM generate_series(0, ahead) AS number LOOP
        FOREACH parent IN ARRAY dockvoice_by_month() LOOP
            part := parent || to_char(month, '_YYYY_MM');
            CONTINUE WHEN to_regclass(part) IS NOT NULL;
            CALL dockvoice_make_part(parent, part);
            -- Events from a device whose clock was ahead, and all where this was not called in time.
            CALL dockvoice_move_rows(parent || '_default', part,
                dockvoice_first_id(month), dockvoice_first_id(month + interval '1 month'));
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, part,
                dockvoice_first_id(month), dockvoice_first_id(month + interval '1 month'));
        END LOOP;
    END LOOP;
    FOR part, month IN
        SELECT relname, to_timestamp(right(relname, 7), 'YYYY_MM') FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = 'events'::regclass AND relname ~ '_\d{4}_\d\d$' ORDER BY relname
    LOOP
        CONTINUE WHEN keep IS NULL OR month + interval '1 month' > now() AT TIME ZONE 'UTC' - keep;
        -- A device whose clock is behind makes ids of a month long past: what came lately stays.
        EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE received_at > %L)', part, now() - keep) INTO is_needed;
        CONTINUE WHEN is_needed;
        FOREACH parent IN ARRAY dockvoice_by_month() LOOP
            EXECUTE format('DROP TABLE %I', parent || right(part, 8));
        END LOOP;
        RAISE NOTICE 'dropped: %', to_char(month, 'YYYY-MM');
    END LOOP;
END $$;

DO $$
DECLARE
    this_month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
    suffix text := to_char(this_month, '_YYYY_MM');
    high text := dockvoice_first_id(this_month + interval '1 month');
    parent text;
    theirs text;
    name text;
    definitions text[];
    definition text;
BEGIN
    IF EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = 'events'::regclass) THEN
        RETURN;
    END IF;
    LOCK TABLE events, entries, dockvoice_said, dockvoice_pallets IN ACCESS EXCLUSIVE MODE;
    ALTER TABLE entries DROP CONSTRAINT entries_event_id_fkey, DROP CONSTRAINT entries_replaces_fkey;
    FOREACH parent IN ARRAY dockvoice_by_month() LOOP
        -- They would stay with the old rows, and silently see no later ones.
        SELECT string_agg(DISTINCT what, ', ') INTO theirs FROM (
            SELECT 'trigger ' || tgname FROM pg_trigger WHERE tgrelid = parent::regclass AND NOT tgisinternal
            UNION SELECT 'foreign key ' || conname FROM pg_constraint WHERE confrelid = parent::regclass
            UNION SELECT 'policy ' || polname FROM pg_policy WHERE polrelid = parent::regclass
            UNION SELECT 'view or rule ' || ev_class::regclass FROM pg_rewrite JOIN pg_depend
                ON pg_depend.objid = pg_rewrite.oid AND classid = 'pg_rewrite'::regclass WHERE refobjid = parent::regclass
        ) AS found (what);
        IF theirs IS NOT NULL THEN
            RAISE EXCEPTION '% has % of yours: drop it, run this again, and create it again', parent, theirs;
        END IF;
        definitions := '{}';
        FOR name, definition IN
            SELECT indexrelid::regclass, CASE WHEN conname IS NULL THEN pg_get_indexdef(indexrelid) ELSE
                format('ALTER TABLE %I ADD CONSTRAINT %I ', parent, conname) || pg_get_constraintdef(pg_constraint.oid) END
            FROM pg_index LEFT JOIN pg_constraint ON conindid = indexrelid AND contype IN ('p', 'u')
            WHERE indrelid = parent::regclass
        LOOP
            IF name <> 'one_event_per_sequence' THEN
                definitions := definitions || definition;
            END IF;
            EXECUTE format('ALTER INDEX %s RENAME TO %I', name, name || suffix);
        END LOOP;
        EXECUTE format('ALTER TABLE %I RENAME TO %I', parent, parent || suffix);
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL EXCLUDING INDEXES) PARTITION BY RANGE (event_id)',
            parent, parent || suffix);
        FOREACH definition IN ARRAY definitions LOOP
            EXECUTE definition;
        END LOOP;
        FOR definition IN
            SELECT format('GRANT %s ON %I TO %s', privilege_type, parent,
                CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END)
            FROM pg_class, aclexplode(relacl) WHERE oid = (parent || suffix)::regclass AND grantee <> relowner
        LOOP
            EXECUTE definition;
        END LOOP;
        CALL dockvoice_make_part(parent, parent || '_default');
        CALL dockvoice_move_rows(parent || suffix, parent || '_default', high, 'g');
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I DEFAULT', parent, parent || '_default');
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (%L)',
            parent, parent || suffix, high);
    END LOOP;
END $$;

CALL dockvoice_keep_months(3);
