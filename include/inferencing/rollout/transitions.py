"""How the champion alias changes: each transition is one compare-and-swap, recognizes its own result, and is logged."""

from typing import Literal

from include.artifacts.bucket import Bucket
from include.artifacts.history import now, sortable
from include.inferencing.champion import (
    Alias,
    Champion,
    Leaving,
    Rollout,
    Serving,
    Transition,
    Withdrawn,
    change,
    serving,
)

MOST_TRANSITIONS = 200
MOST_WITHDRAWN = 50
MOST_EARLIER = 50
What = Literal["started", "probing", "canary", "promoted", "rolled_back", "taken_over", "left"]


def start(bucket: Bucket, rollout: Rollout) -> Alias:
    """Begin a rollout, unless its candidate serves, a newer run decides, or a person took the package out of service.

    A rollout of another package that is under way is rolled back where this run looks at no earlier moment; one of the
    same package goes on, as that of the run that looks at the later moment and with its gate. A person's takes the
    place of a run's.
    """

    def started(alias: Alias) -> Alias | None:
        current, name = alias.rollout, rollout.candidate.model_name
        if alias.champion and alias.champion.model_name == name:
            return _gated(alias, alias.champion, rollout.candidate)
        if refusal(alias, rollout):
            return None
        same = current is not None and current.candidate.model_name == name
        if current and same and (current.kind, rollout.kind) != ("deploy", "back"):
            return _adopted(alias, current, rollout)
        if current and not same:
            alias = _undone(alias, f"run {rollout.run_id} rolls out {name}")
        leaving = tuple(one for one in alias.leaving if one.model_name != name)
        new = alias.model_copy(update={"rollout": rollout, "leaving": leaving})
        return _logged(new, "started", rollout.candidate, rollout.run_id)

    return change(bucket, rollout.use_case, started)


def refusal(alias: Alias, rollout: Rollout) -> str:
    """Why the alias lets no such rollout begin or go on; empty where it does."""
    if rollout.kind == "back":
        return ""
    if not alias.allows(rollout) and alias.verdict:
        verdict = alias.verdict
        said = "is newer" if sortable(verdict.as_of) > sortable(rollout.as_of) else "is not passed"
        return f"the verdict of run {verdict.run_id} (as of {verdict.as_of}) {said}"
    if alias.is_withdrawn(rollout.candidate.model_name):
        return "a person took this package out of service"
    other = alias.rollout
    if other is None or other.candidate.model_name == rollout.candidate.model_name:
        return ""
    if other.kind == "back":
        return f"a person brings {other.candidate.model_name} back"
    if sortable(other.as_of) > sortable(rollout.as_of):
        return f"run {other.run_id} (as of {other.as_of}) rolls out {other.candidate.model_name}"
    return ""


def advance(bucket: Bucket, mine: Rollout, phase: Literal["probing", "canary"], share: float = 0.0) -> Alias:
    """The owner's next phase, or next share of the traffic. Nothing happens where a verdict forbids it by now."""

    def advanced(alias: Alias) -> Alias | None:
        if not owns(alias, mine) or alias.rollout is None or refusal(alias, alias.rollout):
            return None
        if (alias.rollout.phase, alias.rollout.share) == (phase, share):
            return None
        update = {"phase": phase, "share": share, "changed_at": now(), "beat": alias.rollout.beat + 1}
        new = alias.model_copy(update={"rollout": alias.rollout.model_copy(update=update)})
        return _logged(new, phase, mine.candidate, mine.run_id, share)

    return change(bucket, mine.use_case, advanced)


def beat(bucket: Bucket, mine: Rollout) -> Alias:
    """Show that the owner lives."""
    beaten = -1

    def shown(alias: Alias) -> Alias | None:
        nonlocal beaten
        if not owns(alias, mine) or alias.rollout is None or 0 <= beaten < alias.rollout.beat:
            return None
        beaten = alias.rollout.beat
        return alias.model_copy(update={"rollout": alias.rollout.model_copy(update={"beat": beaten + 1})})

    return change(bucket, mine.use_case, shown)


def take_over(bucket: Bucket, seen: Rollout, owner: str) -> Alias:
    """Make `owner` the owner of a rollout whose beat stands still at what was `seen`."""

    def taken(alias: Alias) -> Alias | None:
        if alias.rollout is None or not owns(alias, seen) or alias.rollout.beat != seen.beat:
            return None
        update = {"owner": owner, "beat": seen.beat + 1}
        new = alias.model_copy(update={"rollout": alias.rollout.model_copy(update=update)})
        return _logged(new, "taken_over", seen.candidate, seen.run_id, seen.share, owner)

    return change(bucket, seen.use_case, taken)


def promote(bucket: Bucket, mine: Rollout) -> Alias:
    """Make the candidate the champion; the one until now leaves. Nothing happens where a verdict forbids it by now."""

    def promoted(alias: Alias) -> Alias | None:
        if not owns(alias, mine) or alias.rollout is None or refusal(alias, alias.rollout):
            return None
        before, new = alias.champion, alias.rollout.candidate
        moved = Champion(**dict(new), previous=serving(before) if before else None, moved_at=now())
        withdrawn = tuple(one for one in alias.withdrawn if one.model_name != new.model_name)
        if before and mine.kind == "back":
            withdrawn = _withdraw(withdrawn, before)
        update: dict[str, object] = {"champion": moved, "rollout": None, "withdrawn": withdrawn}
        update |= {"leaving": _leave(alias, before, mine), "earlier": _earlier(alias, before)}
        return _logged(alias.model_copy(update=update), "promoted", new, alias.rollout.run_id)

    return change(bucket, mine.use_case, promoted)


