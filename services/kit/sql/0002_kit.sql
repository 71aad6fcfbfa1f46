-- What changed is told by the statement that sets it: comparing two whole states took longer than all else it did.
DROP FUNCTION changed_fields(jsonb, jsonb);
