"""Deployment facts, read once from GENAI_* environment variables."""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, ValidationInfo, field_validator

from include.core.errors import ConfigurationError

PROJECT_ROOT = Path(__file__).resolve().parents[2]
# of Kubernetes: 500m, 8, 64Gi
QUANTITY = r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$"
FACTORS = ("value", "feasibility", "risk", "cost")
# without these no job of a cluster starts
PODS_NEED = ("kubernetes_image", "kubernetes_secret")


class Settings(BaseModel):
    """One field for each GENAI_<FIELD> variable; the defaults are the local stack on loopback."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state_folder: Path = Field(
        PROJECT_ROOT / ".genai",
        description="Everything that is not source: environments, logs, object store, databases.",
    )
    use_cases_folder: Path = Field(
        PROJECT_ROOT / "include" / "use_cases", description="One YAML file a use case; each becomes a DAG."
    )
    host: str = Field("127.0.0.1", description="Address the local stack binds and its clients call.")

    s3_endpoint: str = Field("", description="host:port of the S3 server; empty: the local stack's.")
    s3_secure: bool = Field(False, description="Speak TLS to the S3 server.")
    s3_region: str = Field("us-east-1", description="Region that requests are signed for.")
    s3_bucket: str = Field("genai", min_length=3, description="Bucket of all artifacts.")
    s3_access_key: str = Field("", description="Access key; empty: the local stack's generated one.")
    s3_secret_key: SecretStr = Field(SecretStr(""), description="Secret key; empty: the local stack's generated one.")

    pseudonym_key: SecretStr = Field(
        SecretStr(""),
        description="Key of pseudonyms, 32 characters or more; empty: the local stack's generated one.",
    )

    s3_port: int = Field(8333, ge=1, le=65535, description="Local stack: the object store.")
    airflow_port: int = Field(8080, ge=1, le=65535, description="Local stack: Airflow's web UI and API.")
    airflow_health_port: int = Field(8974, ge=1, le=65535, description="Local stack: the scheduler's health check.")
    triton_http_port: int = Field(8000, ge=1, le=65535, description="Local stack: Triton over HTTP.")
    triton_grpc_port: int = Field(8001, ge=1, le=65535, description="Local stack: Triton over gRPC.")
    triton_metrics_port: int = Field(8002, ge=1, le=65535, description="Local stack: Triton's Prometheus metrics.")
    gateway_port: int = Field(8090, ge=1, le=65535, description="Local stack: the OpenAI-compatible gateway.")
    triton_servers: int = Field(
        2,
        validate_default=True,
        ge=1,
        le=8,
        description="Local stack: Tritons it may grow to; the ports of each are 10 above those of the one before.",
    )

    disk_needed_gb: float = Field(8, gt=0, description="Refuse to install with less free disk; starting needs 2 of it.")
    memory_needed_gb: float = Field(8, gt=0, description="Refuse to install or start with less free memory.")

    keep_runs: int = Field(
        0, ge=0, description="The daily sweep keeps what the last so many runs of a use case used; 0: everything."
    )
    portfolio_weights: str = Field(
        "value=4,feasibility=3,risk=2,cost=1",
        description="What each factor of the portfolio's score weighs, relative to the others.",
    )
    triton_url: str = Field(
        "",
        description="host:port of Triton's gRPC endpoints, separated by commas; a name with several addresses is as "
        "many servers; empty: the local stack's.",
    )
    gateway_url: str = Field(
        "",
        pattern=r"^(https?://[^@?#]+)?$",
        description="Base URL (without /v1) of the gateway; empty: the local stack's.",
    )
    gateway_limits: str = Field(
        "",
        description="Deadlines and bounds of the gateway that differ from its defaults: name=value, separated by "
        "commas, named as in `include/inferencing/gateway/limits.py`.",
    )
    gateway_key: SecretStr = Field(
        SecretStr(""), description="API key that `genai ask` sends to the gateway; empty: the local stack's own."
    )
    model_repository: str = Field("inferencing/repository", description="Prefix in the bucket that Triton serves from.")
    serving_python: Path | None = Field(
        None, description="Python of the serving environment; empty: the local stack's."
    )
    training_ranks: int = Field(2, ge=1, le=1024, description="Processes of a DeepSpeed job on this machine.")
    training_hostfile: Path | None = Field(
        None, description="DeepSpeed's hostfile: the hosts that train, over SSH, in place of this machine."
    )
    training_silence_minutes: float = Field(
        10, gt=0, le=1_440, description="A job that neither prints, computes nor moves bytes for so long has hung."
    )
    training_queue: str = Field(
        "",
        pattern=r"^[A-Za-z0-9_.-]*$",
        description="Celery's queue of tasks that train, for workers of their own; empty: Airflow's default queue.",
    )
    rank_threads: int = Field(1, ge=1, le=256, description="OpenMP threads of one rank.")
    jobs: Literal["local", "kubernetes"] = Field(
        "local", description="Where training steps run: beside the Airflow worker, or as Kubernetes jobs."
    )
    job_patience_minutes: float = Field(
        30,
        ge=0,
        description="A job that no task has waited for so long ends itself, and a retry goes on from its checkpoint; "
        "0: it never does.",
    )
    kubernetes_namespace: str = Field("default", description="Namespace of Kubernetes jobs.")
    kubernetes_image: str = Field("", description="Image of Kubernetes jobs: the workflow's, of Airflow's own commit.")
    kubernetes_secret: str = Field(
        "", description="Secret in that namespace with the object store's keys: access_key and secret_key."
    )
    kubernetes_service_account: str = Field("", description="Service account of jobs; empty: the namespace's own.")
    kubernetes_nodes: int = Field(1, ge=1, le=1024, description="Pods of one job.")
    kubernetes_gpus: int = Field(1, ge=0, le=64, description="NVIDIA GPUs of a pod, a rank each; 0: training_ranks.")
    kubernetes_cpu: str = Field("8", pattern=QUANTITY, description="CPUs of a pod.")
    kubernetes_memory: str = Field("64Gi", pattern=QUANTITY, description="Memory of a pod.")
    kubernetes_shared_memory: str = Field("8Gi", pattern=QUANTITY, description="Of that, what ranks share tensors in.")
    kubernetes_scratch: str = Field("200Gi", pattern=QUANTITY, description="Disk of a pod for inputs and checkpoints.")
    kubernetes_hours: float = Field(168, gt=0, description="A job is ended after so many hours.")
    kubernetes_node_selector: str = Field(
        "",
        pattern=r"^([^=,]+=[^=,]*(,[^=,]+=[^=,]*)*)?$",
        description="Labels of the nodes that jobs run on: key=value, separated by commas.",
    )
    private_source_hosts: str = Field(
        "", description="Hosts at private addresses that http sources may be read from, separated by commas."
    )
    read_hub: bool = Field(
        False,
        description="Local stack: lets tasks read datasets and models of the Hugging Face hub. In containers set "
        "HF_HUB_OFFLINE=0 in .env, on Kubernetes in the environment of the tasks' pods.",
    )
    text_endpoint: str = Field(
        "",
        pattern=r"^(https?://[^@?#]+)?$",
        description="Base URL (with /v1) of an OpenAI-compatible API that writes texts; empty: none.",
    )
    text_model: str = Field("", description="Name of the model that writes texts.")
    text_api_key: SecretStr = Field(SecretStr(""), description="Key of that API; empty: none is sent.")
    judge_endpoint: str = Field(
        "",
        pattern=r"^(https?://[^@?#]+)?$",
        description="Base URL (with /v1) of an OpenAI-compatible API that rates answers; empty: none.",
    )
    judge_model: str = Field("", description="Name of the model that rates answers.")
    judge_api_key: SecretStr = Field(SecretStr(""), description="Key of that API; empty: none is sent.")
    openlineage_url: str = Field(
        "",
        pattern=r"^(https?://.*)?$",
        description="Local stack: the catalogue that Airflow sends OpenLineage events to; empty: none are sent.",
    )
    mlflow_url: str = Field(
        "",
        pattern=r"^(https?://[^@?#]+)?$",
        description="MLflow's tracking server, which runs, curves and champions are copied to; empty: none are.",
    )
    mlflow_user: str = Field("", description="User there, with the password; empty: the token alone, or nothing.")
    mlflow_password: SecretStr = Field(SecretStr(""), description="Password of that user.")
    mlflow_token: SecretStr = Field(SecretStr(""), description="Token that is sent to it; empty: none is.")

    @field_validator("state_folder", "use_cases_folder", "serving_python", "training_hostfile")
    @classmethod
    def _from_here(cls, path: Path | None) -> Path | None:
        """Children run in other folders."""
        return path and path.absolute()

    @field_validator("triton_servers")
    @classmethod
    def _have_ports_of_their_own(cls, value: int, info: ValidationInfo) -> int:
        ports = {name: port for name, port in info.data.items() if name.endswith("_port")}
        first = {name: port for name, port in ports.items() if name.startswith("triton_")}
        for number in range(2, value + 1):
            for name, port in ((name, server_port(port, number)) for name, port in first.items()):
                taken = next((other for other, its in ports.items() if its == port), None)
                if taken or port > 65535:
                    reason = f"is GENAI_{taken.upper()}'s" if taken else "is none"
                    raise ValueError(f"port {port} of Triton {number}, from GENAI_{name.upper()}, {reason}")
        return value

    @field_validator("portfolio_weights")
    @classmethod
    def _weighs_each_factor(cls, value: str) -> str:
        weights = _weights(value)
        if list(weights) != list(FACTORS) or value.count("=") > len(FACTORS):
            raise ValueError(f"write each factor once, in this order: {','.join(f'{name}=1' for name in FACTORS)}")
        if not all(0 <= weight <= 1_000 for weight in weights.values()) or not any(weights.values()):
            raise ValueError("a weight is a number from 0 to 1000, and one at least is more than 0")
        return value

    @property
    def weights(self) -> dict[str, float]:
        """Factor of the portfolio's score -> its weight, relative to the others."""
        return _weights(self.portfolio_weights)

    @property
    def s3_address(self) -> str:
        """host:port of the S3 server in use."""
        return self.s3_endpoint or f"{self.host}:{self.s3_port}"

    @property
    def triton_addresses(self) -> tuple[str, ...]:
        """host:port of the gRPC endpoint of each Triton that may be in use; the first one always runs.

        How many of them get requests says serving/scale.json (include/inferencing/scaling/scale.py).
        """
        if self.triton_url:
            return tuple(part.strip() for part in self.triton_url.split(",") if part.strip())
        ports = (server_port(self.triton_grpc_port, number) for number in range(1, self.triton_servers + 1))
        return tuple(f"{self.host}:{port}" for port in ports)

    @property
    def triton_address(self) -> str:
        """All of `triton_addresses`, separated by commas."""
        return ",".join(self.triton_addresses)

    @property
    def gateway_address(self) -> str:
        """Base URL of the gateway in use, without /v1."""
        return self.gateway_url or f"http://{self.host}:{self.gateway_port}"

    @property
    def serving_interpreter(self) -> Path:
        """Python that exports models and runs them under Triton."""
        return self.serving_python or self.state_folder / "serving" / "bin" / "python"

    @property
    def scratch(self) -> Path:
        """Folder for files that any task may lose at any time."""
        return self.state_folder / "scratch"


