"""Soft prompts (prompt tuning, P-tuning) as rows of the embedding table: ordinary tokens to any engine."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PROMPTS_FILE = "prompts.json"


def append_rows(model: Any, prompts: Sequence[Any], first: int | None = None) -> list[list[int]]:
    """Write learned input embeddings into the table, one prompt after another; returns the rows of each.

    They begin at row `first`, by default after the last. Where the output layer has weights of its own, it gets rows
    of zeros there. ValueError where the model's embedding layer does not give back what its table holds.
    """
    import torch

    table = model.get_input_embeddings()
    rows = int(table.weight.shape[0])
    start = rows if first is None else first
    end = start + sum(int(prompt.shape[0]) for prompt in prompts)
    if end > rows:
        model.resize_token_embeddings(end, mean_resizing=False)
    table, output = model.get_input_embeddings(), model.get_output_embeddings()
    found: list[list[int]] = []
    with torch.no_grad():
        for prompt in prompts:
            ids = list(range(start, start + int(prompt.shape[0])))
            values = prompt.to(table.weight.dtype)
            if output is not None and output.weight is not table.weight:
                output.weight[ids] = 0
            table.weight[ids] = values
            if not torch.equal(table(torch.tensor(ids)), values):
                raise ValueError(
                    "its embedding layer scales what the table holds: a soft prompt cannot be a token of it"
                )
            found.append(ids)
            start = ids[-1] + 1
    return found


def add_prompts(network: Any, tokenizer: Any, embedded: Mapping[str, Any]) -> dict[str, Any]:
    """Write each prompt into the table under special tokens of its own; the content of prompts.json.

    ValueError where the tokenizer does not number them one after another.
    """
    tokens = {name: [f"<|prompt:{name}:{i}|>" for i in range(len(one))] for name, one in embedded.items()}
    first = len(tokenizer)
    tokenizer.add_tokens([token for some in tokens.values() for token in some], special_tokens=True)
    found = append_rows(network, list(embedded.values()), first)
    told = {}
    for ids, (name, some) in zip(found, tokens.items(), strict=True):
        if tokenizer.convert_tokens_to_ids(some) != ids:
            raise ValueError(f"the tokenizer does not number its tokens from {ids[0]} on")
        told[name] = {"text": "".join(some), "tokens": ids}
    # rows that merely fill the table up are no tokens either
    rows = int(network.get_input_embeddings().weight.shape[0])
    network.generation_config.suppress_tokens = list(range(first, rows))
    return {"first": first, "tenants": told}


def embeddings_of(adapted: Any) -> Any:
    """The learned input embeddings of a PEFT model, of shape (tokens, width)."""
    return adapted.get_prompt(batch_size=1)[0].detach()


def writable(folder: Path, rows: int) -> int:
    """Tokens that the model of a folder may write: its rows, less those of soft prompts that are written into it."""
    path = folder / PROMPTS_FILE
    return int(json.loads(path.read_text(encoding="utf-8"))["first"]) if path.exists() else rows
