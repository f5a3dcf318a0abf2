"""A tiny Llama with a chat template, in the form of a plain Hugging Face folder."""

from pathlib import Path

from include.artifacts.step import Workspace, step
from include.training.tokenizer import build_tokenizer, save_tokenizer

TEXTS = ["What does textwrap.dedent do?", "Remove any common leading whitespace from every line in text."] * 20


@step("model")
def tiny_model(work: Workspace) -> None:
    write_tiny_model(work.output)


def write_tiny_model(folder: Path) -> Path:
    """Random weights, the same each time."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    tokenizer = build_tokenizer(TEXTS, 400)
    tokenizer.model_max_length = 256
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=256,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    save_tokenizer(tokenizer, folder)
    return folder
