"""Measure a model, with or without what customization made of it, on questions that it has not seen."""

import json
import math
import time
from pathlib import Path
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.core.errors import ModelError
from include.core.settings import settings
from include.evaluation.agreement import agreement
from include.evaluation.answers import generate_answers
from include.evaluation.canaries import Canary, planted
from include.evaluation.canary_search import search_canaries
from include.evaluation.config import EvaluationConfig
from include.evaluation.evaluation_page import describe
from include.evaluation.harness import run_tasks
from include.evaluation.judge import judge_address, judge_answers, scores_of
from include.evaluation.judge_pairs import compare_answers, wins_of
from include.evaluation.latency import peak_memory, waits
from include.evaluation.likelihood import score_references, score_texts
from include.evaluation.model import LoadedModel, load_model
from include.evaluation.questions import FILES, Question, Split, read_questions
from include.evaluation.results import Results, summarize
from include.evaluation.task_files import digests

ANSWERS = "answers.jsonl"


def _observe(
    _: ArtifactStore, config: EvaluationConfig, split: Split = "heldout", **inputs: ArtifactRef | None
) -> dict[str, Any]:
    """The files of the tasks, and the judge; neither where the split is none for a verdict."""
    if split != "heldout":
        return {}
    found: dict[str, Any] = {"tasks": digests(config.lm_eval)}
    if config.judge.is_asked:
        address = judge_address(settings())
        found["judge"] = {"endpoint": address.url, "model": address.model}
    return found


@step("report", observes=_observe)
def evaluate(
    work: Workspace,
    model: ArtifactRef,
    dataset: ArtifactRef,
    config: EvaluationConfig,
    adapter: ArtifactRef | None = None,
    split: Split = "heldout",
) -> None:
    """Likelihood of the reference answers, and quality and speed of the model's own, each with an interval.

    answers.jsonl: a row a question; canaries.jsonl, judgements.jsonl and comparisons.jsonl where there are any.
    metrics: the names of
    `measures`, `intervals` of each, and how many questions, answers and canaries these come from.

    split: `heldout` for the verdict; `development`, the questions of the training split that nothing is trained on, for
    choosing between models while they are trained: without canaries, tasks of lm-eval and judge.

    seconds_per_answer is a batch's time divided by its answers, measured on the fp32 model under transformers: it
    compares models, and says neither how long a user waits nor how fast the packaged model is. ModelError where the
    likelihood is no finite number.
    """
    file = FILES[split]
    questions = read_questions(work.fetch(dataset, only=file) / file, config.questions, split)
    found = Results(split)
    with peak_memory() as memory:
        loaded = _load(work, model, adapter)
        infos = _infos(work, model, adapter)
        found.rows = _answered(work, loaded, questions, config, _name(infos, adapter or model))
        asked = [question.question for question in questions[: config.waits]]
        found.waits = waits(loaded, asked, config.wait_tokens, config.max_tokens)
    found.peak_memory = memory.peak
    if split == "heldout":
        _for_the_verdict(work, loaded, found, _planted(infos), config)
        if adapter and config.judge.pairs:
            # two models at once would need the memory of two
            del loaded
            _beside_the_base(work, model, found, config)
    files = {ANSWERS: found.rows, "canaries.jsonl": found.canaries}
    files |= {"judgements.jsonl": found.judged, "comparisons.jsonl": found.compared}
    for name, rows in files.items():
        if rows:
            _write(work.output / name, rows)
    summarize(work.metrics, found, config)
    describe(found, work.metrics, config).write(work.output)


def _load(work: Workspace, model: ArtifactRef, adapter: ArtifactRef | None) -> LoadedModel:
    started = time.monotonic()
    loaded = load_model(work.fetch(model), work.fetch(adapter) if adapter else None, settings().rank_threads)
    work.log.info("loaded the model in %.1f s", time.monotonic() - started)
    return loaded


