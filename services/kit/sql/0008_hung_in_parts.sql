-- However many see an account by what hangs there, no entry of the journal grows too large: each tells 5,000 of them.
-- Those who see it by their role are told by the first, which is there for them when nobody else is.
CREATE OR REPLACE FUNCTION account_hung() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  viewers uuid[];
BEGIN
  EXECUTE format('SELECT coalesce(array_agg(v.viewer_id), ''{}'') FROM (
    SELECT u.viewer_id FROM %I r JOIN person_up u ON u.member_id = r.owner_id WHERE r.account_id = $1
    UNION SELECT viewer_id FROM account_view WHERE account_id = $1) v', TG_ARGV[0]) INTO viewers USING NEW.id;
  WITH entry AS (
    INSERT INTO journal (type, aggregate, aggregate_id, version, partition_key, actor, state)
      SELECT 'sight.changed', 'sight', uuidv7(), 0, NEW.id, 'sight',
             jsonb_build_object('account_id', NEW.id, 'viewers', to_jsonb(viewers[part + 1 : part + 5000]))
               || CASE part WHEN 0 THEN '{"by_role": true}'::jsonb ELSE '{}' END
      FROM generate_series(0, greatest(cardinality(viewers) - 1, 0), 5000) part
    RETURNING id, recorded_at
  )
  INSERT INTO journal_queue (id, recorded_at) SELECT id, recorded_at FROM entry;
  RETURN NULL;
END $$;
