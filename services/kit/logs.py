"""The log of a process: JSON lines on standard output, without secrets.

Each says within which request it was written, here or in the process where that began.
"""

import logging
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from types import MappingProxyType
from typing import Final

import orjson
import structlog
from structlog.typing import EventDict

from services.kit.clock import now
from services.kit.redaction import redact, without_trace_text

ANSWERED: Final = "answered"
"""The event of an access line."""

_within: ContextVar[Mapping[str, str]] = ContextVar("within", default=MappingProxyType({}))
log = structlog.get_logger()


def say_within(named: Mapping[str, str]) -> Token[Mapping[str, str]]:
    """Has every line that is written from now on, by whomever, say this too, until `say_without` is given the token."""
    return _within.set(named)


def say_without(token: Token[Mapping[str, str]]) -> None:
    """Ends what `say_within` began."""
    _within.reset(token)


@contextmanager
def said_within(named: Mapping[str, str]) -> Generator[None]:
    """Has every line that is written meanwhile say this too."""
    token = say_within(named)
    try:
        yield
    finally:
        say_without(token)


def configure_logging(level: str, *, process: str) -> None:
    """Sends every log line of the process to standard output, redacted; each one says which `process`."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[without_trace_text, _redacted, stamped_by(process), _rendered],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=threshold, handlers=[_FromLibraries()], force=True)
    # It writes down the address of every call, and addresses hold what people search for.
    logging.getLogger("httpx").setLevel(logging.WARNING)


class _FromLibraries(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)


def stamped_by(process: str) -> structlog.typing.Processor:
    """What adds to each line when, by whom and within what it was written."""

    def stamp(_logger: object, level: str, event: EventDict) -> EventDict:
        stamped: dict[str, object] = {"at": now(), "level": level, "process": process}
        return {**stamped, **_within.get(), **event}

    return stamp


def _redacted(logger: object, level: str, event: EventDict) -> EventDict:
    # An access line names routes and no rows, and there is one for every request: it is let through as it is.
    return event if event["event"] == ANSWERED else redact(logger, level, event)


def _rendered(_logger: object, _level: str, event: EventDict) -> bytes:
    return orjson.dumps(event, default=repr, option=orjson.OPT_UTC_Z)
