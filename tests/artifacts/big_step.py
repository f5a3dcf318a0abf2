"""A step whose upload takes long enough to be killed in the middle."""

from include.artifacts.step import Workspace, step


@step("dataset")
def big_step(work: Workspace, name: str) -> None:
    for number in range(8):
        (work.output / f"{number}.bin").write_bytes(name.encode().ljust(16)[:16] * (4 << 16))
