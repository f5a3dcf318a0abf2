"""The supervised techniques: what each may be told."""

from typing import Literal, Self

from pydantic import Field, model_validator

from include.customization.config.base import Config


class TuningConfig(Config):
    """What all training techniques share."""

    technique: str = Field(description="Name of the technique.")
    learning_rate: float = Field(1e-3, gt=0, le=10, description="Highest learning rate.")
    steps: int = Field(48, ge=2, le=1_000_000, description="Optimizer steps.")
    batch: int = Field(4, ge=1, le=65_536, description="Examples a step, over all ranks.")
    accumulation: int = Field(1, ge=1, le=4096, description="Parts a rank computes one after another to save memory.")
    length: int = Field(128, ge=32, le=131_072, description="Tokens of question and answer; longer answers are cut.")
    warmup: int = Field(4, ge=0, description="Steps until the learning rate is highest.")
    weight_decay: float = Field(0.0, ge=0, le=1, description="AdamW's weight decay.")
    clip: float = Field(1.0, gt=0, description="Largest norm of a step's gradient.")
    zero: Literal[0, 1, 2] = Field(0, description="DeepSpeed's ZeRO stage: what the ranks divide among them.")
    activation_checkpointing: bool = Field(False, description="Compute activations twice to save memory.")
    smaller_micro_batch: bool = Field(
        False, description="Out of memory: compute fewer examples at once instead of failing."
    )
    canaries: int = Field(
        4,
        ge=0,
        le=1000,
        description="Made-up secrets added to what is trained on, to be searched for: without any, nothing passes.",
    )

    @property
    def trains_weights(self) -> bool:
        """Whether the model's own weights are trained, not an adapter's."""
        return False

    @property
    def examples(self) -> int:
        """What all steps read, where the data have so much."""
        return self.steps * self.batch

    @model_validator(mode="after")
    def _reads_more_than_canaries(self) -> Self:
        if self.canaries >= self.examples:
            raise ValueError(
                f"canaries ({self.canaries}) are all that {self.steps} steps read ({self.examples} examples): plant "
                "fewer, or train longer"
            )
        return self

    seed: int = Field(29, ge=0, le=2**31, description="Seed of new weights and of the order of examples.")
    log_every: int = Field(4, ge=1, description="Steps between two lines in the log.")
    save_every: int = Field(16, ge=1, description="Steps between two checkpoints.")


class FewShotConfig(Config):
    """Examples in the prompt: nothing is trained, so it costs nothing to make."""

    technique: Literal["few_shot"] = Field("few_shot", description="Name of the technique.")
    examples: int = Field(3, ge=1, le=64, description="Questions with their answers that every prompt begins with.")
    words: int = Field(60, ge=8, le=10_000, description="Longest question and answer together, in words.")
    candidates: int = Field(2000, ge=1, le=100_000, description="Training questions that are looked at.")
    seed: int = Field(29, ge=0, le=2**31, description="Seed of the choice.")


class WeightsConfig(TuningConfig):
    """What techniques that train the model's own weights share."""

    learning_rate: float = Field(5e-5, gt=0, le=10, description="Highest learning rate.")
    zero: Literal[0, 1, 2, 3] = Field(  # type: ignore[assignment]
        2, description="DeepSpeed's ZeRO stage: what the ranks divide among them."
    )

    @property
    def trains_weights(self) -> bool:
        """Whether the model's own weights are trained, not an adapter's."""
        return True


class FullConfig(WeightsConfig):
    """Supervised training of all weights."""

    technique: Literal["full"] = Field("full", description="Name of the technique.")


class LowRankConfig(TuningConfig):
    """Low-rank updates of all linear layers."""

    rank: int = Field(16, ge=1, le=1024, description="Rank of the update.")
    alpha: int = Field(32, ge=1, le=4096, description="Scale of the update, divided by its rank.")
    dropout: float = Field(0.05, ge=0, lt=1, description="Dropout before the update.")


class LoraConfig(LowRankConfig):
    """Low-rank adaptation."""

    technique: Literal["lora"] = Field("lora", description="Name of the technique.")


class DoraConfig(LowRankConfig):
    """Low-rank adaptation of the weights' directions, with their lengths learned apart."""

    technique: Literal["dora"] = Field("dora", description="Name of the technique.")


class QloraConfig(LowRankConfig):
    """Low-rank adaptation beside a base in 4 bits (NF4)."""

    technique: Literal["qlora"] = Field("qlora", description="Name of the technique.")


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


class PTuningConfig(TuningConfig):
    """Learned input embeddings before every prompt that a small network writes while it is trained."""

    technique: Literal["p_tuning"] = Field("p_tuning", description="Name of the technique.")
    virtual_tokens: int = Field(16, ge=1, le=4096, description="Learned embeddings before the prompt.")
    hidden_size: int = Field(256, ge=8, le=16_384, description="Width of the network that writes them.")


class PrefixTuningConfig(TuningConfig):
    """Learned keys and values before those of every prompt, in every layer."""

    technique: Literal["prefix_tuning"] = Field("prefix_tuning", description="Name of the technique.")
    learning_rate: float = Field(1e-2, gt=0, le=10, description="Highest learning rate.")
    virtual_tokens: int = Field(16, ge=1, le=4096, description="Learned keys and values in each layer.")


class ContinuedPretrainingConfig(WeightsConfig):
    """Transfer learning: the dataset's corpus is read on, by the upper layers alone."""

    technique: Literal["continued_pretraining"] = Field("continued_pretraining", description="Name of the technique.")
    length: int = Field(128, ge=32, le=131_072, description="Tokens of one packed sequence.")
    frozen_layers: float = Field(
        0.5, ge=0, lt=1, description="Share of the layers, from below, that stay as they are, with the embeddings."
    )
