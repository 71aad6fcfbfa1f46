"""Read Foothold's events into a DuckDB file and print four reports: `python -m examples.reporting --once`."""

import argparse
import os
import sys
from collections.abc import Sequence

import duckdb
from rich.console import Console

from .consumer import CannotGoOn, Reader, connected
from .file import File
from .reports import show


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads and prints; the exit status is 1 when it cannot, with one sentence that says why."""
    asked = _parsed(arguments)
    console = Console()
    try:
        with File(asked.file, timezone=asked.timezone) as file, connected(asked.servers, file) as reader:
            reader.read_to_end()
            show(file, console)
            if asked.follow:
                _follow(reader, file, console)
    except (CannotGoOn, duckdb.IOException) as error:
        print(error, file=sys.stderr)  # noqa: T201  # a command's words
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


def _follow(reader: Reader, file: File, console: Console) -> None:
    """Reads on until Ctrl-C, and prints whenever something was told and nothing more comes."""
    told = False
    while True:
        if reader.read():
            told = True
        elif told:
            show(file, console)
            told = False


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", default="report.duckdb", help="the DuckDB file (%(default)s)")
    parser.add_argument(
        "--servers",
        default=os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092"),
        help="host:port of Kafka, with commas between; else KAFKA_BOOTSTRAP_SERVERS (%(default)s)",
    )
    parser.add_argument(
        "--timezone",
        default=os.environ.get("ORGANISATION_TIMEZONE", "UTC"),
        help="the organisation's, as its services have it; else ORGANISATION_TIMEZONE (%(default)s)",
    )
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--once", action="store_true", help="read to the present end, print, and end")
    mode.add_argument(
        "--follow", action="store_true", help="read on until Ctrl-C, and print whenever all is read"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
