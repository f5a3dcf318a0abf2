"""A tiny model from scratch by real DeepSpeed on two ranks: what is written is a plain model that chats."""

import json
from pathlib import Path

import pytest

from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.evaluation.prompt import prompt_ids
from include.training.config import PackConfig, PretrainConfig, TokenizerConfig
from include.training.pack import pack
from include.training.pretrain import pretrain
from include.training.train_tokenizer import train_tokenizer
from tests.training.sample_dataset import sample_dataset

TINY = PretrainConfig(
    hidden_size=32,
    layers=2,
    heads=2,
    intermediate_size=64,
    context=128,
    batch=4,
    steps=20,
    warmup=2,
    validate_every=10,
    save_every=10,
)


def packed_dataset(store: ArtifactStore) -> ArtifactRef:
    dataset = sample_dataset(store, train=60, heldout=4)
    tokenizer = train_tokenizer(store, dataset=dataset, config=TokenizerConfig(vocabulary=500))
    return pack(store, dataset=dataset, tokenizer=tokenizer, config=PackConfig(length=32))


@pytest.mark.timeout(180)
def test_pretrain_writes_a_plain_model_that_chats(store: ArtifactStore, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    packed = packed_dataset(store)

    outcome = pretrain.run(store, {"packed": packed, "config": TINY})

    folder = store.fetch(outcome.ref, tmp_path / "model")
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    asked = tokenizer.decode(prompt_ids(tokenizer, "What is 1?"))
    assert asked == "<|im_start|>user\nWhat is 1?<|im_end|>\n<|im_start|>assistant\n"
    assert (tokenizer.eos_token, tokenizer.bos_token) == ("<|im_end|>", "<|im_start|>")
    assert "chat_template" in json.loads((folder / "tokenizer_config.json").read_text())
    info = json.loads((folder / "model_info.json").read_text())
    assert info["parameters"] == sum(parameter.numel() for parameter in model.parameters())
    # what it is screened by is what its configuration says, as for a model from elsewhere
    assert info["context"] == model.config.max_position_embeddings == TINY.context
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert model.config.use_cache and model.generation_config.use_cache is not False
    assert outcome.metrics["steps"] == 20 and outcome.metrics["final_loss"] < 6.2
    assert outcome.metrics["validation_corpus"] < 6.2 and outcome.metrics["validation_chat"] < 6.2
    assert "Validation loss, corpus" in (folder / "report.html").read_text()
    assert "<polyline" in (folder / "report.html").read_text()
    assert pretrain.run(store, {"packed": packed, "config": TINY}).reused
