"""Outages: which errors are the database's or the network's, so that whoever waits gets further."""

import psycopg

# Idle for too long inside a transaction, transaction too long, read-only after a failover: not operational
# errors to psycopg.
_OUTAGES = {"25P03", "25P04", "25006"}


def is_outage(error: BaseException) -> bool:
    """Whether the database or the network is at fault, so that waiting helps: lost connections, locks,
    timeouts.

    Limits of the program (a row too large for an index) are the handler's own.
    """
    if isinstance(error, psycopg.Error):
        state = error.sqlstate or ""
        if state.startswith("54"):
            return False
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) or state in _OUTAGES
    return isinstance(error, OSError)
