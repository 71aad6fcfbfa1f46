-- After a restore positions go on above all that was ever published: an epoch begins at a position of its own, and
-- those between the last one before it and that are nobody's.
CREATE TABLE journal_epoch (
  epoch integer PRIMARY KEY,
  first_position bigint NOT NULL UNIQUE,
  skipped bigint NOT NULL,
  begun_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO journal_epoch (epoch, first_position, skipped) VALUES (1, 1, 0);

-- A consumer's copies made anew by a republish: started at its start mark in a partition, ended at its end mark there,
-- and swept of what the republish did not tell of.
CREATE TABLE rebuild (
  consumer text NOT NULL,
  topic text NOT NULL,
  republish_id uuid NOT NULL,
  aggregates text[] NOT NULL,
  partitions integer NOT NULL DEFAULT 0,
  started integer[] NOT NULL DEFAULT '{}',
  ended integer[] NOT NULL DEFAULT '{}',
  swept bigint NOT NULL DEFAULT 0,
  asked_at timestamptz NOT NULL DEFAULT now(),
  swept_at timestamptz,
  PRIMARY KEY (consumer, topic, republish_id)
);
