"""Collisions on demand: PostgreSQL ends the first inserts into a table as if they were in each other's way."""

from typing import Final

import psycopg
from psycopg import sql

_COLLIDING: Final = sql.SQL("""
CREATE SEQUENCE collided;
CREATE FUNCTION collide() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF nextval('collided') <= {times} THEN
    RAISE EXCEPTION 'in each other''s way' USING ERRCODE = {error};
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER collide BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION collide()
""")


def collide(url: str, table: str, *, times: int, error: str = "deadlock_detected") -> None:
    """Lets so many inserts of rows collide, with PostgreSQL's error of that name."""
    told = _COLLIDING.format(times=sql.Literal(times), error=sql.Literal(error), table=sql.Identifier(table))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(told)
