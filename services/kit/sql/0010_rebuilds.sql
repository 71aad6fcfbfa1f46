-- Where a rebuild's republish begins: what is driven late and was told before does not count as told. Of those that have
-- begun already nobody knows; they go on as they did.
ALTER TABLE rebuild ADD COLUMN start_position bigint;
UPDATE rebuild SET start_position = 0 WHERE started <> '{}';
