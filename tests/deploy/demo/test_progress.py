"""What a run noted is there after a kill, however the last line was torn."""

from datetime import date
from pathlib import Path

from deploy.local.demo.progress import Progress

TODAY = date(2026, 11, 22)


def begun(home: Path) -> Progress:
    progress = Progress.begin(home, 20, TODAY)
    progress.note_import()
    progress.note("demo-1", "id-1")
    progress.close()
    return progress


def test_nothing_begun_is_nothing(tmp_path: Path) -> None:
    assert Progress.read(tmp_path) is None


def test_what_was_noted_is_read_again(tmp_path: Path) -> None:
    begun(tmp_path)
    read = Progress.read(tmp_path)
    assert read is not None
    assert (read.seed, read.today, read.imported, read.finished) == (20, TODAY, True, False)
    assert read.answered == {"demo-1": "id-1"}


def test_torn_line_is_dropped_and_the_next_one_stands_whole(tmp_path: Path) -> None:
    torn = begun(tmp_path).path
    torn.write_bytes(torn.read_bytes() + b'{"key": "demo-2", "ma')
    read = Progress.read(tmp_path)
    assert read is not None
    assert read.answered == {"demo-1": "id-1"}
    read.note("demo-3", "id-3")
    read.finish()
    read.close()
    again = Progress.read(tmp_path)
    assert again is not None
    assert again.answered == {"demo-1": "id-1", "demo-3": "id-3"}
    assert again.finished


def test_run_killed_before_its_first_line_was_whole_has_not_begun(tmp_path: Path) -> None:
    begun(tmp_path).path.write_bytes(b'{"seed": 2')
    assert Progress.read(tmp_path) is None
