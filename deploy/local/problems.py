"""What stops the laptop stack, said in one sentence that its reader can act on."""

import errno


class StackProblem(Exception):
    """The stack cannot go on. The text says what is wrong and what would be right; no trace is shown."""


def one_sentence(error: StackProblem | OSError) -> str:
    """What to tell the reader of an error that is the machine's or the reader's, not ours."""
    if not isinstance(error, OSError):
        return str(error)
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full{where}; make room, or set FOOTHOLD_HOME to a directory on another disk."
    return f"The system refused: {error.strerror or error}{where}."
