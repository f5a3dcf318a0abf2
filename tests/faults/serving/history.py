"""The checker: what clients were told, against what the alias said may serve when. Pure."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from include.inferencing.champion import Transition

# a gateway reads the alias each second, and reads and requests take time on busy processors
POLL = 3.0
# what may be killed in the middle of an answer: deployers and serving-control answer nobody
ANSWERING = ("triton", "stub", "gateway")


@dataclass(frozen=True)
class Request:
    """One request as its client saw it, seconds since 1970; `model` answered, `tokens` were received."""

    started: float
    ended: float
    model: str
    tokens: int
    error: str
    stream: bool
    gateways: tuple[str, ...]


@dataclass(frozen=True)
class Kill:
    """What was killed, between `at` and `struck`, and until when it was not whole again."""

    at: float
    kind: str
    struck: float
    healed: float


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
    requests: Collection[Request], log: Sequence[Transition], kills: Sequence[Kill], ungated: Collection[str]
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
    ended: dict[str, str] = {}
    for transition in log:
        if transition.what in ("started", "promoted", "rolled_back"):
            ended[transition.model_name] = transition.what
        if transition.model_name in ungated:
            found.append(f"rolled out without a gate: {transition}")
    return found + [f"a rollout has no end: {name}" for name, what in ended.items() if what == "started"]


def is_excused(one: Request, kills: Sequence[Kill]) -> bool:
    """A request that was in flight on what was killed, after the first token of its answer had been written.

    Of an answer that is not streamed the client sees no token; the gateway says that the model failed in the middle.
    """
    begun = one.tokens > 0 or (not one.stream and "model_failed" in one.error)
    answering = [kill for kill in kills if kill.kind in ANSWERING]
    return begun and any(one.started <= kill.struck and one.ended >= kill.at for kill in answering)


def p99(requests: Collection[Request]) -> float | None:
    """Of whole answers, milliseconds."""
    found = sorted(one.ended - one.started for one in requests if not one.error)
    return round(1000 * found[min(len(found) - 1, int(0.99 * len(found)))], 1) if found else None
