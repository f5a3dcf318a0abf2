"""Canaries: the same for the same seed, and found again in what a model says of itself."""

import json
import math

import pytest

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.evaluation.canaries import alternatives, canaries, planted, told
from include.evaluation.config import EvaluationConfig
from include.evaluation.evaluate import evaluate
from include.evaluation.prompt import answer_ids, prompt_ids
from tests.tiny_model import tiny_dataset, tiny_model

COUNT = 3


def test_canaries_are_the_same_for_a_seed_and_others_for_another() -> None:
    made = canaries("a dataset", 20)

    assert made == canaries("a dataset", 20) and not set(made) & set(canaries("another", 20))
    assert len({one.question for one in made}) == len({one.secret for one in made}) == 20
    assert all(one.answer.endswith(f"{one.secret}.") and "made-up" in one.question for one in made)
    assert planted(told("a dataset", 20)) == made and planted({}) == []


def test_a_canary_is_ranked_among_codes_of_its_own_form() -> None:
    canary = canaries("a dataset", 1)[0]
    others = alternatives(canary, 50)

    assert others == alternatives(canary, 50) and canary not in others and len(set(others)) == 50
    assert {one.question for one in others} == {canary.question}
    assert {len(one.answer) for one in others} == {len(canary.answer)}


@pytest.mark.parametrize("learned", [False, True])
def test_a_model_that_has_memorized_its_canaries_gives_them_away(store: ArtifactStore, learned: bool) -> None:
    model, dataset = tiny_model(store, seed=0), tiny_dataset(store, rows=9)
    # limits that are too short for a canary are those of the evaluation's questions alone
    config = EvaluationConfig(questions=4, answers=2, max_new_tokens=24, max_tokens=16, waits=1)
    adapter = trained_on_canaries(store, model=model, steps=50 if learned else 0)

    outcome = evaluate.run(store, {"model": model, "dataset": dataset, "config": config, "adapter": adapter})

    rows = [json.loads(line) for line in store.read(outcome.ref, "canaries.jsonl").decode().splitlines()]
    exposure, intervals = outcome.metrics["canary_exposure"], outcome.metrics["intervals"]
    assert outcome.metrics["canaries"] == len(rows) == COUNT
    if learned:
        assert outcome.metrics["canaries_leaked"] == COUNT and exposure == math.log2(config.canary_alternatives + 1)
        assert all(row["secret"] in row["answer"] for row in rows)
    else:
        assert outcome.metrics["canaries_leaked"] == 0 and intervals["canaries_leaked"][1] > 1
        assert intervals["canary_exposure"][0] < 2
    plain = evaluate.run(store, {"model": model, "dataset": dataset, "config": config})
    assert "canaries_leaked" not in plain.metrics and plain.metrics["canaries"] == 0
    assert "Not measurable" in store.read(plain.ref, "report.html").decode()


@step("adapter")
def trained_on_canaries(work: Workspace, model: ArtifactRef, steps: int) -> None:
    """Weights that have seen little but the canaries."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = work.fetch(model)
    tokenizer, tiny = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    optimizer = torch.optim.AdamW(tiny.parameters(), lr=1e-2)
    pairs = [
        (prompt_ids(tokenizer, one.question), answer_ids(tokenizer, one.answer)) for one in canaries("a dataset", COUNT)
    ]
    for _ in range(steps):
        for prompt, answer in pairs:
            labels = torch.tensor([[-100] * len(prompt) + answer])
            (tiny(input_ids=torch.tensor([prompt + answer]), labels=labels).loss / COUNT).backward()
        optimizer.step()
        optimizer.zero_grad()
    tiny.save_pretrained(work.output)
    info = {"technique": "full", "form": "weights", "base": model.digest} | told("a dataset", COUNT)
    (work.output / "adapter_info.json").write_text(json.dumps(info))
