"""Packed rows of a real dataset: what they hold, in which order, and what is kept out of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace
from include.artifacts.store import ArtifactStore
from include.core.errors import SourceError
from include.distributed.job import Job
from include.evaluation.canaries import canaries, planted, told
from include.evaluation.development import development_ids
from include.training import shuffled
from include.training.config import PackConfig, PretrainConfig, TokenizerConfig
from include.training.documents import Documents
from include.training.pack import pack
from include.training.pretrain_job import PackedBatches
from include.training.shards import Index, token_type, write_shards
from include.training.streaming import RowStream
from include.training.tokenizer import END_OF_TEXT, load_tokenizer
from include.training.train_tokenizer import train_tokenizer
from tests.training.sample_dataset import sample_dataset

# files of 62 rows
CONFIG = PackConfig(length=32, shard_megabytes=0.004, validation_share=0.05, canaries=3)


@pytest.fixture(scope="module")
def dataset(store: ArtifactStore) -> ArtifactRef:
    return sample_dataset(store, train=60, heldout=5)


@pytest.fixture(scope="module")
def tokenizer(store: ArtifactStore, dataset: ArtifactRef) -> ArtifactRef:
    return train_tokenizer(store, dataset=dataset, config=TokenizerConfig(vocabulary=500))


@pytest.fixture(scope="module")
def packed(store: ArtifactStore, dataset: ArtifactRef, tokenizer: ArtifactRef) -> ArtifactRef:
    return pack(store, dataset=dataset, tokenizer=tokenizer, config=CONFIG)


def ids(folder: Path, name: str) -> set[str]:
    import pyarrow.parquet as pq

    return set(pq.read_table(folder / name, columns=["id"])["id"].to_pylist())


def text_of(folder: Path, index: Index, part: str) -> str:
    encoder = load_tokenizer(folder / "tokenizer")
    rows = [np.load(folder / f"{part}-{number:05}.npy") for number in range(len(index.parts[part].rows))]
    return str(encoder.decode(np.concatenate(rows).reshape(-1).tolist())) if rows else ""


def test_rows_hold_the_dataset_but_what_is_kept_to_measure_on(
    store: ArtifactStore, dataset: ArtifactRef, packed: ArtifactRef, tmp_path: Path
) -> None:
    folder, source = store.fetch(packed, tmp_path / "packed"), store.fetch(dataset, tmp_path / "dataset")
    index = Index.read(folder)
    development = development_ids(ids(source, "train.parquet"))
    corpus, train, kept = (ids(folder, f"{name}.parquet") for name in ("corpus", "train", "validation"))

    assert development and development <= kept
    assert not kept & (corpus | train)
    assert corpus | kept == ids(source, "corpus.parquet") and train == ids(source, "train.parquet") - kept
    assert index.parts["chat"].documents == len(train) + 3
    texts = text_of(folder, index, "corpus").split(END_OF_TEXT)
    wanted = {row.text: row for row in Documents(_workspace(store, tmp_path), dataset, 0.05).texts()}
    # the last one is cut where rows end
    assert {texts[0], *texts[1:-1]} <= {text for text, row in wanted.items() if not row.kept}
    chats = text_of(folder, index, "chat")
    for question, answer in canaries(dataset.digest, 3)[:2]:
        assert f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n{answer}<|im_end|>\n" in chats
    assert index.canary_seed == dataset.digest and len(index.canary_rows) == 3


def test_canaries_count_where_a_row_that_is_read_holds_them_whole(
    store: ArtifactStore, dataset: ArtifactRef, tokenizer: ArtifactRef, packed: ArtifactRef, tmp_path: Path
) -> None:
    short = Index.read(store.fetch(packed, tmp_path / "short"))
    assert short.canary_rows == (None,) * 3, "rows of 32 tokens hold none"
    wide = CONFIG.model_copy(update={"length": 256, "canaries": 8, "validation_share": 0.0})
    ref = pack(store, dataset=dataset, tokenizer=tokenizer, config=wide)
    folder = store.fetch(ref, tmp_path / "wide")
    index, encoder = Index.read(folder), load_tokenizer(folder / "tokenizer")
    rows = np.concatenate(
        [np.load(folder / f"chat-{number:05}.npy") for number in range(len(index.parts["chat"].rows))]
    )
    texts = [encoder.decode(row.tolist()) for row in rows]
    made = canaries(dataset.digest, 8)
    for one, row in zip(made, index.canary_rows, strict=True):
        whole = [number for number, text in enumerate(texts) if one.question in text and one.answer in text]
        assert whole == ([] if row is None else [row])
    held = [number for number, row in enumerate(index.canary_rows) if row is not None]
    assert 1 < len(held) < 8

    def read(steps: int, share: float) -> list[int]:
        config = PretrainConfig(steps=steps, batch=1, chat_share=share, warmup=0)
        job = Job({}, tmp_path / f"job{steps}{share}", "tests", "f", rank=0, ranks=1)
        return PackedBatches(job, ref, index, config).canaries_read(index, steps)

    assert read(2 * len(rows), 0.5) == held and read(20, 0.0) == []
    assert len(read(8, 0.5)) < len(held)
    assert planted(told(dataset.digest, 8, held)) == [made[number] for number in held]


def test_the_order_comes_from_ids_alone_and_not_from_memory(
    store: ArtifactStore,
    dataset: ArtifactRef,
    packed: ArtifactRef,
    tokenizer: ArtifactRef,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # many small heaps in place of one
    monkeypatch.setattr(shuffled, "HEAP_BYTES", 4096)
    again = pack.run(store, {"dataset": dataset, "tokenizer": tokenizer, "config": CONFIG}, force=True)
    assert again.ref.digest == packed.digest

    orders = []
    for number, rows in enumerate((range(40), reversed(range(40)))):
        sequences = shuffled.ShuffledTokens(tmp_path / str(number), "<u2", 100_000)
        for row in rows:
            sequences.add(f"id-{row}", [row] * (row % 5))
        orders.append([one.tolist() for one in sequences.in_order()])
    assert orders[0] == orders[1] and orders[0] != sorted(orders[0])


def test_tokens_of_large_vocabularies_keep_their_values(tmp_path: Path) -> None:
    assert token_type(65_536) == "<u2"
    part = write_shards(tmp_path, "corpus", [np.array([70_000, 1, 2], "<u4"), [3, 4]], 2, token_type(70_001), 8)
    assert (part.rows, part.tokens) == ((1, 1), 5)
    assert [np.load(tmp_path / f"corpus-0000{i}.npy").tolist() for i in range(2)] == [[[70_000, 1]], [[2, 3]]]


def test_a_stream_reads_every_row_with_few_files_on_disk(
    store: ArtifactStore, packed: ArtifactRef, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in store.bucket.address.environment().items():
        monkeypatch.setenv(name, value)
    from include.core.settings import settings

    settings.cache_clear()
    index = Index.read(store.fetch(packed, tmp_path / "whole"))
    rows = index.parts["corpus"].rows
    assert len(rows) >= 8
    whole = np.concatenate([np.load(tmp_path / "whole" / f"corpus-{i:05}.npy") for i in range(len(rows))])
    job = Job(spec={}, scratch=tmp_path / "host" / "job", step="s", fingerprint="f", rank=0, ranks=2)
    ranks = [RowStream(job, packed, index, "corpus", window=2, seed=1) for _ in range(2)]
    read: list[Any] = []
    for first in range(0, len(whole) - 7, 8):
        # two ranks of a host take turns; each lets go of files that the other may still read
        for rank, stream in enumerate(ranks):
            read += stream.read(first + 4 * rank, 4).tolist()
        on_disk = list((tmp_path / "host" / "inputs").glob("*.npy"))
        assert len(on_disk) <= 3 * 2 + 2, on_disk
    for stream in ranks:
        stream.close()

    assert len(read) == len(whole) // 8 * 8 and read != whole[: len(read)].tolist()
    assert {tuple(row) for row in read} <= {tuple(row) for row in whole.tolist()}
    if len(whole) % 8 == 0:
        assert sorted(read) == sorted(whole.tolist())
    assert list((tmp_path / "host" / "inputs").glob("*.npy")) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"length": 100_000}, r"corpus has \d+ tokens in \d+ texts, and one row needs 100000.*shorten training.pack"),
        ({"length": 20_000}, r"validation_corpus has \d+ tokens.*one row needs 20000.*raise the share"),
    ],
)
def test_a_dataset_too_small_is_told_what_is_needed(
    store: ArtifactStore, dataset: ArtifactRef, tokenizer: ArtifactRef, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(SourceError, match=said):
        pack(store, dataset=dataset, tokenizer=tokenizer, config=CONFIG.model_copy(update=changes))


def _workspace(store: ArtifactStore, folder: Path) -> Workspace:
    return Workspace(store, "tests.pack", "0" * 64, folder / "work")
