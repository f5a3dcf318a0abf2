"""Make a package the champion of a use case, by a rollout that this or any later call finishes or undoes."""

import logging
import time

from include.artifacts.history import now
from include.artifacts.manifest import RunName
from include.artifacts.outcome import Outcome
from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.core.errors import ModelError
from include.inferencing import champion, fleet
from include.inferencing.champion import Alias, Rollout, Serving, Transition
from include.inferencing.config import DeployConfig
from include.inferencing.gated import require_gated
from include.inferencing.operations.budget import freeze
from include.inferencing.publish import publish
from include.inferencing.rollout import transitions
from include.inferencing.rollout.drive import Driver
from include.inferencing.rollout.leave import leave
from include.inferencing.rollout.ownership import Watchman, new_owner
from include.inferencing.smoke import SmokeTest

LOG = logging.getLogger("genai.inferencing.deploy")
LOOK_SECONDS = 0.5


def deploy(
    store: ArtifactStore,
    package: ArtifactRef,
    run: RunName,
    config: DeployConfig,
    gate: ArtifactRef,
    card: ArtifactRef | None = None,
) -> Outcome:
    """Serve `package`, which `gate` let pass, as the champion of the run's use case; `reused` where it already is.

    `card`, its model card, goes where it is served.

    Where a verdict looks at a later moment than `run` does, or a person took the package out of service, the champion
    stays: metrics say deployed False. GateError where the gate did not let it pass, ModelError where it fails to load,
    to answer, or is worse than the champion: the champion stays as it was. ServerUnavailableError where no Triton
    answers.
    """
    started = time.monotonic()
    serving = Serving(model_name=champion.model_name(run.use_case, package), package=package, gate=gate, card=card)
    require_gated(store, serving)
    rollout = begun(serving, run, config)
    alias = champion.read_alias(store.bucket, run.use_case)[0]
    reused = is_champion(alias, serving)
    if not reused and (reason := transitions.refusal(alias, rollout) or _frozen(store, alias, rollout, config)):
        return _stays(alias, serving, reason, started)
    fleet.live()
    smoke, reason = roll_out(store, rollout)
    alias = champion.read_alias(store.bucket, run.use_case)[0]
    if reason:
        return _stays(alias, serving, reason, started)
    if smoke is None:
        smoke = keep(store, serving, config)
    told = "reused: the package is champion and answers"
    told = told if reused else f"ran: {serving.model_name} is champion of {run.use_case}"
    metrics = {"model": serving.model_name, "deployed": True} | smoke.model_dump()
    return Outcome(package, reused, told, metrics, round(time.monotonic() - started, 2))


def _frozen(store: ArtifactStore, alias: Alias, rollout: Rollout, config: DeployConfig) -> str:
    """Why a burnt error budget keeps the champion; a rollout under way goes on."""
    under_way = alias.rollout is not None and alias.rollout.candidate.package == rollout.candidate.package
    if alias.champion is None or under_way or config.despite_budget:
        return ""
    reason = freeze(store.bucket, rollout.use_case)
    return f"{reason}; inferencing.deploy.despite_budget lets one pass that is the cure" if reason else ""


def begun(candidate: Serving, run: RunName, config: DeployConfig, kind: str = "deploy") -> Rollout:
    """A rollout that begins now, for this process to drive."""
    moment, named = now(), {name: getattr(run, name) for name in RunName.model_fields}
    values = {"phase": "loading", "share": 0, "owner": new_owner(), "beat": 0, "started_at": moment}
    values |= {"candidate": candidate, "kind": kind, "config": config.model_dump(mode="json"), "changed_at": moment}
    return Rollout.model_validate(named | values)


def roll_out(store: ArtifactStore, rollout: Rollout) -> tuple[SmokeTest | None, str]:
    """Drive the rollout, or wait for whoever drives one of the same package, until its candidate serves.

    Gives the candidate's answer where it was asked here, and why the champion stays where a newer run decides.
    ModelError where the candidate was rolled back.
    """
    watchman, name = Watchman(), rollout.candidate.model_name
    driver = Driver(store, rollout.use_case, rollout.owner)
    alias = transitions.start(store.bucket, rollout)
    begun_at = alias.log
    while (its := alias.rollout) is not None and its.candidate.model_name == name:
        if its.owner == rollout.owner:
            alias = driver.drive()
        elif watchman.is_abandoned(its):
            alias = transitions.take_over(store.bucket, its, rollout.owner)
        else:
            time.sleep(LOOK_SECONDS)
            alias = champion.read_alias(store.bucket, rollout.use_case)[0]
    leave(store, rollout.use_case)
    if is_champion(alias, rollout.candidate):
        return driver.smoke, ""
    refused = transitions.refusal(alias, rollout)
    ended = _ended(alias, name, begun_at)
    if refused or ended is None:
        return None, refused or "another rollout is under way"
    raise ModelError("package", name, f"it was rolled back: {ended.reason}", "The champion serves on; see the reason")


def is_champion(alias: Alias, serving: Serving) -> bool:
    """Whether the package serves."""
    return alias.champion is not None and alias.champion.model_name == serving.model_name


def keep(store: ArtifactStore, serving: Serving, config: DeployConfig) -> SmokeTest:
    """Load the champion again where it was lost; its answer."""
    publish(store, serving.package, serving.model_name, serving.card)
    fleet.load_everywhere(serving.model_name, config)
    return fleet.try_everywhere(serving.model_name, config)


def _ended(alias: Alias, name: str, before: tuple[Transition, ...]) -> Transition | None:
    """How the newest rollout of a model ended, by what the log says after it was `before`; its beginning is bounded."""
    log = alias.log
    known = next(count for count in range(len(log), -1, -1) if log[:count] == before[len(before) - count :])
    found = [one for one in log[known:] if one.model_name == name and one.what == "rolled_back"]
    return found[-1] if found else None


def _stays(alias: Alias, serving: Serving, reason: str, started: float) -> Outcome:
    stays = alias.champion.model_name if alias.champion else "none"
    told = f"ran: not deployed, {reason}; champion: {stays}"
    metrics = {"model": serving.model_name, "deployed": False, "champion": stays}
    return Outcome(serving.package, False, told, metrics, round(time.monotonic() - started, 2))
