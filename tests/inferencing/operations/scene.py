"""A use case in service with a charter, training questions and weeks of traffic, without a server."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from include.artifacts.bucket import Bucket
from include.artifacts.history import History, Place, RunRecord
from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.core.settings import PROJECT_ROOT
from include.inferencing import champion
from include.inferencing.champion import Serving
from include.inferencing.config import InferencingConfig
from include.inferencing.learning.exchanges import StoredExchange, write_exchanges
from include.inferencing.operations.served import Served, read_served
from include.inferencing.traffic import Minute, ModelTraffic, TrafficReport
from include.strategy.charter import charter
from include.strategy.config import StrategyConfig
from include.use_cases.document import read_document
from tests.faults.serving.packages import stand_in
from tests.gates import gate_of, put_in_service
from tests.inferencing.conftest import run_of

NOW = datetime(2026, 11, 25, 10, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
VERBS = ("open", "sort", "copy", "close", "join", "split", "parse", "format", "count", "merge")
NOUNS = ("a list", "a file", "a path", "a string", "a set", "a date", "a socket", "a dict", "bytes", "a tuple")


def question(draw: random.Random) -> str:
    """A question about Python, as the training data has them."""
    end = draw.choice(("?", " quickly?", " in a loop?", " without an error?"))
    return f"How do I {draw.choice(VERBS)} {draw.choice(NOUNS)} with {draw.choice('abcdefgh')}{draw.randrange(99)}{end}"


def complaint(draw: random.Random) -> str:
    """Something else altogether."""
    thing = draw.choice(("invoice", "printer", "parcel", "refund", "contract", "salary"))
    return f"My {thing} number {draw.randrange(999)} has not arrived since {draw.randrange(2, 30)} days, please call me"


def exchanges(texts: Sequence[str], at: datetime = NOW - HOUR, answer: str = "So.") -> list[StoredExchange]:
    """Sampled exchanges that ask these, a second apart."""
    return [
        StoredExchange(
            id=f"exchange-{at:%d%H}-{number}",
            at=(at - timedelta(seconds=number)).isoformat(),
            tenant="t",
            model="m",
            triton_model="m-1",
            question=text,
            answer=answer,
            finish_reason="stop",
            consent="opt_out",
        )
        for number, text in enumerate(texts)
    ]


@step("dataset")
def asked_in_training(work: Workspace, questions: list[str]) -> None:
    """A dataset with questions to train on."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"question": questions}), work.output / "train.parquet")


def put_served(store: ArtifactStore, use_case: str, name: str = "good", questions: Sequence[str] = ()) -> Serving:
    """A champion whose gate names the sample's charter and a dataset."""
    declared = read_document(PROJECT_ROOT / "include" / "use_cases" / "python_assistant.yaml")["strategy"]
    signed = charter(store, config=StrategyConfig.model_validate(declared))
    package, dataset = stand_in(store, name), asked_in_training(store, questions=list(questions))
    gate: ArtifactRef = gate_of(store, package, charter=signed, dataset=dataset)
    served = Serving(model_name=champion.model_name(use_case, package), package=package, gate=gate)
    put_in_service(store, run_of(use_case), served)
    keep_charter(store, use_case, signed)
    return served


def keep_charter(store: ArtifactStore, use_case: str, signed: ArtifactRef) -> None:
    """The run that signed the charter took a minute: what another costs is known by it."""
    place = Place(**run_of(use_case).model_dump(), task="strategy.charter")
    record = RunRecord(place=place, ref=signed, reused=False, reason="", metrics={}, seconds=60, at=place.as_of)
    History(store.bucket).write(record)


def served_at(store: ArtifactStore, use_case: str, at: datetime = NOW, **config: object) -> Served:
    """What serves, as a look at a moment sees it; `config`: of operations."""
    found = read_served(store, use_case, InferencingConfig.model_validate({"operations": config}), at)
    assert found
    return found


def write_traffic(
    bucket: Bucket,
    model: str,
    first: datetime,
    hours: int,
    requests: int = 5,
    failed: int = 0,
    seconds: float = 0.8,
    gateway: str = "g1",
) -> None:
    """A gateway's minutes of so many hours, each with so many requests of so many seconds."""
    for hour in (first + HOUR * n for n in range(hours)):
        minutes = []
        for minute in range(60):
            traffic = ModelTraffic(
                requests=requests, failed=failed, prompt_tokens=40 * requests, completion_tokens=20 * requests
            )
            traffic.whole.add(seconds, requests - failed)
            traffic.first_token.add(seconds / 8, requests - failed)
            traffic.token_gap.add(seconds / 20, 20 * (requests - failed))
            traffic.tenants = {"acme": 45 * requests, "globex": 15 * requests}
            at = (hour + timedelta(minutes=minute)).isoformat()
            minutes.append(Minute(at=at, models={model: traffic}, arrived=requests, in_flight=2))
        TrafficReport(gateway=gateway, minutes=minutes).write(bucket)


def write_asked(bucket: Bucket, use_case: str, found: Sequence[StoredExchange]) -> None:
    """Sampled exchanges in the store, a file a day."""
    by_day: dict[str, list[StoredExchange]] = {}
    for one in sorted(found, key=lambda one: one.at):
        by_day.setdefault(one.at[:10], []).append(one)
    for some in by_day.values():
        write_exchanges(bucket, use_case, "g1", some)
