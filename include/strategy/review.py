"""Hold what the charter predicted against what the run measured."""

import json
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.core.errors import ConfigurationError
from include.evaluation.config import EvaluationConfig
from include.strategy.accelerators import TABLE
from include.strategy.config import StrategyConfig
from include.strategy.predictions import Run, answer_seconds, training_cost, training_seconds

REVIEW_FILE = "review.json"
# beyond a factor of two the plan is to be corrected
FAR = 2.0


class Comparison(BaseModel):
    """One prediction and its measurement, in one unit; `ratio` is measured / predicted, None without a prediction."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    what: str
    unit: str
    predicted: float
    measured: float
    ratio: float | None = Field(description="Above 1: more than predicted.")
    correct: str = Field(description="The field of the use case that decides the prediction.")

    @property
    def far(self) -> bool:
        """Whether the prediction is off by more than a factor of two."""
        return self.ratio is not None and not 1 / FAR <= self.ratio <= FAR


@step("report", resources=(TABLE,), measures=("dataset", "trained", "adapters", "evaluations", "package"))
def review(
    work: Workspace,
    charter: ArtifactRef,
    dataset: ArtifactRef,
    model: ArtifactRef,
    trained: ArtifactRef,
    adapters: list[ArtifactRef],
    evaluations: list[ArtifactRef],
    package: ArtifactRef,
    config: EvaluationConfig,
) -> None:
    """review.json and report.html: predictions for what was really done, beside what it took; it stops nothing.

    `trained` is the model from scratch, `model` the selected one, `config` that of the evaluations. metrics: the
    ratios measured / predicted of training time, served size and the time of an answer, and how many comparisons are
    off by more than a factor of two.
    """
    strategy = _declared(json.loads(work.store.read(charter, "charter.json")))
    parameters = int(json.loads(work.store.read(model, "model_info.json"))["parameters"])
    measured = {"dataset": work.manifest(dataset).metrics, "package": work.manifest(package).metrics}
    runs = [_pretraining(work.manifest(trained).metrics)]
    tuned = [work.manifest(ref).metrics for ref in adapters]
    runs += [_tuning(metrics, parameters) for metrics in tuned if metrics.get("steps")]
    answers = [float(work.manifest(ref).metrics["seconds_per_answer"]) for ref in evaluations]
    compared = [*_sizes(strategy, parameters, measured), *_training(strategy, runs)]
    compared.append(_answers(strategy, parameters, answers, config))
    work.metrics["training_time_ratio"] = _ratio_of(compared, "seconds of training, all runs")
    work.metrics["served_size_ratio"] = _ratio_of(compared, "size of the package")
    work.metrics["answer_time_ratio"] = _ratio_of(compared, "computing time of an answer")
    work.metrics |= {"comparisons": len(compared), "far_off": sum(one.far for one in compared)}
    told = [one.model_dump() for one in compared]
    (work.output / REVIEW_FILE).write_text(json.dumps(told, indent=1), encoding="utf-8")
    _describe(work, compared)


def _declared(document: dict[str, Any]) -> StrategyConfig:
    """The declaration in charter.json; what was computed from it is left out."""
    known = {name: document[name] for name in StrategyConfig.model_fields if name in document and name != "decision"}
    return StrategyConfig.model_validate(known)


def _pretraining(metrics: dict[str, Any]) -> Run:
    parameters, tokens = int(metrics["parameters"]), int(metrics["tokens"])
    return Run("from scratch", parameters, parameters, tokens, tokens / max(1, int(metrics["tokens_per_second"])))


def _tuning(metrics: dict[str, Any], parameters: int) -> Run:
    seconds = float(metrics["seconds_per_step"]) * int(metrics["steps"])
    return Run(
        str(metrics["technique"]), parameters, int(metrics["trained_parameters"]), int(metrics["tokens"]), seconds
    )


def _compare(what: str, unit: str, predicted: float, measured: float, correct: str) -> Comparison:
    ratio = round(measured / predicted, 3) if predicted else None
    return Comparison(what=what, unit=unit, predicted=predicted, measured=measured, ratio=ratio, correct=correct)


def _sizes(strategy: StrategyConfig, parameters: int, measured: dict[str, dict[str, Any]]) -> list[Comparison]:
    plan = strategy.model
    found = [
        _compare("size of the model", "parameters", plan.parameters, parameters, "strategy.model.parameters"),
        _compare(
            "size of the package",
            "10^6 bytes",
            plan.parameters * plan.weight_bytes / 1e6,
            float(measured["package"]["megabytes"]),
            "strategy.model.weight_bytes",
        ),
    ]
    declared = [source.examples for source in strategy.data_sources if source.examples is not None]
    if declared:
        counted = int(measured["dataset"]["train"]) + int(measured["dataset"]["heldout"])
        found.append(_compare("examples", "questions", sum(declared), counted, "strategy.data_sources.*.examples"))
    return found


def _training(strategy: StrategyConfig, runs: Sequence[Run]) -> list[Comparison]:
    plan = strategy.training
    total, seconds = sum(training_seconds(strategy, run) for run in runs), sum(run.seconds for run in runs)
    money = strategy.limits.currency
    return [
        *(
            _timed(strategy, f"seconds of training, {run.name}", training_seconds(strategy, run), run.seconds)
            for run in runs
        ),
        _timed(strategy, "seconds of training, all runs", total, seconds),
        _compare(
            "tokens of the longest training run",
            "tokens",
            plan.tokens,
            max(run.tokens for run in runs),
            "strategy.training.tokens",
        ),
        _compare(
            "cost of training, all runs",
            money,
            training_cost(strategy),
            training_cost(strategy, seconds),
            "strategy.training.tokens, utilization",
        ),
    ]


def _timed(strategy: StrategyConfig, what: str, predicted: float, seconds: float) -> Comparison:
    planned = strategy.training.utilization
    reached = f" {planned:.3g}, {planned * predicted / seconds:.3g} was reached" if seconds else ""
    return _compare(what, "seconds", predicted, seconds, f"strategy.training.utilization{reached}")


def _answers(
    strategy: StrategyConfig, parameters: int, measured: Sequence[float], config: EvaluationConfig
) -> Comparison:
    if not measured:
        raise ConfigurationError("evaluations", 0, "nothing was evaluated", "Evaluate every adapter")
    predicted = answer_seconds(strategy, parameters, config.batch_size, config.max_new_tokens)
    mean = sum(measured) / len(measured)
    return _compare("computing time of an answer", "seconds", predicted, mean, "strategy.serving.bandwidth_utilization")


def _ratio_of(compared: Sequence[Comparison], what: str) -> float | None:
    return next(one.ratio for one in compared if one.what == what)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def _describe(work: Workspace, compared: Sequence[Comparison]) -> None:
    far = [f"{one.what} is {one.ratio:g} times the prediction: correct {one.correct}" for one in compared if one.far]
    page = Report("Predicted and measured").text(
        "; ".join(far) or "Every prediction of the charter is within a factor of two of what was measured.",
        heading="Verdict",
    )
    page.table(
        ["What", "Unit", "Predicted", "Measured", "Measured / predicted", "Decided by"],
        [
            [one.what, one.unit, _number(one.predicted), _number(one.measured), one.ratio or "", one.correct]
            for one in compared
        ],
        heading="The charter's predictions",
    )
    page.text(
        "Times are predicted for what was really done: its parameters and tokens on the declared devices at the "
        "declared utilization; the answer for the evaluation's batches of the model in fp32, as long as it may be. "
        "Tokens and cost are those of the charter, which counts one full training run of the declared model."
    )
    page.write(work.output)
