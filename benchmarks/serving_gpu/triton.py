"""The package through NVIDIA's tritonserver with its vLLM backend, and through the gateway in front of it."""

import argparse
from contextlib import ExitStack
from pathlib import Path

from benchmarks.serving.clients import Run, ask_gateway, ask_triton
from benchmarks.serving.served import Served, deployed, gateway_in_front, local_settings, running, triton_ready
from benchmarks.serving_gpu.packaged import Packaged
from include.core.settings import Settings, settings
from include.inferencing.config import DeployConfig
from include.local import tritonserver

PATHS = {"triton": ask_triton, "gateway": ask_gateway}
# vLLM compiles and captures CUDA graphs before it answers
LOAD_SECONDS = 600.0


def through_triton(arguments: argparse.Namespace, made: Packaged) -> dict[str, dict[str, list[Run]]]:
    """Runs by path and number of streams: `triton` alone, and `gateway`."""
    folder = made.files.parent
    local = local_settings(folder)
    line = command(local, made, arguments.tritonserver)
    with ExitStack() as stack:
        stack.enter_context(running((line, environment(made)), folder / "triton.log"))
        triton_ready(local, folder)
        config = DeployConfig(ready_seconds=LOAD_SECONDS, answer_seconds=120.0)
        name = deployed(made.store, made.model, made.adapter, made.package, config)
        url, key = gateway_in_front(stack, made.store, local, folder)
        served = Served(local.triton_address, url, name, key, made.files / "1", made.files / "1" / "weights")
        found: dict[str, dict[str, list[Run]]] = {name: {} for name in PATHS}
        for streams in arguments.streams:
            runs: dict[str, list[Run]] = {name: [] for name in PATHS}
            for number in range(arguments.rounds + 1):
                for name in sorted(PATHS, reverse=bool(number % 2)):
                    runs[name].append(PATHS[name](served, streams * 100 + number, streams, arguments.tokens))
            for name in PATHS:
                found[name][str(streams)] = runs[name][1:]  # the first warms up
        return found


def command(local: Settings, made: Packaged, program: str) -> list[str]:
    """The project's own command line, with another server and that server's backends."""
    home = Path(program).parents[1]
    line = list(map(str, tritonserver.command(local, made.address)))
    own = ("--backend-directory", "--cache-directory")
    return [program, *(one for one in line[1:] if not one.startswith(own)), f"--backend-directory={home / 'backends'}"]


def environment(made: Packaged) -> dict[str, str]:
    """Keys of the store; the server's own libraries stay."""
    return {
        "AWS_ACCESS_KEY_ID": made.address.access_key,
        "AWS_SECRET_ACCESS_KEY": made.address.secret_key.get_secret_value(),
        "AWS_DEFAULT_REGION": settings().s3_region,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
