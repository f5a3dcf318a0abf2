"""The gate that stops a run where a source has lost more of its records than a source loses."""

import json
from typing import NamedTuple

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.data_preparation.config import CompareSourcesConfig
from include.data_preparation.config.sources import FEEDBACK

KNOB = "data_preparation.compare_sources.max_shrink"


class Change(NamedTuple):
    """How many documents a source gave before, and gives now."""

    source: str
    before: int
    after: int

    @property
    def shrink(self) -> float:
        """Share of the earlier ones that is gone; below 0 where there are more now."""
        return 1 - self.after / self.before if self.before else 0.0


@step("report", measures=("aggregated", "previous"))
def compare_sources(
    work: Workspace, aggregated: ArtifactRef, previous: ArtifactRef | None, config: CompareSourcesConfig
) -> None:
    """Whether every source that `previous` had still has most of it; without `previous` there is nothing to compare.

    `previous` is what the newest run of an earlier moment that passed this gate aggregated.
    """
    after = work.manifest(aggregated).metrics["by_origin"]
    before = work.manifest(previous).metrics["by_origin"] if previous else {}
    changes = [Change(name, before.get(name, 0), after.get(name, 0)) for name in sorted({*before, *after})]
    # users may take back all that they said
    held_to_it = [change for change in changes if change.source != FEEDBACK]
    lost = [change for change in held_to_it if change.after < (1 - config.max_shrink) * change.before]
    text = "nothing earlier to compare with" if previous is None else f"no source lost over {config.max_shrink:.0%}"
    if lost:
        text = "; ".join(f"{one.source}: {one.before} before, {one.after} now (-{one.shrink:.0%})" for one in lost)
        text += f". Allowed: -{config.max_shrink:.0%}. Where it is wanted, run once with {KNOB}=1"
    work.metrics.update(
        sources=len(after),
        shrunk=len(lost),
        largest_shrink=round(max((0.0, *(change.shrink for change in changes))), 4),
        passed=not lost,
        verdict=text,
        changes=[change._asdict() for change in changes],
    )
    (work.output / "changes.json").write_text(json.dumps(work.metrics["changes"], indent=1))
    Report("Sources, compared with the earlier run").text(f"{'Passed' if not lost else 'Not passed'}: {text}.").table(
        ["source", "before", "now", "within the limit"], [(*change, change not in lost) for change in changes]
    ).write(work.output)
