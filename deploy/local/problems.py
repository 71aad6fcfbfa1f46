"""What stops the laptop stack, said in one sentence that its reader can act on."""


class StackProblem(Exception):
    """The stack cannot go on. The text says what is wrong and what would be right; no trace is shown."""
