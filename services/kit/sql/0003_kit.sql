-- A parked key has a number to call it by, and what people have given up of it stays to be seen.
ALTER TABLE parked_key ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY;
ALTER TABLE parked_key ADD CONSTRAINT parked_key_id UNIQUE (id);
CREATE TABLE parked_discarded (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  consumer text NOT NULL,
  topic text NOT NULL,
  partition integer NOT NULL,
  record_offset bigint NOT NULL,
  key text NOT NULL,
  headers jsonb NOT NULL,
  value bytea,
  reason text NOT NULL,
  why text NOT NULL,
  discarded_by text NOT NULL,
  discarded_at timestamptz NOT NULL DEFAULT now()
);
-- How many partitions each topic is declared to have: a key stays on its partition, so that number never changes.
CREATE TABLE topic_declared (
  topic text PRIMARY KEY,
  partitions integer NOT NULL
);
