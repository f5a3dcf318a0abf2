"""Which packages serve or served: from the champion aliases and the records of the runs that deployed."""

from collections import defaultdict
from dataclasses import dataclass

from include.artifacts.history import History, RunRecord
from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.core.errors import CorruptedArtifactError
from include.inferencing import champion
from include.inferencing.champion import Alias, Champion, Serving

TASK, GATE = "inferencing.deploy", "customization.gate"
CHAMPION, PREVIOUS, EARLIER = "champion", "previous champion", "deployed earlier"


@dataclass(frozen=True)
class Deployment:
    """A package under its name on Triton; `runs` deployed it, or found it serving, the latest last."""

    use_case: str
    model_name: str
    package: ArtifactRef
    state: str
    since: str
    """When it became champion, UTC; empty where only its runs are known."""
    runs: tuple[RunRecord, ...]
    gate: ArtifactRef | None = None
    """Report of the gate that let it pass; None where none is known."""
    card: ArtifactRef | None = None
    """Its model card; None where none is known."""


def deployments(store: ArtifactStore, use_case: str = "") -> tuple[list[Deployment], list[str]]:
    """All deployments that are known of, or those of one use case; and the use cases whose alias cannot be read."""
    history = History(store.bucket)
    found: list[Deployment] = []
    damaged: list[str] = []
    names = {use_case} if use_case else {*champion.use_cases(store.bucket), *history.use_cases()}
    for use_case in sorted(names):
        alias = Alias()
        try:
            alias = champion.read_alias(store.bucket, use_case)[0]
        except CorruptedArtifactError:
            damaged.append(use_case)
        by_name: dict[str, list[RunRecord]] = defaultdict(list)
        for record in sorted(history.records(use_case, TASK), key=lambda record: record.at):
            # a run whose verdict was not the newest left the champion as it was
            if record.metrics.get("deployed", True):
                by_name[champion.model_name(use_case, record.ref)].append(record)
        current = alias.champion
        # the control loop finishes rollouts, too: of those no run has a record
        known = {one.model_name: one for one in (*alias.earlier, current and current.previous, current) if one}
        for name in known:
            by_name.setdefault(name, [])
        told = all(one in known and known[one].gate for one in by_name)
        gate_records = [] if told else history.records(use_case, GATE)
        gates = {one.place.run_id: one.ref for one in gate_records if one.metrics.get("passed")}
        found += [_deployment(use_case, name, current, known.get(name), runs, gates) for name, runs in by_name.items()]
    return found, damaged


def _deployment(
    use_case: str,
    name: str,
    current: Champion | None,
    known: Serving | None,
    runs: list[RunRecord],
    gates: dict[str, ArtifactRef],
) -> Deployment:
    gate = next((gates[run.place.run_id] for run in reversed(runs) if run.place.run_id in gates), None)
    package, state, since = known.package if known else runs[-1].ref, EARLIER, ""
    gate = (known and known.gate) or gate
    if current and current.model_name == name:
        state, since = CHAMPION, current.moved_at
    elif current and current.previous and current.previous.model_name == name:
        state = PREVIOUS
    return Deployment(use_case, name, package, state, since, tuple(runs), gate, known.card if known else None)
