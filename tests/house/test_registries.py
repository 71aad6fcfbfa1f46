"""No committed file names the host of a package registry: where packages come from is the machine's own business."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Written in parts, for this file is one of those that are read.
HOSTS = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("pypi", "python", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("repo", "maven", "apache", "org"),
        ("repo1", "maven", "org"),
        ("maven", "google", "com"),
        ("crates", "io"),
        ("proxy", "golang", "org"),
        ("rubygems", "org"),
        ("anaconda", "org"),
        ("nuget", "org"),
        ("jitpack", "io"),
        ("docker", "io"),
        ("docker", "com"),
        ("quay", "io"),
        ("ghcr", "io"),
    )
)


def committed() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name]


def naming_registries(paths: Iterable[Path]) -> list[str]:
    """Where the files name the host of a package registry: path and host of each."""
    found: list[str] = []
    for path in paths:
        text = path.read_bytes().lower() if path.is_file() else b""
        found += [f"{path}: {host}" for host in HOSTS if host.encode() in text]
    return found


def test_no_committed_file_names_a_registry() -> None:
    assert naming_registries(committed()) == []


def test_a_file_that_names_one_is_found(tmp_path: Path) -> None:
    clean, lock, binary = tmp_path / "notes.md", tmp_path / "requirements.txt", tmp_path / "cache.bin"
    clean.write_text("Packages come from wherever the machine is told.\n")
    lock.write_text("--index-url https://" + HOSTS[0].upper() + "/simple\n")
    binary.write_bytes(b"\x00\xff" + HOSTS[6].encode() + b"\x00")
    assert naming_registries([clean, lock, binary]) == [f"{lock}: {HOSTS[0]}", f"{binary}: {HOSTS[6]}"]
