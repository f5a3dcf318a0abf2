"""Packed rows of tokens as files: written once, read while training."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

INDEX, TOKENIZER = "index.json", "tokenizer"
CORPUS, CHAT = "corpus", "chat"
VALIDATION = {CORPUS: "validation_corpus", CHAT: "validation_chat"}


class Part(BaseModel):
    """Rows of one kind: how many each file has, and what they were made of."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    rows: tuple[int, ...]
    documents: int
    tokens: int = Field(description="Of the documents; the last ones, that fill no row, are in no file.")

    @property
    def size(self) -> int:
        """Rows in all files."""
        return sum(self.rows)


class Index(BaseModel):
    """What a packed dataset holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    length: int = Field(description="Tokens of a row.")
    dtype: str = Field(description="Of a token, as numpy calls it, little-endian.")
    vocabulary: int
    parts: dict[str, Part]
    licenses: tuple[str, ...]
    canary_seed: str = Field("", description="Of the canaries among the questions.")
    canary_rows: tuple[int | None, ...] = Field(
        (), description="The row of each canary among those of all files; None where no row holds it whole."
    )

    @classmethod
    def read(cls, folder: Path) -> "Index":
        """The index in a folder."""
        return cls.model_validate_json((folder / INDEX).read_text())


def shard_name(part: str, number: int) -> str:
    """`corpus`, 3 -> `corpus-00003.npy`."""
    return f"{part}-{number:05}.npy"


def token_type(vocabulary: int) -> str:
    """The smallest type that holds every token of a vocabulary."""
    return "<u2" if vocabulary <= 1 << 16 else "<u4"


def write_shards(
    folder: Path, part: str, sequences: Iterable[Any], length: int, dtype: str, shard_bytes: float
) -> Part:
    """Cut sequences, one after another, into rows of `length` tokens and write files of `shard_bytes` at most."""
    import numpy as np

    most = max(1, int(shard_bytes // (length * np.dtype(dtype).itemsize)))
    buffer = np.empty(most * length, dtype=dtype)
    rows: list[int] = []
    filled = documents = tokens = 0

    def flush() -> None:
        nonlocal filled
        if count := filled // length:
            np.save(folder / shard_name(part, len(rows)), buffer[: count * length].reshape(count, length))
            rows.append(count)
        filled = 0

    for sequence in sequences:
        documents, tokens, start = documents + 1, tokens + len(sequence), 0
        while start < len(sequence):
            taken = min(len(sequence) - start, len(buffer) - filled)
            buffer[filled : filled + taken] = sequence[start : start + taken]
            start, filled = start + taken, filled + taken
            if filled == len(buffer):
                flush()
    flush()
    return Part(rows=tuple(rows), documents=documents, tokens=tokens)
