"""The zygote: a process that has imported everything, and forks a child that plays a role whenever it is asked to.

Importing a service costs three seconds of processor time, forking one that is imported some ten milliseconds. That is
sound as long as nothing runs in the zygote that a fork would cut in half: it has one thread, no event loop and no
connection, and has made no random id whose generator its children would share. It is forked from the harness before
that has any of these, and ends with it, as its children end with it.
"""

import gc
import json
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from deploy.local import launch
from deploy.local.identity import Identity, identify
from tests.chaos.roles import Role, learn, play


class Zygote:
    """The harness's side. Begin one before there is any thread or event loop."""

    def __init__(self) -> None:
        if threading.active_count() != 1:
            raise RuntimeError("a process with threads cannot be forked soundly")
        learn()
        gc.collect()
        gc.freeze()
        ours, theirs = socket.socketpair()
        self._pid = os.fork()
        if self._pid == 0:
            ours.close()
            _serve(theirs)
        gc.unfreeze()
        theirs.close()
        self._socket = ours
        self._answers = ours.makefile("rb")

    def fork(
        self, role: Role, environment: Mapping[str, str], log: Path, *, mistake: str | None = None
    ) -> Identity:
        """A new process that plays the role, its output appended to `log`."""
        order = {"role": list(role), "environment": dict(environment), "log": str(log), "mistake": mistake}
        self._socket.sendall(json.dumps(order).encode() + b"\n")
        pid = int(self._answers.readline())
        return identify(pid) or Identity(pid, "gone already")

    def close(self) -> None:
        """Ends the zygote and whoever was forked from it."""
        self._answers.close()
        self._socket.close()
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


def _serve(orders: socket.socket) -> None:
    """What the zygote does for all its life. Never returns."""
    os.setpgid(0, 0)
    _die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # The kernel buries the children; nobody waits for them.
    with orders.makefile("rb") as lines:
        for line in lines:
            pid = os.fork()
            if pid == 0:
                _become(orders, json.loads(line))
            orders.sendall(b"%d\n" % pid)
    os._exit(0)


def _become(orders: socket.socket, order: Mapping[str, Any]) -> None:
    """What a child does for all its life. Never returns."""
    code = 1
    try:
        orders.detach()
        _settle(Path(order["log"]))
        os.environ.clear()
        os.environ.update(order["environment"])
        play(order["role"], order["mistake"])
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:  # noqa: BLE001  # the last that is heard of this process
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _settle(log: Path) -> None:
    os.setpgid(0, 0)
    _die_with_parent()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing: IO[bytes] = Path(os.devnull).open("rb")  # noqa: SIM115  # both stay open with the process
    output: IO[bytes] = log.open("ab")
    os.dup2(nothing.fileno(), 0)
    os.dup2(output.fileno(), 1)
    os.dup2(output.fileno(), 2)
    os.closerange(3, 256)


def _die_with_parent() -> None:
    leash = launch.leash(signal.SIGKILL)
    if leash is not None:
        leash()
