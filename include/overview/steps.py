"""How the five steps of a run stand, told from its tasks or, of a run that nobody else remembers, from its records."""

from collections.abc import Collection, Iterable, Mapping
from typing import Literal, NamedTuple

from include.artifacts.history import RunRecord

STEPS = ("strategy", "data_preparation", "training", "customization", "inferencing")
# the task with which a step has what the next one needs
LAST = {
    "strategy": "strategy.charter",
    "data_preparation": "data_preparation.check",
    "training": "training.select_model",
    "customization": "customization.gate",
    "inferencing": "inferencing.deploy",
}
# none: never run; stopped: the run ended before it
State = Literal["none", "waiting", "running", "asks", "done", "failed", "stopped"]
ENDED = {"success", "skipped", "removed"}
ACTIVE = {"running", "queued", "up_for_retry", "up_for_reschedule", "deferred", "restarting"}
ASKS = "awaiting_input"


class TaskCount(NamedTuple):
    """So many task instances of a step are in a state, in Airflow's word for it; empty where it has none yet."""

    step: str
    state: str
    number: int


class StepState(NamedTuple):
    """A step, how it stands, and what says so, for people."""

    step: str
    state: State
    told: str = ""


def by_tasks(counts: Iterable[TaskCount], *, live: bool) -> tuple[StepState, ...]:
    """The steps of a run by the states of its task instances; `live`: the run has not ended."""
    found: dict[str, dict[str, int]] = {step: {} for step in STEPS}
    for one in counts:
        if one.step in found:
            found[one.step][one.state] = found[one.step].get(one.state, 0) + one.number
    return tuple(_by_tasks(step, states, live) for step, states in found.items())


def by_records(records: Mapping[str, RunRecord]) -> tuple[StepState, ...]:
    """The steps of a run that has ended by its records, given by task; only those of LAST are needed."""
    found: list[StepState] = []
    for step in STEPS:
        record = records.get(LAST[step])
        if record is not None:
            passed = record.metrics.get("passed") is not False
            found.append(StepState(step, "done" if passed else "failed", "reused" if record.reused else record.reason))
        else:
            found.append(StepState(step, "stopped" if found else "none"))
    return tuple(found)


def _by_tasks(step: str, states: Mapping[str, int], live: bool) -> StepState:
    total, ended = sum(states.values()), sum(states.get(name, 0) for name in ENDED)
    return StepState(step, _state(states.keys(), live), f"{ended} of {total} tasks" if total else "")


def _state(states: Collection[str], live: bool) -> State:
    if not states:
        return "waiting" if live else "none"
    if "failed" in states:
        return "failed"
    if ENDED.issuperset(states):
        return "done"
    if not live:
        return "stopped"
    if ASKS in states:
        return "asks"
    return "running" if ACTIVE.intersection(states) or ENDED.intersection(states) else "waiting"
