"""Train a small Llama-style model and its tokenizer from scratch, by DeepSpeed, on the dataset's corpus."""

import json
import shutil
from pathlib import Path
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.core.errors import SourceError
from include.distributed.launch import run_job
from include.distributed.loop import CURVE
from include.evaluation.prompt import answer_ids, prompt_ids
from include.training import pretrain_job
from include.training.config import PretrainConfig
from include.training.tokenizer import END_OF_TEXT, save_tokenizer, train_tokenizer


@step("model", resources=("include/distributed/zero2.json",))
def pretrain(work: Workspace, dataset: ArtifactRef, config: PretrainConfig) -> None:
    """Write a plain Hugging Face folder: the tokenizer, then the model after `config.steps` steps.

    The first steps read the corpus, the last ones (`chat_share`) questions and answers in the chat format.
    """
    texts, pairs, licenses = _read(work, dataset)
    tokenizer = train_tokenizer([*texts, *(f"{q}\n{a}" for q, a in pairs)], config.vocabulary, config.context)
    save_tokenizer(tokenizer, work.output)
    prepared = work.folder / "sequences"
    counts = _pack(tokenizer, texts, pairs, config.length, prepared)
    spec = {"config": config.model_dump(), "sequences": str(prepared), "tokenizer": str(work.output)}
    results = run_job(work, pretrain_job.__name__, spec)
    shutil.copytree(results / "model", work.output, dirs_exist_ok=True)
    curve = json.loads((results / CURVE).read_text())
    parameters = json.loads((results / "parameters.json").read_text())
    info = {
        "name": f"scratch-{parameters / 1e6:.1f}M",
        "license": "Apache-2.0",
        "parameters": parameters,
        "origin": f"trained from scratch on dataset {dataset.digest[:12]}; its licences: {', '.join(licenses)}",
    }
    (work.output / "model_info.json").write_text(json.dumps(info, indent=1))
    _describe(work, config, curve, info, counts)


def _read(work: Workspace, dataset: ArtifactRef) -> tuple[list[str], list[tuple[str, str]], list[str]]:
    import pyarrow.parquet as pq

    corpus = pq.read_table(work.fetch(dataset, only="corpus.parquet") / "corpus.parquet").to_pydict()
    train = pq.read_table(work.fetch(dataset, only="train.parquet") / "train.parquet").to_pydict()
    for name, rows in (("corpus.parquet", corpus["text"]), ("train.parquet", train["question"])):
        if not rows:
            raise SourceError(
                name, 0, "the dataset has no row to train on", "Look at the data card of data_preparation"
            )
    pairs = list(zip(train["question"], train["answer"], strict=True))
    return corpus["text"], pairs, sorted(set(corpus["license"]) | set(train["license"]))


def _pack(tokenizer: Any, texts: list[str], pairs: list[tuple[str, str]], length: int, folder: Path) -> dict[str, int]:
    import numpy as np

    end = tokenizer.convert_tokens_to_ids(END_OF_TEXT)
    newline = tokenizer("\n", add_special_tokens=False)["input_ids"]
    streams = {
        "corpus": [[*ids, end] for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]],
        "chat": [[*prompt_ids(tokenizer, q), *answer_ids(tokenizer, a), *newline] for q, a in pairs],
    }
    folder.mkdir()
    counts = {}
    for name, documents in streams.items():
        tokens = np.array([token for document in documents for token in document], dtype=np.int32)
        counts[f"{name}_tokens"] = len(tokens)
        # a text shorter than one sequence is repeated to fill it
        rows = np.resize(tokens, (max(1, len(tokens) // length), length))
        np.save(folder / f"{name}.npy", rows)
    return counts


def _describe(
    work: Workspace, config: PretrainConfig, curve: dict[str, Any], info: dict[str, Any], counts: dict[str, int]
) -> None:
    losses = curve["losses"]
    tail = losses[-max(1, len(losses) // 20) :]
    work.metrics["final_loss"] = round(sum(tail) / len(tail), 4)
    work.metrics["parameters"] = info["parameters"]
    work.metrics["tokens_per_second"] = round(curve["tokens"] / max(curve["seconds"], 1e-9))
    work.metrics |= {"tokens": curve["tokens"], "steps": curve["step"], **counts}
    rows = [(name, value) for name, value in (work.metrics | {"training_seconds": round(curve["seconds"], 1)}).items()]
    switch = round(config.steps * (1 - config.chat_share))
    (
        Report("Pretraining")
        .text(f"{info['name']}: {info['origin']}. From step {switch} on it reads questions and answers.")
        .table(["figure", "value"], rows)
        .curve([(step + 1, loss) for step, loss in enumerate(losses)], "Loss a step, nats a token")
        .table(["knob", "value"], list(config.model_dump().items()), "Configuration")
        .write(work.output)
    )
