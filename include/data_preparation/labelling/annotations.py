"""What people said of documents: immutable records in the store, one an answer, each read as of a moment."""

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from include.artifacts.bucket import Bucket
from include.artifacts.history import now, sortable
from include.core.errors import CorruptedArtifactError

REVIEWS = "reviews/"
READERS = 16


class Annotation(BaseModel):
    """One annotator's label of one document. What an annotator said of it last counts, whenever it was imported."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    document: str = Field(min_length=1, description="Id of the document.")
    digest: str = Field(min_length=1, description="Of the text that was labelled: another text is not labelled by it.")
    label: str = Field(min_length=1)
    taxonomy: str = Field("", description="Whose labels there were to choose from.")
    annotator: str = Field(min_length=1, description="Login name, or whom the import names.")
    suggested: str = Field("", description="The label that was shown beside the text.")
    via: str = Field(description="The page, or the format of the file that it was imported from.")
    given_at: str = Field(
        "", description="When it was given, or at the earliest, where it was imported from a file; UTC, ISO 8601."
    )
    recorded_at: str = Field(default_factory=now, description="When this store learned of it; UTC, ISO 8601.")

    @field_validator("given_at")
    @classmethod
    def _is_moment(cls, value: str) -> str:
        if value:
            sortable(value)
        return value

    @property
    def said_at(self) -> str:
        """When it was said, as text that sorts: no clock of another tool is ahead of this store's."""
        recorded = sortable(self.recorded_at)
        return min(sortable(self.given_at), recorded) if self.given_at else recorded

    def key(self, use_case: str) -> str:
        """Where it lies; keys of a use case sort by the moment they were recorded."""
        content = hashlib.sha256(self.model_dump_json(exclude={"recorded_at"}).encode()).hexdigest()
        return f"{REVIEWS}{use_case}/{sortable(self.recorded_at)}~{content[:16]}.json"


def keep(bucket: Bucket, use_case: str, annotation: Annotation) -> bool:
    """Write an annotation, never over another one; whether it is new."""
    data = annotation.model_dump_json(indent=1).encode()
    return bucket.put_bytes(annotation.key(use_case), data, if_none_match=True) is not None


class Recorded(NamedTuple):
    """What became of annotations: how many are new, and how many of all have been taken back since by who gave them."""

    fresh: int
    outdated: int


def record(bucket: Bucket, use_case: str, annotations: Iterable[Annotation]) -> Recorded:
    """Keep annotations, none of them over another one, and what was kept before not twice: a file may come again."""
    known = read(bucket, use_case)
    kept = {_said(one) for one in known}
    given = list(annotations)
    fresh = []
    for one in given:
        if _said(one) not in kept:
            kept.add(_said(one))
            keep(bucket, use_case, one)
            fresh.append(one)
    last = set(map(_said, standing([*known, *fresh])))
    return Recorded(len(fresh), sum(_said(one) not in last for one in given))


def _said(annotation: Annotation) -> tuple[str, ...]:
    # what was not imported is told apart by when it was recorded
    when = annotation.given_at or annotation.recorded_at
    return annotation.document, annotation.digest, annotation.annotator, annotation.label, when


def keys(bucket: Bucket, use_case: str, before: str = "") -> list[str]:
    """Keys of a use case's annotations that were recorded before a moment (ISO 8601; empty: all), the oldest first."""
    folder = f"{REVIEWS}{use_case}/"
    last = sortable(before) if before else "~"
    return sorted(key for key in bucket.keys(folder) if key.removeprefix(folder) < last)


def state(bucket: Bucket, use_case: str, before: str) -> str:
    """What `read` would give, in a few words that differ where it does: an annotation's key tells its content."""
    found = keys(bucket, use_case, before)
    return f"{len(found)} ({hashlib.sha256(' '.join(found).encode()).hexdigest()[:12]})" if found else "none"


def read(bucket: Bucket, use_case: str, before: str = "") -> list[Annotation]:
    """A use case's annotations that were recorded before a moment, the oldest first.

    CorruptedArtifactError for one that cannot be read.
    """

    def one(key: str) -> Annotation:
        data, _ = bucket.get_bytes(key)
        try:
            return Annotation.model_validate_json(data)
        except ValidationError as error:
            first = error.errors()[0]
            raise CorruptedArtifactError(key, data[:40], first["msg"], "Delete it from the bucket") from None

    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(one, keys(bucket, use_case, before)))


def standing(annotations: Iterable[Annotation]) -> list[Annotation]:
    """What each annotator said last of each document, of equals what was recorded last; by document."""
    in_order = sorted(annotations, key=lambda one: (one.said_at, sortable(one.recorded_at)))
    last = {(one.document, one.annotator): one for one in in_order}
    return [last[key] for key in sorted(last)]
