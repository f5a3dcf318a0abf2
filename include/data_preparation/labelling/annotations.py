"""What people said of documents: immutable records in the store, one an answer, each read as of a moment."""

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from include.artifacts.bucket import Bucket
from include.artifacts.history import now, sortable
from include.core.errors import CorruptedArtifactError

REVIEWS = "reviews/"
READERS = 16


class Annotation(BaseModel):
    """One annotator's label of one document. The last one that an annotator gives to a text counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    document: str = Field(min_length=1, description="Id of the document.")
    digest: str = Field(min_length=1, description="Of the text that was labelled: another text is not labelled by it.")
    label: str = Field(min_length=1)
    annotator: str = Field(min_length=1, description="Login name, or whom the import names.")
    suggested: str = Field("", description="The label that was shown beside the text.")
    via: str = Field(description="The page, or the format of the file that it was imported from.")
    given_at: str = Field("", description="When it was given, where another tool tells; ISO 8601.")
    recorded_at: str = Field(default_factory=now, description="When this store learned of it; UTC, ISO 8601.")

    def key(self, use_case: str) -> str:
        """Where it lies; keys of a use case sort by the moment they were recorded."""
        content = hashlib.sha256(self.model_dump_json(exclude={"recorded_at"}).encode()).hexdigest()
        return f"{REVIEWS}{use_case}/{sortable(self.recorded_at)}~{content[:16]}.json"


def keep(bucket: Bucket, use_case: str, annotation: Annotation) -> bool:
    """Write an annotation, never over another one; whether it is new."""
    data = annotation.model_dump_json(indent=1).encode()
    return bucket.put_bytes(annotation.key(use_case), data, if_none_match=True) is not None


def record(bucket: Bucket, use_case: str, annotations: Iterable[Annotation]) -> int:
    """Keep annotations, none of them over another one; how many are new.

    What an annotator has already said of a text, and not taken back since, is not kept twice: a file may be
    imported again.
    """
    known = read(bucket, use_case)
    last = {(one.document, one.annotator): one for one in known}
    given = {_given(one) for one in known if one.given_at}
    fresh = 0
    for annotation in annotations:
        before = last.get((annotation.document, annotation.annotator))
        same = before and (before.digest, before.label) == (annotation.digest, annotation.label)
        if same or (annotation.given_at and _given(annotation) in given):
            continue
        fresh += keep(bucket, use_case, annotation)
        last[annotation.document, annotation.annotator] = annotation
    return fresh


def _given(annotation: Annotation) -> tuple[str, ...]:
    return annotation.document, annotation.digest, annotation.annotator, annotation.label, annotation.given_at


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
    """The last annotation of each annotator on each document, from annotations in their order; by document."""
    last = {(one.document, one.annotator): one for one in annotations}
    return [last[key] for key in sorted(last)]
