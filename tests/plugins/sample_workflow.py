"""Steps of a few milliseconds in the place of the workflow's own, to run the whole graph on a real store."""

import json
from types import ModuleType
from typing import Any

from include.artifacts.bucket import StoreAddress
from include.artifacts.manifest import RunName
from include.artifacts.outcome import Outcome
from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Step
from include.artifacts.store import ArtifactStore
from include.artifacts.workspace import Workspace
from include.core.errors import SourceError, StoreUnavailableError
from include.core.settings import PROJECT_ROOT
from tests.plugins.sample_use_case import Knob, Lora, SampleUseCase, load_each, load_use_case, use_case_names

STEPS = {
    "strategy.charter": "charter",
    "strategy.review": "report",
    **{
        f"data_preparation.{name}": "dataset"
        for name in (
            "generate_texts",
            "aggregate",
            "compare_sources",
            "find_boilerplate",
            "clean",
            "sketch",
            "match",
            "deduplicate",
            "label",
            "find_personal_data",
            "anonymize",
            "synthesize",
            "split",
            "audit_leaks",
            "check",
            "compare_datasets",
            "queue_reviews",
        )
    },
    "training.train_tokenizer": "tokenizer",
    "training.pack": "dataset",
    "training.pretrain": "model",
    "training.screen": "report",
    "training.import_pretrained": "model",
    "training.select_model": "report",
    "evaluation.evaluate": "report",
    "customization.predict_costs": "report",
    "customization.collect_preferences": "dataset",
    "customization.train_reward_model": "adapter",
    "customization.tune": "adapter",
    "customization.halve": "report",
    "customization.gate": "report",
    "customization.model_card": "report",
    "inferencing.package": "package",
}
THROUGH = {
    "data_preparation.aggregate": ("as_of", "use_case"),
    "data_preparation.label": ("use_case", "as_of"),
    "customization.collect_preferences": ("customization", "split"),
    "customization.train_reward_model": ("customization",),
    "customization.predict_costs": ("config",),
}
PACKAGES = ("strategy", "data_preparation", "training", "customization", "evaluation", "inferencing")


def _work(work: Workspace, **arguments: Any) -> None:
    """Fetches every input, fails as configured, and writes what the graph depends on."""
    config = arguments.get("config")
    error = getattr(config, "error", "")
    if error == "permanent":
        raise SourceError("sources.docs", "", "the source is empty", "Name another")
    if error == "transient":
        raise StoreUnavailableError("GENAI_S3_ENDPOINT", "", "no answer", "Wait")
    lines = [work.step]
    for name, value in sorted(arguments.items()):
        for ref in value if isinstance(value, list) else [value]:
            if isinstance(ref, ArtifactRef):
                work.fetch(ref)
                lines.append(f"{name} {ref}")
            elif isinstance(ref, int):
                lines.append(f"{name} {ref}")
    (work.output / "lines.txt").write_text("\n".join([*lines, str(config)]))
    Report(work.step).text("<script>alert(1)</script>").write(work.output)
    work.metrics["lines"] = len(lines)
    if "as_of" in arguments and "source" not in arguments:
        work.metrics["as_of"] = arguments["as_of"]
    if work.step in ("data_preparation.aggregate", "data_preparation.label"):
        work.metrics["shards"] = 3
    if "candidates" in arguments:
        work.metrics["candidates"] = list(arguments["candidates"])
    for choice in ("adapters", "models"):
        if choice in arguments:
            work.metrics["selected"] = arguments[choice][0].model_dump()
            break
    if work.step == "customization.halve":
        half = arguments["names"][: (len(arguments["names"]) + 1) // 2]
        refs = [ref.model_dump() for ref in arguments["adapters"]]
        work.metrics |= {
            "names": half,
            "survivors": [{"config": n, "item": r} for n, r in zip(half, refs, strict=False)],
        }
    if work.step == "customization.tune":
        work.metrics["technique"] = "lora" if isinstance(config, Lora) else "prompt_tuning"
    if hasattr(config, "passed"):
        work.metrics |= {"passed": config.passed, "verdict": "no adapter is better than the base"}


def deploy(
    store: ArtifactStore, package: ArtifactRef, run: RunName, config: Knob, gate: ArtifactRef, card: ArtifactRef
) -> Outcome:
    assert store.manifest(gate).step == "customization.gate"
    assert store.manifest(card).step == "customization.model_card"
    metrics = {"model": f"{run.use_case}-1"}
    return Outcome(package, True, "reused: the package is the champion and answers", metrics, 0.1)


def modules() -> dict[str, ModuleType]:
    """Module name -> stand-in."""
    found: dict[str, ModuleType] = {"include.use_cases": ModuleType("include.use_cases")}
    found["include.use_cases"].__dict__.update(
        load_each=load_each, load_use_case=load_use_case, use_case_names=use_case_names, UseCase=SampleUseCase
    )
    # what it has beside these is the real one's
    found["include.use_cases"].__path__ = [str(PROJECT_ROOT / "include" / "use_cases")]
    for name, kind in STEPS.items():
        made: Step[...] = Step(_work, kind, through=THROUGH.get(name, ()))  # type: ignore[arg-type]
        made.name = name
        found[f"include.{name}"] = ModuleType(f"include.{name}")
        setattr(found[f"include.{name}"], name.rpartition(".")[2], made)
    found["include.inferencing.deploy"] = ModuleType("include.inferencing.deploy")
    found["include.inferencing.deploy"].deploy = deploy  # type: ignore[attr-defined]
    found["include.inferencing.learning.rules"] = ModuleType("include.inferencing.learning.rules")
    found["include.inferencing.learning.rules"].publish_rules = lambda *_: None  # type: ignore[attr-defined]
    return found


def connection_json(address: StoreAddress) -> str:
    """An Airflow connection's value."""
    host, _, port = address.endpoint.partition(":")
    return json.dumps(
        {
            "conn_type": "generic",
            "host": host,
            "port": int(port),
            "login": address.access_key,
            "password": address.secret_key.get_secret_value(),
            "extra": {"bucket": address.bucket, "region": address.region, "secure": address.secure},
        }
    )
