-- Who was erased, and where in this service free text may name them still: [{noun, id, field}], no text and no name.
-- `more` where other texts may as well: too many to be listed, or nobody here knew what to look for.
CREATE TABLE erasure (
  person_id uuid PRIMARY KEY,
  account_id uuid NOT NULL,
  erased_at timestamptz NOT NULL,
  reason text,
  mentions json NOT NULL,
  more boolean NOT NULL
);
