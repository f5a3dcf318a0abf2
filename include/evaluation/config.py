"""What an evaluation measures, and on how much."""

from pydantic import BaseModel, ConfigDict, Field


class EvaluationConfig(BaseModel):
    """Size of an evaluation. The defaults take under a minute on one core for a model of 135M parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    questions: int = Field(48, ge=1, le=100_000, description="Held-out questions whose reference answer is scored.")
    answers: int = Field(24, ge=1, le=100_000, description="Of these, questions that the model answers itself.")
    max_new_tokens: int = Field(48, ge=1, le=4096, description="Longest answer, in tokens.")
    max_tokens: int = Field(512, ge=16, le=131_072, description="Question and reference together; longer ones are cut.")
    batch_size: int = Field(8, ge=1, le=1024, description="Sequences at once; seconds_per_answer depends on it.")
    samples: int = Field(8, ge=0, le=1000, description="Answers shown in the report.")
    seed: int = Field(0, ge=0, description="Seed of the bootstrap.")
