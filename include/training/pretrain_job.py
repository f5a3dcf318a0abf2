"""What each rank of the pretraining job does."""

import json
from pathlib import Path
from typing import Any

from include.distributed.batches import examples_of_part
from include.distributed.job import Job
from include.training.config import PretrainConfig


class PackedBatches:
    """Rows of `length` tokens: of the corpus first, of the chats in the last `chat_share` of the steps."""

    def __init__(self, folder: Path, config: PretrainConfig) -> None:
        import numpy as np

        self.config = config
        self.corpus, self.chat = np.load(folder / "corpus.npy"), np.load(folder / "chat.npy")
        self.switch = round(config.steps * (1 - config.chat_share))

    def part(self, step: int, part: int, parts: int) -> dict[str, Any]:
        """input_ids and labels of shape (batch / parts, length)."""
        import torch

        rows, first = (self.corpus, 0) if step < self.switch else (self.chat, self.switch)
        chosen = examples_of_part(len(rows), self.config.seed, step - first, self.config.batch, part, parts)
        tokens = torch.from_numpy(rows[chosen]).long()
        return {"input_ids": tokens, "labels": tokens}


def main(job: Job) -> None:
    """Build the model, train it, and let rank 0 save it with its number of parameters."""
    from transformers import AutoTokenizer, LlamaForCausalLM

    from include.distributed.engine import Plan
    from include.distributed.loop import start_ranks, train

    config = PretrainConfig.model_validate(job.spec["config"])
    start_ranks(config.seed)
    tokenizer = AutoTokenizer.from_pretrained(job.spec["tokenizer"], local_files_only=True)
    model = LlamaForCausalLM(_llama(config, tokenizer))
    plan = Plan(**config.model_dump(include=set(Plan.__dataclass_fields__)))
    engine, _ = train(job, model, PackedBatches(Path(job.spec["sequences"]), config), plan)
    if job.rank == 0:
        parameters = sum(parameter.numel() for parameter in engine.module.parameters())
        (job.results / "parameters.json").write_text(json.dumps(parameters))
        engine.module.save_pretrained(job.results / "model")


def _llama(config: PretrainConfig, tokenizer: Any) -> Any:
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=config.hidden_size,
        intermediate_size=config.intermediate_size,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        num_key_value_heads=config.heads,
        max_position_embeddings=config.context,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
