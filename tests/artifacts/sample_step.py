"""A step for the tests of the cache."""

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace, step


@step("dataset")
def sample_step(work: Workspace, text: str, source: ArtifactRef | None = None) -> None:
    before = work.fetch(source).joinpath("text.txt").read_text() if source else ""
    (work.output / "text.txt").write_text(before + text)
    work.metrics["characters"] = len(before + text)
    work.metrics["job"] = work.job
