"""What each rank measures: rounds of the step's trainer and of TRL's own, in turns."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

from benchmarks.training.speeds import in_turns
from include.artifacts.manifest import sha256_of
from include.customization.config import LoraConfig
from include.distributed.job import Job
from include.training.presets import PRESETS, llama
from include.training.tokenizer import build_tokenizer

RESULT = "rounds.json"


def main(job: Job) -> None:
    """Rank 0 writes the seconds of each round's steps, by trainer."""
    from include.customization.trainer.rows import mapped_rows
    from include.distributed.loop import start_ranks

    config = LoraConfig.model_validate(job.spec["config"])
    start_ranks(config.seed)
    tokenizer = build_tokenizer(["a tokenizer that nothing is read with"], 300)
    rows = mapped_rows(job, "rows", lambda: _rows(config, len(tokenizer)))
    found: dict[str, Any] = {"ours": [], "plain": []}
    for number, (name, trained) in in_turns(("ours", _ours), ("plain", _plain), job.spec["rounds"]):
        own = replace(job, fingerprint=sha256_of([job.fingerprint, name, number]))
        began: list[float] = []
        trained(own, config, rows, tokenizer, began)
        found[name].append([end - start for start, end in pairwise(began)])
    if job.rank == 0:
        (job.results / RESULT).write_text(json.dumps(found))


def _rows(config: LoraConfig, vocabulary: int) -> Iterator[tuple[list[int], list[int]]]:
    import numpy as np

    for row in np.random.default_rng(1).integers(0, vocabulary, (config.batch * 8, config.length)).tolist():
        yield row, row


def _model(job: Job, config: LoraConfig) -> Any:
    from transformers import AutoModelForCausalLM

    from include.customization.trainer.techniques import adapt

    preset = PRESETS[job.spec["preset"]]
    return adapt(AutoModelForCausalLM.from_config(llama(preset, preset.vocabulary)), None, config)


def _ours(job: Job, config: LoraConfig, rows: Any, tokenizer: Any, began: list[float]) -> None:
    import trl

    from include.customization.trainer.arguments import training_arguments
    from include.customization.trainer.course import train
    from include.customization.trainer.exact import exact
    from include.customization.trainer.start import begin

    start = begin(job, config)
    arguments = training_arguments(start, trl.SFTConfig, **_READY)
    trainer = exact(trl.SFTTrainer, start)(
        model=_model(job, config),
        args=arguments,
        train_dataset=rows,
        processing_class=tokenizer,
        callbacks=[_clock(began)],
    )
    train(start, trainer)


def _plain(job: Job, config: LoraConfig, rows: Any, tokenizer: Any, began: list[float]) -> None:
    import torch
    import trl

    from include.customization.trainer.start import begin
    from include.distributed.engine import engine_config

    start = begin(job, config)
    arguments = trl.SFTConfig(
        output_dir=str(job.scratch / "plain"),
        max_steps=config.steps,
        per_device_train_batch_size=start.micro_batch,
        gradient_accumulation_steps=config.accumulation,
        learning_rate=config.learning_rate,
        adam_beta2=0.95,
        gradient_checkpointing=config.activation_checkpointing,
        use_cpu=not torch.cuda.is_available(),
        bf16=False,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        deepspeed=engine_config(start.plan, job.ranks),
        **_READY,
    )
    trainer = trl.SFTTrainer(
        model=_model(job, config),
        args=arguments,
        train_dataset=rows,
        processing_class=tokenizer,
        callbacks=[_clock(began)],
    )
    trainer.train()


_READY = {"max_length": None, "dataset_kwargs": {"skip_prepare_dataset": True}}


def _clock(began: list[float]) -> Any:
    from transformers import TrainerCallback

    class Clock(TrainerCallback):  # type: ignore[misc]
        """When each step began."""

        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            began.append(time.monotonic())

    return Clock()
