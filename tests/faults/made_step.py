"""The steps whose writers are killed: small files, and a file of several blocks."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from include.artifacts.step import Workspace, step

SMALL = 6
LARGE = (11 << 20) + 1


@step("dataset")
def made_step(work: Workspace, name: str, large: bool) -> None:
    """Files whose bytes depend on `name` alone."""
    for path, data in expected(name, large):
        target = work.output / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def expected(name: str, large: bool) -> Iterator[tuple[str, bytes]]:
    """Paths and bytes of the artifact `name`."""
    for number in range(SMALL):
        yield f"part/{number}.bin", _bytes(f"{name}/{number}", 1000 * number)
    if large:
        yield "large.bin", _bytes(f"{name}/large", LARGE)


def differs(folder: Path, name: str, large: bool) -> bool:
    """Whether a fetched copy is anything but the artifact `name`."""
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    wanted = dict(expected(name, large))
    return found != wanted.keys() or any((folder / path).read_bytes() != data for path, data in wanted.items())


def _bytes(seed: str, size: int) -> bytes:
    return hashlib.shake_128(seed.encode()).digest(size)
