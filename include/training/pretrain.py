"""Train a Llama-style model from scratch, by DeepSpeed, on packed rows that are streamed from the store."""

import json
import shutil
from pathlib import Path
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError, SourceError
from include.core.settings import PROJECT_ROOT
from include.distributed.engine import RESOURCES
from include.distributed.launch import run_job
from include.distributed.loop import CURVE
from include.evaluation.canaries import told
from include.evaluation.trained_on import TEXTS
from include.training import pretrain_job
from include.training.config.pretrain import PretrainConfig
from include.training.shards import CHAT, CORPUS, INDEX, TOKENIZER, Index
from include.training.tokenizer import load_tokenizer, save_tokenizer


def _observe(_: ArtifactStore, config: PretrainConfig, **__: object) -> dict[str, Any]:
    """A DeepSpeed configuration of the use case's own decides the result as its knobs do."""
    return {"deepspeed": _deepspeed(config)} if config.deepspeed else {}


@step("model", resources=RESOURCES, observes=_observe)
def pretrain(work: Workspace, packed: ArtifactRef, config: PretrainConfig) -> None:
    """Write a plain Hugging Face folder: the tokenizer, and the model after `config.steps` steps.

    The first steps read the corpus, the last ones (`chat_share`) questions and answers in the chat format. Metrics:
    the mean loss of the last twentieth of the steps, parameters, tokens a second, and the last validation losses, in
    nats a token. ConfigurationError where the rows do not suit the model.
    """
    index = Index.read(work.fetch(packed, only=INDEX))
    _require_fit(index, config)
    spec = {
        "config": config.model_dump(),
        "packed": packed.model_dump(),
        "deepspeed": _deepspeed(config) if config.deepspeed else None,
    }
    smaller = config.smaller_micro_batch
    results = run_job(work, pretrain_job.__name__, spec, batch=config.batch, smaller_micro_batch=smaller)
    shutil.copytree(results / pretrain_job.MODEL, work.output, dirs_exist_ok=True)
    tokenizer = load_tokenizer(work.fetch(packed, only=TOKENIZER) / TOKENIZER)
    tokenizer.model_max_length = config.shape.context
    save_tokenizer(tokenizer, work.output)
    summary = json.loads((results / pretrain_job.SUMMARY).read_text())
    parameters, read = summary["parameters"], summary["canaries"]
    info = {
        "name": f"scratch-{parameters / 1e6:.1f}M",
        "license": "Apache-2.0",
        "parameters": parameters,
        "context": config.shape.context,
        "origin": f"trained from scratch on {packed}; the licences of its texts: {', '.join(index.licenses)}",
        TEXTS: list(index.licenses),
    }
    info |= told(index.canary_seed, len(index.canary_rows), read) if read else {}
    (work.output / "model_info.json").write_text(json.dumps(info, indent=1))
    _describe(work, config, json.loads((results / CURVE).read_text()), info)


def _deepspeed(config: PretrainConfig) -> dict[str, Any]:
    """The use case's own DeepSpeed configuration."""
    path = PROJECT_ROOT / Path(config.deepspeed).expanduser()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            "training.pretrain.deepspeed", config.deepspeed, f"it cannot be read ({error})", "Name a JSON file"
        ) from error
    if not isinstance(found, dict):
        raise ConfigurationError(
            "training.pretrain.deepspeed", config.deepspeed, "it is no JSON object", "Write it as DeepSpeed does"
        )
    return found


def _require_fit(index: Index, config: PretrainConfig) -> None:
    if index.length > config.shape.context:
        raise ConfigurationError(
            "training.pretrain.context",
            config.shape.context,
            f"the packed rows have {index.length} tokens",
            "Raise it, or lower training.pack.length",
        )
    for part, knob in ((CORPUS, 1 - config.chat_share), (CHAT, config.chat_share)):
        if knob and not index.parts[part].size:
            raise SourceError(
                f"{part} rows",
                0,
                f"its documents have {index.parts[part].tokens} tokens, and one row needs {index.length}",
                "Add documents or shorten training.pack.length"
                + ("; training.pretrain.chat_share: 0 does without" if part == CHAT else ""),
            )


def _describe(work: Workspace, config: PretrainConfig, curve: dict[str, Any], info: dict[str, Any]) -> None:
    losses = curve["losses"]
    tail = losses[-max(1, len(losses) // 20) :]
    work.metrics["final_loss"] = round(sum(tail) / len(tail), 4)
    work.metrics["parameters"] = info["parameters"]
    work.metrics["tokens_per_second"] = round(curve["tokens"] / max(curve["seconds"], 1e-9))
    work.metrics |= {"tokens": curve["tokens"], "steps": curve["step"]}
    if curve["validation"]:
        work.metrics |= {f"validation_{name}": round(loss, 4) for name, loss in curve["validation"][-1][1].items()}
    rows = [(name, value) for name, value in (work.metrics | {"training_seconds": round(curve["seconds"], 1)}).items()]
    switch = round(config.steps * (1 - config.chat_share))
    report = Report("Pretraining")
    report.text(f"{info['name']}: {info['origin']}. From step {switch} on it reads questions and answers.")
    report.table(["figure", "value"], rows)
    report.curve([(step + 1, loss) for step, loss in enumerate(losses)], "Loss a step, nats a token")
    for name in curve["validation"][-1][1] if len(curve["validation"]) > 1 else ():
        points = [(step, kinds[name]) for step, kinds in curve["validation"]]
        report.curve(points, f"Validation loss, {name}, nats a token")
    if len(curve["speeds"]) > 1:
        report.curve(curve["speeds"], "Tokens a second")
    report.table(["knob", "value"], list(config.model_dump().items()), "Configuration")
    report.write(work.output)
