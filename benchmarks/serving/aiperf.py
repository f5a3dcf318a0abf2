"""aiperf, NVIDIA's load generator, against the gateway; in an environment of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks.serving.served import USE_CASE, Served
from include.core.settings import settings

VERSION = "0.13.0"
SHOWN = ("time_to_first_token", "inter_token_latency", "output_token_throughput", "request_throughput")


def profile(served: Served, streams: Sequence[int], tokens: int) -> dict[str, Any]:
    """Figures of a run for each number of streams."""
    program = _installed()
    return {str(count): _run(program, served, count, tokens) for count in streams}


def _installed() -> str:
    folder = settings().state_folder.resolve() / "benchmarks" / f"aiperf-{VERSION}"
    program = folder / "bin" / "aiperf"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(folder / "bin" / "pip"), "install", "-q", f"aiperf=={VERSION}"], check=True)
    return str(program)


def _run(program: str, served: Served, streams: int, tokens: int) -> dict[str, Any]:
    output = served.weights.parent / f"aiperf-{streams}"
    line = [program, "profile", "--model", USE_CASE, "--url", served.gateway, "--endpoint-type", "chat"]
    line += ["--streaming", "--tokenizer", str(served.weights), "--concurrency", str(streams)]
    line += ["--request-count", str(max(10, 3 * streams)), "--output-tokens-mean", str(tokens), "--ui", "none"]
    line += ["--synthetic-input-tokens-mean", "64", "--api-key", served.key, "--artifact-dir", str(output)]
    environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    done = subprocess.run(line, capture_output=True, text=True, check=False, env=environment, stdin=subprocess.DEVNULL)
    written = sorted(output.rglob("profile_export_aiperf.json"))
    if done.returncode or not written:
        raise SystemExit(f"aiperf = exit {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")
    told = json.loads(written[0].read_text())
    found = {name: told[name] for name in SHOWN if told.get(name)}
    for name, values in found.items():
        print(streams, name, {key: values[key] for key in ("avg", "p50", "p95", "unit") if key in values}, flush=True)
    return found
