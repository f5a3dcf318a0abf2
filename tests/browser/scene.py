"""Runs of the real workflow's graph whose steps take milliseconds: each task hands on what the DAG says it does."""

from collections.abc import Iterator, Mapping
from typing import Any

from include.artifacts.history import History, Place
from include.artifacts.outcome import Outcome, record
from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Step
from include.artifacts.store import ArtifactStore
from include.artifacts.workspace import Workspace
from include.data_preparation.labelling.review_queue import QUEUE_TASK
from include.inferencing import champion
from include.inferencing.champion import Serving
from tests.gates import put_in_service
from tests.plugins.made_queue import made_queue
from tests.plugins.sample_workflow import STEPS

TECHNIQUES, MODELS, SHARDS = ("lora", "few_shot", "prompt_tuning"), ("SmolLM2-135M", "SmolLM2-360M"), 4
CHARTER, GATE, DEPLOY = "strategy.charter", "customization.gate", "inferencing.deploy"
QUESTIONS = ["I cannot sign in since the update.", "Please refund my last order."]
# the first figures of a real run
FIGURES: dict[str, dict[str, Any]] = {
    "strategy.charter": {"monthly_cost": 36.5, "replicas": 1, "training_cost": 0.0093},
    "data_preparation.aggregate": {"documents": 5592, "sources": 11, "words": 284911},
    "data_preparation.label": {"labels": 16, "ticket_accuracy": 0.9974, "suspected": 302},
    "data_preparation.synthesize": {"rows": 1122, "quality": 0.829, "attack_auc": 0.6002},
    "data_preparation.split": {"train": 1500, "heldout": 64, "corpus": 4992},
    "training.pretrain": {"parameters": 5795072, "loss": 4.1, "tokens": 1200000},
    "evaluation.evaluate": {"answer_nll": 2.973, "answer_bits_per_char": 1.074, "answer_chrf": 19.36},
    "customization.gate": {"passed": True, "technique": "lora", "difference": -0.484, "verdict": "lora is better"},
    "inferencing.package": {"megabytes": 163.5, "weights": "int8", "license": "Apache-2.0"},
}


def _work(work: Workspace, **arguments: Any) -> None:
    """A file, a page and figures."""
    (work.output / "made.txt").write_text(f"{work.step} {sorted(arguments.items())}")
    name = arguments.get("config")
    work.metrics |= FIGURES.get(work.step, {"documents": 1400})
    if work.step == "customization.tune":
        work.metrics["technique"] = name
    if work.step == "training.import_pretrained":
        work.metrics |= {"name": name, "license": "Apache-2.0"}
    Report(work.step).text("What the step says of its result.").table(["figure", "value"], [["a", 1]]).write(
        work.output
    )


def play(dag: Any, store: ArtifactStore, run_id: str, as_of: str, given: dict[str, Any], **changes: str) -> None:
    """A run of all tasks but those in `given`: task -> what it gave. `changes`: group -> what makes it run anew."""
    for task in dag.topological_sort():
        if task.task_id in given:
            continue
        place = Place(use_case=dag.dag_id, run_id=run_id, as_of=as_of, task=task.task_id)
        changed = changes.get(task.task_id.partition(".")[0], "")
        given[task.task_id] = _played(task, given, store, place, changed)


def _played(task: Any, given: dict[str, Any], store: ArtifactStore, place: Place, changed: str) -> Any:
    mapped = getattr(task, "partial_kwargs", None)
    told = mapped if mapped is not None else vars(task)
    if task.task_id == DEPLOY:
        return _deploy(store, _value(task.package, given), _value(task.gate, given), place)
    if task.task_id == "training.models":
        return [given["training.pretrain"], *given["training.import_pretrained"]]
    if task.task_id == QUEUE_TASK:
        return made_queue.run(store, {"texts": QUESTIONS}, place=place).ref
    if not told.get("step"):
        return None
    arguments = {name: _value(value, given) for name, value in told.get("arguments", {}).items()} | {"change": changed}
    made: Step[...] = Step(_work, STEPS[told["step"]])  # type: ignore[arg-type]
    made.name = told["step"]
    if mapped is None:
        return made.run(store, arguments, place=place).ref
    return [
        made.run(store, arguments | one, place=place.model_copy(update={"map_index": index})).ref
        for index, one in enumerate(_items(task, told.get("over", ""), given))
    ]


def _items(task: Any, over: str, given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What each mapped instance is called with beside what all are."""
    if task.task_id == "customization.tune":
        yield from ({"config": name, over: given["customization.rung_1.tune"][TECHNIQUES.index(name)]} for name in LAST)
    elif task.task_id.endswith((".tune", ".import_pretrained")):
        yield from ({"config": name} for name in (TECHNIQUES if task.task_id.endswith("tune") else MODELS))
    else:
        items = _value(task.expand_input.value["item"], given)
        yield from ({over: item} for item in (items if items is not None else range(SHARDS)))


LAST = TECHNIQUES[:2]


def _value(value: Any, given: Mapping[str, Any]) -> Any:
    """What a task is handed: the outputs of others, and of those that choose the first that there is."""
    if isinstance(value, list):
        return [_value(one, given) for one in value]
    if not hasattr(value, "operator"):
        return value
    if value.key == "selected":
        return given["customization.tune" if value.operator.task_id == GATE else "training.import_pretrained"][0]
    return given[value.operator.task_id] if value.key == "return_value" else list(LAST)


def _deploy(store: ArtifactStore, package: ArtifactRef, gate: ArtifactRef, place: Place) -> ArtifactRef:
    serving = Serving(model_name=champion.model_name(place.use_case, package), package=package)
    put_in_service(store, place, serving)
    metrics = {"model": serving.model_name, "tokens_per_second": 61.2, "seconds": 18.4, "deployed": True}
    record(store, place, Outcome(package, False, "ran: the package is new", metrics, 18.4))
    return package


def airflow_runs(store: ArtifactStore, use_case: str) -> tuple[str, str]:
    """Two runs; of the newer one Airflow knows, too, and its first task was a real one."""
    from airflow.dag_processing.dagbag import DagBag

    from tests.plugins import airflow_home

    dag = DagBag(dag_folder=airflow_home.PROJECT_ROOT / "dags" / "genai_workflow.py").dags[use_case]
    run = dag.partial_subset([CHARTER]).test()
    (charter,) = History(store.bucket).of_run(use_case, run.run_id)
    earlier = Place(use_case=use_case, run_id="manual__before", as_of="2026-11-01T00:00:00+00:00", task=CHARTER)
    record(store, earlier, Outcome(charter.ref, True, "reused: same configuration", charter.metrics, 0.1))
    play(dag, store, earlier.run_id, earlier.as_of, {CHARTER: charter.ref})
    play(dag, store, run.run_id, charter.place.as_of, {CHARTER: charter.ref}, customization="another rank")
    return earlier.run_id, run.run_id
