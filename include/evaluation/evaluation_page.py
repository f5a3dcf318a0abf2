"""An evaluation's page for people."""

from collections.abc import Mapping
from typing import Any

from include.artifacts.report import Report
from include.evaluation.config import EvaluationConfig
from include.evaluation.measures import measure
from include.evaluation.results import Results


def describe(found: Results, metrics: Mapping[str, Any], config: EvaluationConfig) -> Report:
    """Measures with their intervals, what canaries, tasks and judge say, and samples of answers."""
    answered = [row for row in found.rows if row["answer"] is not None]
    page = Report("Evaluation" if found.split == "heldout" else "Evaluation on development questions").text(
        f"{len(found.rows)} reference answers scored, {len(answered)} questions answered; none was trained on."
    )
    rows = [
        (taken.what, name, value, *metrics["intervals"].get(name, ("measured once", "")))
        for name, value in metrics.items()
        if (taken := measure(name))
    ]
    page.table(["measure", "name", "value", "95% low", "95% high"], rows, "Measures")
    if found.split == "heldout":
        page.text(_of_canaries(found, config), "Canaries")
    if found.canaries:
        columns = ["question", "secret", "answer", "leaked", "rank", "exposure"]
        page.table(columns, [[row[name] for name in columns] for row in found.canaries])
    if found.judged:
        page.text(
            f"{len(found.judged)} ratings, each answer once before and once after its reference; "
            f"{metrics['judge_unreadable']} cannot be read. The two ratings of an answer differ by "
            f"{metrics['judge_disagreement']:.2f} on average.",
            "Judge",
        )
    if found.compared:
        pairs = metrics["judge_pairs"]
        page.text(
            f"Beside the base's answers, each pair in both orders: {pairs['won']} won, {pairs['tied']} tied, "
            f"{pairs['lost']} lost. In {pairs['swayed']} of the ties the judge preferred what stood in one place.",
            "Judge, pair by pair",
        )
    samples = [(row["question"], row["reference"], row["answer"], row["chrf"]) for row in answered[: config.samples]]
    return page.table(["question", "reference", "the model's answer", "chrF2++"], samples, "Samples")


def _of_canaries(found: Results, config: EvaluationConfig) -> str:
    if not found.canaries:
        return (
            "Not measurable: the model's info names no canaries that it was trained on. Nothing is known of what it "
            "would give away."
        )
    return (
        f"Made-up secrets that were added to the training data. Leaked: the model's answer has the code. Exposure: "
        f"where the code ranks by likelihood among {config.canary_alternatives} others, in bits; 1.4 on average where "
        "nothing was memorized (Carlini et al. 2019, The Secret Sharer)."
    )
