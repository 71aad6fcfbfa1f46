-- Who was taken off a map long ago is purged; the versions of those rows stay counted, so that the map's only grows.
CREATE FUNCTION stakeholders_purged() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO map_purged AS p (opportunity_id, version)
    SELECT opportunity_id, sum(version) FROM gone GROUP BY opportunity_id ORDER BY opportunity_id
    ON CONFLICT (opportunity_id) DO UPDATE SET version = p.version + excluded.version;
  RETURN NULL;
END $$;
CREATE TRIGGER stakeholders_purged AFTER DELETE ON stakeholder
  REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION stakeholders_purged();
CREATE FUNCTION deals_purged() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM map_purged p USING gone WHERE p.opportunity_id = gone.id;
  RETURN NULL;
END $$;
CREATE TRIGGER deals_purged AFTER DELETE ON opportunity
  REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION deals_purged();

-- A deal's map of people as of now: everybody who is or was on it, the links between those who are, its standing.
-- Volatile, so that it looks again when called: called on a deal that a subquery has locked, it sees what the last
-- holder of the lock has committed, which the statement around it may not. Links are [one, other, last time together],
-- the time null for allies; those of the people in `adding` are among them, meetings before `since` are left out.
CREATE OR REPLACE FUNCTION deal_map(deal uuid, adding uuid[], since timestamptz) RETURNS jsonb LANGUAGE plpgsql VOLATILE
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  mapped uuid[];
BEGIN
  mapped := adding || ARRAY(
    SELECT s.contact_id FROM stakeholder s WHERE s.opportunity_id = deal AND s.deleted_at IS NULL
  );
  RETURN jsonb_build_object(
    'people', (SELECT coalesce(jsonb_agg(to_jsonb(s) ORDER BY s.id), '[]') FROM stakeholder s WHERE s.opportunity_id = deal),
    'purged', coalesce((SELECT p.version FROM map_purged p WHERE p.opportunity_id = deal), 0),
    'standing', (SELECT to_jsonb(s) FROM opportunity_standing s WHERE s.id = deal),
    'links', CASE WHEN cardinality(mapped) > 1 THEN (
      SELECT coalesce(jsonb_agg(jsonb_build_array(l.one, l.other, l.at)), '[]') FROM (
        SELECT a.id AS one, b.id AS other, max(j.happened_at) AS at
        FROM joint_activity j, unnest(j.contact_ids) a(id), unnest(j.contact_ids) b(id)
        WHERE j.contact_ids && mapped AND j.deleted_at IS NULL AND j.happened_at >= since
          AND a.id = ANY (mapped) AND b.id = ANY (mapped) AND a.id < b.id
        GROUP BY a.id, b.id
        UNION ALL
        SELECT c.from_contact_id, c.to_contact_id, NULL FROM contact_link c
        WHERE c.kind = 'ALLY' AND c.deleted_at IS NULL AND c.from_contact_id = ANY (mapped) AND c.to_contact_id = ANY (mapped)
      ) l
    ) ELSE '[]' END
  );
END $$;
