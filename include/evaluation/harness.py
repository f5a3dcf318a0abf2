"""lm-eval's tasks, run on a loaded model as it is: with its adapter, its soft prompt, its prefix or its examples."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from include.core.errors import ConfigurationError
from include.evaluation.bounded_regex import bounded
from include.evaluation.config import EvaluationConfig
from include.evaluation.measures import LM_EVAL
from include.evaluation.model import LoadedModel
from include.evaluation.prompt import turns_of
from include.evaluation.statistics import Z95, share_interval
from include.evaluation.task_files import FIELD, read_tasks

# lm-eval's own resampling of metrics that are no mean
ITERATIONS = 1000
SHARES = ("acc", "acc_norm", "exact_match")


class TaskResult(NamedTuple):
    """A metric of a task, its 95% interval (None where lm-eval knows no standard error), and the questions."""

    name: str
    value: float
    low: float | None
    high: float | None
    questions: int


def run_tasks(loaded: LoadedModel, config: EvaluationConfig, scratch: Path) -> list[TaskResult]:
    """`lm_eval.<task>.<metric>` of every task of the configuration; ConfigurationError names one that cannot be run.

    Nothing is downloaded; data sets are cached below `scratch`. Each task has the same random numbers alone as beside
    others.
    """
    tasks = read_tasks(config.lm_eval)
    asked = _wrapped(loaded, config.batch_size)
    found: list[TaskResult] = []
    with _sandboxed(allow_code=config.lm_eval.allow_code), bounded():
        for task in tasks:
            task["dataset_kwargs"] |= {"cache_dir": str(scratch / "datasets")}
            name = str(task["task"])
            try:
                said = _run(asked, task, config)
            # lm-eval and templates raise what they like over a task that is wrong
            except Exception as error:
                problem = f"lm-eval cannot run it ({type(error).__name__}: {' '.join(str(error).split())[:300]})"
                raise ConfigurationError(FIELD, name, problem, "Correct the task's file") from error
            found += _results(name, said["results"][name], int(said["n-samples"][name]["effective"]))
    return found


def _run(asked: Any, task: dict[str, Any], config: EvaluationConfig) -> Any:
    import lm_eval
    import numpy as np
    import torch
    from lm_eval.tasks import TaskManager

    random.seed(config.seed)
    np.random.seed(config.seed)
    torch.manual_seed(config.seed)
    found = TaskManager(include_defaults=False).load([task])
    for one in found["tasks"].values():
        one.set_fewshot_seed(seed=config.seed)
        if one.get_config("num_fewshot") is None:
            one.set_config(key="num_fewshot", value=0)
    return lm_eval.evaluate(
        asked,
        found,
        limit=config.lm_eval.limit,
        bootstrap_iters=ITERATIONS,
        log_samples=False,
        apply_chat_template=config.lm_eval.chat_template,
    )


def _results(task: str, row: dict[str, Any], questions: int) -> Iterator[TaskResult]:
    for key, value in row.items():
        metric, comma, kept = key.partition(",")
        if not comma or metric.endswith("_stderr") or not isinstance(value, int | float):
            continue
        name = f"{LM_EVAL}{task}.{metric}" if kept == "none" else f"{LM_EVAL}{task}.{kept}.{metric}"
        error, low, high = row.get(f"{metric}_stderr,{kept}"), None, None
        if metric in SHARES:
            # no standard error is known of none or all, and both are common in small tasks
            low, high = share_interval(round(value * questions), questions)
        elif isinstance(error, int | float):
            low, high = value - Z95 * error, value + Z95 * error
        yield TaskResult(name, float(value), low, high, questions)


@contextmanager
def _sandboxed(*, allow_code: bool) -> Iterator[None]:
    """Templates of tasks reach their question and nothing else: lm-eval renders them outside of a sandbox."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment
    from lm_eval import utils

    before = utils.env
    if not allow_code:
        utils.env = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
        utils.env.filters |= {"regex_replace": utils.regex_replace}
    try:
        yield
    finally:
        utils.env = before


def _wrapped(loaded: LoadedModel, batch_size: int) -> Any:
    import torch
    from lm_eval.models.huggingface import HFLM

    turns = turns_of(loaded.examples)
    soft = torch.tensor([loaded.soft_prompt], dtype=torch.long)

    class Model(HFLM):  # type: ignore[misc]
        """The model with what goes before every question."""

        def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> Any:
            rest = [turn for turn in chat_history if turn["role"] != "system"]
            first = chat_history[: len(chat_history) - len(rest)]
            return super().apply_chat_template([*first, *turns, *rest], add_generation_prompt)

        def _model_call(self, inps: Any, attn_mask: Any = None, labels: Any = None) -> Any:
            logits = super()._model_call(torch.cat([soft.expand(len(inps), -1), inps], dim=1))
            return logits[:, soft.shape[1] :, : loaded.vocabulary]

        def _model_generate(self, context: Any, max_length: int, stop: list[str], **kwargs: Any) -> Any:
            before = soft.expand(len(context), -1)
            mask = torch.cat([torch.ones_like(before), kwargs.pop("attention_mask")], dim=1)
            whole = super()._model_generate(
                torch.cat([before, context], dim=1),
                max_length + soft.shape[1],
                stop,
                attention_mask=mask,
                suppress_tokens=loaded.soft_prompt or None,
                **kwargs,
            )
            return whole[:, soft.shape[1] :]

    return Model(
        pretrained=loaded.model,
        tokenizer=loaded.tokenizer,
        batch_size=batch_size,
        max_length=loaded.context - soft.shape[1],
        backend="causal",
    )
