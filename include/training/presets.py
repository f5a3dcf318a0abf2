"""Sizes of Llama-style models: what a use case names, and the shape that it gets."""

from dataclasses import dataclass
from typing import Any, Literal

Preset = Literal["5m", "15m", "50m", "125m", "350m", "1b", "3b", "7b"]


@dataclass(frozen=True)
class Shape:
    """A model's dimensions. `vocabulary` is what a preset is named for; a model gets its tokenizer's.

    `queries` are the query heads that share one key and value head, `tied` one table for input and output embeddings.
    """

    hidden_size: int
    layers: int
    heads: int
    queries: int
    intermediate_size: int
    context: int
    tied: bool
    vocabulary: int

    @property
    def head_size(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.heads


# heads are 64 or 128 wide; from a billion on they share keys and values, as the models of that size do
PRESETS: dict[Preset, Shape] = {
    "5m": Shape(256, 6, 4, 1, 688, 1024, tied=True, vocabulary=4_096),
    "15m": Shape(384, 7, 6, 1, 1024, 1024, tied=True, vocabulary=8_192),
    "50m": Shape(512, 12, 8, 1, 1408, 2048, tied=True, vocabulary=16_384),
    "125m": Shape(768, 12, 12, 1, 2048, 2048, tied=True, vocabulary=49_152),
    "350m": Shape(1024, 24, 16, 1, 2816, 2048, tied=True, vocabulary=49_152),
    "1b": Shape(2048, 16, 32, 4, 8192, 4096, tied=True, vocabulary=49_152),
    "3b": Shape(3072, 28, 24, 3, 8192, 4096, tied=True, vocabulary=49_152),
    "7b": Shape(4096, 32, 32, 4, 14_336, 4096, tied=False, vocabulary=49_152),
}


def llama(shape: Shape, vocabulary: int, bos: int | None = None, eos: int | None = None, pad: int | None = None) -> Any:
    """The transformers configuration of a shape, for a tokenizer of so many entries and these special tokens."""
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=shape.hidden_size,
        intermediate_size=shape.intermediate_size,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads // shape.queries,
        max_position_embeddings=shape.context,
        tie_word_embeddings=shape.tied,
        bos_token_id=bos,
        eos_token_id=eos,
        pad_token_id=pad,
        use_cache=False,
    )
