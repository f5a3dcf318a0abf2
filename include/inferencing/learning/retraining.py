"""Whether a use case is to be trained again: drift or enough feedback asks, time and money bound it.

`serving/<use case>/retraining.json` has the requests. One is open at a time, from when it is made until its run has
judged a model; asked again meanwhile, the answer is the same request, so that whoever died between the answer and the
trigger does no harm.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from include.artifacts.document import Document
from include.artifacts.history import History, RunRecord, sortable
from include.artifacts.store import ArtifactStore
from include.core.errors import CorruptedArtifactError
from include.feedback.said import Said, newest, versions
from include.inferencing import champion
from include.inferencing.config.learning import RetrainingConfig

KEPT = 50  # requests
READS = "data_preparation.aggregate"
# a look at an older moment than this reads what was, and asks for nothing
LATE = timedelta(hours=1)


class Request(BaseModel):
    """A run that was asked for; `at` is UTC, ISO 8601, `cost` is predicted, in the limits' currency."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    run_id: str
    at: str
    reason: str
    cost: float = Field(ge=0)
    closed: str = Field("", description="How it ended; empty while it is open.")


class Requests(BaseModel):
    """The document: requests, the last one last."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    requests: tuple[Request, ...] = ()

    def spent(self, month: str) -> float:
        """What the requests of a month (2026-11) are predicted to cost."""
        return sum(one.cost for one in self.requests if one.at[:7] == month)


class Seen(BaseModel):
    """What the decision rests on."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    feedback: int = Field(description="What counts of what was said since the newest dataset and the last request.")
    drift: tuple[str, ...] = Field((), description="What has drifted, in words; empty: nothing is shown.")
    cost: float | None = Field(description="What a run is predicted to cost; None where that is not known.")
    started: bool = Field(False, description="Whether the open request's run has done anything yet.")
    judged: bool = Field(False, description="Whether a run of that moment or a later one has judged a model.")


class Decision(BaseModel):
    """Whether to start a run now, why or why not, and with which run id and conf."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    wanted: bool
    reason: str
    run_id: str = ""
    conf: dict[str, Any] = {}


def decide_retraining(
    store: ArtifactStore, use_case: str, config: RetrainingConfig, drift: Sequence[str], at: datetime
) -> Decision:
    """Decide at a moment; where a run is wanted, the request is in the document before this returns.

    `drift` says in words what has drifted beyond chance. Trigger the workflow with `run_id` and `conf`; that such a
    run exists already is as good. A moment that is past asks for nothing: time and money are bounded as they pass.
    """
    if datetime.now(UTC) - at > LATE:
        return Decision(wanted=False, reason=f"{at.isoformat()} is past, and only a look at the present asks for a run")
    requests = Document(store.bucket, document_key(use_case))
    while True:
        current, version = _read(requests)
        seen = _seen(store, use_case, current, tuple(drift), config, at)
        decision, changed = decide(current, seen, config, at)
        if changed == current or requests.swap(changed.model_dump(mode="json"), version):
            return decision


def decide(before: Requests, seen: Seen, config: RetrainingConfig, at: datetime) -> tuple[Decision, Requests]:
    """The decision, and the document after it; nothing else is looked at."""
    current = _closed(before, seen, config, at)
    last = current.requests[-1] if current.requests else None
    if last and not last.closed:
        if seen.started:
            return Decision(wanted=False, reason=f"{last.run_id} is under way: {last.reason}"), current
        return _decision(last), current
    no = _refusal(current, seen, config, at)
    if no:
        return Decision(wanted=False, reason=no), current
    asked = Request(
        run_id=f"retraining__{at.isoformat()}", at=at.isoformat(), reason=_why(seen, config), cost=seen.cost or 0
    )
    return _decision(asked), Requests(requests=(*current.requests, asked)[-KEPT:])


def read_requests(store: ArtifactStore, use_case: str) -> Requests:
    """All requests that are kept."""
    return _read(Document(store.bucket, document_key(use_case)))[0]


def document_key(use_case: str) -> str:
    """Where a use case's requests lie."""
    return f"serving/{use_case}/retraining.json"


def _decision(asked: Request) -> Decision:
    return Decision(wanted=True, reason=asked.reason, run_id=asked.run_id, conf={"as_of": asked.at})


def _why(seen: Seen, config: RetrainingConfig) -> str:
    reasons = [f"drift: {', '.join(seen.drift)}"] if seen.drift and config.drift else []
    if seen.feedback >= config.feedback:
        reasons.append(f"{seen.feedback} corrections count")
    return "; ".join(reasons)


