"""Training on one NVIDIA GPU: how much of it is used (MFU), and tokens a second beside plain torch.

The project's training step (DeepSpeed, bf16, compiled layers, fused kernels where liger-kernel is installed) and a loop
of plain torch (bf16 autocast, torch.compile, fused AdamW) train the same model on the same random tokens, one after the
other, each in a process of its own. It needs neither Airflow nor an object store. Batches are chosen for 80 GB; a model
that does not fit is told so, and the next one is measured. --device cpu --preset 5m --steps 3 tries it without a GPU.
"""

import argparse
import json
import os

from benchmarks.training_gpu.measured import CASES, Case, measure
from include.distributed.peak import peak_flops

TARGET = 0.46


def main() -> None:
    """Measure the presets asked for, print a table, and end with one line of JSON."""
    arguments = _parser().parse_args()
    os.environ.setdefault("DS_ACCELERATOR", arguments.device)
    import torch

    if arguments.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("device = 'cuda': torch finds no NVIDIA GPU. Run it where there is one, or use --device cpu")
    device = torch.cuda.get_device_name() if arguments.device == "cuda" else "cpu"
    peak = arguments.peak_tflops * 1e12 if arguments.peak_tflops else peak_flops(device)
    columns = ("preset", "tokens/s", "MFU", "GB", "torch", "MFU", "GB", "ratio")
    print(" ".join(f"{column:>10}" for column in columns))
    found = {}
    for name in arguments.preset:
        found[name] = told = measure(name, _case(arguments, name), arguments, peak)
        ours, plain = told["ours"], told["torch"]
        cells = [name, *_cells(ours), *_cells(plain), told["ratio"] or "-"]
        print(" ".join(f"{cell!s:>10}" for cell in cells), flush=True)
    shares = [one["ours"].get("mfu") for one in found.values()]
    result = {
        "benchmark": "training_gpu",
        "device": device,
        "peak_tflops": peak and peak / 1e12,
        "torch": torch.__version__,
        "presets": found,
        "targets": {"mfu": TARGET},
        "passed": all(share is not None and share >= TARGET for share in shares),
        "load": round(os.getloadavg()[0], 2),
    }
    print(json.dumps(result))


def _cells(told: dict[str, float | str | None]) -> list[object]:
    if "error" in told:
        return [told["error"], "-", "-"]
    return [told["tokens_per_second"], told["mfu"] if told["mfu"] is not None else "-", told["memory_gb"]]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks.training_gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--preset", nargs="+", choices=sorted(CASES), default=["125m", "1b", "3b"], help="default: 125m 1b 3b")
    add("--steps", type=int, default=20, help="optimizer steps of each loop; the first quarter is not measured")
    add("--device", choices=("cuda", "cpu"), default="cuda", help="default: cuda")
    add("--micro-batch", type=int, help="rows at once; default: by preset")
    add("--accumulation", type=int, help="parts of a step; default: by preset")
    add("--length", type=int, help="tokens of a row; default: by preset")
    add("--zero", type=int, choices=(0, 1, 2, 3), default=1, help="DeepSpeed's stage; default: 1")
    add("--kernels", choices=("auto", "liger", "torch"), default="auto", help="fused kernels; default: auto")
    add("--compile", action=argparse.BooleanOptionalAction, help="torch.compile for both; default: on a GPU")
    add("--checkpointing", action=argparse.BooleanOptionalAction, help="activations twice; default: by preset")
    add("--peak-tflops", type=float, help="dense bf16 peak of the device, where its data sheet is not known here")
    return parser


def _case(arguments: argparse.Namespace, name: str) -> Case:
    """The preset's batch, with what the command line changes."""
    told = {
        "micro_batch": arguments.micro_batch,
        "accumulation": arguments.accumulation,
        "length": arguments.length,
        "checkpointing": arguments.checkpointing,
    }
    return CASES[name]._replace(**{key: value for key, value in told.items() if value is not None})


if __name__ == "__main__":
    main()
