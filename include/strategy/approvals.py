"""What people said of a charter: decisions beside it, each written once and never changed."""

import re
from collections.abc import Collection, Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from include.artifacts.bucket import Bucket
from include.artifacts.document import APPROVALS
from include.artifacts.ref import ArtifactRef
from include.core.errors import ArtifactNotFoundError, ConfigurationError, CorruptedArtifactError


class Decision(BaseModel):
    """One person's answer to the question whether a use case may go on with a charter."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    use_case: str
    charter: ArtifactRef = Field(description="What was asked about; its digest is that of charter.json.")
    number: int = Field(0, ge=0, description="Place among the decisions on this charter, from 1; 0: not written yet.")
    choice: Literal["approved", "rejected"]
    user: str = Field(min_length=1, description="Airflow's id of the person.")
    name: str
    comment: str = ""
    at: str = Field(description="When the person answered; UTC, ISO 8601.")
    run_id: str
    task: str

    def is_same_answer(self, other: "Decision") -> bool:
        """Whether both are one answer, to one request."""
        return self.model_copy(update={"number": other.number}) == other

    def __str__(self) -> str:
        said = f": {self.comment}" if self.comment else ""
        return f"{self.choice} by {self.name} on {self.at[:16].replace('T', ' ')} UTC{said}"


class ApprovalLog:
    """The decisions of one use case on charters of one content."""

    def __init__(self, bucket: Bucket, use_case: str, charter: ArtifactRef) -> None:
        self.bucket, self.charter = bucket, charter
        self.base = f"{_folder(use_case)}{charter.digest}"

    def read(self) -> list[Decision]:
        """All decisions in their order; CorruptedArtifactError where one cannot be read or belongs elsewhere."""
        found: list[Decision] = []
        while decision := _read(self.bucket, self._key(len(found) + 1)):
            found.append(decision)
        return found

    def add(self, decision: Decision) -> list[Decision]:
        """Write a decision as the next one, unless it is there already; all decisions, with it.

        Of two writers at once each gets a number of its own.
        """
        while True:
            found = self.read()
            if any(decision.is_same_answer(known) for known in found):
                return found
            numbered = decision.model_copy(update={"number": len(found) + 1})
            data = numbered.model_dump_json(indent=1).encode()
            # an answer that is lost looks like a condition that does not hold: the next look tells
            if self.bucket.put_bytes(self._key(numbered.number), data, if_none_match=True):
                return [*found, numbered]

    def _key(self, number: int) -> str:
        return _place(self.base, number)


def standing(decisions: Iterable[Decision], approvers: Collection[str] = ()) -> list[Decision]:
    """The approvals that count: since the last rejection, one a person, of `approvers` where there are any."""
    found: dict[str, Decision] = {}
    for decision in decisions:
        if decision.choice == "rejected":
            found.clear()
        elif not approvers or decision.user in approvers:
            found.setdefault(decision.user, decision)
    return list(found.values())


def all_decisions(bucket: Bucket, use_case: str) -> list[Decision]:
    """Every decision of a use case, on whatever charter, in the order of time."""
    found = [_read(bucket, key) for key in bucket.keys(_folder(use_case))]
    return sorted((one for one in found if one), key=lambda one: (one.at, one.charter.digest, one.number))


def _folder(use_case: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", use_case):
        raise ConfigurationError("use_case", use_case, "is no plain name", "Use letters, digits, ., _ and -")
    return f"{APPROVALS}{use_case}/"


def _place(base: str, number: int) -> str:
    # no folder is named by a digest: the sweep would take it for an artifact without a manifest
    return f"{base}-{number:06}.json"


def _read(bucket: Bucket, key: str) -> Decision | None:
    try:
        data, _ = bucket.get_bytes(key)
    except ArtifactNotFoundError:
        return None
    try:
        found = Decision.model_validate_json(data)
    except ValidationError as error:
        raise CorruptedArtifactError(
            key, data[:40], "the decision cannot be read", "Restore it; without it nothing is approved"
        ) from error
    own = _place(f"{APPROVALS}{found.use_case}/{found.charter.digest}", found.number)
    if own != key:
        # a copy under another charter's key was never this charter's approval
        raise CorruptedArtifactError(
            key, own, "the decision is one on another charter or use case", "Delete it; nobody decided it here"
        )
    return found
