"""Measure a model, with or without an adapter, on the held-out questions of a dataset."""

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.core.errors import SourceError
from include.core.settings import settings
from include.evaluation.answers import generate_answers
from include.evaluation.config import EvaluationConfig
from include.evaluation.development import development_ids
from include.evaluation.likelihood import score_references
from include.evaluation.measures import MEASURES
from include.evaluation.model import load_model
from include.evaluation.statistics import bootstrap_mean

LN2 = 0.6931471805599453
Split = Literal["heldout", "development"]
REMEDIES: dict[Split, str] = {
    "heldout": "Hold out more: data_preparation.split",
    "development": "Ten questions to train on, or more, have one: data_preparation.aggregate",
}
FILES: dict[Split, str] = {"heldout": "heldout.parquet", "development": "train.parquet"}


@dataclass(frozen=True)
class Question:
    """A held-out question and its reference answer."""

    id: str
    question: str
    answer: str


@step("report")
def evaluate(
    work: Workspace,
    model: ArtifactRef,
    dataset: ArtifactRef,
    config: EvaluationConfig,
    adapter: ArtifactRef | None = None,
    split: Split = "heldout",
) -> None:
    """Likelihood of the reference answers, and quality and speed of the model's own, each with an interval.

    split: `heldout` for the verdict; `development`, the questions of the training split that nothing is trained on, for
    choosing between models while they are trained.

    seconds_per_answer is a batch's time divided by its answers, measured on the fp32 model under transformers: it
    compares models, and says neither how long a user waits nor how fast the packaged model is.
    """
    file = FILES[split]
    questions = read_questions(work.fetch(dataset, only=file) / file, config.questions, split)
    started = time.monotonic()
    loaded = load_model(work.fetch(model), work.fetch(adapter) if adapter else None, settings().rank_threads)
    work.log.info("loaded the model in %.1f s", time.monotonic() - started)
    scores = score_references(loaded, [(q.question, q.answer) for q in questions], config.batch_size, config.max_tokens)
    work.log.info("scored %d reference answers", len(scores))
    asked = questions[: config.answers]
    generated = generate_answers(
        loaded, [q.question for q in asked], config.batch_size, config.max_new_tokens, config.max_tokens
    )
    work.log.info("generated %d answers", len(generated))
    rows = [
        {"id": q.id, "question": q.question, "reference": q.answer, "answer": None, "nll": s.nll, "tokens": s.tokens}
        | {"bits_per_char": s.nll * s.tokens / LN2 / max(s.characters, 1), "seconds": None, "chrf": None}
        for q, s in zip(questions, scores, strict=True)
    ]
    for row, (text, seconds) in zip(rows, generated, strict=False):
        row |= {"answer": text, "seconds": seconds, "chrf": chrf(text, str(row["reference"]))}
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    (work.output / "answers.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    summarize(work, rows, config)


def read_questions(path: Path, limit: int, split: Split = "heldout") -> list[Question]:
    """A sample of `limit` questions of a split, always the same one; SourceError where there is none.

    In order of their ids' digests: ids begin with their source, so their own order would leave whole sources out.
    """
    import pyarrow.parquet as pq

    rows = pq.read_table(path, columns=["id", "question", "answer"]).to_pylist()
    if split == "development":
        kept = development_ids(row["id"] for row in rows)
        rows = [row for row in rows if row["id"] in kept]
    rows = sorted(rows, key=lambda row: hashlib.sha256(row["id"].encode()).hexdigest())[:limit]
    if not rows:
        kind = "held-out" if split == "heldout" else split
        raise SourceError(path.name, 0, f"the dataset has no {kind} question", REMEDIES[split])
    return [Question(**row) for row in rows]


def chrf(answer: str, reference: str) -> float:
    """chrF2++ of one answer, 0 to 100."""
    from sacrebleu.metrics import CHRF

    return round(float(CHRF(word_order=2).sentence_score(answer, [reference]).score), 3)


def summarize(work: Workspace, rows: list[dict[str, Any]], config: EvaluationConfig) -> None:
    """Fill the metrics and their intervals, and write the report."""
    answered = [row for row in rows if row["answer"] is not None]
    values = {
        "answer_nll": [row["nll"] for row in rows],
        "answer_chrf": [row["chrf"] for row in answered],
        "seconds_per_answer": [row["seconds"] for row in answered],
        "answer_bits_per_char": [row["bits_per_char"] for row in rows],
    }
    intervals = {}
    for name in MEASURES:
        mean, low, high = bootstrap_mean(values[name], config.seed)
        work.metrics[name] = round(mean, 4)
        intervals[name] = [round(low, 4), round(high, 4)]
    work.metrics |= {"questions": len(rows), "answers": len(answered), "intervals": intervals}
    table = [(measure.what, work.metrics[name], *intervals[name]) for name, measure in MEASURES.items()]
    samples = [(row["question"], row["reference"], row["answer"], row["chrf"]) for row in answered[: config.samples]]
    Report("Evaluation").text(
        f"{len(rows)} reference answers scored, {len(answered)} questions answered, none of them seen in training."
    ).table(["measure", "mean", "95% low", "95% high"], table, "Measures").table(
        ["question", "reference", "the model's answer", "chrF2++"], samples, "Samples"
    ).write(work.output)
