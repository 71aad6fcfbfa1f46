-- What is kept: how each aggregate stands, where we are in each partition, and what we could not read.

CREATE TABLE IF NOT EXISTS copy (
  topic     TEXT NOT NULL,
  aggregate TEXT NOT NULL,
  id        UUID NOT NULL,
  version   BIGINT NOT NULL,
  position  BIGINT NOT NULL,             -- of the event that told of it last, be it older than what is kept
  fate      TEXT NOT NULL CHECK (fate IN ('living', 'deleted', 'erased', 'swept')),
  state     JSON,                        -- of the living alone
  PRIMARY KEY (aggregate, id)
);
CREATE TABLE IF NOT EXISTS place (
  topic       TEXT NOT NULL,
  partition   INTEGER NOT NULL,
  next_offset BIGINT NOT NULL,
  position    BIGINT NOT NULL,           -- of the last event; what is not above it was told before
  told_at     TIMESTAMP,                 -- in UTC
  epoch       BIGINT NOT NULL,
  PRIMARY KEY (topic, partition)
);
CREATE TABLE IF NOT EXISTS mark (        -- republishes that have begun and have not yet ended everywhere
  topic      TEXT NOT NULL,
  partition  INTEGER NOT NULL,
  id         UUID NOT NULL,
  position   BIGINT NOT NULL,            -- of its start
  epoch      BIGINT NOT NULL,
  aggregates TEXT[] NOT NULL,
  has_ended  BOOLEAN NOT NULL,
  PRIMARY KEY (topic, partition, id)
);
CREATE TABLE IF NOT EXISTS refused (
  topic      TEXT NOT NULL,
  partition  INTEGER NOT NULL,
  "offset"   BIGINT NOT NULL,
  reason     TEXT NOT NULL,
  PRIMARY KEY (topic, partition, "offset")
);
CREATE TABLE IF NOT EXISTS passed_over (
  topic   TEXT NOT NULL,
  type    TEXT NOT NULL,
  records BIGINT NOT NULL,
  PRIMARY KEY (topic, type)
);

-- The living, by name. A day is one of the time zone that the file was opened with.

CREATE OR REPLACE VIEW account AS
SELECT id, state->>'name' AS name, (state->>'owner_id')::UUID AS owner_id
FROM copy WHERE aggregate = 'account' AND fate = 'living';

CREATE OR REPLACE VIEW member AS
SELECT id, state->>'name' AS name, (state->>'manager_id')::UUID AS manager_id
FROM copy WHERE aggregate = 'member' AND fate = 'living';

CREATE OR REPLACE VIEW product AS
SELECT id, state->>'name' AS name
FROM copy WHERE aggregate = 'product' AND fate = 'living';

CREATE OR REPLACE VIEW opportunity AS
SELECT
  id,
  state->>'name' AS name,
  (state->>'account_id')::UUID AS account_id,
  (state->>'owner_id')::UUID AS owner_id,
  (state->>'product_id')::UUID AS product_id,
  state->>'stage' AS stage,
  state->>'status' AS status,
  (state->>'amount')::HUGEINT AS amount, -- in minor units, and wide enough to be multiplied
  state->>'currency' AS currency,
  (state->>'expected_close_on')::DATE AS expected_close_on,
  state->>'lost_reason' AS lost_reason,
  state->>'lost_to' AS lost_to,
  (state->>'stage_entered_on')::DATE AS stage_entered_on,
  (state->>'closed_on')::DATE AS closed_on,
  from_json(state->'moves', '[{
    "origin": "VARCHAR", "to": "VARCHAR", "moved_at": "TIMESTAMPTZ", "moved_on": "DATE", "origin_minutes": "BIGINT"
  }]') AS moves
FROM copy WHERE aggregate = 'opportunity' AND fate = 'living';

CREATE OR REPLACE VIEW move AS
SELECT id AS opportunity_id, generate_subscripts(moves, 1) AS ordinal, unnest(moves, recursive := true)
FROM opportunity;

CREATE OR REPLACE VIEW opportunity_standing AS
SELECT id, state->>'rating' AS rating, (state->>'probability')::BIGINT AS probability
FROM copy WHERE aggregate = 'opportunity_standing' AND fate = 'living';

CREATE OR REPLACE VIEW time_log AS
SELECT
  id,
  (state->>'member_id')::UUID AS member_id,
  (state->>'account_id')::UUID AS account_id,
  (state->>'spent_on')::DATE AS spent_on,
  state->>'category' AS category,
  (state->>'minutes')::BIGINT AS minutes,
  state->>'robber' AS robber
FROM copy WHERE aggregate = 'time_log' AND fate = 'living';

-- To the nearest whole number, halves away from zero; null where there is nothing to divide by.
CREATE OR REPLACE MACRO rounded(numerator, denominator) AS
  sign(numerator) * ((2 * abs(numerator::HUGEINT) + denominator) // (2 * nullif(denominator, 0)));
