"""`python -m deploy.local.demo`: FOOTHOLD_HOME and FOOTHOLD_PORT say of which stack, as for `foothold`."""

import asyncio
import sys

from rich.console import Console

from deploy.local.demo.loading import load
from deploy.local.problems import StackProblem, one_sentence
from deploy.local.stack import Stack


def main() -> int:
    """0 when the demo data is there (or not wanted), 1 with one sentence when it could not be loaded, 130 on Ctrl-C."""
    try:
        asyncio.run(load(Stack.from_environment(), Console()))
    except (StackProblem, OSError) as error:
        Console(stderr=True).print(one_sentence(error), style="red", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
