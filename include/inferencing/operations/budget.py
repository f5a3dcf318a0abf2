"""`serving/<use case>/budget.json`: whether the error budget is burnt, for whoever would start a rollout."""

from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field

from include.artifacts.bucket import Bucket
from include.artifacts.document import Document
from include.core.errors import CorruptedArtifactError

# a freeze that no look has renewed for so long ends: nobody watches any more, and a rollout may be the cure
FRESH = timedelta(hours=24)


class Budget(BaseModel):
    """What the last look found; `at` is its moment, UTC, ISO 8601."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    at: str
    frozen: bool = Field(description="No rollout starts, going back to an earlier champion excepted.")
    reason: str = Field("", description="Why, for people; empty where nothing is frozen.")
    spent: dict[str, float] = Field(default_factory=dict, description="Objective -> part of its budget that is spent.")


def budget_document(bucket: Bucket, use_case: str) -> Document:
    """Where a use case's budget lies."""
    return Document(bucket, f"serving/{use_case}/budget.json")


def read_budget(bucket: Bucket, use_case: str) -> Budget | None:
    """The last look's; None before the first."""
    return _read(budget_document(bucket, use_case))[0]


def write_budget(bucket: Bucket, use_case: str, budget: Budget) -> Budget:
    """Make it the newest, unless a look at a later moment stands; the one that stands."""
    document = budget_document(bucket, use_case)
    while True:
        found, version = _read(document)
        if found and datetime.fromisoformat(found.at) >= datetime.fromisoformat(budget.at):
            return found
        if document.swap(budget.model_dump(mode="json"), version):
            return budget


def freeze(bucket: Bucket, use_case: str, at: datetime | None = None) -> str:
    """Why no rollout may start at a moment (now); empty where one may. Going back is never frozen: do not ask then."""
    found = read_budget(bucket, use_case)
    moment = at or datetime.now(UTC)
    if found is None or not found.frozen or moment - datetime.fromisoformat(found.at) > FRESH:
        return ""
    return found.reason


def _read(document: Document) -> tuple[Budget | None, str | None]:
    value, version = document.read()
    try:
        return (Budget.model_validate(value) if value else None), version
    except ValueError as error:
        problem = "the error budget cannot be read"
        raise CorruptedArtifactError(
            document.key, str(error)[:200], problem, "Delete it: the next look writes it"
        ) from error
