"""What users correct is learned: questions, corrections through the API, the run that they ask for, questions again.

Needs a running stack whose use case has a champion (`genai run python_assistant`). It asks made-up questions through
the gateway, corrects each answer, runs the operations DAG, which decides on retraining, waits for the run of the
workflow that it triggers, and asks the same questions again. The use case's inferencing.learning.retraining.feedback
must not be more than the number of questions. Takes as long as a run whose dataset has changed.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import httpx

from benchmarks.loop.style_guide import STYLE_GUIDE
from include.artifacts.history import History
from include.artifacts.store import ArtifactStore
from include.cli.ask import gateway_key
from include.cli.feedback import give
from include.cli.store import open_store
from include.cli.workflow_run import FINISHED, WorkflowRun, await_parsed, unpause
from include.core.errors import ConfigurationError, ServerUnavailableError
from include.core.settings import settings
from include.evaluation.agreement import chrf
from include.inferencing import champion
from include.inferencing.learning.retraining import read_requests
from include.local.airflow_api import AirflowApi
from include.local.stack import Stack
from include.use_cases import load_use_case

Found = TypeVar("Found")
MAX_TOKENS, POLL_SECONDS = 64, 5.0
OPERATIONS_SECONDS, SERVED_SECONDS = 1_800.0, 300.0


class Answered(NamedTuple):
    """An answer, the exchange's id and the model that gave it."""

    id: str
    text: str
    model: str


def ask(use_case: str, question: str) -> Answered:
    """The use case's answer, greedily, in an exchange that may be kept."""
    body = {"model": use_case, "messages": [{"role": "user", "content": question}], "store": True}
    response = httpx.post(
        f"{settings().gateway_address}/v1/chat/completions",
        json=body | {"temperature": 0, "max_tokens": MAX_TOKENS},
        headers={"authorization": f"Bearer {gateway_key()}"},
        timeout=120,
    )
    response.raise_for_status()
    answer = response.json()
    return Answered(answer["id"], answer["choices"][0]["message"]["content"].strip(), response.headers["x-genai-model"])


def correct(answers: list[Answered], corrections: list[str]) -> None:
    """Say of each answer what it should have been."""
    for answer, correction in zip(answers, corrections, strict=True):
        give(settings().gateway_address, gateway_key(), answer.id, {"thumb": "down", "correction": correction})


def decide(api: AirflowApi, store: ArtifactStore, use_case: str) -> str:
    """Run the operations DAG; the id of the run that it asks for. ConfigurationError says why it asks for none."""
    known = {one.run_id for one in read_requests(store, use_case).requests}
    dag = f"{use_case}_operations"
    for name in (use_case, dag):
        unpause(api, await_parsed(api, name))
    started = api.post(f"/dags/{dag}/dagRuns", {"logical_date": None, "conf": {}})
    run = WorkflowRun(api, dag, started["dag_run_id"], "")
    told = until(lambda: finished(run), OPERATIONS_SECONDS, f"the end of {run.run}")
    asked = [one for one in read_requests(store, use_case).requests if one.run_id not in known]
    if asked:
        print(f"asked for: {asked[-1].run_id}, as {asked[-1].reason}", flush=True)
        return asked[-1].run_id
    logs = [run.last_error(task) for task in run.tasks() if task.task.endswith("retrain")]
    raise ConfigurationError("retraining", use_case, f"no run was asked for ({told}): {logs}", f"Look at {run.url}")


def finished(run: WorkflowRun) -> str | None:
    """How a run has ended; None while it has not."""
    state = str(run.read()["state"])
    return state if state in FINISHED else None


def serving(store: ArtifactStore, use_case: str) -> str:
    """The champion's name on Triton."""
    current = champion.read(store.bucket, use_case)
    if current is None:
        raise ConfigurationError("use_case", use_case, "it has no champion", f"Run it first: genai run {use_case}")
    return current.model_name


def came_from(store: ArtifactStore, use_case: str, run_id: str) -> str:
    """The model that a run deployed; empty where it deployed none."""
    for record in History(store.bucket).records(use_case, "inferencing.deploy"):
        if record.place.run_id == run_id and record.metrics.get("deployed", True):
            return champion.model_name(use_case, record.ref)
    return ""


def until(read: Callable[[], Found | None], seconds: float, what: str) -> Found:
    """What `read` gives once it gives something."""
    deadline = time.monotonic() + seconds
    while not (found := read()):
        if time.monotonic() > deadline:
            raise ServerUnavailableError(what, f"{seconds:.0f} s", "it has not come", "Look at Airflow's web UI")
        time.sleep(POLL_SECONDS)
    return found


def require_enough(use_case: str) -> None:
    """ConfigurationError where so few corrections ask for no run."""
    needed = load_use_case(use_case).inferencing.learning.retraining.feedback
    if needed > len(STYLE_GUIDE):
        field, problem = "inferencing.learning.retraining.feedback", f"{len(STYLE_GUIDE)} corrections are given"
        raise ConfigurationError(field, needed, problem, f"Set it to {len(STYLE_GUIDE)} in the use case")


def report(before: list[Answered], after: list[Answered], run_id: str, deployed: str) -> dict[str, Any]:
    """Print question by question how near the answers are to the corrections, and what it comes to."""
    rows = []
    for (question, correction), old, new in zip(STYLE_GUIDE, before, after, strict=True):
        rows.append((chrf(old.text, correction), chrf(new.text, correction)))
        print(f"\n{question}\n  correction  {correction}")
        print(f"  {rows[-1][0]:5.1f}  before  {old.text[:200]}\n  {rows[-1][1]:5.1f}  after   {new.text[:200]}")
    old_mean, new_mean = (round(statistics.fmean(column), 2) for column in zip(*rows, strict=True))
    answered_by = sorted({one.model for one in after})
    return {
        "benchmark": "loop",
        "questions": len(rows),
        "chrf_before": old_mean,
        "chrf_after": new_mean,
        "learned": sum(new > 60 and new > old for old, new in rows),
        "run": run_id,
        "answered_by": answered_by,
        "from_the_run": answered_by == [deployed],
        "passed": answered_by == [deployed] and new_mean > old_mean,
    }


def main() -> int:
    """Close the loop once; 1 where the new champion is not the run's, or answers no better."""
    parser = argparse.ArgumentParser(prog="benchmarks.loop", description=__doc__)
    parser.add_argument("--use-case", default="python_assistant")
    parser.add_argument("--hours", type=float, default=3.0, help="how long the run may take")
    parsed = parser.parse_args()
    use_case, store, started = parsed.use_case, open_store(), time.monotonic()
    require_enough(use_case)
    old = serving(store, use_case)
    before = [ask(use_case, question) for question, _ in STYLE_GUIDE]
    correct(before, [correction for _, correction in STYLE_GUIDE])
    print(f"{old} was asked and corrected", flush=True)
    with Stack(settings(), print).api() as api:
        run_id = decide(api, store, use_case)
        run = WorkflowRun(api, use_case, run_id, "")
        state = until(lambda: finished(run), parsed.hours * 3600, f"the end of {run_id}")
        print(f"{run_id}: {state}, {run.url}", flush=True)
    deployed = came_from(store, use_case, run_id)
    until(lambda: serving(store, use_case) == deployed or not deployed, SERVED_SECONDS, "the new champion")
    after = [ask(use_case, question) for question, _ in STYLE_GUIDE]
    found = report(before, after, run_id, deployed)
    print(json.dumps(found | {"seconds": round(time.monotonic() - started, 1)}))
    return 0 if found["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
