"""Export a model, with its adapter folded in, as a folder that Triton serves."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.core.errors import ModelError, PrerequisiteError
from include.core.settings import PROJECT_ROOT, settings
from include.evaluation.model import LoadedModel, load_model
from include.evaluation.prompt import conversation, prompt_ids
from include.inferencing.config import PackageConfig

BACKEND = tuple(f"include/inferencing/triton_model/{name}.py" for name in ("model", "asked", "written"))
EXPORTER = "include/inferencing/export_openvino.py"
LOCK = "include/inferencing/requirements.txt"
CHECKED_QUESTIONS = ("What does len() do?", "Explain:\n\n    x = [1, 2]  # naïve 日本")

CONFIG = """\
backend: "python"
max_batch_size: 0
model_transaction_policy { decoupled: true }
input [
  { name: "messages" data_type: TYPE_STRING dims: [ 1 ] optional: true },
  { name: "text_input" data_type: TYPE_STRING dims: [ 1 ] optional: true },
  { name: "parameters" data_type: TYPE_STRING dims: [ 1 ] optional: true },
  { name: "adapter" data_type: TYPE_STRING dims: [ 1 ] optional: true }
]
output [
  { name: "text_output" data_type: TYPE_STRING dims: [ 1 ] },
  { name: "completion_tokens" data_type: TYPE_INT32 dims: [ 1 ] },
  { name: "prompt_tokens" data_type: TYPE_INT32 dims: [ 1 ] },
  { name: "finish_reason" data_type: TYPE_STRING dims: [ 1 ] }
]
instance_group [ { count: 1 kind: KIND_CPU } ]
"""


@step("package", resources=(*BACKEND, LOCK))
def package(work: Workspace, model: ArtifactRef, config: PackageConfig, adapter: ArtifactRef | None = None) -> None:
    """A Triton model folder: config.pbtxt, 1/model.py, the OpenVINO files, limits and package_info.json."""
    source = work.fetch(model)
    loaded = load_model(source, work.fetch(adapter) if adapter else None, settings().rank_threads)
    limits = serving_limits(loaded, config)
    merged = work.folder / "merged"
    loaded.model.save_pretrained(merged)
    loaded.tokenizer.save_pretrained(merged)
    checks = work.folder / "checks.json"
    checks.write_text(json.dumps(_checks(loaded)))
    version = work.output / "1"
    export(work, merged, version, checks, loaded.vocabulary, config)
    shutil.rmtree(merged)
    for path in BACKEND:
        shutil.copy(PROJECT_ROOT / path, version)
    live = keep_adapter(work.fetch(adapter), version / "adapter") if adapter else False
    told = limits | {"examples": loaded.examples}
    (version / "limits.json").write_text(json.dumps(told, indent=1, ensure_ascii=False), encoding="utf-8")
    (work.output / "config.pbtxt").write_text(CONFIG)
    check_config(CONFIG)
    info = package_info(source, model, adapter, loaded, limits) | {"live_adapter": "1/adapter" if live else None}
    (work.output / "package_info.json").write_text(json.dumps(info, indent=1, ensure_ascii=False), encoding="utf-8")
    size = sum(path.stat().st_size for path in work.output.rglob("*") if path.is_file())
    work.metrics |= {
        "megabytes": round(size / 1e6, 1),
        "weights": config.weight_format,
        "soft_prompt_tokens": len(loaded.soft_prompt),
        "limits": limits,
    }
    rows = [
        ("model", info["model"]["name"]),
        ("licence", info["model"]["license"]),
        ("adapter", str(adapter or "none")),
        ("loaded while the server runs", "1/adapter" if live else "nothing: what customized it is in the model"),
    ]
    rows += [(name, str(value)) for name, value in (*limits.items(), *list(work.metrics.items())[:3])]
    Report("Package").table(["property", "value"], rows).text(info["chat_template"], "Chat template").write(work.output)


def _checks(loaded: LoadedModel) -> list[tuple[list[dict[str, str]], list[int]]]:
    """Conversations as they will be asked, and their tokens."""
    return [
        (conversation(text, loaded.examples), prompt_ids(loaded.tokenizer, text, loaded.examples))
        for text in CHECKED_QUESTIONS
    ]


def keep_adapter(adapter: Path, target: Path) -> bool:
    """Keep a plain LoRA as it is beside the merged model, for a server that loads it while running; whether it is one.

    A DoRA is served merged: engines add a product of matrices, which leaves out its magnitudes.
    """
    info = adapter / "adapter_info.json"
    if not info.exists() or json.loads(info.read_text()).get("form") != "lora":
        return False
    if json.loads((adapter / "adapter_config.json").read_text()).get("use_dora"):
        return False
    target.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors", info.name):
        shutil.copyfile(adapter / name, target / name)
    return True


def serving_limits(loaded: LoadedModel, config: PackageConfig) -> dict[str, Any]:
    """Limits the backend enforces; prompt and answer together fit the model's context."""
    answer = min(config.max_new_tokens, loaded.context // 2)
    return {
        "max_prompt_tokens": min(config.max_prompt_tokens, loaded.context - answer),
        "max_new_tokens": answer,
        "deadline_seconds": config.deadline_seconds,
        "max_sequences": config.max_sequences,
        "max_waiting": config.max_waiting,
        "cache_tokens": config.cache_tokens,
        # exact arithmetic where exact weights are asked for: the default rounds the key-value cache to 8 bits
        "engine": {"INFERENCE_NUM_THREADS": config.threads}
        | ({"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32"} if config.weight_format == "fp32" else {}),
        "soft_prompt": loaded.soft_prompt,
    }


def export(work: Workspace, model: Path, output: Path, checks: Path, vocabulary: int, config: PackageConfig) -> None:
    """Run the exporter in the serving environment; ModelError with the end of its log."""
    python = settings().serving_interpreter
    if not python.exists():
        raise PrerequisiteError(
            "GENAI_SERVING_PYTHON", str(python), "there is no such interpreter", "Run the installation again"
        )
    line = [str(python), str(PROJECT_ROOT / EXPORTER), str(model), str(output), config.weight_format]
    line += [str(vocabulary), str(checks)]
    # CI: keeps OpenVINO's telemetry off
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(work.folder), "CI": "true"}
    environment |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": str(settings().rank_threads), "LANG": "C.UTF-8"}
    log = work.folder / "export.log"
    work.log.info("exporting to OpenVINO %s", config.weight_format)
    with log.open("wb") as file:
        try:
            code = subprocess.run(
                line, stdout=file, stderr=subprocess.STDOUT, env=environment, timeout=config.export_seconds, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            code = -1
    text = log.read_text(errors="replace").strip()
    for entry in text.splitlines()[-20:]:
        work.log.info("export: %s", entry.rsplit("\r", 1)[-1])
    if code:
        reason = f"gave up after {config.export_seconds} s" if code == -1 else text[-600:]
        raise ModelError("package", config.weight_format, f"the export failed: {reason}", "See the task's log")


def check_config(text: str) -> None:
    """ModelError unless `text` is a Triton model configuration."""
    from google.protobuf import text_format  # type: ignore[import-untyped,unused-ignore]
    from tritonclient.grpc import model_config_pb2

    try:
        text_format.Parse(text, model_config_pb2.ModelConfig())
    except text_format.ParseError as error:
        raise ModelError("config.pbtxt", None, f"Triton cannot read it: {error}", "Correct CONFIG") from error


def package_info(
    source: Path, model: ArtifactRef, adapter: ArtifactRef | None, loaded: LoadedModel, limits: dict[str, Any]
) -> dict[str, Any]:
    """What the package was made of."""
    path = source / "model_info.json"
    described = json.loads(path.read_text()) if path.exists() else {}
    return {
        "model": {
            "name": described.get("name", "unnamed"),
            "license": described.get("license", "unknown"),
            "ref": model.model_dump(),
        },
        "adapter": adapter.model_dump() if adapter else None,
        "engine": "openvino",
        "chat_template": str(loaded.tokenizer.chat_template),
        "soft_prompt": {"first_token": loaded.vocabulary, "tokens": len(loaded.soft_prompt)},
        "limits": limits,
    }
