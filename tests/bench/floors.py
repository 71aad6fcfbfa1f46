"""Floors: the least that the same machine needs at this very moment, so that ratios mean something on a noisy one."""

import asyncio
import time
from pathlib import Path

import psycopg

from tests.bench.load import Measured, Request, drive

LANES = 16


async def empty_endpoint(host: str, port: int, seconds: float) -> Measured:
    """An endpoint that does nothing."""
    return await drive(host, port, lambda _: Request("GET", "/healthz"), seconds=seconds)


async def commits(url: str, seconds: float) -> float:
    """Durable single-row inserts a second, from 16 connections with nothing around them."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS bench_floor (id bigserial PRIMARY KEY, body jsonb)"
        )
    until = time.perf_counter() + seconds
    made = sum(await asyncio.gather(*(_insert(url, until) for _ in range(LANES))))
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("DROP TABLE bench_floor")
    return made / seconds


async def _insert(url: str, until: float) -> int:
    made = 0
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        while time.perf_counter() < until:
            await connection.execute('INSERT INTO bench_floor (body) VALUES (\'{"name": "floor"}\')')
            made += 1
    return made


def copied_rows(url: str, file: Path) -> float:
    """Rows a second of a plain COPY of the file's lines into a table of one column."""
    lines = file.read_bytes().splitlines(keepends=True)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS bench_copy (line text)")
        began = time.perf_counter()
        with connection.cursor().copy(
            "COPY bench_copy (line) FROM STDIN WITH (FORMAT csv, DELIMITER E'\\x01', QUOTE E'\\x02')"
        ) as copy:
            for line in lines:
                copy.write(line)
        took = time.perf_counter() - began
        connection.execute("DROP TABLE bench_copy")
    return len(lines) / took
