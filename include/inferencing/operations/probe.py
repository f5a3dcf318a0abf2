"""Ask every named model on every live server a question: Triton calls a model ready whose process is dead.

The control loop (include/inferencing/control.py) mends within seconds; a probe proves it, and mends where no loop runs.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from pydantic import BaseModel, ConfigDict, Field

from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.core.errors import ModelError, TransientError
from include.inferencing import champion, fleet
from include.inferencing.champion import Rollout, Serving
from include.inferencing.config.operations import ProbeConfig
from include.inferencing.keeper import MOST_TIMEOUTS, Keeper, Wanted
from include.inferencing.operations.served import Served
from include.inferencing.rollout import transitions
from include.inferencing.rollout.drive import Driver
from include.inferencing.rollout.ownership import SILENCE_SECONDS, Watchman, new_owner
from include.inferencing.triton_client import TritonClient


class Probed(BaseModel):
    """A model on a server: what was wrong before mending, and after it; empty where it answers."""

    model_config = ConfigDict(frozen=True)
    model: str
    server: str
    trouble: str
    after: str = ""

    @property
    def mended(self) -> bool:
        """Whether it answers only since it was loaded again."""
        return bool(self.trouble) and not self.after


class ProbeLook(BaseModel):
    """What a look found."""

    model_config = ConfigDict(frozen=True)
    probes: tuple[Probed, ...]
    down: tuple[str, ...] = Field(description="Servers that do not answer; their supervisor starts them.")
    refused: dict[str, str] = Field(description="Model -> why it must not be loaded.")
    adopted: str = Field("", description="How the rollout ended that nobody drove any more.")

    @property
    def broken(self) -> list[Probed]:
        """Those that mending did not help."""
        return [one for one in self.probes if one.after]

    @property
    def passed(self) -> bool:
        """Whether everything that is to answer does."""
        return not self.broken and not self.refused

    @property
    def verdict(self) -> str:
        """What was found, and what to do."""
        if not self.passed:
            said = [f"{one.model} on {one.server}: {one.after}" for one in self.broken]
            said += [f"{name}: {why}" for name, why in self.refused.items()]
            return f"{'; '.join(said)}. Look at Triton's log, or go back with `genai rollback`"
        mended = [f"{one.model} on {one.server} was loaded again: {one.trouble}" for one in self.probes if one.mended]
        return "; ".join(mended) or "all that is named answers"


def measure_probe(served: Served) -> ProbeLook:
    """Ask, mend what does not answer, ask again; ServerUnavailableError where no server answers."""
    config = served.config.operations.probe
    adopted = adopt(served.store, served.use_case)
    wanted = Wanted(served.store)
    wanted.refresh()
    alias = wanted.aliases[served.use_case]
    live = fleet.live()
    models = [one for one in wanted.to_load() if one.model_name in alias.named]
    named = [alias.champion, alias.rollout and alias.rollout.candidate]
    with ThreadPoolExecutor(len(live)) as pool:
        probed = list(pool.map(lambda address: list(_probe(served.store, address, models, wanted, config)), live))
    return ProbeLook(
        probes=tuple(one for found in probed for one in found),
        down=_down(served, live),
        refused={one.model_name: why for one in named if one and (why := wanted.refused(one))},
        adopted=adopted,
    )


def adopt(store: ArtifactStore, use_case: str) -> str:
    """Finish a rollout that nobody drives any more, and say how it ended; empty where there is none.

    One whose driver lives on another machine is watched until its beat moves, at most as long as it may be silent.
    """
    watchman, deadline, first = Watchman(), time.monotonic() + SILENCE_SECONDS + 1, None
    while (rollout := champion.read_alias(store.bucket, use_case)[0].rollout) is not None:
        if watchman.is_abandoned(rollout):
            return _finish(store, use_case, rollout)
        mark = (rollout.owner, rollout.beat)
        first = first or mark
        if mark != first or time.monotonic() > deadline:
            return ""
        time.sleep(1)
    return ""


@step("report")
def probe(work: Workspace, found: ProbeLook, day: str) -> None:
    """A look on a day, as probe.json and a page.

    metrics: answering, mended and broken models; passed is False where loading again did not help.
    """
    work.metrics["answering"] = sum(not one.after for one in found.probes)
    work.metrics["mended"] = sum(one.mended for one in found.probes)
    work.metrics |= {"broken": len(found.broken), "servers_down": len(found.down)}
    work.metrics |= {"passed": found.passed, "verdict": found.verdict}
    (work.output / "probe.json").write_text(found.model_dump_json(indent=1), encoding="utf-8")
    page = Report(f"Probe, {day}").verdict(found.passed, found.verdict)
    rows = [(one.model, one.server, not one.after, one.mended, one.after or one.trouble) for one in found.probes]
    page.table(["model", "server", "answers", "mended", "what was wrong"], rows, "Every model on every server")
    if found.down:
        page.table(["server"], [(one,) for one in found.down], "Servers that do not answer")
    if found.adopted:
        page.text(found.adopted, "A rollout that nobody drove")
    page.write(work.output)


def _probe(
    store: ArtifactStore, address: str, models: list[Serving], wanted: Wanted, config: ProbeConfig
) -> Iterator[Probed]:
    with TritonClient(address) as triton:
        first = {one.model_name: _ask(triton, one.model_name, config) for one in models}
    troubled = [name for name, trouble in first.items() if trouble]
    after = _mended(store, address, troubled, wanted, config) if troubled else {}
    for name, trouble in first.items():
        yield Probed(model=name, server=address, trouble=trouble, after=after.get(name, ""))


def _mended(
    store: ArtifactStore, address: str, models: list[str], wanted: Wanted, config: ProbeConfig
) -> dict[str, str]:
    """Have the server's keeper load what does not answer; what is still wrong, by model."""
    keeper, found = Keeper(store, address, wanted, canary_seconds=0), dict.fromkeys(models, "it does not answer")
    # one that is late once may be busy: it is loaded again when it is late again
    for _ in range(MOST_TIMEOUTS):
        try:
            keeper.look()
        except (ModelError, TransientError) as error:
            trouble = str(error)
        else:
            trouble = ""
        with TritonClient(address) as triton:
            found = {name: _ask(triton, name, config) for name in models}
        if not any(found.values()):
            break
        found = {name: still and f"{still} ({trouble})" if trouble else still for name, still in found.items()}
    return found


def _ask(triton: TritonClient, model: str, config: ProbeConfig) -> str:
    """What is wrong with a model; empty where it answers within its deadline."""
    try:
        if not triton.ready(model):
            return "it is not loaded"
        for _ in triton.stream(model, config.question, config.max_tokens, config.answer_seconds):
            pass
    except (ModelError, TransientError) as error:
        return "" if fleet.is_busy(error) else error.problem
    return ""


def _down(served: Served, live: list[str]) -> tuple[str, ...]:
    """Servers that are to get requests and do not answer."""
    return tuple(one for one in served.scale.routed(fleet.addresses()) if one not in live)


def _finish(store: ArtifactStore, use_case: str, rollout: Rollout) -> str:
    owner = new_owner()
    taken = transitions.take_over(store.bucket, rollout, owner).rollout
    if taken is None or taken.owner != owner:
        return ""
    ended = Driver(store, use_case, owner).drive()
    return f"{rollout.candidate.model_name}: {ended.log[-1].what if ended.log else 'ended'}"
