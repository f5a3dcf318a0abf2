"""A gate's report for a package of a test's own, and an alias that looks as after a rollout."""

import json
from typing import Any

from include.artifacts.history import now
from include.artifacts.manifest import RunName
from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Step
from include.artifacts.store import ArtifactStore
from include.artifacts.workspace import Workspace
from include.inferencing import champion
from include.inferencing.champion import Alias, Rollout, Serving
from include.inferencing.gated import GATE_STEP
from include.inferencing.rollout import transitions


def _gate(work: Workspace, adapters: list[ArtifactRef], passed: bool, **_: Any) -> None:
    """Lets the first adapter pass, or none."""
    selected = adapters[0].model_dump() if passed else None
    (work.output / "gate.json").write_text("{}")
    work.metrics |= {"passed": passed, "verdict": "as the test wants it", "selected": selected}


def _named(work: Workspace, name: str) -> None:
    (work.output / "name.txt").write_text(name)


def _package(
    work: Workspace,
    name: str,
    model: ArtifactRef,
    adapter: ArtifactRef,
    files: dict[str, str],
    adapters: dict[str, Any],
    info: dict[str, Any],
) -> None:
    for path, text in files.items():
        (work.output / path).parent.mkdir(parents=True, exist_ok=True)
        (work.output / path).write_text(text)
    (work.output / "package_info.json").write_text(
        json.dumps(info | {"name": name, "adapters": adapters}, default=dict)
    )


def named(store: ArtifactStore, kind: str, name: str) -> ArtifactRef:
    """A stand-in for a model or an adapter: nothing but its name."""
    return Step(_named, kind).run(store, {"name": name}).ref


def made_package(
    store: ArtifactStore,
    name: str,
    *,
    model: str = "base",
    adapter: str = "",
    files: dict[str, str] | None = None,
    adapters: dict[str, Any] | None = None,
    info: dict[str, Any] | None = None,
) -> ArtifactRef:
    """A package of a stand-in for a model and an adapter, with `files` for Triton and more `info`."""
    base, tuned = named(store, "model", model), named(store, "adapter", adapter or name)
    arguments = {"name": name, "model": base, "adapter": tuned, "files": files or {}, "adapters": adapters or {}}
    arguments["info"] = info or {}
    step: Step[...] = Step(_package, "package")  # type: ignore[arg-type]
    return step.run(store, arguments).ref


def gate_of(
    store: ArtifactStore, package: ArtifactRef, *, passed: bool = True, **given: ArtifactRef | None
) -> ArtifactRef:
    """The committed report of a gate that judged the package's adapter on its model; `given`: dataset, charter."""
    made = store.manifest(package).inputs
    step: Step[...] = Step(_gate, "report")  # type: ignore[arg-type]
    step.name = GATE_STEP
    named = {name: ref for name, ref in given.items() if ref}
    arguments = {"model": made["model"], "adapters": [made["adapter"]], "passed": passed} | named
    return step.run(store, arguments).ref


def serving_of(store: ArtifactStore, use_case: str, package: ArtifactRef) -> Serving:
    """The package under its name on Triton, with a gate that let it pass."""
    return Serving(model_name=champion.model_name(use_case, package), package=package, gate=gate_of(store, package))


def rollout_of(run: RunName, candidate: Serving, owner: str = "test", **values: Any) -> Rollout:
    """A rollout that begins."""
    named = {name: getattr(run, name) for name in RunName.model_fields}
    begun = {"phase": "loading", "share": 0, "beat": 0, "started_at": now(), "changed_at": now()}
    return Rollout.model_validate(named | begun | {"candidate": candidate, "owner": owner} | values)


def put_in_service(store: ArtifactStore, run: RunName, candidate: Serving) -> Alias:
    """What a rollout leaves in the alias, without a server."""
    rollout = rollout_of(run, candidate)
    transitions.start(store.bucket, rollout)
    return transitions.promote(store.bucket, rollout)
