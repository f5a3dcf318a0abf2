"""The scaler: reads traffic, decides, and makes servers and instances so. Killed anywhere, the next one goes on:
what was decided is in the store, what is done is asked of the servers."""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

from include.artifacts.bucket import Bucket
from include.core.errors import GenaiError
from include.inferencing import champion
from include.inferencing.scaling.capacity import Capacity
from include.inferencing.scaling.decide import Bounds, Current, Decision, Target, decide
from include.inferencing.scaling.history import Traffic
from include.inferencing.scaling.instances import set_instances
from include.inferencing.scaling.observe import observe
from include.inferencing.scaling.scale import Change, Scale, change_scale, read_scale
from include.inferencing.triton_client import TritonClient

LOG = logging.getLogger("genai.inferencing.scaling")
LOAD_SECONDS, ANSWER_SECONDS = 120.0, 15.0
# gateways read the scale every second: after so long none sends anything to a server beyond it
UNSEEN_SECONDS = 5.0
MOST_AT_ONCE = 16


class Wish(NamedTuple):
    """What a use case declares: its target, and what an engine yields until traffic tells."""

    target: Target
    capacity: Capacity


class Rules(NamedTuple):
    """What each use case declares, and the bounds of the servers that they share."""

    wishes: Mapping[str, Wish]
    bounds: Bounds


class Fleet(NamedTuple):
    """Servers as a tick finds them: their addresses, and by number those that run and those that answer."""

    addresses: tuple[str, ...]
    running: frozenset[int]
    live: frozenset[int]


class Servers(Protocol):
    """What runs Tritons; numbers begin at 1, in the order of `addresses`."""

    @property
    def ours(self) -> bool:
        """Whether they are started and ended from here; else all of them get requests."""
        ...

    @property
    def addresses(self) -> tuple[str, ...]:
        """host:port of each server's gRPC endpoint."""
        ...

    def running(self) -> set[int]:
        """Numbers of the servers that run or are about to."""
        ...

    def start(self, number: int) -> None:
        """Start a server."""
        ...

    def stop(self, number: int) -> None:
        """Tell a server to end once its answers are complete."""
        ...


class Scaler:
    """Decides and acts, a tick at a time. `rules` is asked at each tick: use cases may have changed."""

    def __init__(self, bucket: Bucket, servers: Servers, rules: Callable[[], Rules]) -> None:
        self.bucket, self.servers, self.rules = bucket, servers, rules
        self.traffic = Traffic(bucket)

    def tick(self, now: datetime) -> Scale:
        """Decide by what is known at `now`, write that, and bring the servers nearer to it."""
        rules, named, fleet = self.rules(), self.named(), self._look()
        decision = self._decide(rules, named, fleet, now)
        elsewhere = None if self.servers.ours else len(fleet.live)
        scale = change_scale(self.bucket, lambda before: decided(before, decision, now, elsewhere))
        if self.servers.ours:
            scale = self._act(scale, named, fleet, now)
        for number in sorted(fleet.live):
            if number <= (scale.servers or number):
                self._give_instances(number, fleet.addresses[number - 1], scale, named)
        return scale

    def named(self) -> dict[str, str]:
        """Models that get requests, each with its use case."""
        found: dict[str, str] = {}
        for use_case in champion.use_cases(self.bucket):
            alias, _ = champion.read_alias(self.bucket, use_case)
            candidate = alias.rollout.candidate if alias.rollout and alias.rollout.phase == "canary" else None
            servings = (alias.champion, candidate)
            found |= {serving.model_name: use_case for serving in servings if serving}
        return found

    def _look(self) -> Fleet:
        addresses = self.servers.addresses
        every = range(1, len(addresses) + 1)
        running = self.servers.running().intersection(every) if self.servers.ours else set(every)
        numbers = sorted(running)
        with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
            answers = list(pool.map(lambda number: _lives(addresses[number - 1]), numbers))
        live = frozenset(number for number, answer in zip(numbers, answers, strict=True) if answer)
        return Fleet(addresses, frozenset(running), live)

    def _decide(self, rules: Rules, named: Mapping[str, str], fleet: Fleet, now: datetime) -> Decision:
        scale, bounds = read_scale(self.bucket), rules.bounds
        wishes = {model: rules.wishes[use_case] for model, use_case in named.items() if use_case in rules.wishes}
        known = self.traffic.read(now)
        failed = sum(number not in fleet.live for number in range(1, scale.servers + 1))
        observed = observe(
            known.recent,
            known.other_days,
            scale,
            now,
            {model: wish.capacity for model, wish in wishes.items()},
            {model: wish.target.share for model, wish in wishes.items()},
            bounds.boot,
            known.written,
            failed,
        )
        since = (now - datetime.fromisoformat(scale.since)).total_seconds() if scale.since else float("inf")
        current = Current(scale.wanted or bounds.floor, scale.instances, since)
        decision = decide(observed, current, {model: wish.target for model, wish in wishes.items()}, bounds)
        unknown = sorted(set(named.values()) - set(rules.wishes))
        return held(decision, current, unknown) if unknown else decision

    def _act(self, scale: Scale, named: Mapping[str, str], fleet: Fleet, now: datetime) -> Scale:
        """Start what is wanted and count it once it answers; end what gets no more requests."""
        running = fleet.running
        for number in range(1, scale.wanted + 1):
            if number not in running:
                LOG.info("starting server %d", number)
                self.servers.start(number)
        ready = scale.servers
        while ready < scale.wanted and ready + 1 in running and self._answers(ready + 1, fleet, named):
            ready += 1
        if ready > scale.servers:
            LOG.info("%d servers get requests", ready)
            scale = change_scale(self.bucket, lambda before: counted(before, ready, now))
        unseen = scale.since and now - datetime.fromisoformat(scale.since) > timedelta(seconds=UNSEEN_SECONDS)
        for number in sorted(running, reverse=True):
            if number > max(scale.wanted, scale.servers) and unseen:
                LOG.info("ending server %d", number)
                self.servers.stop(number)
        return scale

    def _answers(self, number: int, fleet: Fleet, named: Mapping[str, str]) -> bool:
        """Whether a server answers for all that any server has: what is refused, or loads nowhere, holds none up."""
        with TritonClient(fleet.addresses[number - 1]) as triton:
            try:
                triton.check()
                missing = [model for model in named if not triton.ready(model)]
                if len(missing) == len(named) > 0 or self._elsewhere(missing, number, fleet):
                    return False
                for model in named.keys() - missing:
                    for _ in triton.stream(model, "ping", 1, ANSWER_SECONDS):
                        pass
            except GenaiError as error:
                LOG.info("server %d: %s", number, error)
                return False
        return True

    def _elsewhere(self, models: list[str], number: int, fleet: Fleet) -> bool:
        """Whether another live server has any of these models."""
        for other in fleet.live - {number} if models else ():
            with TritonClient(fleet.addresses[other - 1]) as triton:
                try:
                    if any(triton.ready(model) for model in models):
                        return True
                except GenaiError as error:
                    LOG.info("server %d: %s", other, error)
        return False

    def _give_instances(self, number: int, address: str, scale: Scale, named: Mapping[str, str]) -> None:
        with TritonClient(address) as triton:
            for model in named:
                try:
                    if triton.ready(model) and set_instances(triton, model, scale.instances_of(model), LOAD_SECONDS):
                        LOG.info("server %d: %d instances of %s", number, scale.instances_of(model), model)
                except GenaiError as error:
                    LOG.warning("server %d: %s", number, error)


