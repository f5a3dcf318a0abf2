"""What a device could compute at most, and what a step of training asks of it."""

import re
from typing import Any

import yaml

from include.core.settings import PROJECT_ROOT
from include.distributed.weights import size

# words of a device's name as CUDA tells it -> its name in the table; the first one that fits
_NAMES = {
    "H100 PCIe": "h100_pcie",
    "H100 NVL": "",
    "H100": "h100_sxm",
    "H200 NVL": "",
    "H200": "h200_sxm",
    "B200": "b200_sxm",
    "A100-SXM4-40GB": "a100_40gb",
    "A100": "a100_80gb",
    "A10": "a10",
    "L40S": "l40s",
    "L4": "l4",
    "RTX 4090 (?:D|Laptop)": "",
    "RTX 4090": "rtx_4090",
    "MI300X": "mi300x",
}
_TABLE = PROJECT_ROOT / "include" / "strategy" / "accelerators.yaml"


def peak_flops(device: str) -> float | None:
    """Dense bf16 operations a second of a device by its CUDA name; None where its data sheet is not in the table."""
    # whole words: an L40 is no L4, an A10G no A10
    known = next((name for words, name in _NAMES.items() if re.search(rf"(?<!\w){words}(?!\w)", device)), "")
    if not known:
        return None
    table = yaml.safe_load(_TABLE.read_text())["accelerators"]
    return float(table[known]["bf16_tflops"]) * 1e12


def flops_per_token(model: Any, length: float) -> float:
    """Operations that training needs for a token of sequences of `length`, without what is computed again.

    6N + 12 L H Q T of A. Chowdhery et al., PaLM: Scaling Language Modeling with Pathways (2022), appendix B. N leaves
    out an input embedding that is a table of its own: it is looked up. Weights that are not trained need 4 of the 6.
    """
    found, config = size(model), model.config
    heads = config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    looked_up = 0 if config.tie_word_embeddings else config.vocab_size * config.hidden_size
    multiplied = found.parameters - looked_up
    trained = min(found.trained, multiplied)
    return float(4 * multiplied + 2 * trained + 12 * config.num_hidden_layers * heads * width * length)
