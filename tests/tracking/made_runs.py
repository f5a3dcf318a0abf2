"""Runs of a workflow as they lie in a store."""

import json
from typing import Any

from include.artifacts.history import Place
from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.distributed.meter import CURVES
from include.inferencing import champion
from include.inferencing.champion import Alias, Champion, Serving

AS_OF = "2026-11-01T00:00:00+00:00"
LOSSES = [[1, 4.0], [2, 3.0], [3, 2.5]]


@step("adapter")
def tune(work: Workspace, config: dict[str, Any]) -> None:
    """Stands for a training."""
    (work.output / "adapter.txt").write_text(str(config))
    work.metrics |= {"technique": config["technique"], "final_loss": 2.5, "steps": 3, "note": "no number"}


@step("report")
def gate(work: Workspace, adapter: ArtifactRef, passed: bool) -> None:
    """Stands for the gate."""
    (work.output / "gate.txt").write_text("told")
    work.metrics |= {"passed": passed, "difference": -0.4, "selected": adapter.model_dump()}


@step("package")
def package(work: Workspace, adapter: ArtifactRef) -> None:
    """Stands for what serves."""
    (work.output / "package.txt").write_text(adapter.digest)
    work.metrics |= {"megabytes": 1.5}


def run_workflow(store: ArtifactStore, use_case: str, run: str, rank: int = 8, as_of: str = AS_OF) -> Serving:
    """What a run of a workflow leaves in the store: two techniques, a gate, a package, a champion."""

    def place(task: str, index: int = -1) -> Place:
        return Place(use_case=use_case, run_id=run, as_of=as_of, task=task, map_index=index)

    adapters = []
    for index, technique in enumerate(("lora", "dora")):
        config = {"technique": technique, "rank": rank, "targets": ["q", "v"]}
        made = tune.run(store, {"config": config}, place=place("customization.rung_1.tune", index)).ref
        told = {"step": 3, "steps": 3, "losses": LOSSES, "validations": [[3, {"chat": 2.75}]]}
        store.bucket.put_bytes(CURVES.format(step=made.step, fingerprint=made.fingerprint), json.dumps(told).encode())
        adapters.append(made)
    report = gate.run(store, {"adapter": adapters[0], "passed": True}, place=place("customization.gate")).ref
    packed = package.run(store, {"adapter": adapters[0]}, place=place("inferencing.package")).ref
    name = champion.model_name(use_case, packed)
    deployed = package.run(store, {"adapter": adapters[0]}, place=place("inferencing.deploy")).ref
    serves = Serving(model_name=name, package=deployed, gate=report)

    def promoted(alias: Alias) -> Alias:
        before = alias.champion and champion.serving(alias.champion)
        new = Champion(**serves.model_dump(), previous=before, moved_at=as_of)
        return alias.model_copy(update={"champion": new, "earlier": (*alias.earlier, *([before] if before else []))})

    champion.change(store.bucket, use_case, promoted)
    return serves
