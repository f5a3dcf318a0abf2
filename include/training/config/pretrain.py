"""How a model is trained from scratch."""

from typing import Self

from pydantic import Field, model_validator

from include.training.config.base import TrainingPart


class PretrainConfig(TrainingPart):
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
