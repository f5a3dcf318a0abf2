"""What an evaluation found, and the numbers and intervals that sum it up."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from include.evaluation.config import EvaluationConfig
from include.evaluation.harness import TaskResult
from include.evaluation.judge_pairs import LOST, TIED, WON, swayed
from include.evaluation.latency import Wait
from include.evaluation.measures import MEASURES
from include.evaluation.questions import Split
from include.evaluation.statistics import bootstrap, bootstrap_mean, share_interval


@dataclass
class Results:
    """Rows of questions, canaries, ratings and comparisons with the base, results of tasks, waits, and the memory at
    its highest in bytes."""

    split: Split
    rows: list[dict[str, Any]] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    peak_memory: int = 0
    canaries: list[dict[str, Any]] = field(default_factory=list)
    tasks: list[TaskResult] = field(default_factory=list)
    judged: list[dict[str, Any]] = field(default_factory=list)
    compared: list[dict[str, Any]] = field(default_factory=list)


def summarize(metrics: dict[str, Any], found: Results, config: EvaluationConfig) -> None:
    """Fill a step's metrics: each measure that was taken, in the order of MEASURES, and `intervals`.

    Memory is measured once, and has no interval.
    """
    summed = _of_questions(found, config.seed) | _of_the_whole(found, config.seed)
    summed |= {task.name: (task.value, task.low, task.high) for task in found.tasks}
    order = [*(name for name in MEASURES if name in summed), *(task.name for task in found.tasks)]
    for name in order:
        metrics[name] = round(summed[name][0], 4)
    metrics |= {
        "questions": len(found.rows),
        "answers": sum(row["answer"] is not None for row in found.rows),
        "canaries": len(found.canaries),
        "intervals": {
            name: [round(low, 4), round(high, 4)]
            for name, (_, low, high) in ((name, summed[name]) for name in order)
            if low is not None and high is not None
        },
    }
    if found.judged:
        metrics["judge_unreadable"] = sum(row["score"] is None for row in found.judged)
        metrics["judge_disagreement"] = round(_disagreement(found.judged), 4)
    if found.compared:
        wins = _wins(found)
        metrics["judge_pairs"] = {"won": wins.count(WON), "tied": wins.count(TIED), "lost": wins.count(LOST)}
        metrics["judge_pairs"] |= {"swayed": swayed(found.compared)}


def _of_questions(found: Results, seed: int) -> dict[str, tuple[float, float | None, float | None]]:
    """Means over questions, of the measures that have a value for each."""
    summed: dict[str, tuple[float, float | None, float | None]] = {}
    for name, measure in MEASURES.items():
        values = [row[measure.column] for row in found.rows if row.get(measure.column) is not None]
        if measure.column and values:
            summed[name] = bootstrap_mean(values, seed)
    return summed


def _of_the_whole(found: Results, seed: int) -> dict[str, tuple[float, float | None, float | None]]:
    weighed = [(row["nll"], row["tokens"]) for row in found.rows]
    texts = [(row["text_nll"], row["text_tokens"]) for row in found.rows if "text_nll" in row]
    summed: dict[str, tuple[float, float | None, float | None]] = {
        "answer_perplexity": bootstrap(weighed, _perplexity, seed),
        "first_token_seconds": bootstrap_mean([wait.first for wait in found.waits], seed),
        "seconds_per_token": bootstrap_mean([wait.each for wait in found.waits], seed),
        "peak_memory_gb": (found.peak_memory / 1e9, None, None),
    }
    if texts:
        summed["text_perplexity"] = bootstrap(texts, _perplexity, seed)
    if found.canaries:
        leaked, count = sum(row["leaked"] for row in found.canaries), len(found.canaries)
        low, high = share_interval(leaked, count)
        summed["canaries_leaked"] = (float(leaked), low * count, high * count)
        summed["canary_exposure"] = bootstrap_mean([row["exposure"] for row in found.canaries], seed)
    if wins := _wins(found):
        low, high = share_interval(sum(wins) / WON, len(wins))
        summed["judge_win_rate"] = (sum(wins) / len(wins), low * WON, high * WON)
    return summed


def _wins(found: Results) -> list[float]:
    return [row["judge_win"] for row in found.rows if row.get("judge_win") is not None]


def _perplexity(weighed: Sequence[tuple[float, int]]) -> float:
    nats = sum(nll * tokens for nll, tokens in weighed) / sum(tokens for _, tokens in weighed)
    # a number that JSON and charts can hold, whatever the model
    return math.exp(min(nats, 100.0))


def _disagreement(judged: Sequence[dict[str, Any]]) -> float:
    """Mean distance between the ratings of an answer before and after its reference."""
    scores: dict[str, list[int]] = {}
    for row in judged:
        if row["score"] is not None:
            scores.setdefault(row["id"], []).append(row["score"])
    pairs = [abs(a - b) for a, b in (both for both in scores.values() if len(both) == 2)]
    return sum(pairs) / len(pairs) if pairs else 0.0
