-- Whoever's sight of an account changes is told so in the journal, in order with all else; such rows are never
-- published. A statement that changes more accounts than this is told of as a whole: its viewers read all afresh.
CREATE FUNCTION sight_told_most() RETURNS integer LANGUAGE sql IMMUTABLE RETURN 200;

-- Tells these viewers that who sees what has changed beyond single accounts.
CREATE FUNCTION sight_overturned(viewers uuid[]) RETURNS void LANGUAGE sql AS $$
  WITH entry AS (
    INSERT INTO journal (type, aggregate, aggregate_id, version, partition_key, actor, state)
      SELECT 'sight.overturned', 'sight', uuidv7(), 0, uuidv7(), 'sight', jsonb_build_object('viewers', jsonb_agg(v.id))
      FROM (SELECT id, (row_number() OVER (ORDER BY id) - 1) / 5000 AS part FROM unnest(viewers) id GROUP BY id) v
      GROUP BY v.part
    RETURNING id, recorded_at
  )
  INSERT INTO journal_queue (id, recorded_at) SELECT id, recorded_at FROM entry;
$$;

-- Said for as long as accounts are born: what they are seen by comes with the account itself. Where a deal came before
-- its account, something may hang on it already.
CREATE FUNCTION views_moved() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  occasion text := current_setting('foothold.sight', true);
BEGIN
  IF occasion = 'line' OR NOT EXISTS (SELECT FROM moved) THEN
    RETURN NULL;
  END IF;
  IF occasion = 'born' THEN
    IF NOT EXISTS (SELECT FROM moved m JOIN account_seat s ON s.account_id = m.account_id AND s.source = 'DEAL') THEN
      RETURN NULL;
    END IF;
  END IF;
  IF (SELECT count(*) FROM (SELECT DISTINCT account_id FROM moved LIMIT sight_told_most() + 1) a) > sight_told_most() THEN
    PERFORM sight_overturned((SELECT array_agg(DISTINCT viewer_id) FROM moved));
    RETURN NULL;
  END IF;
  WITH parts AS (
    SELECT account_id, viewer_id, (row_number() OVER (PARTITION BY account_id ORDER BY viewer_id) - 1) / 5000 AS part
    FROM moved
  ), entry AS (
    INSERT INTO journal (type, aggregate, aggregate_id, version, partition_key, actor, state)
      SELECT 'sight.changed', 'sight', uuidv7(), 0, p.account_id, 'sight',
             jsonb_build_object('account_id', p.account_id, 'viewers', jsonb_agg(p.viewer_id))
      FROM parts p GROUP BY p.account_id, p.part
    RETURNING id, recorded_at
  )
  INSERT INTO journal_queue (id, recorded_at) SELECT id, recorded_at FROM entry;
  RETURN NULL;
END $$;
CREATE TRIGGER views_added AFTER INSERT ON account_view
  REFERENCING NEW TABLE AS moved FOR EACH STATEMENT EXECUTE FUNCTION views_moved();
CREATE TRIGGER views_removed AFTER DELETE ON account_view
  REFERENCING OLD TABLE AS moved FOR EACH STATEMENT EXECUTE FUNCTION views_moved();

CREATE OR REPLACE FUNCTION accounts_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('foothold.sight', 'born', true);
  INSERT INTO account_seat (account_id, member_id, source, source_id)
    SELECT a.id, a.owner_id, 'OWNER', a.id FROM added a WHERE a.owner_id IS NOT NULL AND a.deleted_at IS NULL
    UNION SELECT a.id, (t ->> 'member_id')::uuid, 'TEAM', a.id FROM added a, jsonb_array_elements(a.team) t WHERE a.deleted_at IS NULL
    ON CONFLICT DO NOTHING;
  PERFORM set_config('foothold.sight', '', true);
  RETURN NULL;
END $$;

-- A deal's seat is moved by one statement, so that who keeps sight of the account does not lose it in between.
CREATE OR REPLACE FUNCTION deal_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(sight_line(), 0);
  PERFORM pg_advisory_xact_lock(sight_seats(), bucket) FROM (
    SELECT DISTINCT hashtext(account_id::text) & 1023 AS bucket
    FROM unnest(ARRAY[OLD.account_id, NEW.account_id]) account_id WHERE account_id IS NOT NULL ORDER BY bucket
  ) buckets;
  WITH wanted AS (
    SELECT NEW.account_id AS account_id, NEW.owner_id AS member_id
    WHERE NEW.account_id IS NOT NULL AND NEW.owner_id IS NOT NULL AND NEW.status = 'OPEN' AND NEW.deleted_at IS NULL
  ), removed AS (
    DELETE FROM account_seat s WHERE s.source_id = NEW.id AND s.source = 'DEAL'
      AND NOT EXISTS (SELECT FROM wanted w WHERE w.account_id = s.account_id AND w.member_id = s.member_id)
  )
  INSERT INTO account_seat (account_id, member_id, source, source_id)
    SELECT account_id, member_id, 'DEAL', NEW.id FROM wanted ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;

-- Whoever is put above other people, or no longer is, sees other rows of theirs as well, whatever account they are at:
-- those viewers are told as a whole, and not of each account.
CREATE OR REPLACE FUNCTION members_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  moved uuid[] := (SELECT array_agg(a.id) FROM added a JOIN removed r USING (id) WHERE a.manager_id IS DISTINCT FROM r.manager_id);
BEGIN
  IF moved IS NOT NULL THEN
    PERFORM set_config('foothold.sight', 'line', true);
    PERFORM line_moved(moved);
    PERFORM set_config('foothold.sight', '', true);
  END IF;
  RETURN NULL;
END $$;
-- Who is new in the line has nothing yet, and has seen nothing yet.
CREATE FUNCTION people_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM sight_overturned(array_agg(DISTINCT m.viewer_id)) FROM moved m
    WHERE NOT EXISTS (SELECT FROM moved n WHERE n.viewer_id = m.viewer_id AND n.member_id = m.viewer_id)
      AND NOT EXISTS (SELECT FROM moved n WHERE n.viewer_id = m.member_id AND n.member_id = m.member_id);
  RETURN NULL;
END $$;
CREATE TRIGGER people_added AFTER INSERT ON person_up
  REFERENCING NEW TABLE AS moved FOR EACH STATEMENT EXECUTE FUNCTION people_moved();
CREATE TRIGGER people_removed AFTER DELETE ON person_up
  REFERENCING OLD TABLE AS moved FOR EACH STATEMENT EXECUTE FUNCTION people_moved();
