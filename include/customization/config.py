"""How the selected model is customized, and what it has to prove."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class TuningConfig(_Config):
    """What all techniques share: supervised training on questions and answers, with loss on the answers only."""

    learning_rate: float = Field(1e-3, gt=0, le=10, description="Highest learning rate.")
    steps: int = Field(48, ge=2, le=1_000_000, description="Optimizer steps.")
    batch: int = Field(4, ge=1, le=65_536, description="Questions a step, over all ranks.")
    accumulation: int = Field(1, ge=1, le=4096, description="Parts a rank computes one after another to save memory.")
    length: int = Field(128, ge=32, le=131_072, description="Tokens of question and answer; longer answers are cut.")
    warmup: int = Field(4, ge=0, description="Steps until the learning rate is highest.")
    weight_decay: float = Field(0.0, ge=0, le=1, description="AdamW's weight decay.")
    clip: float = Field(1.0, gt=0, description="Largest norm of a step's gradient.")
    seed: int = Field(29, ge=0, le=2**31, description="Seed of the adapter's weights and of the order of questions.")
    log_every: int = Field(4, ge=1, description="Steps between two lines in the log.")
    save_every: int = Field(16, ge=1, description="Steps between two checkpoints.")


class LoraConfig(TuningConfig):
    """Low-rank adaptation of all linear layers."""

    technique: Literal["lora"] = Field("lora", description="Name of the technique.")
    rank: int = Field(16, ge=1, le=1024, description="Rank of the update.")
    alpha: int = Field(32, ge=1, le=4096, description="Scale of the update, divided by its rank.")
    dropout: float = Field(0.05, ge=0, lt=1, description="Dropout before the update.")


class PromptTuningConfig(TuningConfig):
    """Learned input embeddings before every prompt; the model itself stays as it is."""

    technique: Literal["prompt_tuning"] = Field("prompt_tuning", description="Name of the technique.")
    learning_rate: float = Field(5e-3, gt=0, le=10, description="Highest learning rate.")
    virtual_tokens: int = Field(16, ge=1, le=4096, description="Learned embeddings before the prompt.")
    start: str = Field(
        "Answer the question about Python in one or two plain sentences, as its documentation does.",
        min_length=1,
        description="Text whose embeddings the learned ones start from.",
    )


class GateConfig(_Config):
    """What makes a customized model better than the one it came from."""

    resamples: int = Field(2000, ge=100, le=1_000_000, description="Bootstrap resamples of the held-out questions.")
    seed: int = Field(7, ge=0, description="Seed of the bootstrap.")
    least_questions: int = Field(8, ge=2, description="Fewer held-out questions than this prove nothing.")


class CustomizationConfig(_Config):
    """The customization step."""

    techniques: tuple[Literal["lora", "prompt_tuning"], ...] = Field(
        ("lora", "prompt_tuning"), min_length=1, description="Techniques to try; the gate chooses among them."
    )
    lora: LoraConfig = Field(LoraConfig(), description="Low-rank adaptation.")
    prompt_tuning: PromptTuningConfig = Field(PromptTuningConfig(), description="Prompt tuning.")
    gate: GateConfig = Field(GateConfig(), description="The gate after the evaluations.")
