"""What an evaluation measures, and on how much."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class LmEvalConfig(_Config):
    """Tasks of lm-eval, from files of this project or the use case's: none is ever downloaded."""

    tasks: tuple[str, ...] = Field(
        (), description="Names of tasks: python_basics, python_reading, or of tasks_folder; each is measured."
    )
    tasks_folder: str = Field(
        "",
        pattern=r"^([A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*)?$",
        description="Folder beside the use case's file with more tasks: YAML as lm-eval writes it, and JSONL.",
    )
    limit: int = Field(32, ge=1, le=1_000_000, description="Questions of a task, at most; the first ones.")
    chat_template: bool = Field(True, description="Ask in the model's chat template, as it is asked in service.")
    allow_code: bool = Field(
        False, description="Run the Python that the tasks of tasks_folder name: only where their author is trusted."
    )

    @field_validator("tasks")
    @classmethod
    def _differ(cls, tasks: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(tasks)) < len(tasks):
            raise ValueError("a task is named twice")
        return tasks


class JudgeConfig(_Config):
    """A judge: a model behind GENAI_JUDGE_ENDPOINT that rates answers; it is sent questions, references and answers."""

    answers: int = Field(
        0, ge=0, le=100_000, description="Own answers that are judged, of `answers`; 0: none is rated."
    )
    pairs: int = Field(
        0,
        ge=0,
        le=100_000,
        description="Own answers of a customized model, of `answers`, that are compared with its base's; 0: none.",
    )
    hosting: Literal["own", "hosted"] = Field(
        "hosted", description="Where it runs; hosted elsewhere, it is sent nothing but public sources."
    )
    max_unreadable: float = Field(0.2, ge=0, lt=1, description="Largest share of ratings that cannot be read.")
    answer_tokens: int = Field(256, ge=1, le=65_536, description="Longest rating, in tokens.")
    concurrency: int = Field(4, ge=1, le=64, description="Requests at once.")
    timeout_seconds: float = Field(120, gt=0, le=3600, description="Longest wait for a whole rating.")
    attempts: int = Field(4, ge=1, le=20, description="Times that a failing request is sent.")
    max_wait_seconds: float = Field(60, ge=0, le=3600, description="Longest wait between two attempts.")
    parameters: dict[str, str | int | float | bool | None] = Field(
        {}, description="Fields of the request that the endpoint calls otherwise; null: leave it out."
    )

    @property
    def is_asked(self) -> bool:
        """Whether anything is sent to it."""
        return bool(self.answers or self.pairs)


class EvaluationConfig(_Config):
    """Size of an evaluation. The defaults take under a minute on one core for a model of 135M parameters."""

    questions: int = Field(48, ge=1, le=100_000, description="Held-out questions whose reference answer is scored.")
    answers: int = Field(24, ge=1, le=100_000, description="Of these, questions that the model answers itself.")
    texts: int = Field(
        24,
        ge=0,
        le=100_000,
        description="Of these, held-out references that are read as plain text too, without question; 0: none.",
    )
    max_new_tokens: int = Field(48, ge=1, le=4096, description="Longest answer, in tokens.")
    max_tokens: int = Field(512, ge=16, le=131_072, description="Question and reference together; longer ones are cut.")
    batch_size: int = Field(8, ge=1, le=1024, description="Sequences at once; seconds_per_answer depends on it.")
    waits: int = Field(4, ge=1, le=1000, description="Questions asked alone, one after another, to time the tokens.")
    wait_tokens: int = Field(8, ge=2, le=4096, description="Tokens that each of these answers has.")
    canary_alternatives: int = Field(
        31, ge=1, le=1000, description="Other codes that a canary is ranked among, where the model has any."
    )
    lm_eval: LmEvalConfig = Field(LmEvalConfig(), description="Tasks of lm-eval.")
    judge: JudgeConfig = Field(JudgeConfig(), description="A model that rates the answers.")
    samples: int = Field(8, ge=0, le=1000, description="Answers shown in the report.")
    seed: int = Field(0, ge=0, description="Seed of the bootstrap.")

    @model_validator(mode="after")
    def _judged_are_answered(self) -> Self:
        for name in ("answers", "pairs"):
            if (judged := getattr(self.judge, name)) > self.answers:
                raise ValueError(f"judge.{name} {judged} exceeds answers {self.answers}")
        return self
