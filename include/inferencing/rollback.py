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

    Without `to`, a rollout that is under way is called off, and the champion stays. What is taken out of service is
    not deployed again by a run, until its bytes change or a person brings it back. ConfigurationError where there is
    no such champion, GateError where no gate let it pass, ModelError where it does not answer: then all stays.
    """
    alias, _ = champion.read_alias(store.bucket, use_case)
    if alias.champion is None:
        raise ConfigurationError("use_case", use_case, "it has no champion", "Run its workflow to the end first")
    if alias.rollout is not None and not to:
        transitions.call_off(store.bucket, use_case, alias.rollout.candidate.model_name)
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
    before = alias.champion.previous if alias.champion else None
    wanted = to or (before.model_name if before else "")
    found = {one.model_name: one for one in deployments(store)[0] if one.use_case == use_case}
    if wanted not in found:
        known = ", ".join(found) or "none"
        raise ConfigurationError("to", wanted, f"{use_case} was never served by it", f"Name one of: {known}")
    one = found[wanted]
    return Serving(model_name=one.model_name, package=one.package, gate=one.gate)
