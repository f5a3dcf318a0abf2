"""What is told of a run: one MLflow run, and one in it for each training and evaluation. Read from records, manifests
and curves only."""

import json
import math
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from include.artifacts.history import RunRecord
from include.artifacts.store import ArtifactStore
from include.artifacts.workspace import forced_job
from include.core.errors import ArtifactNotFoundError, CorruptedArtifactError
from include.distributed.meter import CURVES

KEY, RECORDS, KIND, REPLACED = "genai.key", "genai.records", "genai.kind", "genai.replaced"
RUN, PART = "run", "part"
GATE, DEPLOY = "customization.gate", "inferencing.deploy"
# tasks that are runs of their own, by their last word
PARTS = ("pretrain", "tune", "train_reward_model", "import_pretrained", "evaluate")
MOST_KEY, MOST_PARAM, MOST_TAG = 250, 6000, 5000
Step = Annotated[int, Field(ge=0, lt=2**63)]


class _Curves(BaseModel):
    """Of what a training tells, its losses."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    losses: tuple[tuple[Step, float], ...] = ()
    validations: tuple[tuple[Step, dict[str, float]], ...] = ()


@dataclass
class Told:
    """One MLflow run. `begun` and `ended` in milliseconds since 1970; `metrics` as (name, value, step)."""

    key: str
    name: str
    kind: str
    begun: int
    ended: int
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    metrics: list[tuple[str, float, int]] = field(default_factory=list)
    parts: list["Told"] = field(default_factory=list)


def tell(store: ArtifactStore, records: Sequence[RunRecord], link: str) -> Told:
    """A run of a use case; `link` is its page in Airflow, empty where none is known."""
    place, by_task = records[0].place, {record.place.task: record for record in records}
    told = Told(
        key=f"{place.use_case}/{place.run_id}",
        name=place.run_id,
        kind=RUN,
        begun=min(_milliseconds(record) - round(1000 * record.seconds * (not record.reused)) for record in records),
        ended=max(map(_milliseconds, records)),
        params={"as_of": place.as_of},
        tags={"genai.use_case": place.use_case, "genai.run_id": place.run_id, "genai.as_of": place.as_of},
    )
    for record in sorted(records, key=lambda one: (one.place.task, one.place.map_index)):
        if is_part(record.place.task):
            told.parts.append(_part(store, record, told.key))
        elif record.place.map_index < 0:
            task = record.place.task
            told.params |= _flat(f"{task}.", _config(store, record))
            told.metrics += [(f"{task}.{name}", value, 0) for name, value in _numbers(record.metrics)]
            told.tags |= {f"genai.artifact.{task}": str(record.ref), f"genai.digest.{task}": record.ref.digest}
    gate, deploy = by_task.get(GATE), by_task.get(DEPLOY)
    if gate:
        told.tags |= {"genai.gate": "passed" if gate.metrics.get("passed") else "not passed"}
    if deploy and deploy.metrics.get("deployed", True):
        told.tags |= {"genai.champion": str(deploy.metrics.get("model", ""))}
    told.tags["mlflow.note.content"] = _note(records, link)
    return told


def is_part(task: str) -> bool:
    """Whether a task is a run of its own in the run."""
    return task.rpartition(".")[2] in PARTS


def _part(store: ArtifactStore, record: RunRecord, run: str) -> Told:
    place, ref, ended = record.place, record.ref, _milliseconds(record)
    named = record.metrics.get("technique") or record.metrics.get("name")
    name = " ".join(filter(None, [place.task.rpartition(".")[2], str(named or "")]))
    index = "" if place.map_index < 0 else str(place.map_index)
    begun = ended - round(1000 * record.seconds * (not record.reused))
    # another artifact in the same place is another run: MLflow's params never change
    told = Told(f"{run}/{place.task}/{index}/{ref.fingerprint[:16]}", name, PART, begun, ended)
    told.params = _flat("", _config(store, record))
    told.metrics = [(name, value, 0) for name, value in _numbers(record.metrics)]
    told.tags = {
        "genai.task": place.task,
        "genai.artifact": str(ref),
        "genai.digest": ref.digest,
        "genai.uri": f"s3://{store.bucket.address.bucket}/{ref.prefix}",
        "genai.reused": str(record.reused).lower(),
        "genai.reason": record.reason,
    }
    try:
        told.metrics += _curves(store, record)
    except CorruptedArtifactError as error:
        told.tags["genai.left_out"] = str(error)[:MOST_TAG]
    return told


def _config(store: ArtifactStore, record: RunRecord) -> dict[str, Any]:
    """What decided the artifact; nothing where a retention has deleted it."""
    try:
        found = store.manifest(record.ref).parts.config
    except (ArtifactNotFoundError, CorruptedArtifactError):
        return {}
    inner = found.get("config")
    return (
        {**{name: value for name, value in found.items() if name != "config"}, **inner}
        if isinstance(inner, dict)
        else found
    )


def _curves(store: ArtifactStore, record: RunRecord) -> Iterator[tuple[str, float, int]]:
    """The finite losses that the training told, by step; a forced run tells under a name of its own."""
    fingerprint = record.ref.fingerprint
    names = [fingerprint] if record.reused else [forced_job(fingerprint, record.place.run_id), fingerprint]
    found = next(filter(None, (_document(store, record.ref.step, name) for name in names)), _Curves())
    yield from (("loss", loss, step) for step, loss in found.losses if math.isfinite(loss))
    for step, kinds in found.validations:
        yield from ((_validation(kind), loss, step) for kind, loss in kinds.items() if math.isfinite(loss))


def _validation(kind: str) -> str:
    return f"validation_loss.{_plain(kind)}"[:MOST_KEY]


def _document(store: ArtifactStore, step: str, name: str) -> _Curves | None:
    key = CURVES.format(step=step, fingerprint=name)
    try:
        return _Curves.model_validate_json(store.bucket.get_bytes(key)[0])
    except ArtifactNotFoundError:
        return None
    except ValidationError as error:
        told = str(error.errors(include_url=False, include_input=False)[0]["msg"])
        raise CorruptedArtifactError(key, told, "the curves cannot be read", "Train again with --force") from error


def _numbers(metrics: dict[str, Any], before: str = "") -> Iterator[tuple[str, float]]:
    """All numbers that a float holds, those of inner objects under dotted names."""
    for name, value in metrics.items():
        key = f"{before}{_plain(name)}"
        if isinstance(value, dict):
            yield from _numbers(value, f"{key}.")
        elif isinstance(value, bool | int | float) and abs(value) <= sys.float_info.max:
            yield key[:MOST_KEY], float(value)


def _flat(before: str, values: dict[str, Any]) -> dict[str, str]:
    """Params under dotted names; lists as JSON."""
    found: dict[str, str] = {}
    for name, value in values.items():
        key = f"{before}{_plain(name)}"
        if isinstance(value, dict) and value:
            found |= _flat(f"{key}.", value)
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            found[key[:MOST_KEY]] = text[:MOST_PARAM]
    return found


def _note(records: Sequence[RunRecord], link: str) -> str:
    """What the run's page says above all."""
    ran = sorted({record.place.task for record in records if not record.reused})
    lines = [f"{len(ran)} tasks ran, {sum(record.reused for record in records)} results were reused."]
    lines += [f"[The run in Airflow]({link})"] if link else []
    return "\n\n".join([*lines, "Copied from the artifact store, which alone decides."])[:MOST_TAG]


def _plain(name: str) -> str:
    """As MLflow allows names."""
    return re.sub(r"[^\w. /-]", "_", name)


def _milliseconds(record: RunRecord) -> int:
    return round(datetime.fromisoformat(record.at).timestamp() * 1000)
