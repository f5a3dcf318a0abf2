"""`genai manifests`: serving on Kubernetes as files to apply."""

import argparse
from pathlib import Path

from include.core.errors import ConfigurationError
from include.core.settings import Settings, settings
from include.inferencing.scaling.manifests import manifests, write
from include.inferencing.scaling.pods import PROGRAMS, Cluster
from include.use_cases.serving_rules import longest_deadline, serving_rules, serving_threads

OK = 0
# of the object store and the model repository: the rest follows from the manifests, or has its default
CARRIED = ("s3_bucket", "s3_region", "s3_secure", "model_repository")


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `genai manifests`."""
    words = "write serving for Kubernetes: Triton, gateways, and a KEDA or HPA autoscaler that follows the scaler"
    sub = commands.add_parser(
        "manifests", help=words, description=words, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    sub.add_argument("--out", type=Path, default=Path("manifests"), metavar="DIR", help="folder to write to")
    sub.add_argument("--triton-image", default="genai-triton", help="Triton's image")
    sub.add_argument("--gateways", type=int, default=2, help="gateways that always run")
    sub.add_argument("--cpu", default="2", help="CPUs of a Triton")
    sub.add_argument("--memory", default="8Gi", help="memory of a Triton")
    sub.add_argument("--gpus", type=int, default=0, help="NVIDIA GPUs of a Triton")
    sub.add_argument(
        "--secret",
        type=_named,
        action="append",
        default=[],
        metavar="PROGRAM=NAME",
        help=f"Secret of one of {', '.join(PROGRAMS)}, instead of GENAI_KUBERNETES_SECRET-<program>: access_key and "
        "secret_key of a user of the store who may do no more than that program needs, the gateway's pseudonym_key",
    )
    sub.add_argument("--prometheus", default=Cluster.prometheus, help="where KEDA asks for the metric")
    sub.set_defaults(command=run)


def run(parsed: argparse.Namespace) -> int:
    """Write the files and name them."""
    for path in write(manifests(cluster_of(settings(), parsed), serving_rules().bounds), parsed.out):
        print(path)
    return OK


def cluster_of(here: Settings, parsed: argparse.Namespace) -> Cluster:
    """The cluster of these settings; ConfigurationError where one that it cannot do without is empty."""
    for name in ("s3_endpoint", "kubernetes_image", "kubernetes_secret"):
        if not getattr(here, name):
            variable = f"GENAI_{name.upper()}"
            raise ConfigurationError(variable, "", "pods cannot do without it", "Set it to what they can reach")
    values = here.model_dump(mode="json", include={*CARRIED, "s3_endpoint"})
    return Cluster(
        namespace=here.kubernetes_namespace,
        image=here.kubernetes_image,
        triton_image=parsed.triton_image,
        secrets={name: f"{here.kubernetes_secret}-{name}" for name in PROGRAMS} | dict(parsed.secret),
        model_repository=here.model_repository,
        region=here.s3_region,
        environment={f"GENAI_{name.upper()}": _text(value) for name, value in values.items()},
        deadline_seconds=longest_deadline(),
        threads=serving_threads(),
        cpu=parsed.cpu,
        memory=parsed.memory,
        gpus=parsed.gpus,
        gateways=parsed.gateways,
        prometheus=parsed.prometheus,
    )


def _named(text: str) -> tuple[str, str]:
    program, _, secret = text.partition("=")
    if program not in PROGRAMS or not secret:
        raise argparse.ArgumentTypeError(f"{text!r} is not PROGRAM=NAME with one of {', '.join(PROGRAMS)}")
    return program, secret


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