def _answered(
    work: Workspace, loaded: LoadedModel, questions: list[Question], config: EvaluationConfig, name: str
) -> list[dict[str, Any]]:
    """A row a question: the likelihood of its reference, and of the first ones the model's own answer."""
    scores = score_references(loaded, [(q.question, q.answer) for q in questions], config.batch_size, config.max_tokens)
    work.log.info("scored %d reference answers", len(scores))
    if broken := [score.nll for score in scores if not math.isfinite(score.nll)]:
        raise ModelError(
            "model",
            name,
            f"its loss is {broken[0]} on {len(broken)} of {len(scores)} reference answers: its weights are broken",
            "Train it again with a lower learning_rate, or leave it out of training.candidates or "
            "customization.techniques",
        )
    asked = [question.question for question in questions[: config.answers]]
    generated = generate_answers(loaded, asked, config.batch_size, config.max_new_tokens, config.max_tokens)
    work.log.info("generated %d answers", len(generated))
    rows: list[dict[str, Any]] = [
        {"id": q.id, "question": q.question, "reference": q.answer, "answer": None, "nll": s.nll, "tokens": s.tokens}
        | {"bits_per_char": s.bits_per_char, "seconds": None}
        for q, s in zip(questions, scores, strict=True)
    ]
    for row, (text, seconds) in zip(rows, generated, strict=False):
        row |= {"answer": text, "seconds": seconds} | agreement(text, row["reference"])
    return rows


def _infos(work: Workspace, model: ArtifactRef, adapter: ArtifactRef | None) -> list[dict[str, Any]]:
    """What the model, and what customized it, say of themselves; {} for one that says nothing."""
    paths = [work.fetch(model) / "model_info.json", *([work.fetch(adapter) / "adapter_info.json"] if adapter else [])]
    return [json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {} for path in paths]


def _name(infos: list[dict[str, Any]], subject: ArtifactRef) -> str:
    """What is evaluated, as people call it: `lora of SmolLM2 (adapter/...)`."""
    names = [str(info.get("technique") or info.get("name") or "a model") for info in reversed(infos)]
    return f"{' of '.join(names)} ({subject})"


def _planted(infos: list[dict[str, Any]]) -> list[Canary]:
    """The canaries that the model or what customized it was trained on."""
    return list(dict.fromkeys(canary for info in infos for canary in planted(info)))


def _for_the_verdict(
    work: Workspace, loaded: LoadedModel, found: Results, canaries: list[Canary], config: EvaluationConfig
) -> None:
    answered = [row for row in found.rows if row["answer"] is not None]
    texts = [row["reference"] for row in found.rows[: config.texts]]
    for row, score in zip(found.rows, score_texts(loaded, texts, config.batch_size, config.max_tokens), strict=False):
        row |= {"text_nll": score.nll, "text_tokens": score.tokens, "text_bits_per_char": score.bits_per_char}
    if canaries:
        found.canaries = search_canaries(loaded, canaries, [row["answer"] for row in answered], config)
        work.log.info("searched for %d canaries", len(canaries))
    if config.lm_eval.tasks:
        found.tasks = run_tasks(loaded, config, work.folder)
        work.log.info("ran %s", ", ".join(config.lm_eval.tasks))
    if config.judge.answers:
        address = judge_address(settings())
        chosen = answered[: config.judge.answers]
        found.judged = judge_answers(work.store.bucket, address, chosen, config.judge)
        scores = scores_of(found.judged)
        for row in chosen:
            row["judge_score"] = scores.get(row["id"])


def _beside_the_base(work: Workspace, model: ArtifactRef, found: Results, config: EvaluationConfig) -> None:
    """The base's answers to the same questions, and which the judge prefers."""
    chosen = found.rows[: config.judge.pairs]
    base = _load(work, model, None)
    asked = [row["question"] for row in chosen]
    said = generate_answers(base, asked, config.batch_size, config.max_new_tokens, config.max_tokens)
    for row, (text, _) in zip(chosen, said, strict=True):
        row["base_answer"] = text
    found.compared = compare_answers(work.store.bucket, judge_address(settings()), chosen, config.judge)
    wins = wins_of(found.compared)
    for row in chosen:
        row["judge_win"] = wins.get(row["id"])


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
