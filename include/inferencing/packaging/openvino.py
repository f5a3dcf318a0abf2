"""A package for the CPU: OpenVINO files and the python backend that serves them."""

import json
import os
import shutil
import subprocess
from typing import Any

from include.artifacts.step import Workspace
from include.core.errors import ModelError, PrerequisiteError
from include.core.settings import PROJECT_ROOT, settings
from include.evaluation.model import LoadedModel
from include.evaluation.prompt import conversation, prompt_ids
from include.inferencing.config import PackageConfig
from include.inferencing.packaging.adapters import Live, add_rows, matrices
from include.inferencing.packaging.checks import QUESTIONS, special_tokens

EXPORTER = "include.inferencing.export_openvino"
MODULES = ("model", "answer", "asked", "engine", "engine_process", "prompts", "written")
BACKEND = tuple(f"include/inferencing/triton_model/{name}.py" for name in MODULES)
RESOURCES = (
    *BACKEND,
    "include/inferencing/export_openvino.py",
    "include/inferencing/graph_adapters.py",
    "include/inferencing/requirements.txt",
)
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


def lay_out(
    work: Workspace, loaded: LoadedModel, adapters: list[Live], limits: dict[str, Any], config: PackageConfig
) -> None:
    """1/ with the exported model, the backend and limits.json."""
    rows = add_rows(loaded.model, adapters)
    found = matrices(loaded.model, adapters)
    names = [live.name for live in adapters if live.form == "lora"]
    merged, version = work.folder / "merged", work.output / "1"
    loaded.model.save_pretrained(merged)
    loaded.tokenizer.save_pretrained(merged)
    checks = work.folder / "checks.json"
    checks.write_text(json.dumps(_checks(loaded)))
    line = [str(merged), str(version), config.weight_format, str(loaded.vocabulary), str(checks)]
    if found:
        import numpy as np

        np.savez(work.folder / "adapters.npz", **found)
        line += [str(work.folder / "adapters.npz"), *names]
    export(work, line, config)
    shutil.rmtree(merged)
    for path in BACKEND:
        shutil.copy(PROJECT_ROOT / path, version)
    chosen = {name: {"number": number} for number, name in enumerate(names, start=1)}
    soft = {name: {"prompt": tokens} for name, tokens in rows.items()}
    told = {
        **limits,
        **_engine(config),
        "examples": loaded.examples,
        "soft_prompt": loaded.soft_prompt,
        "rows": int(loaded.model.get_input_embeddings().weight.shape[0]),
        "first_barred": loaded.vocabulary,
        "special_tokens": special_tokens(loaded.tokenizer),
        "adapters": chosen | soft,
    }
    (version / "limits.json").write_text(json.dumps(told, indent=1, ensure_ascii=False), encoding="utf-8")


def _engine(config: PackageConfig) -> dict[str, Any]:
    # exact arithmetic where exact weights are asked for: the default rounds the key-value cache to 8 bits
    exact = {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32"} if config.weight_format == "fp32" else {}
    return {"cache_tokens": config.cache_tokens, "engine": {"INFERENCE_NUM_THREADS": config.threads} | exact}


def _checks(loaded: LoadedModel) -> list[tuple[list[dict[str, str]], list[int]]]:
    """Conversations as they will be asked, and their tokens."""
    return [
        (conversation(text, loaded.examples), prompt_ids(loaded.tokenizer, text, loaded.examples)) for text in QUESTIONS
    ]


def export(work: Workspace, arguments: list[str], config: PackageConfig) -> None:
    """Run the exporter in the serving environment; ModelError with the end of its log."""
    python = settings().serving_interpreter
    if not python.exists():
        raise PrerequisiteError(
            "GENAI_SERVING_PYTHON", str(python), "there is no such interpreter", "Run the installation again"
        )
    line = [str(python), "-m", EXPORTER, *arguments]
    # CI: keeps OpenVINO's telemetry off
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(work.folder), "CI": "true"}
    environment |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": str(settings().rank_threads), "LANG": "C.UTF-8"}
    environment["PYTHONPATH"] = str(PROJECT_ROOT)
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
