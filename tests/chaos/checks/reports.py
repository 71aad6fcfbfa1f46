"""A reader outside that follows the contract alone has the figures that the services' own databases have."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from examples.reporting.consumer import connected
from examples.reporting.file import File
from examples.reporting.reports import REPORTS, rows
from tests.chaos.finding import Finding
from tests.system.figures import differences, figures


def check(urls: Mapping[str, str], bootstrap_servers: str, path: Path) -> Iterator[Finding]:
    """Has the reporting example read everything into the file at `path`, and compares its four reports."""
    expected = figures(urls)
    with File(path) as file, connected(bootstrap_servers, file) as reader:
        reader.read_to_end()
        for report in REPORTS:
            if different := differences(rows(file, report), expected[report.stem]):
                said = (
                    f"{report.stem} has {len(different)} rows that are not the services', as {different[0]}"
                )
                yield Finding("reports", said, ())