def release(bucket: Bucket, mine: Rollout) -> Alias:
    """Let go of a rollout that the owner cannot go on with now: whoever comes next takes it over at once."""

    def released(alias: Alias) -> Alias | None:
        if not owns(alias, mine) or alias.rollout is None:
            return None
        return alias.model_copy(update={"rollout": alias.rollout.model_copy(update={"owner": ""})})

    return change(bucket, mine.use_case, released)


def roll_back(bucket: Bucket, mine: Rollout, reason: str) -> Alias:
    """End the owner's rollout: the candidate leaves, the champion stays."""

    def undone(alias: Alias) -> Alias | None:
        return _undone(alias, reason) if owns(alias, mine) else None

    return change(bucket, mine.use_case, undone)


def call_off(bucket: Bucket, use_case: str, candidate: Serving) -> Alias:
    """A person ends a run's rollout of a package, whoever drives it, and takes it out of service.

    Out of service it is, too, where its rollout has gone back meanwhile; nothing happens where it was promoted, or
    another person brings it back.
    """

    def called_off(alias: Alias) -> Alias | None:
        name, its = candidate.model_name, alias.rollout
        if alias.is_withdrawn(name) or (alias.champion and alias.champion.model_name == name):
            return None
        if its and its.candidate.model_name == name:
            if its.kind == "back":
                return None
            alias = _undone(alias, "a person called it off")
        return alias.model_copy(update={"withdrawn": _withdraw(alias.withdrawn, candidate)})

    return change(bucket, use_case, called_off)


def left(bucket: Bucket, use_case: str, model_name: str) -> Alias:
    """Take a model off those that leave: from now on nothing names it."""

    def gone(alias: Alias) -> Alias | None:
        found = next((one for one in alias.leaving if one.model_name == model_name), None)
        if found is None:
            return None
        rest = tuple(one for one in alias.leaving if one.model_name != model_name)
        return _logged(alias.model_copy(update={"leaving": rest}), "left", found, "")

    return change(bucket, use_case, gone)


def owns(alias: Alias, mine: Rollout) -> bool:
    """Whether the rollout under way is `mine`, with the same owner."""
    its = alias.rollout
    return its is not None and (its.owner, its.candidate.model_name) == (mine.owner, mine.candidate.model_name)


def _adopted(alias: Alias, current: Rollout, rollout: Rollout) -> Alias | None:
    """The rollout under way, for the later run and with its gate; a person's stays as it is."""
    update = {name: getattr(rollout, name) for name in ("run_id", "as_of", "candidate")}
    stands = all(getattr(current, name) == value for name, value in update.items())
    if stands or current.kind == "back" or sortable(rollout.as_of) < sortable(current.as_of):
        return None
    return alias.model_copy(update={"rollout": current.model_copy(update=update)})


def _gated(alias: Alias, serves: Champion, candidate: Serving) -> Alias | None:
    """A champion of before there were gates gets the one that the run names."""
    if serves.gate == candidate.gate or candidate.gate is None:
        return None
    return alias.model_copy(update={"champion": serves.model_copy(update={"gate": candidate.gate})})


def _undone(alias: Alias, reason: str) -> Alias:
    rollout = alias.rollout
    assert rollout is not None
    new = alias.model_copy(update={"rollout": None, "leaving": _leave(alias, rollout.candidate, rollout)})
    return _logged(new, "rolled_back", rollout.candidate, rollout.run_id, rollout.share, reason)


def _earlier(alias: Alias, before: Champion | None) -> tuple[Serving, ...]:
    if before is None:
        return alias.earlier
    rest = tuple(one for one in alias.earlier if one.model_name != before.model_name)
    return (*rest, serving(before))[-MOST_EARLIER:]


def _withdraw(withdrawn: tuple[Withdrawn, ...], one: Serving) -> tuple[Withdrawn, ...]:
    rest = tuple(other for other in withdrawn if other.model_name != one.model_name)
    return (*rest, Withdrawn(model_name=one.model_name, package=one.package, at=now()))[-MOST_WITHDRAWN:]


def _leave(alias: Alias, one: Serving | None, rollout: Rollout) -> tuple[Leaving, ...]:
    if one is None:
        return alias.leaving
    rest = tuple(other for other in alias.leaving if other.model_name != one.model_name)
    grace = float(rollout.config.get("grace_seconds", Leaving.model_fields["grace"].default))
    return (*rest, Leaving(**dict(serving(one)), since=now(), grace=grace))


def _logged(alias: Alias, what: What, one: Serving, run_id: str, share: float = 0.0, reason: str = "") -> Alias:
    told = Transition(at=now(), what=what, model_name=one.model_name, run_id=run_id, share=share, reason=reason[:500])
    return alias.model_copy(update={"log": (*alias.log, told)[-MOST_TRANSITIONS:]})