def _refusal(current: Requests, seen: Seen, config: RetrainingConfig, at: datetime) -> str:
    """Why no run is wanted; empty where one is."""
    why = _why(seen, config)
    if not why:
        drift = "drift does not count" if seen.drift else "no drift is shown"
        return f"{drift}, and {seen.feedback} corrections count, fewer than {config.feedback}"
    if current.requests:
        last = current.requests[-1]
        free = datetime.fromisoformat(last.at) + timedelta(hours=config.hours_between)
        if at < free:
            return f"{why}; but the last request was made at {last.at}, and the next may be at {free.isoformat()}"
    if seen.cost is None:
        return f"{why}; but what a run costs is not known: none of the workflow has left a charter and its seconds yet"
    spent = current.spent(at.isoformat()[:7])
    if spent + seen.cost > config.budget or not config.budget:
        left = f"{spent:.4g} of {config.budget:.4g} are spent this month"
        return f"{why}; but a run is predicted to cost {seen.cost:.4g}, and {left}"
    return ""


def _closed(before: Requests, seen: Seen, config: RetrainingConfig, at: datetime) -> Requests:
    """The document with its open request closed, where that has ended."""
    if not before.requests or before.requests[-1].closed:
        return before
    last = before.requests[-1]
    late = at - datetime.fromisoformat(last.at) > timedelta(hours=config.patience_hours)
    how = "judged" if seen.judged else "given up" if late else ""
    return Requests(requests=(*before.requests[:-1], last.model_copy(update={"closed": how})))


def counted(said: Iterable[Said], config: RetrainingConfig, before: Iterable[Said] = ()) -> int:
    """How many give new data: corrections of questions, one of each, and of a tenant no more than its share.

    What was said `before` too, of whichever answer and by whomever, gives none.
    """
    known = {_pair(one) for one in before}
    new = (one for one in said if one.correction and one.question and _pair(one) not in known)
    questions = {(one.tenant, _pair(one)[0]) for one in new}
    most = ceil(config.feedback * config.tenant_share)
    return sum(min(most, count) for count in Counter(tenant for tenant, _ in questions).values())


def _pair(one: Said) -> tuple[str, str]:
    """Question and correction, however they are spaced or capitalized."""
    question, correction = (" ".join(text.casefold().split()) for text in (one.question, one.correction))
    return question, correction


def _corrections(store: ArtifactStore, use_case: str, since: datetime, at: datetime, config: RetrainingConfig) -> int:
    """How many corrections count that were said in [since, at)."""
    said = [one for _, one in versions(store.bucket, use_case) if one]
    before = [one for one in said if datetime.fromisoformat(one.recorded_at) < since]
    return counted(
        (one for one in newest(said, at) if datetime.fromisoformat(one.recorded_at) >= since), config, before
    )


def _seen(
    store: ArtifactStore,
    use_case: str,
    current: Requests,
    drift: tuple[str, ...],
    config: RetrainingConfig,
    at: datetime,
) -> Seen:
    runs = History(store.bucket).newest(use_case, at.isoformat())
    records = [record for record in runs.values() if datetime.fromisoformat(record.place.as_of) <= at]
    moments = [record.place.as_of for record in records if record.place.task == READS]
    moments += [one.at for one in current.requests]
    since = max((datetime.fromisoformat(moment) for moment in moments), default=datetime.min.replace(tzinfo=UTC))
    last = current.requests[-1] if current.requests else None
    verdict = champion.read_alias(store.bucket, use_case)[0].verdict
    judged = bool(last and verdict and sortable(verdict.as_of) >= sortable(last.at))
    return Seen(
        feedback=_corrections(store, use_case, since, at, config),
        drift=drift,
        cost=_cost(store, records),
        started=any(last and record.place.run_id == last.run_id for record in records),
        judged=judged,
    )


def _cost(store: ArtifactStore, records: Sequence[RunRecord]) -> float | None:
    """What the newest run's steps took, in money, as if none were reused: metered device seconds, or one device's.

    None where there is no charter, or nothing that took time.
    """
    seconds = sum(float(record.metrics.get("device_seconds") or record.seconds) for record in records)
    charter = next((record.ref for record in records if record.place.task == "strategy.charter"), None)
    if charter is None or not seconds:
        return None
    figures = json.loads(store.read(charter, "charter.json"))
    sizing, devices = figures["sizing"], figures["training"]["devices"]
    hours = sizing["training_seconds"] * devices / 3600
    return float(seconds / 3600 * sizing["training_cost"] / hours) if hours else None


def _read(requests: Document) -> tuple[Requests, str | None]:
    value, version = requests.read()
    try:
        return Requests.model_validate(value or {}), version
    except ValueError as error:
        problem = "the retraining requests cannot be read"
        raise CorruptedArtifactError(requests.key, str(error)[:200], problem, "Delete it from the bucket") from error
