"""One preset, trained by the project's step and by plain torch on the same tokens."""

import argparse
import multiprocessing
import os
import socket
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from include.distributed.batches import examples_of_part
from include.distributed.job import Job
from include.distributed.peak import flops_per_token
from include.distributed.plan import Plan
from include.distributed.weights import size
from include.training.presets import PRESETS, llama

ROWS, RATE, CLIP = 256, 3e-4, 1.0
BETAS, DECAY = (0.9, 0.95), 0.1


class Case(NamedTuple):
    """What fits 80 GB: weights, gradients and AdamW's state take 16 to 20 bytes a parameter."""

    micro_batch: int
    length: int
    accumulation: int
    checkpointing: bool = False


CASES = {
    "5m": Case(8, 256, 1),
    "15m": Case(32, 1024, 1),
    "50m": Case(32, 2048, 1),
    "125m": Case(32, 2048, 2),
    "350m": Case(16, 2048, 4),
    "1b": Case(8, 2048, 8),
    "3b": Case(1, 2048, 32),
}


class Tokens:
    """Random rows."""

    def __init__(self, case: Case, vocabulary: int) -> None:
        import torch

        self.batch = case.micro_batch * case.accumulation
        generator = torch.Generator().manual_seed(1)
        self.rows = torch.randint(0, vocabulary, (ROWS, case.length), generator=generator)

    def part(self, step: int, part: int, parts: int) -> dict[str, Any]:
        """As the training step asks for it."""
        rows = self.rows[examples_of_part(ROWS, 1, step, self.batch, part, parts)]
        return {"input_ids": rows, "labels": rows}


def measure(name: str, case: Case, arguments: argparse.Namespace, peak: float | None) -> dict[str, Any]:
    """Tokens a second, MFU and memory of both, and their ratio."""
    compiled = arguments.device == "cuda" if arguments.compile is None else arguments.compile
    loops: dict[str, Callable[..., Any]] = {"ours": _ours, "torch": _plain}
    told = name, case, arguments, compiled, peak
    # a process each: fused kernels replace those of transformers for all models of their process
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as processes:
        found = {loop: processes.submit(_guarded, begin, *told).result() for loop, begin in loops.items()}
    speeds = [one.get("tokens_per_second") for one in found.values()]
    return {
        **found,
        "ratio": round(speeds[0] / speeds[1], 3) if all(speeds) else None,
        "parameters": found["ours"].get("parameters"),
        "case": case._asdict() | {"compiled": compiled, "zero": arguments.zero, "kernels": arguments.kernels},
    }


def _guarded(begin: Callable[..., Any], name: str, *told: Any) -> dict[str, Any]:
    """What a loop measured, or that the device's memory does not hold it."""
    import torch

    try:
        return _timed(begin, name, *told)
    except torch.OutOfMemoryError:
        return {"error": "memory"}


def _timed(
    begin: Callable[..., Any], name: str, case: Case, arguments: argparse.Namespace, compiled: bool, peak: float | None
) -> dict[str, Any]:
    import torch

    gpu, shape = arguments.device == "cuda", PRESETS[name]
    model, run = begin(llama(shape, shape.vocabulary), Tokens(case, shape.vocabulary), case, arguments, compiled)
    seconds = []
    for step in range(arguments.steps):
        started = time.perf_counter()
        run(step)
        if gpu:
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    # the first steps compile and warm up
    tokens = case.micro_batch * case.accumulation * case.length
    speed = tokens / statistics.median(seconds[max(1, arguments.steps // 4) :])
    return {
        "tokens_per_second": round(speed),
        "mfu": round(speed * flops_per_token(model, case.length) / peak, 4) if peak else None,
        "memory_gb": round(torch.cuda.max_memory_allocated() / 1e9, 1) if gpu else 0,
        "first_step_seconds": round(seconds[0], 1),
        "parameters": size(model).parameters,
    }


def _ours(config: Any, tokens: Tokens, case: Case, arguments: argparse.Namespace, compiled: bool) -> Any:
    """DeepSpeed's engine and the training step of `include.distributed.loop`, on one rank."""
    from include.distributed.engine import build_engine, build_model
    from include.distributed.loop import start_ranks, train_step

    plan = Plan(
        steps=arguments.steps,
        batch=tokens.batch,
        accumulation=case.accumulation,
        learning_rate=RATE,
        warmup=10,
        weight_decay=DECAY,
        clip=CLIP,
        seed=1,
        log_every=arguments.steps,
        save_every=arguments.steps,
        zero=arguments.zero,
        activation_checkpointing=case.checkpointing,
        compile=compiled,
        kernels=arguments.kernels,
    )
    _connect()
    start_ranks(plan.seed)
    engine = build_engine(build_model(config, plan), plan, 1)
    engine.train()
    job = Job(spec={}, scratch=Path(tempfile.gettempdir()), step="", fingerprint="", rank=0, ranks=1)
    return engine.module, lambda step: train_step(engine, job, tokens, plan, step)


def _connect() -> None:
    """What DeepSpeed's launcher would tell the only rank."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    told = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    for name, value in told.items():
        os.environ.setdefault(name, value)


def _plain(config: Any, tokens: Tokens, case: Case, arguments: argparse.Namespace, compiled: bool) -> Any:
    """Plain torch: weights in fp32, computed in bf16 on a GPU."""
    import torch
    from transformers import AutoModelForCausalLM

    gpu = arguments.device == "cuda"
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(config).to(arguments.device)
    model.config.use_cache = False
    if case.checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    optimizer = torch.optim.AdamW(model.parameters(), RATE, betas=BETAS, weight_decay=DECAY, fused=gpu or None)
    forward = torch.compile(model) if compiled else model
    model.train()

    def run(step: int) -> None:
        for part in range(case.accumulation):
            batch = {k: t.to(arguments.device) for k, t in tokens.part(step, part, case.accumulation).items()}
            with torch.autocast(arguments.device, dtype=torch.bfloat16, enabled=gpu):
                loss = forward(**batch).loss / case.accumulation
            loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return model, run
