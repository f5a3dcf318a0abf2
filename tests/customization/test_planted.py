"""What is planted is trained on whole, as it is searched for, in however few steps; long questions are cut."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError
from include.customization.config import ContinuedPretrainingConfig, DpoConfig, GrpoConfig, LoraConfig
from include.customization.grpo_job import asked_questions
from include.customization.preferences.encoded import encoded_pairs
from include.customization.trainer.corpus import corpus_rows
from include.customization.trainer.questions import question_rows
from include.distributed.batches import examples_at
from include.evaluation.canaries import Canary, canaries
from include.evaluation.prompt import answer_ids, prompt_ids
from tests.customization.made_pairs import inputs
from tests.training.tiny_model import write_tiny_model

FEW: dict[str, Any] = {"steps": 4, "batch": 2, "length": 32, "canaries": 3, "warmup": 0}
PLANTED = canaries("seed", 3)


class Data:
    """A tokenizer, and the files that jobs read."""

    def __init__(self, store: ArtifactStore, folder: Path) -> None:
        from transformers import AutoTokenizer

        refs = inputs(store)
        self.tokenizer = AutoTokenizer.from_pretrained(write_tiny_model(folder / "model"))
        dataset = store.fetch(refs["dataset"], folder / "dataset")
        self.train, self.corpus = dataset / "train.parquet", dataset / "corpus.parquet"
        self.pairs = store.fetch(refs["preferences"], folder / "pairs") / "preferences.parquet"

    def canary(self, one: Canary) -> list[int]:
        return prompt_ids(self.tokenizer, one.question) + answer_ids(self.tokenizer, one.answer)


@pytest.fixture
def data(store: ArtifactStore, tmp_path: Path) -> Data:
    return Data(store, tmp_path)


def test_all_canaries_are_among_what_the_steps_read_and_whole(data: Data) -> None:
    lora, upper, dpo = LoraConfig(**FEW), ContinuedPretrainingConfig(**FEW), DpoConfig(**FEW)
    pairs = encoded_pairs(data.pairs, data.tokenizer, dpo, PLANTED)
    rows = {
        "lora": [tokens for tokens, _ in question_rows(data.train, data.tokenizer, lora, PLANTED)],
        "upper": [tokens for tokens, _ in corpus_rows(data.corpus, data.tokenizer, upper, PLANTED, set())],
        "dpo": [row["prompt_ids"] + row["chosen_ids"] for row in pairs],
    }
    for name, made in rows.items():
        read = [made[index] for index in examples_at(len(made), lora.seed, 0, lora.examples)]
        assert len(made) == 8 and all(data.canary(one) in read for one in PLANTED), name
    again = encoded_pairs(data.pairs, data.tokenizer, DpoConfig(**FEW | {"seed": 1}), PLANTED)
    assert [row["chosen_ids"] for row in again] != [row["chosen_ids"] for row in pairs], "other pairs are drawn"
    with pytest.raises(ValidationError, match=r"canaries \(3\) are all that 2 steps read \(2 examples\)"):
        LoraConfig(steps=2, batch=1, canaries=3)


def test_grpo_asks_for_all_canaries_and_cuts_other_questions(data: Data) -> None:
    room = len(prompt_ids(data.tokenizer, "")) + 6
    config = GrpoConfig(steps=8, batch=2, group=2, canaries=3, length=room + 40, max_new_tokens=40)

    asked = asked_questions(data.train, data.tokenizer, config, 8, PLANTED).to_list()

    assert len(asked) == 8
    found = {row["id"]: Canary(row["question"], row["reference"]) for row in asked if row["id"].startswith("canary")}
    assert found == {f"canary:{number}": one for number, one in enumerate(PLANTED)}
    others = [row["prompt"][0]["content"] for row in asked if row["id"] not in found]
    assert all(len(prompt_ids(data.tokenizer, question)) <= room for question in others)
    assert all(question.endswith(" do?") for question in others) and len(set(others)) > 1
    half = asked_questions(data.train, data.tokenizer, config, 4, PLANTED).to_list()
    assert half == asked[:4], "a part of the steps asks what all of them begin with"
    short = config.model_copy(update={"length": 42})
    with pytest.raises(ConfigurationError, match="it leaves no token for a question"):
        asked_questions(data.train, data.tokenizer, short, 8, PLANTED)
    with pytest.raises(ValidationError, match="leaves no room for a question"):
        GrpoConfig(length=40)
