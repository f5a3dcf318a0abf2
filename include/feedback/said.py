"""Feedback in the store: an object for each time that something was said, so that any moment can be read again.

What is said again of an answer is another version; the newest counts. What is taken back is erased: its texts are
deleted, and what stays says only that they are gone. All texts were scrubbed of personal data before.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from include.artifacts.bucket import Bucket
from include.core.errors import ArtifactNotFoundError

FEEDBACK = "feedback/"
# how the ids of records begin that are made of it
RECORDS = "feedback:"
Thumb = Literal["up", "down"]
READERS = 8


class Said(BaseModel):
    """What a tenant said of one answer; `tenant` is a keyed digest, times are ISO 8601 in UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[A-Za-z0-9_-]{8,100}$", description="The exchange's id, as the answer had it.")
    tenant: str
    model: str = Field("", description="The name the model was asked by.")
    triton_model: str = Field("", description="The model that answered; empty where that was no longer known.")
    answered_at: str = Field(description="When the answer was given.")
    recorded_at: str = Field(description="When this was said.")
    thumb: Thumb | None = None
    correction: str = ""
    question: str = Field("", description="The user's last message.")
    answer: str = ""
    told_by: Literal["gateway", "client"] = Field("gateway", description="Who says what was asked and answered.")
    erased: bool = Field(False, description="It was taken back: no dataset that is built from then on has it.")

    @field_validator("recorded_at")
    @classmethod
    def _has_a_zone(cls, told: str) -> str:
        if datetime.fromisoformat(told).tzinfo is None:
            raise ValueError("a moment without a time zone")
        return told

    @property
    def day(self) -> str:
        """The day the answer was given on, which all that is said of it lies under."""
        return self.answered_at[:10]


def said_prefix(use_case: str) -> str:
    """Where all that is said of a use case's answers lies."""
    return f"{FEEDBACK}{use_case}/said/"


def said_key(use_case: str, said: Said) -> str:
    """Where one version lies: `feedback/<use case>/said/<day>/<id>.<when it was said>.json`."""
    stamp = datetime.fromisoformat(said.recorded_at).astimezone(UTC).strftime("%Y%m%dT%H%M%S%f")
    return f"{said_prefix(use_case)}{said.day}/{said.id}.{stamp}.json"


def write_said(bucket: Bucket, use_case: str, said: Said) -> None:
    """Write a version; what is erased takes the texts of its other versions with it, those written later too."""
    key = said_key(use_case, said)
    bucket.put_bytes(key, said.model_dump_json().encode())
    others = [one for one in bucket.keys(f"{said_prefix(use_case)}{said.day}/{said.id}.") if one != key]
    if said.erased:
        bucket.delete(others)
    elif any(_is_erased(bucket, one) for one in others):
        bucket.delete([key])


def versions(bucket: Bucket, use_case: str, since: str = "") -> Iterator[tuple[str, Said | None]]:
    """Every version of what was said of answers given on the day `since` (2026-11-28) or later, each with its key.

    None where an object is none.
    """
    prefix = said_prefix(use_case)
    keys = [key for key in bucket.keys(prefix) if key.removeprefix(prefix) >= since]
    with ThreadPoolExecutor(READERS) as pool:
        for key, data in zip(keys, pool.map(lambda key: _bytes(bucket, key), keys), strict=True):
            if data is not None:
                yield key, _said(data)


def newest(said: Iterable[Said], before: datetime) -> list[Said]:
    """What counted of each answer at a moment, by id: nothing that was said later, nothing that is erased ever."""
    erased: set[str] = set()
    latest: dict[str, Said] = {}
    for one in said:
        if one.erased:
            erased.add(one.id)
        elif datetime.fromisoformat(one.recorded_at) < before and (
            one.id not in latest or latest[one.id].recorded_at < one.recorded_at
        ):
            latest[one.id] = one
    return [latest[name] for name in sorted(latest.keys() - erased)]


def read_said(bucket: Bucket, use_case: str, before: datetime, since: str = "") -> list[Said]:
    """What counted at the moment `before`, of answers given on the day `since` or later, by id.

    Objects that are no feedback are left out: the step that aggregates counts them.
    """
    return newest((said for _, said in versions(bucket, use_case, since) if said), before)


def _is_erased(bucket: Bucket, key: str) -> bool:
    data = _bytes(bucket, key)
    said = _said(data) if data is not None else None
    return bool(said and said.erased)


def _bytes(bucket: Bucket, key: str) -> bytes | None:
    try:
        return bucket.get_bytes(key)[0]
    except ArtifactNotFoundError:  # erased since the listing
        return None


def _said(data: bytes) -> Said | None:
    try:
        return Said.model_validate_json(data)
    except ValidationError:
        return None
