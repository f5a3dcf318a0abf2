"""What each rank of a tuning job does."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from include.core.errors import ModelError
from include.customization.config import LoraConfig, PromptTuningConfig
from include.distributed.batches import examples_of_part
from include.distributed.job import Job
from include.evaluation.prompt import answer_ids, prompt_ids

SUMMARY = "summary.json"
IGNORED = -100


class AnswerBatches:
    """Questions with their answers, padded on the right; only the answers' tokens carry loss."""

    def __init__(self, tokenizer: Any, pairs: Sequence[tuple[str, str]], config: LoraConfig | PromptTuningConfig):
        self.config, self.padding = config, int(tokenizer.pad_token_id)
        self.examples = [encode(tokenizer, question, answer, config.length) for question, answer in pairs]

    def part(self, step: int, part: int, parts: int) -> dict[str, Any]:
        """input_ids, attention_mask and labels of shape (batch / parts, longest)."""
        import torch

        size, config = len(self.examples), self.config
        chosen = [self.examples[i] for i in examples_of_part(size, config.seed, step, config.batch, part, parts)]
        width = max(len(prompt) + len(answer) for prompt, answer in chosen)
        tokens = torch.full((len(chosen), width), self.padding)
        labels = torch.full((len(chosen), width), IGNORED)
        mask = torch.zeros((len(chosen), width), dtype=torch.long)
        for row, (prompt, answer) in enumerate(chosen):
            end = len(prompt) + len(answer)
            tokens[row, :end] = torch.tensor(prompt + answer)
            labels[row, len(prompt) : end] = torch.tensor(answer)
            mask[row, :end] = 1
        return {"input_ids": tokens, "attention_mask": mask, "labels": labels}


def encode(tokenizer: Any, question: str, answer: str, length: int) -> tuple[list[int], list[int]]:
    """Prompt and answer of at most `length` tokens together; the answer keeps at least a quarter of them."""
    prompt = prompt_ids(tokenizer, question)
    room = max(length - len(prompt), length // 4)
    return prompt[-(length - room) :], answer_ids(tokenizer, answer)[:room]


def main(job: Job) -> None:
    """Load the base, add the adapter, train it, and let rank 0 save the adapter."""
    from include.distributed.engine import Plan
    from include.distributed.loop import start_ranks, train

    config = read_config(job.spec["config"])
    start_ranks(config.seed)
    model, tokenizer = _load(Path(job.spec["model"]))
    adapted = _adapt(model, tokenizer, config)
    batches = AnswerBatches(tokenizer, json.loads(Path(job.spec["questions"]).read_text()), config)
    plan = Plan(**config.model_dump(include=set(Plan.__dataclass_fields__)))
    engine, _ = train(job, adapted, batches, plan)
    if job.rank == 0:
        trained = sum(p.numel() for p in engine.module.parameters() if p.requires_grad)
        (job.results / SUMMARY).write_text(json.dumps({"trained_parameters": trained}))
        # the path of this job's copy of the base would make equal adapters differ
        engine.module.peft_config["default"].base_model_name_or_path = ""
        engine.module.save_pretrained(job.results / "adapter")
        (job.results / "adapter" / "README.md").unlink(missing_ok=True)


def read_config(values: dict[str, Any]) -> LoraConfig | PromptTuningConfig:
    """The configuration that a job's description holds."""
    if values["technique"] == "lora":
        return LoraConfig.model_validate(values)
    return PromptTuningConfig.model_validate(values)


def _load(folder: Path) -> tuple[Any, Any]:
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer

    # a CPU without AMX or AVX-512 takes sixteen times as long for a step in bf16, as which models are stored
    dtype = "auto" if torch.cuda.is_available() else torch.float32
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, dtype=dtype)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ModelError(
            "model",
            folder.name,
            f"it cannot be loaded ({type(error).__name__}: {str(error)[:200]})",
            "Run the step that wrote it with force_rerun",
        ) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    model.config.use_cache = False
    return model, tokenizer


def _adapt(model: Any, tokenizer: Any, config: LoraConfig | PromptTuningConfig) -> Any:
    import peft

    # PEFT keeps the adapter in fp32 beside a bf16 base: small updates would be lost in bf16
    if isinstance(config, LoraConfig):
        settings = peft.LoraConfig(
            task_type="CAUSAL_LM",
            r=config.rank,
            lora_alpha=config.alpha,
            lora_dropout=config.dropout,
            target_modules="all-linear",
        )
        return peft.get_peft_model(model, settings)
    prompt = peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=config.virtual_tokens)
    adapted = peft.get_peft_model(model, prompt)
    _start_from_text(adapted, tokenizer, config)
    return adapted


def _start_from_text(adapted: Any, tokenizer: Any, config: PromptTuningConfig) -> None:
    """Set the learned embeddings to those of the text, repeated or cut to their number."""
    import torch

    ids = tokenizer(config.start, add_special_tokens=False)["input_ids"]
    repeated = (ids * (config.virtual_tokens // len(ids) + 1))[: config.virtual_tokens]
    words = adapted.get_base_model().get_input_embeddings().weight[repeated].detach()
    with torch.no_grad():
        adapted.prompt_encoder["default"].embedding.weight.copy_(words)
