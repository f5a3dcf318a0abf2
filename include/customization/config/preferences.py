"""Reinforcement learning: from preferences between two answers, and from rewards."""

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from include.customization.config.base import Config
from include.customization.config.techniques import LowRankConfig
from include.outside_files import folder_or_prefix

RewardName = Literal["chrf_to_reference", "length_band", "format", "no_repetition", "reward_model"]


class PairFilesConfig(Config):
    """Files with pairs of answers that people, or other models, have compared."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="What strategy.data_sources and reports call it.")
    location: str = Field(
        min_length=1,
        description="Folder, relative to the project or absolute, or s3:<prefix>/ in the store's bucket, with .jsonl, "
        ".jsonl.gz and .parquet files: rows with prompt or question, chosen and rejected.",
    )

    license: str = Field(min_length=1, max_length=100, description="SPDX name of the licence of its pairs.")

    @field_validator("location")
    @classmethod
    def _is_known(cls, value: str) -> str:
        return folder_or_prefix(value)


class PreferencesConfig(Config):
    """Pairs of a better and a worse answer, which dpo and the reward model learn from."""

    files: tuple[PairFilesConfig, ...] = Field((), description="Where pairs lie that people have made.")
    max_characters: int = Field(8000, ge=16, le=1_000_000, description="Longest question, and longest answer.")
    max_quarantined_share: float = Field(0.1, ge=0, le=1, description="Largest share of rows that are no pairs.")
    most_pairs: int = Field(5000, ge=2, le=1_000_000, description="Of more pairs from files, this many are drawn.")
    own_answers: int = Field(
        64,
        ge=0,
        le=100_000,
        description="Training questions that the selected model answers: the reference is better than its answer.",
    )
    most_alike: float = Field(
        60.0, ge=0, le=100, description="An own answer with a chrF2++ above this is too good to be called worse."
    )
    temperature: float = Field(0.8, gt=0, le=10, description="Temperature that own answers are sampled at.")
    max_new_tokens: int = Field(48, ge=1, le=4096, description="Longest own answer, in tokens.")
    batch_size: int = Field(8, ge=1, le=1024, description="Own answers sampled at once.")
    seed: int = Field(31, ge=0, le=2**31, description="Decides which questions are answered, how, and what is drawn.")
    min_pairs: int = Field(16, ge=2, le=1_000_000, description="Fewer pairs than this teach nothing: the run stops.")


class RewardModelConfig(LowRankConfig):
    """A small model that scores answers: an adapter and a head on the selected model, trained on preferences."""

    technique: Literal["reward_model"] = Field("reward_model", description="Its name.")
    learning_rate: float = Field(3e-4, gt=0, le=10, description="Highest learning rate.")
    steps: int = Field(32, ge=2, le=1_000_000, description="Optimizer steps.")
    canaries: int = Field(0, ge=0, le=0, description="None: it gives a number, no text.")
    rank: int = Field(8, ge=1, le=1024, description="Rank of the update.")
    alpha: int = Field(16, ge=1, le=4096, description="Scale of the update, divided by its rank.")


class DpoConfig(LowRankConfig):
    """Direct preference optimization of a low-rank adapter."""

    technique: Literal["dpo"] = Field("dpo", description="Name of the technique.")
    learning_rate: float = Field(2e-4, gt=0, le=10, description="Highest learning rate.")
    steps: int = Field(32, ge=2, le=1_000_000, description="Optimizer steps.")
    beta: float = Field(0.1, gt=0, le=10, description="How dearly the model pays for leaving the one it came from.")
    anchor: float = Field(
        1.0,
        ge=0,
        le=100,
        description="Weight of the supervised loss on the better answer: without it both answers may grow unlikely.",
    )

    @property
    def learns_from_pairs(self) -> bool:
        """It does."""
        return True


class GrpoConfig(LowRankConfig):
    """Group relative policy optimization of a low-rank adapter by reward functions."""

    technique: Literal["grpo"] = Field("grpo", description="Name of the technique.")
    learning_rate: float = Field(2e-4, gt=0, le=10, description="Highest learning rate.")
    steps: int = Field(16, ge=2, le=1_000_000, description="Optimizer steps.")
    batch: int = Field(8, ge=2, le=65_536, description="Answers a step, over all ranks.")
    save_every: int = Field(8, ge=1, description="Steps between two checkpoints, and on to where answers are new.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Dropout before the update.")
    canaries: int = Field(
        2,
        ge=0,
        le=1000,
        description="Made-up secrets that are asked for, their codes as references: it is shown no answer, but rewards "
        "may tell it one. Without any, nothing passes.",
    )
    group: int = Field(4, ge=2, le=1024, description="Answers to one question, compared with each other.")
    steps_per_generation: int = Field(1, ge=1, le=1024, description="Steps that share one round of new answers.")
    iterations: int = Field(1, ge=1, le=64, description="Times that each round of answers is learnt from.")
    beta: float = Field(0.02, ge=0, le=10, description="How dearly the model pays for leaving the one it came from.")
    temperature: float = Field(1.0, gt=0, le=10, description="Temperature that answers are sampled at.")
    max_new_tokens: int = Field(40, ge=1, le=4096, description="Longest answer, in tokens.")
    vllm: bool = Field(False, description="Sample by vLLM inside the ranks: needs a GPU and the package vllm.")
    rewards: dict[RewardName, Annotated[float, Field(gt=0, le=1000)]] = Field(
        {"chrf_to_reference": 1.0, "length_band": 0.2, "no_repetition": 0.2},
        min_length=1,
        description="Reward functions and what each weighs; each gives 0 to 1.",
        json_schema_extra={"examples": [dict.fromkeys(get_args(RewardName), 1.0)]},
    )
    least_words: int = Field(4, ge=0, le=10_000, description="length_band: words of the shortest good answer.")
    most_words: int = Field(45, ge=1, le=10_000, description="length_band: words of the longest good answer.")
    pattern: str = Field("", description="format: regular expression that a whole good answer matches.")

    @property
    def rewarded_by_model(self) -> bool:
        """Whether it needs a reward model, and so pairs of answers for that to learn from."""
        return "reward_model" in self.rewards

    @property
    def examples(self) -> int:
        """Questions that all steps ask, where the data have so many."""
        return self.steps * self.batch // (self.group * self.iterations)

    @property
    def cycle(self) -> int:
        """Steps from one round of new answers to the next: between them, no checkpoint could be gone on from."""
        return self.steps_per_generation * self.iterations

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        # by the library that matches it: not every pattern of one is one of the other
        import regex

        try:
            regex.compile(value)
        except regex.error as error:
            raise ValueError(f"no regular expression: {error}") from None
        return value

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.batch % self.group:
            raise ValueError(f"batch ({self.batch}) holds whole groups of {self.group} answers: use a multiple")
        if self.steps % self.cycle:
            raise ValueError(
                f"steps ({self.steps}) are whole rounds of steps_per_generation x iterations = {self.cycle}: "
                "use a multiple"
            )
        if self.max_new_tokens >= self.length:
            raise ValueError(
                f"max_new_tokens ({self.max_new_tokens}) leaves no room for a question in length ({self.length})"
            )
        if self.least_words > self.most_words:
            raise ValueError(f"least_words ({self.least_words}) is above most_words ({self.most_words})")
        if "format" in self.rewards and not self.pattern:
            raise ValueError("the reward format needs a pattern")
        return self
