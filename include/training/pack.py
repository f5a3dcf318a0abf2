"""Pack a dataset into rows of tokens: files that are read from the store while a model is trained."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.core.errors import SourceError
from include.evaluation.canaries import canaries
from include.evaluation.prompt import answer_ids, prompt_ids
from include.training.config.tokens import PackConfig
from include.training.documents import READ_ROWS, Document, Documents
from include.training.planted import Planted
from include.training.records import Records
from include.training.shards import CHAT, CORPUS, INDEX, TOKENIZER, VALIDATION, Index, Part, token_type, write_shards
from include.training.shuffled import ShuffledTokens
from include.training.tokenizer import END_OF_TEXT, load_tokenizer, save_tokenizer

Encoded = Iterable[tuple[Document, list[int]]]


@step("dataset")
def pack(work: Workspace, dataset: ArtifactRef, tokenizer: ArtifactRef, config: PackConfig) -> None:
    """Write index.json, files of rows for each part, the tokenizer, and the ids of what is in them.

    Parts: corpus (texts, each ending in the end-of-text token), chat (questions and answers in the chat format), and
    of both what is kept to measure on. Documents follow one another in an order that their ids decide; corpus.parquet,
    train.parquet and validation.parquet name them. SourceError where a part that is needed fills no row.
    """
    encoder = load_tokenizer(work.fetch(tokenizer))
    documents = Documents(work, dataset, config.validation_share)
    dtype = token_type(len(encoder))
    planted = Planted([_chat(encoder, *canary) for canary in canaries(dataset.digest, config.canaries)])
    expected = {CORPUS: documents.corpus_bytes, CHAT: documents.pairs_bytes}
    expected |= {kept: round(expected[part] * config.validation_share) for part, kept in VALIDATION.items()}
    shuffled = {
        name: ShuffledTokens(work.folder / "shuffled" / name, dtype, expected[name])
        for name in (CORPUS, CHAT, *VALIDATION.values())
    }
    with Records(work.output) as records:
        _take(shuffled, CORPUS, _texts(encoder, documents.texts()), records, "corpus")
        _take(shuffled, CHAT, _pairs(encoder, documents.pairs()), records, "train")
    planted.add_to(shuffled[CHAT])
    ordered = {name: one.in_order() for name, one in shuffled.items()}
    ordered[CHAT] = planted.noted(ordered[CHAT])
    parts = {
        name: write_shards(work.output, name, some, config.length, dtype, config.shard_megabytes * 1e6)
        for name, some in ordered.items()
    }
    _require_rows(parts, config)
    index = Index(
        length=config.length,
        dtype=dtype,
        vocabulary=len(encoder),
        parts=parts,
        licenses=tuple(sorted(records.licenses)),
        canary_seed=dataset.digest,
        canary_rows=planted.rows(config.length, parts[CHAT].size),
    )
    (work.output / INDEX).write_text(index.model_dump_json(indent=1))
    save_tokenizer(encoder, work.output / TOKENIZER)
    _describe(work, config, parts)


def _take(shuffled: dict[str, ShuffledTokens], part: str, encoded: Encoded, records: Records, file: str) -> None:
    """Documents of a part, those that are kept to measure on apart."""
    for document, tokens in encoded:
        records.add("validation" if document.kept else file, document)
        shuffled[VALIDATION[part] if document.kept else part].add(document.id, tokens)


def _texts(encoder: Any, documents: Iterator[Document]) -> Encoded:
    end = encoder.convert_tokens_to_ids(END_OF_TEXT)
    while some := list(islice(documents, READ_ROWS)):
        encoded = encoder([document.text for document in some], add_special_tokens=False)["input_ids"]
        for document, tokens in zip(some, encoded, strict=True):
            yield document, [*tokens, end]


def _pairs(encoder: Any, documents: Iterable[Document]) -> Encoded:
    for document in documents:
        yield document, _chat(encoder, document.question, document.answer)


def _chat(encoder: Any, question: str, answer: str) -> list[int]:
    newline: list[int] = encoder("\n", add_special_tokens=False)["input_ids"]
    return [*prompt_ids(encoder, question), *answer_ids(encoder, answer), *newline]


def _require_rows(parts: dict[str, Part], config: PackConfig) -> None:
    needed = [CORPUS, *([VALIDATION[CORPUS]] if config.validation_share else [])]
    for name in needed:
        part = parts[name]
        if not part.size:
            knob = "pack.length" if name == CORPUS else "pack.validation_share"
            remedy = "Add texts, or shorten training.pack.length"
            raise SourceError(
                f"training.{knob}",
                config.length if name == CORPUS else config.validation_share,
                f"{name} has {part.tokens} tokens in {part.documents} texts, and one row needs {config.length}",
                remedy if name == CORPUS else f"{remedy}, or raise the share (0: no validation)",
            )


def _describe(work: Workspace, config: PackConfig, parts: dict[str, Part]) -> None:
    for name in (CORPUS, CHAT):
        work.metrics[f"{name}_tokens"] = parts[name].tokens
    work.metrics["validation_tokens"] = sum(parts[name].tokens for name in VALIDATION.values())
    work.metrics |= {f"{name}_rows": part.size for name, part in parts.items()}
    work.metrics["files"] = sum(len(part.rows) for part in parts.values())
    rows = [(name, part.documents, part.tokens, part.size, len(part.rows)) for name, part in parts.items()]
    Report("Packed rows").text(
        f"Rows of {config.length} tokens. What is kept to measure on is never trained on: the development questions, "
        "a share of the texts, and what goes with either."
    ).table(["part", "documents", "tokens", "rows", "files"], rows).table(
        ["knob", "value"], list(config.model_dump().items()), "Configuration"
    ).write(work.output)
