"""What each rank of the pretraining job does."""

import json
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.core.errors import ModelError
from include.distributed.job import Job
from include.training.config.pretrain import PretrainConfig
from include.training.presets import llama
from include.training.shards import CHAT, CORPUS, INDEX, TOKENIZER, VALIDATION, Index
from include.training.streaming import RowStream
from include.training.tokenizer import load_tokenizer

SUMMARY, MODEL = "summary.json", "model"


class PackedBatches:
    """Rows of the corpus first, of the chats in the last `chat_share` of the steps."""

    def __init__(self, job: Job, packed: ArtifactRef, index: Index, config: PretrainConfig) -> None:
        self.batch, self.vocabulary = config.batch, index.vocabulary
        self.switch = round(config.steps * (1 - config.chat_share))
        self.streams = {
            part: RowStream(job, packed, index, part, config.window, config.seed + number)
            for number, part in enumerate((CORPUS, CHAT))
            if index.parts[part].size
        }

    def part(self, step: int, part: int, parts: int) -> dict[str, Any]:
        """input_ids and labels of shape (batch / parts, length)."""
        name, first = (CORPUS, 0) if step < self.switch else (CHAT, self.switch)
        share = self.batch // parts
        rows = self.streams[name].read((step - first) * self.batch + part * share, share)
        if int(rows.max()) >= self.vocabulary:
            raise ModelError(
                "packed", int(rows.max()), f"a token is none of {self.vocabulary}", "Run training.pack with force_rerun"
            )
        return {"input_ids": rows, "labels": rows}

    def canaries_read(self, index: Index, steps: int) -> list[int]:
        """The numbers of the canaries that a row holds whole which all steps read."""
        if CHAT not in self.streams:
            return []
        order = self.streams[CHAT].order
        places = {order.at(position) for position in range(min((steps - self.switch) * self.batch, order.size))}
        firsts = [0, *accumulate(index.parts[CHAT].rows)]
        rows = {firsts[place.shard] + place.row for place in places}
        return [number for number, row in enumerate(index.canary_rows) if row in rows]


class PackedValidation:
    """The first rows that are kept to measure on, of the corpus and of the chats."""

    def __init__(self, job: Job, packed: ArtifactRef, index: Index, config: PretrainConfig, width: int) -> None:
        self.width = width
        self.rows = {}
        for part, kept in VALIDATION.items():
            if count := min(index.parts[kept].size, config.validation_rows):
                stream = RowStream(job, packed, index, kept, config.window, config.seed)
                self.rows[part] = stream.read(0, count)
                stream.close()

    def batches(self, rank: int, ranks: int) -> Iterator[tuple[str, dict[str, Any], float]]:
        """Batches of `width` rows; see `Validation`."""
        for name, rows in self.rows.items():
            for start in range(0, len(rows), self.width * ranks):
                mine = rows[start + rank * self.width :][: self.width]
                weight = float(len(mine))
                mine = mine if weight else rows[: self.width]
                yield name, {"input_ids": mine, "labels": mine}, weight


def main(job: Job) -> None:
    """Build the model, train it, and let rank 0 save it with its number of parameters."""
    from include.distributed.engine import Plan, build_model
    from include.distributed.loop import start_ranks, train
    from include.distributed.weights import gathered, size

    config = PretrainConfig.model_validate(job.spec["config"])
    packed = ArtifactRef.model_validate(job.spec["packed"])
    known = set(Plan.__dataclass_fields__) - {"deepspeed"}
    plan = Plan(**config.model_dump(include=known), deepspeed=job.spec["deepspeed"])
    start_ranks(config.seed)
    index = Index.read(job.fetch(packed, only=INDEX))
    tokenizer = load_tokenizer(job.fetch(packed, only=TOKENIZER) / TOKENIZER)
    special = (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id)
    model = build_model(llama(config.shape, len(tokenizer), *special), plan)
    batches = PackedBatches(job, packed, index, config)
    width = job.micro_batch or max(1, config.batch // job.ranks // config.accumulation)
    validation = PackedValidation(job, packed, index, config, width)
    engine, _ = train(job, model, batches, plan, validation)
    state = gathered(engine, job.rank)
    if state is not None:
        summary = size(engine.module)._asdict() | {"canaries": batches.canaries_read(index, config.steps)}
        (job.results / SUMMARY).write_text(json.dumps(summary))
        engine.module.config.use_cache = True
        engine.module.save_pretrained(job.results / MODEL, state_dict=state)
