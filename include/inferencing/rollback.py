"""Bring an earlier champion back: one action, by the machine that deploys, without a canary."""

from include.artifacts.history import now
from include.artifacts.manifest import RunName
from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError
from include.inferencing import champion
from include.inferencing.champion import Alias, Serving
from include.inferencing.config import DeployConfig
from include.inferencing.deploy import begun, is_champion, roll_out
from include.inferencing.deployments import deployments
from include.inferencing.gated import require_gated
from include.inferencing.rollout import transitions
from include.inferencing.rollout.leave import leave


def rollback(store: ArtifactStore, use_case: str, config: DeployConfig, to: str = "") -> str:
    """Serve the champion before, or the earlier one named `to`; the name of the model that serves then.

    Without `to`, a run's rollout that is under way is called off, and the champion stays; where it was promoted
    meanwhile, its champion is gone back from. A person's own is finished.
    The champion before is the latest that no person took out of service. What is taken out of service is
    not deployed again by a run, until its bytes change or a person brings it back. ConfigurationError where there is
    no such champion, GateError where no gate let it pass, ModelError where it does not answer: then all stays.
    """
    alias, _ = champion.read_alias(store.bucket, use_case)
    if alias.champion is None:
        raise ConfigurationError("use_case", use_case, "it has no champion", "Run its workflow to the end first")
    if alias.rollout is not None and not to and alias.rollout.kind == "deploy":
        candidate = alias.rollout.candidate
        alias = transitions.call_off(store.bucket, use_case, candidate)
        if alias.champion and alias.is_withdrawn(candidate.model_name):
            leave(store, use_case)
            return alias.champion.model_name
    target = _target(store, use_case, alias, to)
    if is_champion(alias, target):
        raise ConfigurationError("to", target.model_name, "it is the champion already", "Name an earlier one")
    require_gated(store, target)
    moment = now()
    run = RunName(use_case=use_case, run_id=f"rollback-{moment}", as_of=moment)
    _, reason = roll_out(store, begun(target, run, config, kind="back"))
    if reason:
        raise ConfigurationError("to", target.model_name, reason, "Try again once it is over")
    return target.model_name


def _target(store: ArtifactStore, use_case: str, alias: Alias, to: str) -> Serving:
    """The package to go back to."""
    wanted = to or _before(use_case, alias)
    found = {one.model_name: one for one in deployments(store, use_case)[0]}
    if wanted not in found:
        known = ", ".join(found) or "none"
        raise ConfigurationError("to", wanted, f"{use_case} was never served by it", f"Name one of: {known}")
    one = found[wanted]
    return Serving(model_name=one.model_name, package=one.package, gate=one.gate, card=one.card)


def _before(use_case: str, alias: Alias) -> str:
    """Who a person brings back already, else the latest champion before that none took out of service."""
    if alias.rollout is not None and alias.rollout.kind == "back":
        return alias.rollout.candidate.model_name
    previous = alias.champion.previous if alias.champion else None
    for one in (previous, *reversed(alias.earlier)):
        if one and not is_champion(alias, one) and not alias.is_withdrawn(one.model_name):
            return one.model_name
    problem = f"{use_case} has no champion before that is not taken out of service"
    raise ConfigurationError("to", "", problem, "Name the model to go back to with --to; see `genai status`")
