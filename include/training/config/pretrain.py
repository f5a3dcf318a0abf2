"""How a model is trained from scratch."""

from typing import Literal, Self

from pydantic import Field, model_validator

from include.training.config.base import TrainingPart
from include.training.presets import PRESETS, Preset, Shape


class ShapeConfig(TrainingPart):
    """The model's dimensions: a preset, and what differs from it."""

    preset: Preset = Field("5m", description="The model's size, by its parameters; each dimension below may differ.")
    hidden_size: int | None = Field(None, ge=16, le=16_384, description="Width of the model; null: the preset's.")
    layers: int | None = Field(None, ge=1, le=256, description="Transformer blocks; null: the preset's.")
    heads: int | None = Field(None, ge=1, le=256, description="Attention heads; they divide the width; null: its own.")
    key_value_heads: int | None = Field(
        None,
        ge=1,
        le=256,
        description="Heads of keys and values; null: each for as many query heads as the preset's.",
    )
    intermediate_size: int | None = Field(
        None, ge=16, le=65_536, description="Width inside a block's feed-forward network; null: the preset's."
    )
    context: int | None = Field(
        None, ge=16, le=131_072, description="Positions that the model may be asked to hold; null: the preset's."
    )
    tied_embeddings: bool | None = Field(
        None, description="One table for the embeddings of input and output; null: as the preset has it."
    )

    @property
    def shape(self) -> Shape:
        """The dimensions of the preset, with what this configuration changes."""
        base = PRESETS[self.preset]
        heads = self.heads or base.heads
        return Shape(
            hidden_size=self.hidden_size or base.hidden_size,
            layers=self.layers or base.layers,
            heads=heads,
            queries=heads // self.key_value_heads if self.key_value_heads else base.queries,
            intermediate_size=self.intermediate_size or base.intermediate_size,
            context=self.context or base.context,
            tied=base.tied if self.tied_embeddings is None else self.tied_embeddings,
            vocabulary=base.vocabulary,
        )

    @model_validator(mode="after")
    def _divides(self) -> Self:
        shape = self.shape
        if shape.hidden_size % shape.heads or shape.head_size % 2:
            raise ValueError(f"hidden_size {shape.hidden_size} does not split into {shape.heads} heads of even width")
        shared = self.key_value_heads or max(1, shape.heads // shape.queries)
        if shape.heads % shared or shape.heads % shape.queries:
            raise ValueError(f"{shape.heads} heads do not share {shared} heads of keys and values: it must divide them")
        return self


class PretrainConfig(ShapeConfig):
    """A Llama-style model from scratch. The defaults take about two minutes on two cores."""

    batch: int = Field(8, ge=1, le=65_536, description="Rows a step, over all ranks.")
    accumulation: int = Field(1, ge=1, le=4096, description="Parts a rank computes one after another to save memory.")
    steps: int = Field(180, ge=2, le=10_000_000, description="Optimizer steps.")
    chat_share: float = Field(0.3, ge=0, lt=1, description="Share of the steps, the last ones, on questions, answers.")
    learning_rate: float = Field(3e-3, gt=0, le=1, description="Highest learning rate.")
    warmup: int = Field(15, ge=0, description="Steps until the learning rate is highest.")
    weight_decay: float = Field(0.1, ge=0, le=1, description="AdamW's weight decay.")
    clip: float = Field(1.0, gt=0, description="Largest norm of a step's gradient.")
    seed: int = Field(17, ge=0, le=2**31, description="Seed of the weights and of the order of rows.")
    window: int = Field(4, ge=1, le=256, description="Files of rows that are on disk, and shuffled, together.")
    zero: Literal[0, 1, 2, 3] = Field(2, description="What DeepSpeed's ZeRO divides among ranks: each stage more.")
    offload: Literal["none", "optimizer", "parameters"] = Field(
        "none", description="What waits in the host's memory instead of the device's; parameters: the optimizer too."
    )
    deepspeed: str = Field(
        "", description="A DeepSpeed configuration (JSON) in place of zero and offload; relative: to the project."
    )
    precision: Literal["auto", "bf16", "fp32"] = Field("auto", description="auto: bf16 on a GPU, else fp32.")
    activation_checkpointing: bool = Field(False, description="Compute activations twice to save memory.")
    compile: bool = Field(False, description="Compile the model's layers (torch.compile).")
    kernels: Literal["auto", "liger", "torch"] = Field(
        "auto", description="Fused kernels; auto: Liger's where there is a GPU and they are installed."
    )
    log_every: int = Field(10, ge=1, description="Steps between two lines in the log.")
    validate_every: int = Field(60, ge=1, description="Steps between two measurements of the validation loss.")
    validation_rows: int = Field(64, ge=1, le=1_000_000, description="Rows it is measured on, at most, of each kind.")
    save_every: int = Field(60, ge=1, description="Steps between two checkpoints.")

    @model_validator(mode="after")
    def _offloads(self) -> Self:
        least = {"none": 0, "optimizer": 1, "parameters": 3}[self.offload]
        if self.zero < least:
            raise ValueError(f"offload {self.offload} needs zero {least} or more, and zero is {self.zero}")
        return self
