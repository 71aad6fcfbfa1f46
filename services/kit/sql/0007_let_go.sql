-- Who is let go, or is found by another identity from now on, is no longer whom a feed was opened for: those who wait or
-- listen as this member are sent to begin afresh, and are judged anew by that.
CREATE FUNCTION found_by(member jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE RETURN
  jsonb_build_array(member -> 'active', coalesce(member ->> 'subject', lower(member ->> 'email')), member -> 'deleted_at');
CREATE OR REPLACE FUNCTION members_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  moved uuid[] := (SELECT array_agg(a.id) FROM added a JOIN removed r USING (id) WHERE a.manager_id IS DISTINCT FROM r.manager_id);
  others uuid[] := (SELECT array_agg(a.id) FROM added a JOIN removed r USING (id)
                    WHERE found_by(to_jsonb(a)) IS DISTINCT FROM found_by(to_jsonb(r)));
BEGIN
  IF moved IS NOT NULL THEN
    PERFORM set_config('foothold.sight', 'line', true);
    PERFORM line_moved(moved);
    PERFORM set_config('foothold.sight', '', true);
  END IF;
  IF others IS NOT NULL THEN
    PERFORM sight_overturned(others);
  END IF;
  RETURN NULL;
END $$;

-- An account whose deletion is the first that is heard of it hides what hangs on it as any other; and it hides it from
-- those as well who see the account by a deal of theirs there, and own nothing of what hangs.
CREATE OR REPLACE FUNCTION account_hung() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  viewers jsonb;
BEGIN
  EXECUTE format('SELECT coalesce(jsonb_agg(v.viewer_id), ''[]'') FROM (
    SELECT u.viewer_id FROM %I r JOIN person_up u ON u.member_id = r.owner_id WHERE r.account_id = $1
    UNION SELECT viewer_id FROM account_view WHERE account_id = $1) v', TG_ARGV[0]) INTO viewers USING NEW.id;
  WITH entry AS (
    INSERT INTO journal (type, aggregate, aggregate_id, version, partition_key, actor, state)
      VALUES ('sight.changed', 'sight', uuidv7(), 0, NEW.id, 'sight',
              jsonb_build_object('account_id', NEW.id, 'viewers', viewers, 'by_role', true))
    RETURNING id, recorded_at
  )
  INSERT INTO journal_queue (id, recorded_at) SELECT id, recorded_at FROM entry;
  RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION watch_hanging(relation regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE OR REPLACE TRIGGER account_hung AFTER UPDATE ON account FOR EACH ROW
    WHEN ((OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL)) EXECUTE FUNCTION account_hung(%L)', relation::text);
  EXECUTE format('CREATE OR REPLACE TRIGGER account_hung_at_first AFTER INSERT ON account FOR EACH ROW
    WHEN (NEW.deleted_at IS NOT NULL) EXECUTE FUNCTION account_hung(%L)', relation::text);
END $$;
