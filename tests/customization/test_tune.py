"""LoRA and prompt tuning by real DeepSpeed on two ranks: only an adapter is written, and it helps."""

import json
from pathlib import Path

import pytest

from include.artifacts.store import ArtifactStore
from include.customization.config import LoraConfig, PromptTuningConfig
from include.customization.tune import tune
from include.customization.tune_job import AnswerBatches, encode
from tests.training.sample_dataset import sample_dataset
from tests.training.tiny_model import tiny_model, write_tiny_model

SHORT = {"steps": 12, "batch": 4, "length": 64, "warmup": 2, "save_every": 6, "log_every": 4}


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "config",
    [
        LoraConfig(**SHORT, rank=4, learning_rate=2e-2),
        PromptTuningConfig(**SHORT | {"steps": 60, "save_every": 30}, virtual_tokens=16, learning_rate=0.3),
    ],
    ids=["lora", "prompt_tuning"],
)
def test_tuning_writes_an_adapter_that_helps(
    store: ArtifactStore, tmp_path: Path, config: LoraConfig | PromptTuningConfig
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model, dataset = tiny_model(store), sample_dataset(store, train=60, heldout=4)

    outcome = tune.run(store, {"model": model, "dataset": dataset, "config": config})

    folder = store.fetch(outcome.ref, tmp_path / "adapter")
    written = sorted(path.name for path in folder.iterdir())
    assert written == ["adapter_config.json", "adapter_info.json", "adapter_model.safetensors", "report.html"]
    info = json.loads((folder / "adapter_info.json").read_text())
    assert info == {"technique": config.technique, "base": model.digest}
    assert outcome.metrics["final_loss"] < outcome.metrics["first_loss"]
    assert outcome.metrics["tokens"] > 0
    base = AutoModelForCausalLM.from_pretrained(store.fetch(model, tmp_path / "base"))
    PeftModel.from_pretrained(base, folder)


def test_only_answers_carry_loss(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(write_tiny_model(tmp_path))
    pairs = [("What?", "This."), ("What does it do in all of this long text?", "Nothing at all, in many words. " * 20)]

    batch = AnswerBatches(tokenizer, pairs, LoraConfig(length=64, batch=2)).part(0, 0, 1)

    assert batch["input_ids"].shape[1] <= 64
    for tokens, labels in zip(batch["input_ids"], batch["labels"], strict=True):
        text = tokenizer.decode(tokens[labels != -100])
        assert text == "This.<|im_end|>" or text.startswith("Nothing at all")
    prompt, answer = encode(tokenizer, "long question " * 100, "yes", 64)
    assert len(prompt) <= 48 and answer
