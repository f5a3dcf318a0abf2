"""Who may do what in the object store: one table, as policies of S3's kind, which MinIO and SeaweedFS both keep."""

from dataclasses import dataclass
from typing import Any

EVERYTHING = ("",)


@dataclass(frozen=True)
class Role:
    """A user of the store; `reads` and `writes` are prefixes of the bucket. Any role may list names."""

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...] = ()


def roles(repository: str) -> dict[str, Role]:
    """Name -> role. `repository` is the prefix that Triton serves from.

    A gateway reads what it routes by and what proves that a model may serve: no dataset, no checkpoint.
    """
    found = (
        Role("workflow", EVERYTHING, EVERYTHING),
        Role("serving", EVERYTHING, ("aliases/", "serving/", f"{repository}/")),
        Role(
            "gateway",
            ("aliases/", "serving/", "feedback/", "inferencing/package/", "customization/gate/"),
            ("serving/traffic/", "feedback/"),
        ),
        Role("triton", (f"{repository}/",)),
    )
    return {role.name: role for role in found}


def policy(role: Role, bucket: str) -> dict[str, Any]:
    """The role as a policy document."""
    statements = [
        _allow([f"arn:aws:s3:::{bucket}"], "ListBucket", "GetBucketLocation", *_uploads(role)),
        _allow(_objects(bucket, role.reads), "GetObject"),
    ]
    if role.writes:
        names = ("PutObject", "DeleteObject", "AbortMultipartUpload", "ListMultipartUploadParts")
        statements.append(_allow(_objects(bucket, role.writes), *names))
    return {"Version": "2012-10-17", "Statement": statements}


def _uploads(role: Role) -> tuple[str, ...]:
    """Who sweeps the bucket ends uploads that nobody completed."""
    return ("ListBucketMultipartUploads",) if role.writes == EVERYTHING else ()


def _objects(bucket: str, prefixes: tuple[str, ...]) -> list[str]:
    return [f"arn:aws:s3:::{bucket}/{prefix}*" for prefix in prefixes]


def _allow(resources: list[str], *actions: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": [f"s3:{action}" for action in actions], "Resource": resources}
