"""A race whose losses are written down: a real charter and its costs, hand-made adapters and evaluations."""

import json
from collections.abc import Sequence
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Step, Workspace, step
from include.artifacts.store import ArtifactStore
from include.customization.config import CustomizationConfig, GateConfig
from include.customization.gate import gate
from include.customization.predict_costs import predict_costs
from include.customization.trainer.forms import EXAMPLES, FORMS
from include.evaluation.canaries import told
from include.strategy.charter import charter
from include.strategy.config import StrategyConfig
from include.use_cases import load_use_case
from tests.training.hand_made import hand_made_model

BITS = "bits_per_char"
CANARIES = 4
SEARCHED = {"canaries": CANARIES, "canaries_leaked": 0}


@step("adapter")
def raced_adapter(
    work: Workspace, technique: str, base: ArtifactRef, seconds: float = 100.0, info: dict[str, Any] | None = None
) -> None:
    said = {"technique": technique, "form": FORMS[technique], "base": base.digest}
    said |= {"licences": {"instruction data": {"PSF-2.0": 9}}}
    said |= told("s", CANARIES) if FORMS[technique] != EXAMPLES else {}
    (work.output / "adapter_info.json").write_text(json.dumps(said | (info or {})))
    (work.output / "adapter_config.json").write_text(json.dumps({"num_virtual_tokens": 16}))
    (work.output / "examples.json").write_text(json.dumps([{"question": "q" * 40, "answer": "a" * 160}]))
    if FORMS[technique] != EXAMPLES:
        work.metrics |= {"technique": technique, "steps": 20, "device_seconds": seconds}


@step("dataset")
def raced_dataset(work: Workspace, heldout: int, licences: bool = True) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"id": [f"q{i}" for i in range(heldout)]}), work.output / "heldout.parquet")
    found = {"name": "licences outside the charter", "measured": "none" if licences else "GPL-3.0", "passed": licences}
    split = {"records": 9, "licences": {"PSF-2.0": 9}, "sources": {"docstrings": 9}}
    card = {"gates": [found], "splits": {"train": split}, "notice": "", "verdict": "all gates are passed"}
    (work.output / "card.json").write_text(json.dumps(card))


@step("report")
def raced_evaluation(
    work: Workspace,
    model: ArtifactRef,
    dataset: ArtifactRef,
    numbers: dict[str, float],
    losses: list[float],
    adapter: ArtifactRef | None = None,
    first: int = 0,
    broken: bool = False,
) -> None:
    rows = [{"id": f"q{i}", BITS: loss, "nll": loss, "chrf": None} for i, loss in enumerate(losses, first)]
    rows[0] |= {BITS: float("nan")} if broken else {}
    (work.output / "answers.jsonl").write_text("\n".join(map(json.dumps, rows)))
    work.metrics |= numbers
    work.metrics["intervals"] = {name: [value - 0.1, value + 0.1] for name, value in numbers.items()}


@step("dataset")
def raced_learnt(work: Workspace, seconds: float) -> None:
    (work.output / "made.txt").write_text("made")
    work.metrics["device_seconds"] = seconds


def _named(made: Step[Any], name: str) -> None:
    made.name = f"tests.{name}"


for _step in (raced_adapter, raced_dataset, raced_evaluation, raced_learnt):
    _named(_step, _step.function.__name__)


def numbers_of(losses: Sequence[float]) -> dict[str, float]:
    mean = sum(losses) / len(losses)
    return {"answer_bits_per_char": mean, "answer_nll": mean, "answer_chrf": 20.0, "seconds_per_answer": 1.0} | SEARCHED


class Scene:
    """A model, what it was before, and adapters with given losses; `device_seconds` of each technique's training.

    `info` is more of model_info.json.
    """

    def __init__(
        self,
        store: ArtifactStore,
        base: list[float],
        seconds: float = 100.0,
        info: dict[str, Any] | None = None,
        **adapters: list[float],
    ) -> None:
        self.store, self.names = store, [f"customization.{name}" for name in adapters]
        self.model = hand_made_model(store, name="m", parameters=1_000_000, license="MIT", more=info)
        self.dataset = raced_dataset(store, heldout=len(base))
        self.strategy: dict[str, Any] = {}
        self.baseline = self.evaluation(base)
        self.champion = self.baseline
        self.adapters = {
            name: raced_adapter(store, technique=name, base=self.model, seconds=seconds) for name in adapters
        }
        self.evaluations = [self.evaluation(some, self.adapters[name]) for name, some in adapters.items()]

    def evaluation(self, losses: list[float], adapter: ArtifactRef | None = None, **more: Any) -> ArtifactRef:
        more = {"model": self.model, "dataset": self.dataset, "numbers": numbers_of(losses), "losses": losses} | more
        return raced_evaluation(self.store, adapter=adapter, **more)

    def charter(self) -> ArtifactRef:
        declared = load_use_case("python_assistant").strategy.model_dump()
        return charter(self.store, config=StrategyConfig.model_validate(declared | self.strategy))

    def costs(self, **race: Any) -> ArtifactRef:
        techniques = [name.rpartition(".")[2] for name in self.names]
        config = CustomizationConfig.model_validate({"techniques": techniques, "race": race})
        return predict_costs(self.store, model=self.model, charter=self.charter(), config=config)

    def gate(self, **changed: Any) -> Any:
        """The gate's outcome."""
        arguments = {
            "model": self.model,
            "dataset": self.dataset,
            "charter": self.charter(),
            "baseline": self.baseline,
            "names": self.names,
            "adapters": list(self.adapters.values()),
            "evaluations": self.evaluations,
            "champion": self.champion,
            "costs": self.costs(),
            "rungs": [],
            "config": GateConfig(),
        }
        return gate.run(self.store, arguments | changed)
