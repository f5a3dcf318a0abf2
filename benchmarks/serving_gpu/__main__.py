"""Serving on one NVIDIA GPU: vLLM in process, and, where NVIDIA's Triton has its vLLM backend, Triton and the gateway.

Packages the model for vLLM as the workflow does, and asks it the questions of benchmarks/serving at 1, 8, 32 and more
streams. It needs a Python with vllm (--vllm-python), and for the second part tritonserver with backends/vllm
(--tritonserver, as in NVIDIA's containers of the -vllm-python- line). --check stops after the package: its files are
made and checked, engine arguments are held against those of the vllm that is installed, and no GPU is needed.
"""

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.serving import rows
from benchmarks.serving.clients import Run, question
from benchmarks.serving_gpu.packaged import packaged
from benchmarks.serving_gpu.triton import through_triton
from include.core.settings import PROJECT_ROOT

WORKER = PROJECT_ROOT / "benchmarks" / "serving_gpu" / "worker.py"


def main() -> None:
    """Measure, print a table, and end with one line of JSON."""
    arguments = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="genai-serving-gpu-") as folder, packaged(Path(folder)) as package:
        version = package.files / "1"
        if arguments.check:
            print(json.dumps({"benchmark": "serving_gpu", "checked": _check(arguments.vllm_python, version)}))
            return
        # one after the other: each takes the GPU's memory
        found: dict[str, dict[str, Any]] = {str(streams): {} for streams in arguments.streams}
        for streams, runs in _in_process(arguments, version).items():
            found[streams]["vllm"] = rows.summary(runs)
        if arguments.tritonserver:
            for name, measured in through_triton(arguments, package).items():
                for streams, runs in measured.items():
                    found[streams][name] = rows.summary(runs)
    rows.print_table(found)
    told = {"benchmark": "serving_gpu", "streams": found, "cores": os.cpu_count(), "device": _device()}
    told["ratios"] = {
        f"{name} / vllm at {streams}": rows.ratio(engines[name], engines["vllm"])
        for streams, engines in found.items()
        for name in ("triton", "gateway")
        if name in engines
    }
    print(json.dumps(told | {"load": round(os.getloadavg()[0], 2)}))


def _in_process(arguments: argparse.Namespace, version: Path) -> dict[str, list[Run]]:
    """vLLM's AsyncLLM with the package's own arguments, in its Python."""
    wanted = [
        {
            "streams": streams,
            "questions": [question(streams * 100 + number, i) for i in range(streams)],
            "tokens": arguments.tokens,
        }
        for streams in arguments.streams
        for number in range(arguments.rounds + 1)
    ]
    line = [arguments.vllm_python, str(WORKER), "measure"]
    done = subprocess.run(line, input=json.dumps(wanted), stdout=subprocess.PIPE, text=True, check=False, cwd=version)
    if done.returncode:
        raise SystemExit(f"vllm = exit {done.returncode}: it did not run. Its reason stands above")
    runs: dict[str, list[Run]] = {str(streams): [] for streams in arguments.streams}
    for asked, told in zip(wanted, json.loads(done.stdout.splitlines()[-1]), strict=True):
        runs[str(asked["streams"])].append(Run(**told))
    # the first of each warms up
    return {streams: found[1:] for streams, found in runs.items()}


def _check(python: str, version: Path) -> dict[str, Any]:
    """Whether the installed vllm knows each of the package's arguments; without vllm, what the package says."""
    arguments = json.loads((version / "model.json").read_text())
    done = subprocess.run([python, str(WORKER), "check"], cwd=version, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"model.json": arguments, "vllm": f"not tried: {done.stderr.strip().splitlines()[-1][:200]}"}
    return {"model.json": arguments, "vllm": json.loads(done.stdout.splitlines()[-1])}


def _device() -> str:
    line = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        return subprocess.run(line, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "none"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks.serving_gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8, 32, 128], help="concurrent streams")
    parser.add_argument("--tokens", type=int, default=128, help="longest answer")
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds")
    parser.add_argument("--vllm-python", default="python3", help="a Python with vllm")
    parser.add_argument("--tritonserver", default="", help="NVIDIA's server, e.g. /opt/tritonserver/bin/tritonserver")
    parser.add_argument("--check", action="store_true", help="make and check the package only")
    return parser


if __name__ == "__main__":
    main()
