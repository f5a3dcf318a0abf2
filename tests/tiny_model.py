"""A tiny Llama with random weights and its tokenizer: the whole path in seconds."""

import json
from pathlib import Path
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace, step

TEMPLATE = (
    "{% for message in messages %}<|start|>{{ message['role'] }}\n{{ message['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)
TEXTS = ["What does the Python function len do?", "It returns the number of items of a container.", "x = [1, 2, 3]"]


def build_model(folder: Path, seed: int = 0) -> None:
    """Write a tied-embedding Llama of about 60,000 parameters as a Hugging Face folder."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    base = Tokenizer(models.BPE())
    base.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    base.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=["<|start|>", "<|end|>"], initial_alphabet=alphabet)
    base.train_from_iterator(TEXTS, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=base, eos_token="<|end|>", pad_token="<|end|>")
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=320,  # more rows than the tokenizer has tokens, as padded embeddings have
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        initializer_range=0.3,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    (folder / "model_info.json").write_text(
        json.dumps({"name": f"tiny-{seed}", "license": "Apache-2.0", "parameters": 60_000})
    )


def build_adapter(folder: Path, base: Path, technique: str) -> None:
    """Write a PEFT adapter of random weights: one of the keys below."""
    import torch
    from peft import LoraConfig, PrefixTuningConfig, PromptEncoderConfig, PromptTuningConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    configs: dict[str, Any] = {
        "lora": LoraConfig(task_type="CAUSAL_LM", r=4, init_lora_weights=False, target_modules=["q_proj", "v_proj"]),
        "wide_lora": LoraConfig(
            task_type="CAUSAL_LM", r=8, use_rslora=True, init_lora_weights=False, target_modules=["q_proj", "down_proj"]
        ),
        "dora": LoraConfig(task_type="CAUSAL_LM", r=4, use_dora=True, target_modules=["q_proj"]),
        "prompt_tuning": PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=6),
        "p_tuning": PromptEncoderConfig(task_type="CAUSAL_LM", num_virtual_tokens=6, encoder_hidden_size=32),
        "prefix_tuning": PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=6),
    }
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    get_peft_model(model, configs[technique]).save_pretrained(folder)


@step("model")
def tiny_model(work: Workspace, seed: int) -> None:
    """A committed tiny model."""
    build_model(work.output, seed)


@step("adapter")
def tiny_adapter(work: Workspace, model: ArtifactRef, technique: str) -> None:
    """A committed adapter of it; `few_shot` is two questions with their answers."""
    form = {"lora": "lora", "wide_lora": "lora", "dora": "lora", "few_shot": "examples", "prefix_tuning": "prefix"}.get(
        technique, "soft_prompt"
    )
    info = {"technique": technique, "form": form, "base": model.digest}
    (work.output / "adapter_info.json").write_text(json.dumps(info))
    if technique == "few_shot":
        rows = [{"question": TEXTS[0], "answer": TEXTS[1]}, {"question": "naïve?", "answer": TEXTS[2]}]
        (work.output / "examples.json").write_text(json.dumps(rows))
    else:
        build_adapter(work.output, work.fetch(model), technique)


@step("dataset")
def tiny_dataset(work: Workspace, rows: int) -> None:
    """A dataset with held-out questions."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = {
        "id": [f"q{i:03}" for i in range(rows)],
        "question": [f"{TEXTS[0]} ({i})" for i in range(rows)],
        "answer": [f"{TEXTS[1]} {i}" for i in range(rows)],
    }
    pq.write_table(
        pa.table(table, schema=pa.schema([(name, pa.string()) for name in table])), work.output / "heldout.parquet"
    )