def held(decision: Decision, current: Current, unknown: list[str]) -> Decision:
    """A decision while nobody knows what some use cases that serve declare: nothing leaves."""
    why = f"{', '.join(unknown)}: no rules that can be read, nothing leaves; {decision.reason}"
    if decision.servers > current.servers:
        return Decision(decision.servers, {**current.instances, **decision.instances}, why)
    return Decision(current.servers, {**decision.instances, **current.instances}, why)


def decided(before: Scale, decision: Decision, now: datetime, elsewhere: int | None = None) -> Scale:
    """The scale after a decision: servers that are too many get no more requests at once, further ones once they
    answer. Where somebody else starts them all get some; `elsewhere` of them answer, and that is noted."""
    wanted = decision.servers
    serving = min(before.servers or 1, wanted) if elsewhere is None else 0
    known = before.changes[-1].servers if before.changes else 0
    # a name that resolves to nothing for a moment is no fleet that is gone
    shown = serving if elsewhere is None else elsewhere or known
    same = (before.wanted, before.servers) == (wanted, serving) and before.instances == decision.instances
    after = before.model_copy(update={"wanted": wanted, "servers": serving, "instances": decision.instances})
    if same and shown == known:
        return before
    return _changed(after, now, before.wanted != wanted, decision.reason, shown)


def counted(before: Scale, ready: int, now: datetime) -> Scale:
    """The scale once `ready` servers answer, of those that are still wanted."""
    servers = min(ready, before.wanted)
    if servers <= before.servers:
        return before
    return _changed(before.model_copy(update={"servers": servers}), now, False, f"{servers} servers answer", servers)


def _lives(address: str) -> bool:
    try:
        with TritonClient(address) as triton:
            triton.check()
    except GenaiError:
        return False
    return True


def _changed(after: Scale, now: datetime, moved: bool, reason: str, servers: int) -> Scale:
    at = now.astimezone(UTC).isoformat(timespec="seconds")
    change = Change(at=at, servers=servers, instances=after.instances, reason=reason)
    since = at if moved or not after.since else after.since
    return after.model_copy(update={"since": since, "reason": reason, "changes": (*after.changes, change)})
