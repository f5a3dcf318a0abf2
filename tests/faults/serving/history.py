"""The checker: what clients were told, against what the alias said may serve when. Pure."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from include.inferencing.champion import Transition

# a gateway reads the alias each second, and reads and requests take time on busy processors
POLL = 3.0
# how runs of persons are named, and why a rollout that one called off went back
BY_PERSON, CALLED_OFF = "rollback-", "a person called it off"
MOVES = ("started", "probing", "canary", "promoted")


@dataclass(frozen=True)
class Request:
    """One request as its client saw it, seconds since 1970; `model` answered, `tokens` were received.

    `server` is where the last of the gateways sent it last, by that gateway's log.
    """

    started: float
    ended: float
    model: str
    tokens: int
    error: str
    stream: bool
    gateways: tuple[str, ...]
    id: str = ""
    server: str = ""


@dataclass(frozen=True)
class Kill:
    """What was killed, between `at` and `struck`, and until when it was not whole again.

    `target`: the address of the gateway, or of the Triton; `model`: whose stub or engine it was.
    """

    at: float
    kind: str
    struck: float
    healed: float
    target: str = ""
    model: str = ""

    def ended(self, one: Request) -> bool:
        """Whether the request was in flight on what was killed, then."""
        if one.started > self.struck or one.ended < self.at:
            return False
        if self.kind == "gateway":
            return one.gateways[-1] == self.target
        if self.kind == "triton":
            return one.server == self.target
        return self.kind in ("stub", "engine") and (one.server, one.model) == (self.target, self.model)


@dataclass(frozen=True)
class Judged:
    """A verdict that stood in the alias `at` the latest: these runs move nothing from then on."""

    at: float
    runs: frozenset[str]


@dataclass
class Window:
    """From when until when new requests may go to a model."""

    begins: float
    ends: float = float("inf")


def windows(log: Sequence[Transition]) -> dict[str, list[Window]]:
    """By model."""
    found: dict[str, list[Window]] = defaultdict(list)
    champion = ""
    for one in log:
        moment, open_ = datetime.fromisoformat(one.at).timestamp(), found[one.model_name]
        is_open = bool(open_) and open_[-1].ends == float("inf")
        if one.what in ("canary", "promoted") and not is_open:
            open_.append(Window(moment))
        if one.what == "rolled_back" and is_open and one.model_name != champion:
            open_[-1].ends = moment
        if one.what == "promoted":
            if champion and champion != one.model_name:
                found[champion][-1].ends = moment
            champion = one.model_name
    return found


def problems(
    requests: Collection[Request],
    log: Sequence[Transition],
    kills: Sequence[Kill],
    ungated: Collection[str],
    verdicts: Sequence[Judged] = (),
) -> list[str]:
    """All that must not have happened."""
    allowed, found = windows(log), list[str]()
    for one in requests:
        if one.error and not is_excused(one, kills):
            found.append(f"failed: {one}")
        if one.model in ungated:
            found.append(f"answered by a model that no gate let pass: {one}")
        elif one.model and not any(
            window.begins <= one.ended and one.started <= window.ends + POLL for window in allowed.get(one.model, [])
        ):
            found.append(f"answered by a model that was not to serve then: {one}")
    return found + moved(log, ungated, verdicts)


def moved(log: Sequence[Transition], ungated: Collection[str], verdicts: Sequence[Judged]) -> list[str]:
    """Transitions that a gate, a verdict or a person had forbidden, and rollouts without an end.

    A transition names the moment before its swap: one that is later than a word that stood was made knowing it.
    """
    found, ended, withdrawn, champion = list[str](), dict[str, str](), set[str](), ""
    for one in log:
        name, moment = one.model_name, datetime.fromisoformat(one.at).timestamp()
        by_person = one.run_id.startswith(BY_PERSON)
        if one.what in ("started", "promoted", "rolled_back"):
            ended[name] = one.what
        if name in ungated:
            found.append(f"rolled out without a gate: {one}")
        if one.what in MOVES and any(moment > said.at and one.run_id in said.runs for said in verdicts):
            found.append(f"moved against a verdict: {one}")
        if one.what in MOVES and not by_person and name in withdrawn:
            found.append(f"moved though a person took it out of service: {one}")
        if one.what == "rolled_back" and one.reason == CALLED_OFF:
            withdrawn.add(name)
        if one.what == "promoted":
            withdrawn.discard(name)
            withdrawn |= {champion} if by_person and champion else set()
            champion = name
    return found + [f"a rollout has no end: {name}" for name, what in ended.items() if what == "started"]


def is_excused(one: Request, kills: Sequence[Kill]) -> bool:
    """A stream that was in flight on the very server, model or gateway that was killed, after its first token."""
    return one.tokens > 0 and any(kill.ended(one) for kill in kills)


def located(requests: Collection[Request], servers: Mapping[str, str]) -> list[Request]:
    """Requests with the server that each was on; `servers`: by the request's id, of the gateways' logs."""
    return [replace(one, server=servers.get(one.id, "")) for one in requests]


def p99(requests: Collection[Request]) -> float | None:
    """Of whole answers, milliseconds."""
    found = sorted(one.ended - one.started for one in requests if not one.error)
    return round(1000 * found[min(len(found) - 1, int(0.99 * len(found)))], 1) if found else None
