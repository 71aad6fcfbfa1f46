# What tests use of pytest-xdist's schedulers.

import pytest

class LoadScopeScheduling:
    def __init__(self, config: pytest.Config, log: object | None = None) -> None: ...
    def _split_scope(self, nodeid: str) -> str: ...
