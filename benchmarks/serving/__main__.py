"""Serving beside what it is built on: gateway and Triton, Triton alone, the bare OpenVINO GenAI pipeline, transformers.

The same questions, greedy, the same number of threads of the engine, in turns in one run: each alternative is first in
a round once. Speed depends on what else the machine does; the load average is part of the result.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.serving import rows
from benchmarks.serving.aiperf import profile
from benchmarks.serving.clients import Run, ask_gateway, ask_triton, question
from benchmarks.serving.served import Served, serving
from include.core.settings import PROJECT_ROOT, settings

Engine = Callable[[int, int, int], Run]
WORKERS = ("bare", "generate", "continuous")
# engines that write 20 tokens a second write a part of the answer
SLOW = {"generate": 4, "continuous": 2}


def main() -> None:
    """Measure, print a table, and end with one line of JSON."""
    arguments = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="genai-serving-") as folder, ExitStack() as stack:
        served = stack.enter_context(serving(Path(folder), arguments.threads))
        if arguments.aiperf:
            found = profile(served, arguments.streams, arguments.tokens)
            print(json.dumps({"benchmark": "serving", "aiperf": found, "load": round(os.getloadavg()[0], 2)}))
            return
        engines: dict[str, Engine] = {
            "gateway": lambda number, streams, tokens: ask_gateway(served, number, streams, tokens),
            "triton": lambda number, streams, tokens: ask_triton(served, number, streams, tokens),
        }
        for name in (one for one in WORKERS if one in arguments.engine):
            engines[name] = stack.enter_context(_worker(name, served, arguments.threads))
        engines = {name: engine for name, engine in engines.items() if name in arguments.engine}
        found = {str(streams): _measured(engines, streams, arguments) for streams in arguments.streams}
    rows.print_table(found)
    print(json.dumps(rows.verdict(found, arguments.threads)))


def _measured(engines: dict[str, Engine], streams: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Runs of every engine with so many streams, in turns; a first one of each warms it up and does not count."""
    runs: dict[str, list[Run]] = {name: [] for name in engines}
    names = list(engines)
    for name in names:
        engines[name](streams * 100, streams, 8)
    for number in range(arguments.rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            tokens = max(8, arguments.tokens // SLOW.get(name, 1))
            runs[name].append(engines[name](streams * 100 + number + 1, streams, tokens))
        speeds = {name: round(found[-1].tokens / found[-1].seconds) for name, found in runs.items()}
        print(f"{streams} streams, round {number + 1}: {speeds}, load {os.getloadavg()[0]:.1f}", flush=True)
    return {name: rows.summary(found) for name, found in runs.items()}


@contextmanager
def _worker(name: str, served: Served, threads: int) -> Iterator[Engine]:
    """An engine in a process of its own."""
    python = settings().serving_interpreter if name == "bare" else sys.executable
    folder = served.openvino if name == "bare" else served.weights
    line = [str(python), str(PROJECT_ROOT / "benchmarks" / "serving" / "worker.py"), name, str(folder), str(threads)]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(
        line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    )
    assert process.stdin and process.stdout
    sent, answers = process.stdin, process.stdout
    if answers.readline().strip() != "ready":
        raise SystemExit(f"{name} = exit {process.wait()}: it did not start. Run {' '.join(line)} to see why")

    def ask(number: int, streams: int, tokens: int) -> Run:
        sent.write(json.dumps({"questions": [question(number, i) for i in range(streams)], "tokens": tokens}) + "\n")
        sent.flush()
        return Run(**json.loads(answers.readline()))

    try:
        yield ask
    finally:
        process.kill()
        process.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks.serving", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    engines = ["gateway", "triton", *WORKERS]
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8, 32], help="concurrent streams")
    parser.add_argument("--tokens", type=int, default=128, help="longest answer; slow engines write a part of it")
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds")
    parser.add_argument("--threads", type=int, default=1, help="threads of each engine")
    parser.add_argument("--engine", nargs="+", choices=engines, default=engines, help="what is measured")
    parser.add_argument("--aiperf", action="store_true", help="run aiperf against the gateway instead")
    return parser


if __name__ == "__main__":
    main()
