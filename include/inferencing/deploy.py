"""Make a package the champion of a use case: copied, loaded, tried, and only then moved into place.

Killed anywhere and run again it finishes: each part looks at what is already done.
"""

import logging
import time

from include.artifacts import transfer
from include.artifacts.history import now
from include.artifacts.manifest import FileEntry, RunName
from include.artifacts.outcome import Outcome
from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.core.errors import CorruptedArtifactError, ModelError, ServerUnavailableError
from include.core.settings import settings
from include.inferencing import champion
from include.inferencing.champion import Champion, Rollout, Serving
from include.inferencing.config import DeployConfig
from include.inferencing.gated import require_gated
from include.inferencing.rollout import transitions
from include.inferencing.smoke import SmokeTest, smoke_test
from include.inferencing.triton_client import TritonClient

LOG = logging.getLogger("genai.inferencing.deploy")


def deploy(
    store: ArtifactStore, package: ArtifactRef, run: RunName, config: DeployConfig, gate: ArtifactRef
) -> Outcome:
    """Serve `package`, which `gate` let pass, as the champion of the run's use case; `reused` where it already is.

    Where a verdict looks at a later moment than `run` does, the champion stays: metrics say deployed False.
    ModelError where the package fails to load or to answer: the champion stays as it was. ServerUnavailableError
    where Triton does not answer.
    """
    started, use_case = time.monotonic(), run.use_case
    serving = Serving(model_name=champion.model_name(use_case, package), package=package, gate=gate)
    require_gated(store, serving)
    if not champion.read_alias(store.bucket, use_case)[0].allows(run):
        return _superseded(store, serving, run, started)
    with TritonClient(settings().triton_address) as triton:
        triton.check()
        current = champion.read(store.bucket, use_case)
        is_champion = current is not None and current.model_name == serving.model_name
        publish(store, package, serving.model_name)
        test = _try_loaded(triton, serving.model_name, config)
        reused = is_champion and test is not None
        test = test or _load_and_try(triton, serving.model_name, config, is_champion=is_champion)
        rollout = _rollout(serving, run, config)
        transitions.start(store.bucket, rollout)
        moved = transitions.promote(store.bucket, rollout).champion
        if moved is None or moved.model_name != serving.model_name:
            current = champion.read(store.bucket, use_case)
            if current is None or current.model_name != serving.model_name:
                triton.unload(serving.model_name)
            return _superseded(store, serving, run, started)
        retire(triton, moved)
    reason = (
        "reused: the package is champion and answers"
        if reused
        else f"ran: {serving.model_name} is champion of {use_case}"
    )
    metrics = {"model": serving.model_name, "deployed": True} | test.model_dump()
    return Outcome(package, reused, reason, metrics, round(time.monotonic() - started, 2))


def _rollout(serving: Serving, run: RunName, config: DeployConfig) -> Rollout:
    moment = now()
    return Rollout(
        **run.model_dump(include=set(RunName.model_fields)),
        candidate=serving,
        config=config.model_dump(mode="json"),
        phase="loading",
        share=0,
        owner="",
        beat=0,
        started_at=moment,
        changed_at=moment,
    )


def _superseded(store: ArtifactStore, serving: Serving, run: RunName, started: float) -> Outcome:
    """The champion stays: a run that looks at a later moment has had its verdict."""
    alias, _ = champion.read_alias(store.bucket, run.use_case)
    newest = f"run {alias.verdict.run_id} (as of {alias.verdict.as_of})" if alias.verdict else "another run"
    stays = alias.champion.model_name if alias.champion else "none"
    reason = f"ran: not deployed, the verdict of {newest} is newer; champion: {stays}"
    metrics = {"model": serving.model_name, "deployed": False, "champion": stays}
    return Outcome(serving.package, False, reason, metrics, round(time.monotonic() - started, 2))


def publish(store: ArtifactStore, package: ArtifactRef, name: str) -> None:
    """Copy the package, verified, into Triton's repository on the store's side, config.pbtxt last."""
    manifest = store.manifest(package)
    target = f"{settings().model_repository}/{name}"
    present = set(store.bucket.keys(f"{target}/"))
    served = [entry for entry in manifest.files if "/" in entry.path or entry.path == "config.pbtxt"]
    for entry in sorted(served, key=lambda entry: entry.path == "config.pbtxt"):
        served_key, source = f"{target}/{entry.path}", manifest.key(entry)
        # the last one is copied each time: a copy that is about to serve is young to the sweep
        is_last = entry.path == "config.pbtxt"
        if served_key in present and not is_last and _is_whole(store, served_key, entry):
            continue
        transfer.verify(store.bucket, source, entry)
        store.bucket.copy(source, served_key)


def _is_whole(store: ArtifactStore, key: str, entry: FileEntry) -> bool:
    try:
        transfer.verify(store.bucket, key, entry)
    except CorruptedArtifactError as error:
        LOG.warning("copied again: %s", error)
        return False
    return True


def retire(triton: TritonClient, moved: Champion) -> None:
    """Unload the previous champion."""
    if moved.previous and triton.ready(moved.previous.model_name):
        triton.unload(moved.previous.model_name)
        LOG.info("unloaded %s", moved.previous.model_name)


def _try_loaded(triton: TritonClient, name: str, config: DeployConfig) -> SmokeTest | None:
    if not triton.ready(name):
        return None
    try:
        return smoke_test(triton, name, config)
    except (ModelError, ServerUnavailableError) as error:
        LOG.warning("%s is loaded and does not answer, it is loaded again: %s", name, error)
        return None


def _load_and_try(triton: TritonClient, name: str, config: DeployConfig, *, is_champion: bool) -> SmokeTest:
    try:
        _load(triton, name, config)
        return smoke_test(triton, name, config)
    except (ModelError, ServerUnavailableError) as error:
        triton.check()
        if not is_champion:
            triton.unload(name)
        if isinstance(error, ModelError):
            raise
        raise ModelError(
            "package", name, f"it did not answer in time on a live server: {error.problem}", "See Triton's log"
        ) from error


def _load(triton: TritonClient, name: str, config: DeployConfig) -> None:
    try:
        triton.load(name, config.ready_seconds)
    except ModelError:
        # two deployments of one package: the other's load may be under way
        if not triton.ready(name):
            raise
    deadline = time.monotonic() + config.ready_seconds
    while not triton.ready(name):
        if time.monotonic() > deadline:
            raise ModelError("package", name, "Triton loaded it and does not call it ready", "See Triton's log")
        time.sleep(0.1)
