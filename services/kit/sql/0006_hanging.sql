-- What hangs on another service's account goes out of sight when the account is deleted, and comes back with it: also for
-- those who have no seat there, but see it by their role, or as the owner of what hangs there, or above them. They are
-- told after those who have one. The trigger's argument is the table of what hangs.
CREATE FUNCTION account_hung() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  viewers jsonb;
BEGIN
  EXECUTE format('SELECT coalesce(jsonb_agg(DISTINCT u.viewer_id), ''[]'')
    FROM %I r JOIN person_up u ON u.member_id = r.owner_id WHERE r.account_id = $1', TG_ARGV[0]) INTO viewers USING NEW.id;
  WITH entry AS (
    INSERT INTO journal (type, aggregate, aggregate_id, version, partition_key, actor, state)
      VALUES ('sight.changed', 'sight', uuidv7(), 0, NEW.id, 'sight',
              jsonb_build_object('account_id', NEW.id, 'viewers', viewers, 'by_role', true))
    RETURNING id, recorded_at
  )
  INSERT INTO journal_queue (id, recorded_at) SELECT id, recorded_at FROM entry;
  RETURN NULL;
END $$;
CREATE FUNCTION watch_hanging(relation regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TRIGGER account_hung AFTER UPDATE ON account FOR EACH ROW
    WHEN ((OLD.deleted_at IS NULL) <> (NEW.deleted_at IS NULL)) EXECUTE FUNCTION account_hung(%L)', relation::text);
END $$;