def server_port(port: int, number: int) -> int:
    """A port of the local stack's Triton `number`, from that of the first one; the gaps keep all three apart."""
    return port + 10 * (number - 1)


def _weights(text: str) -> dict[str, float]:
    pairs = (pair.partition("=") for pair in text.split(","))
    return {name.strip(): float(number) for name, _, number in pairs}


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Settings from GENAI_* variables; ConfigurationError names the first wrong one."""
    values = {key[6:].lower(): value for key, value in environment.items() if key.startswith("GENAI_") and value != ""}
    try:
        found = Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = "GENAI_" + str(first["loc"][0]).upper()
        secret = any(word in name for word in ("KEY", "PASSWORD", "TOKEN")) or "@" in str(first["input"])
        shown = first["input"] if name[6:].lower() in Settings.model_fields and not secret else "***"
        raise ConfigurationError(name, shown, first["msg"], "Correct or unset this environment variable") from None
    missing = [f"GENAI_{name.upper()}" for name in PODS_NEED if not getattr(found, name)]
    if found.jobs == "kubernetes" and missing:
        raise ConfigurationError(missing[0], "", "GENAI_JOBS=kubernetes needs it", f"Set {' and '.join(missing)}")
    return found


@cache
def settings() -> Settings:
    """The settings of this process."""
    return read_settings(os.environ)
