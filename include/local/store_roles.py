"""Who may do what in the object store: one table for compose and clusters, as policies of S3's kind, which AWS, MinIO
and SeaweedFS keep: `python -m include.local.store_roles BUCKET` prints them.
"""

import json
import sys
from dataclasses import dataclass
from typing import Any

EVERYTHING = ("",)
# those of docker-compose.yaml, which has no cluster's jobs, and whose administrator has the workflow's user
COMPOSE = ("workflow", "serving", "scaler", "pages", "gateway", "triton")


@dataclass(frozen=True)
class Role:
    """A user of the store; `reads` and `writes` are prefixes of the bucket. Any role may list names; one that `commits`
    artifacts looks for uploads that a killed writer left."""

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...] = ()
    commits: bool = False


def roles(repository: str) -> dict[str, Role]:
    """Name -> role. `repository` is the prefix that Triton serves from.

    A gateway reads what it routes by and what proves that a model may serve: no dataset, no checkpoint. Who rolls out
    copies packages and cards, too, and asks held-out questions. A job writes no report of a gate, and no alias.
    """
    copies = f"{repository}/"
    proofs = ("aliases/", "serving/", "inferencing/package/", "customization/gate/")
    rolls_out = (*proofs, "customization/model_card/", "data_preparation/check/", copies)
    trained = ("training/pretrain/", "customization/tune/", "customization/train_reward_model/")
    found = (
        Role("workflow", EVERYTHING, EVERYTHING, commits=True),
        Role("jobs", EVERYTHING, ("claims/", "jobs/", "progress/", "runs/", *trained), commits=True),
        Role("serving", rolls_out, ("aliases/", copies)),
        Role("scaler", ("aliases/", "serving/scale.json", "serving/traffic/"), ("serving/scale.json",)),
        Role("admin", (*rolls_out, "runs/"), ("serving/access.json", "aliases/", copies)),
        Role("pages", EVERYTHING, ("reviews/",)),
        Role("gateway", (*proofs, "feedback/"), ("serving/traffic/", "feedback/")),
        Role("triton", (copies,)),
    )
    return {role.name: role for role in found}


def policy(role: Role, bucket: str) -> dict[str, Any]:
    """The role as a policy document."""
    uploads = ("ListBucketMultipartUploads",) if role.commits else ()
    statements = [
        _allow([f"arn:aws:s3:::{bucket}"], "ListBucket", "GetBucketLocation", *uploads),
        _allow(_objects(bucket, role.reads), "GetObject"),
    ]
    if role.writes:
        names = ("PutObject", "DeleteObject", "AbortMultipartUpload", "ListMultipartUploadParts")
        statements.append(_allow(_objects(bucket, role.writes), *names))
    return {"Version": "2012-10-17", "Statement": statements}


def _objects(bucket: str, prefixes: tuple[str, ...]) -> list[str]:
    return [f"arn:aws:s3:::{bucket}/{prefix}*" for prefix in prefixes]


def _allow(resources: list[str], *actions: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": [f"s3:{action}" for action in actions], "Resource": resources}


def main() -> None:
    """Print the policies of a bucket by role, as JSON."""
    from include.core.settings import settings

    bucket = sys.argv[1] if sys.argv[1:] else settings().s3_bucket
    found = roles(settings().model_repository)
    sys.stdout.write(json.dumps({name: policy(role, bucket) for name, role in found.items()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
