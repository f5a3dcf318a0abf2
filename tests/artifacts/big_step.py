"""A step whose upload takes long enough to be killed in the middle."""

from pathlib import Path

from include.artifacts.step import Workspace, step


@step("dataset")
def big_step(work: Workspace, name: str) -> None:
    for number in range(8):
        (work.output / f"{number}.bin").write_bytes(name.encode().ljust(16)[:16] * (4 << 16))


@step("dataset")
def full_disk_step(work: Workspace, name: str) -> None:
    (work.output / "begun.bin").write_bytes(name.encode())
    Path("/dev/full").write_bytes(name.encode())
