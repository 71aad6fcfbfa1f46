-- What the kit keeps in every service's database. Frozen: a later change is a file of its own.

CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- Instants are written one way everywhere: UTC, microseconds, Z.
CREATE FUNCTION instant(moment timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');

-- The fields in which two states of a row differ, as {field: {"from": ..., "to": ...}}.
-- What every change moves (the version and the stamps) says nothing and is left out.
CREATE FUNCTION changed_fields(before jsonb, after jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
  SELECT coalesce(jsonb_object_agg(n.key, jsonb_build_object('from', o.value, 'to', n.value)), '{}'::jsonb)
  FROM jsonb_each(after) n JOIN jsonb_each(before) o ON o.key = n.key
  WHERE n.value IS DISTINCT FROM o.value AND n.key NOT IN ('version', 'updated_at', 'updated_by')
);

-- The journal: outbox, history and change feed. One row = one event = one version.
-- The clock is read after the row's lock is held: the times of a row's versions never run backwards.
CREATE TABLE journal (
  id bigint GENERATED ALWAYS AS IDENTITY (CACHE 1),
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  event_id uuid NOT NULL DEFAULT uuidv7(),
  type text NOT NULL,
  aggregate text NOT NULL,
  aggregate_id uuid NOT NULL,
  version integer NOT NULL,
  partition_key uuid NOT NULL,
  actor text NOT NULL,
  request_id text,
  traceparent text,
  imported boolean NOT NULL DEFAULT false,
  changed jsonb,
  state jsonb NOT NULL,
  state_version smallint NOT NULL DEFAULT 1,
  PRIMARY KEY (recorded_at, id),
  -- Small records are told apart without writing them out.
  CONSTRAINT journal_record_size CHECK (
    pg_column_size(state) + coalesce(pg_column_size(changed), 0) <= 8000
    OR octet_length(state::text) + coalesce(octet_length(changed::text), 0) <= 250000
  )
) PARTITION BY RANGE (recorded_at);
CREATE INDEX journal_aggregate ON journal (aggregate_id, version);
CREATE TABLE journal_rest PARTITION OF journal DEFAULT;

-- Makes the partition of the month that contains the moment, unless it is there. Rows of that month which nobody had
-- made a partition for move there. It is attached, not created in place: writers go on meanwhile.
CREATE FUNCTION journal_month(moment timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  first timestamptz := date_trunc('month', moment AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
  after timestamptz := (date_trunc('month', moment AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC';
  name text := 'journal_' || to_char(moment AT TIME ZONE 'UTC', '"y"YYYY"m"MM');
BEGIN
  PERFORM pg_advisory_xact_lock(7105, 0);
  IF to_regclass(name) IS NULL THEN
    EXECUTE format('CREATE TABLE %I (LIKE journal INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
    LOCK TABLE journal_rest IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('WITH moved AS (DELETE FROM journal_rest WHERE recorded_at >= %L AND recorded_at < %L RETURNING *)
      INSERT INTO %I SELECT * FROM moved', first, after, name);
    EXECUTE format('ALTER TABLE journal ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, first, after);
  END IF;
  RETURN name;
END $$;
SELECT journal_month(now()), journal_month(now() + interval '1 month'), journal_month(now() + interval '2 months');

-- Rows not numbered yet; final positions; where numbering stands; what is published.
CREATE TABLE journal_queue (id bigint PRIMARY KEY, recorded_at timestamptz NOT NULL);
CREATE TABLE journal_order (
  position bigint PRIMARY KEY,
  journal_id bigint NOT NULL,
  recorded_at timestamptz NOT NULL
);
CREATE TABLE journal_head (singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton), position bigint NOT NULL);
INSERT INTO journal_head (position) VALUES (0);
CREATE TABLE journal_cursor (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  published bigint NOT NULL,
  published_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO journal_cursor (published) VALUES (0);

-- Answers kept for callers that ask twice, for a day.
CREATE TABLE idempotency_key (
  caller text NOT NULL,
  key text NOT NULL,
  fingerprint bytea NOT NULL,
  status smallint NOT NULL,
  version integer,
  answer text,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT idempotency_key_once PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_key_age ON idempotency_key (created_at);

-- Where each consumer stands, moved in the transaction that handles the batch.
CREATE TABLE consumer_position (
  consumer text NOT NULL,
  topic text NOT NULL,
  partition integer NOT NULL,
  next_offset bigint NOT NULL,
  last_position bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (consumer, topic, partition)
);
-- Keys set aside because a handler failed on them, with all that follows of them.
CREATE TABLE parked_key (
  consumer text NOT NULL,
  topic text NOT NULL,
  key text NOT NULL,
  partition integer NOT NULL,
  reason text NOT NULL,
  parked_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (consumer, topic, key)
);
CREATE TABLE parked_record (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  consumer text NOT NULL,
  topic text NOT NULL,
  partition integer NOT NULL,
  record_offset bigint NOT NULL,
  key text NOT NULL,
  headers jsonb NOT NULL,
  value bytea,
  FOREIGN KEY (consumer, topic, key) REFERENCES parked_key (consumer, topic, key) ON DELETE CASCADE
);
CREATE INDEX parked_record_key ON parked_record (consumer, topic, key, id);

-- Sight. person_up is the closure of the reporting line (everyone is above themselves);
-- account_view is who may see which account: everyone above someone who has a seat there.
CREATE TABLE person_up (
  viewer_id uuid NOT NULL,
  member_id uuid NOT NULL,
  PRIMARY KEY (viewer_id, member_id)
);
CREATE INDEX person_up_member ON person_up (member_id, viewer_id);
CREATE TABLE account_seat (
  account_id uuid NOT NULL,
  member_id uuid NOT NULL,
  source text NOT NULL CHECK (source IN ('OWNER', 'TEAM', 'DEAL')),
  source_id uuid NOT NULL,
  PRIMARY KEY (account_id, member_id, source, source_id)
);
CREATE INDEX account_seat_member ON account_seat (member_id, account_id);
CREATE INDEX account_seat_source ON account_seat (source_id);
CREATE TABLE account_view (
  viewer_id uuid NOT NULL,
  account_id uuid NOT NULL,
  PRIMARY KEY (viewer_id, account_id)
);
CREATE INDEX account_view_account ON account_view (account_id, viewer_id);

-- Locks: the reporting line is one (shared by seats, exclusive to moves in it); seats are 1,024 buckets of accounts
-- (shared by those who add, exclusive to those who take away), taken in order, so that no deadlock and no lost row.
CREATE FUNCTION sight_line() RETURNS integer LANGUAGE sql IMMUTABLE RETURN 7101;
CREATE FUNCTION sight_seats() RETURNS integer LANGUAGE sql IMMUTABLE RETURN 7102;

-- Whether anybody of the viewer's people has a seat at the account. A subquery with LIMIT is asked for each row: as a
-- join, the planner may choose to work out who sees what for everybody at once.
CREATE FUNCTION sees_by_seat(viewer uuid, account uuid) RETURNS boolean LANGUAGE sql STABLE
RETURN coalesce((SELECT true FROM account_seat s JOIN person_up up ON up.member_id = s.member_id
                 WHERE s.account_id = account AND up.viewer_id = viewer LIMIT 1), false);

CREATE FUNCTION seats_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(sight_line(), 0);
  PERFORM pg_advisory_xact_lock_shared(sight_seats(), bucket)
    FROM (SELECT DISTINCT hashtext(account_id::text) & 1023 AS bucket FROM added ORDER BY bucket) buckets;
  INSERT INTO account_view (viewer_id, account_id)
    SELECT DISTINCT up.viewer_id, a.account_id FROM added a JOIN person_up up ON up.member_id = a.member_id
    ORDER BY 2, 1
    ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;

CREATE FUNCTION seats_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(sight_line(), 0);
  PERFORM pg_advisory_xact_lock(sight_seats(), bucket)
    FROM (SELECT DISTINCT hashtext(account_id::text) & 1023 AS bucket FROM removed ORDER BY bucket) buckets;
  DELETE FROM account_view v
    USING (SELECT DISTINCT up.viewer_id, r.account_id FROM removed r JOIN person_up up ON up.member_id = r.member_id) gone
    WHERE v.viewer_id = gone.viewer_id AND v.account_id = gone.account_id
      AND NOT sees_by_seat(gone.viewer_id, gone.account_id);
  RETURN NULL;
END $$;

CREATE TRIGGER seats_added AFTER INSERT ON account_seat
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION seats_added();
CREATE TRIGGER seats_removed AFTER DELETE ON account_seat
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION seats_removed();

-- Recomputes the closure of the members below the moved ones, and what the people above them see.
-- Everybody is in it once, however the line loops: what is reached already is not walked again.
-- OFFSET 0 has each step look its people up by their index: how many there will be, no planner can know.
CREATE FUNCTION line_moved(moved uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  touched uuid[];
  gained_viewers uuid[]; gained_members uuid[];
  lost_viewers uuid[]; lost_members uuid[];
BEGIN
  PERFORM pg_advisory_xact_lock(sight_line(), 0);
  WITH RECURSIVE below(id) AS (
    SELECT unnest(moved)
    UNION SELECT m.id FROM below b CROSS JOIN LATERAL (SELECT id FROM member WHERE manager_id = b.id OFFSET 0) m
  ) SELECT array_agg(id) INTO touched FROM below;

  WITH RECURSIVE up(member_id, viewer_id) AS (
    SELECT m.id, m.id FROM member m WHERE m.id = ANY (touched)
    UNION SELECT up.member_id, m.manager_id
    FROM up CROSS JOIN LATERAL (SELECT manager_id FROM member WHERE id = up.viewer_id OFFSET 0) m WHERE m.manager_id IS NOT NULL
  ), held AS (
    SELECT member_id, viewer_id FROM person_up WHERE member_id = ANY (touched)
  ), gained AS (
    SELECT viewer_id, member_id FROM up EXCEPT SELECT viewer_id, member_id FROM held
  ), lost AS (
    SELECT viewer_id, member_id FROM held EXCEPT SELECT viewer_id, member_id FROM up
  )
  SELECT (SELECT array_agg(viewer_id ORDER BY viewer_id, member_id) FROM gained),
         (SELECT array_agg(member_id ORDER BY viewer_id, member_id) FROM gained),
         (SELECT array_agg(viewer_id ORDER BY viewer_id, member_id) FROM lost),
         (SELECT array_agg(member_id ORDER BY viewer_id, member_id) FROM lost)
    INTO gained_viewers, gained_members, lost_viewers, lost_members;

  IF gained_viewers IS NOT NULL THEN
    INSERT INTO person_up (viewer_id, member_id) SELECT * FROM unnest(gained_viewers, gained_members);
    INSERT INTO account_view (viewer_id, account_id)
      SELECT DISTINCT g.viewer_id, s.account_id
      FROM unnest(gained_viewers, gained_members) AS g(viewer_id, member_id) JOIN account_seat s ON s.member_id = g.member_id
      ON CONFLICT DO NOTHING;
  END IF;
  IF lost_viewers IS NOT NULL THEN
    DELETE FROM person_up p USING unnest(lost_viewers, lost_members) AS l(viewer_id, member_id)
      WHERE p.viewer_id = l.viewer_id AND p.member_id = l.member_id;
    DELETE FROM account_view v
      USING (SELECT DISTINCT l.viewer_id, s.account_id
             FROM unnest(lost_viewers, lost_members) AS l(viewer_id, member_id)
             JOIN account_seat s ON s.member_id = l.member_id) gone
      WHERE v.viewer_id = gone.viewer_id AND v.account_id = gone.account_id
        AND NOT sees_by_seat(gone.viewer_id, gone.account_id);
  END IF;
END $$;

CREATE FUNCTION members_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM added) THEN
    PERFORM line_moved((SELECT array_agg(id) FROM added));
  END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION members_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  moved uuid[] := (SELECT array_agg(a.id) FROM added a JOIN removed r USING (id) WHERE a.manager_id IS DISTINCT FROM r.manager_id);
BEGIN
  IF moved IS NOT NULL THEN
    PERFORM line_moved(moved);
  END IF;
  RETURN NULL;
END $$;

-- Called once the service's own migration has made its table of members.
CREATE FUNCTION watch_members() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  CREATE TRIGGER members_added AFTER INSERT ON member
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION members_added();
  CREATE TRIGGER members_changed AFTER UPDATE ON member
    REFERENCING NEW TABLE AS added OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION members_changed();
END $$;

-- Seats follow the rows they come from: the owner and the named team of an account, the owner of an open deal.
CREATE FUNCTION seat_account(account uuid, owner uuid, team jsonb, gone boolean) RETURNS void LANGUAGE sql AS $$
  WITH wanted AS (
    SELECT owner AS member_id, 'OWNER' AS source WHERE owner IS NOT NULL AND NOT gone
    UNION SELECT (t ->> 'member_id')::uuid, 'TEAM' FROM jsonb_array_elements(team) t WHERE NOT gone
  ), removed AS (
    DELETE FROM account_seat s WHERE s.account_id = account AND s.source IN ('OWNER', 'TEAM')
      AND NOT EXISTS (SELECT FROM wanted w WHERE w.member_id = s.member_id AND w.source = s.source)
  )
  INSERT INTO account_seat (account_id, member_id, source, source_id)
    SELECT account, member_id, source, account FROM wanted ON CONFLICT DO NOTHING;
$$;
CREATE FUNCTION accounts_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO account_seat (account_id, member_id, source, source_id)
    SELECT a.id, a.owner_id, 'OWNER', a.id FROM added a WHERE a.owner_id IS NOT NULL AND a.deleted_at IS NULL
    UNION SELECT a.id, (t ->> 'member_id')::uuid, 'TEAM', a.id FROM added a, jsonb_array_elements(a.team) t WHERE a.deleted_at IS NULL
    ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE FUNCTION account_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM seat_account(NEW.id, NEW.owner_id, NEW.team, NEW.deleted_at IS NOT NULL);
  RETURN NULL;
END $$;

CREATE FUNCTION deals_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO account_seat (account_id, member_id, source, source_id)
    SELECT a.account_id, a.owner_id, 'DEAL', a.id FROM added a
    WHERE a.account_id IS NOT NULL AND a.owner_id IS NOT NULL AND a.status = 'OPEN' AND a.deleted_at IS NULL
    ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
CREATE FUNCTION deal_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM account_seat WHERE source_id = NEW.id AND source = 'DEAL';
  INSERT INTO account_seat (account_id, member_id, source, source_id)
    SELECT NEW.account_id, NEW.owner_id, 'DEAL', NEW.id
    WHERE NEW.account_id IS NOT NULL AND NEW.owner_id IS NOT NULL AND NEW.status = 'OPEN' AND NEW.deleted_at IS NULL
    ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;

-- Called once the service's own migration has made its tables `account` and of deals.
CREATE FUNCTION watch_accounts() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  CREATE TRIGGER accounts_added AFTER INSERT ON account
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION accounts_added();
  CREATE TRIGGER account_changed AFTER UPDATE ON account FOR EACH ROW
    WHEN (OLD.owner_id IS DISTINCT FROM NEW.owner_id OR OLD.team IS DISTINCT FROM NEW.team
          OR OLD.deleted_at IS DISTINCT FROM NEW.deleted_at)
    EXECUTE FUNCTION account_changed();
END $$;
CREATE FUNCTION watch_deals() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  CREATE TRIGGER deals_added AFTER INSERT ON opportunity
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION deals_added();
  CREATE TRIGGER deal_changed AFTER UPDATE ON opportunity FOR EACH ROW
    WHEN (OLD.account_id IS DISTINCT FROM NEW.account_id OR OLD.owner_id IS DISTINCT FROM NEW.owner_id
          OR OLD.status IS DISTINCT FROM NEW.status OR OLD.deleted_at IS DISTINCT FROM NEW.deleted_at)
    EXECUTE FUNCTION deal_changed();
END $$;

-- External ids: where a row comes from, unique per noun and source, with a hash per field of the source's last value.
CREATE TABLE external_id (
  noun text NOT NULL,
  source text NOT NULL,
  external_id text NOT NULL,
  row_id uuid NOT NULL,
  hashes jsonb NOT NULL DEFAULT '{}',
  CONSTRAINT external_id__external_ids__taken PRIMARY KEY (noun, source, external_id)
);
CREATE INDEX external_id_row ON external_id (row_id);
CREATE FUNCTION external_ids_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO external_id (noun, source, external_id, row_id)
    SELECT TG_TABLE_NAME, e.key, e.value, a.id FROM added a, jsonb_each_text(a.external_ids) e;
  RETURN NULL;
END $$;
CREATE FUNCTION external_ids_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM external_id x WHERE x.noun = TG_TABLE_NAME AND x.row_id = NEW.id
    AND NEW.external_ids ->> x.source IS DISTINCT FROM x.external_id;
  INSERT INTO external_id (noun, source, external_id, row_id)
    SELECT TG_TABLE_NAME, e.key, e.value, NEW.id FROM jsonb_each_text(NEW.external_ids) e
    WHERE NOT EXISTS (SELECT FROM external_id x WHERE x.noun = TG_TABLE_NAME AND x.row_id = NEW.id AND x.source = e.key);
  RETURN NULL;
END $$;
-- Called by a service's migration for each table with a column `external_ids`.
CREATE FUNCTION watch_external_ids(relation regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  -- An import writes its rows' external ids itself, with their hashes, and says so for its transaction.
  EXECUTE format('CREATE TRIGGER external_ids_added AFTER INSERT ON %s REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT WHEN (current_setting(''foothold.external_ids'', true) IS DISTINCT FROM ''given'')
    EXECUTE FUNCTION external_ids_added()', relation);
  EXECUTE format('CREATE TRIGGER external_ids_changed AFTER UPDATE ON %s FOR EACH ROW
    WHEN (OLD.external_ids IS DISTINCT FROM NEW.external_ids) EXECUTE FUNCTION external_ids_changed()', relation);
END $$;

-- Work that outlives a request. A worker claims a job, says every few seconds that it lives, and keeps in `point`
-- from where another goes on if it does not. Jobs of one lane run one after the other, oldest first.
CREATE TABLE job (
  id uuid PRIMARY KEY,
  kind text NOT NULL,
  lane text NOT NULL,
  state text NOT NULL DEFAULT 'QUEUED' CHECK (state IN ('QUEUED', 'RUNNING', 'DONE', 'FAILED')),
  argument jsonb NOT NULL,
  point jsonb,
  done bigint NOT NULL DEFAULT 0,
  total bigint NOT NULL DEFAULT 0,
  counts jsonb NOT NULL DEFAULT '{}',
  error text,
  claim uuid,
  heartbeat_at timestamptz,
  failures smallint NOT NULL DEFAULT 0,
  request_id text,
  traceparent text,
  created_at timestamptz NOT NULL DEFAULT now(),
  created_by text NOT NULL,
  started_at timestamptz,
  finished_at timestamptz
);
CREATE INDEX job_unfinished ON job (lane, id) WHERE state IN ('QUEUED', 'RUNNING');
CREATE UNIQUE INDEX job_one_a_lane ON job (lane) WHERE state = 'RUNNING';

-- An import's file until the job has ended: a row's cells in the order of the profile's columns, and what is wrong
-- with it already. A walk over the file that reads rows of its own keeps them under its own number.
CREATE TABLE import_row (
  job_id uuid NOT NULL,
  walk smallint NOT NULL,
  row bigint NOT NULL,
  cells json NOT NULL,
  refused json,
  PRIMARY KEY (job_id, walk, row)
);
-- What became of rows that were refused, or written otherwise than the file has them.
CREATE TABLE import_report (
  id uuid PRIMARY KEY DEFAULT uuidv7(),
  job_id uuid NOT NULL REFERENCES job (id) ON DELETE CASCADE,
  row bigint NOT NULL,
  external_id text,
  outcome text NOT NULL CHECK (outcome IN ('REFUSED', 'MENDED')),
  message text NOT NULL,
  findings jsonb NOT NULL
);
CREATE INDEX import_report_row ON import_report (job_id, row, id);
