"""A small use case and steps of a few milliseconds, to run the whole graph on a real store."""

import json
import sys
from collections.abc import Iterable
from copy import deepcopy
from types import ModuleType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from include.artifacts.bucket import StoreAddress
from include.artifacts.manifest import RunName
from include.artifacts.outcome import Outcome
from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Step
from include.artifacts.store import ArtifactStore
from include.artifacts.workspace import Workspace
from include.core.errors import ConfigurationError, PermanentError, SourceError, StoreUnavailableError

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
    "data_preparation.aggregate": ("as_of",),
    "data_preparation.label": ("use_case", "as_of"),
    "customization.collect_preferences": ("customization",),
    "customization.train_reward_model": ("customization",),
    "customization.predict_costs": ("config",),
}
PACKAGES = ("strategy", "data_preparation", "training", "customization", "evaluation", "inferencing")


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Knob(_Model):
    """One step's configuration."""

    value: int = Field(1, ge=0, le=100, description="Any number.")
    error: Literal["", "permanent", "transient"] = ""
    passed: bool = True


class Pretrain(Knob):
    steps: int = Field(10, ge=1, description="Steps.")


class Aggregate(Knob):
    records: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()


class Lora(Knob):
    rank: int = Field(8, ge=1, le=256, description="Rank.")
    learning_rate: float = Field(1e-3, gt=0, description="Rate.")


class Approval(_Model):
    required: bool = False
    people: Literal[1, 2] = 1
    approvers: tuple[str, ...] = ()
    timeout_hours: float = 1.0


class Indicator(_Model):
    name: str = "answer_chrf"
    direction: Literal["at_most", "at_least"] = "at_least"
    target: float = 10
    required: bool = True
    description: str = "Agreement"


class Limits(_Model):
    currency: str = "EUR"


class TrainingPlan(_Model):
    device: str = "cpu_core"
    devices: int = 2
    device_memory_gb: None = None
    device_teraflops: None = None
    host_memory_gb: None = None
    device_hour_price: float = 3600.0


class Strategy(_Model):
    goal: str = "Answer"
    owner: str = "Engineering"
    indicators: tuple[Indicator, ...] = (Indicator(),)
    error: Literal["", "transient"] = ""
    approval: Approval = Approval()
    limits: Limits = Limits()
    training: TrainingPlan = TrainingPlan()


class DataPreparation(_Model):
    generate_texts: Knob = Knob()
    aggregate: Aggregate = Aggregate()
    compare_sources: Knob = Knob()
    find_boilerplate: Knob = Knob()
    clean: Knob = Knob()
    deduplicate: Knob = Knob()
    label: Knob = Knob()
    anonymize: Knob = Knob()
    synthesize: Knob = Knob()
    split: Knob = Knob()
    check: Knob = Knob()


class Training(_Model):
    tokenizer: Knob = Knob()
    pack: Knob = Knob()
    pretrain: Pretrain = Pretrain()
    candidates: dict[str, Knob] = {"smollm2": Knob(), "other": Knob(value=2)}
    select: Knob = Knob()


class Race(_Model):
    rungs: tuple[float, ...] = (1.0,)
    evaluation: Knob = Knob()


class Gate(Knob):
    indicator: str = "answer_nll"
    approval: Approval = Approval()


class Customization(_Model):
    techniques: tuple[Literal["lora", "prompt_tuning"], ...] = ("lora", "prompt_tuning")
    lora: Lora = Lora()
    prompt_tuning: Knob = Knob()
    preferences: Knob = Knob()
    reward_model: Knob = Knob()
    race: Race = Race()
    gate: Gate = Gate()

    def path(self, name: str) -> str:
        return f"customization.{name}"


class Inferencing(_Model):
    package: Knob = Knob()
    deploy: Knob = Knob()


class SampleUseCase(_Model):
    name: str
    title: str = "Sample"
    schedule: str | None = "0 3 * * *"
    strategy: Strategy = Strategy()
    data_preparation: DataPreparation = DataPreparation()
    training: Training = Training()
    customization: Customization = Customization()
    evaluation: Knob = Knob()
    inferencing: Inferencing = Inferencing()

    def at(self, path: str) -> Any:
        value: Any = self
        for part in path.split("."):
            if isinstance(value, tuple):
                value = value[int(part)]
            else:
                value = value[part] if isinstance(value, dict) else getattr(value, part)
        return value


def use_case_names() -> list[str]:
    return ["sample", "broken"]


def load_use_case(name: str, overrides: dict[str, Any] | None = None) -> SampleUseCase:
    if name == "broken":
        raise ConfigurationError("customization.lora.rnk", 8, "unknown key", "Did you mean rank?")
    tree: dict[str, Any] = {"name": name}
    for path, value in (overrides or {}).items():
        *parents, last = path.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[last] = deepcopy(value)
    try:
        return SampleUseCase.model_validate(tree)
    except ValueError as error:
        raise ConfigurationError("overrides", overrides, str(error), "Correct it") from None


def load_each(names: Iterable[str]) -> tuple[list[SampleUseCase], dict[str, PermanentError]]:
    loaded: list[SampleUseCase] = []
    errors: dict[str, PermanentError] = {}
    for name in names:
        try:
            # tests put another one in its place
            loaded.append(sys.modules["include.use_cases"].load_use_case(name))
        except PermanentError as error:
            errors[name] = error
    return loaded, errors


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
    if "as_of" in arguments and "use_case" not in arguments:
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


def deploy(store: ArtifactStore, package: ArtifactRef, run: RunName, config: Knob) -> Outcome:
    metrics = {"model": f"{run.use_case}-1"}
    return Outcome(package, True, "reused: the package is the champion and answers", metrics, 0.1)


def modules() -> dict[str, ModuleType]:
    """Module name -> stand-in."""
    found: dict[str, ModuleType] = {"include.use_cases": ModuleType("include.use_cases")}
    found["include.use_cases"].__dict__.update(
        load_each=load_each, load_use_case=load_use_case, use_case_names=use_case_names, UseCase=SampleUseCase
    )
    for name, kind in STEPS.items():
        made: Step[...] = Step(_work, kind, through=THROUGH.get(name, ()))  # type: ignore[arg-type]
        made.name = name
        found[f"include.{name}"] = ModuleType(f"include.{name}")
        setattr(found[f"include.{name}"], name.rpartition(".")[2], made)
    found["include.inferencing.deploy"] = ModuleType("include.inferencing.deploy")
    found["include.inferencing.deploy"].deploy = deploy  # type: ignore[attr-defined]
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
