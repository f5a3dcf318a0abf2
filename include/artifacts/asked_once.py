"""Answers of a model elsewhere, each asked for once: kept in the store under the digest of its request.

No model answers twice the same. What makes a step's result repeatable is the first answer to a request, which is
never asked for again: not by a retry after a kill, not by a forced run, not by another use case.
"""

import json
from typing import Any

from include.artifacts.bucket import Bucket
from include.artifacts.manifest import sha256_of
from include.core.chat_endpoint import Address, Answer, ChatEndpoint
from include.core.errors import ArtifactNotFoundError, CorruptedArtifactError


def answer_key(folder: str, address: Address, body: dict[str, Any]) -> str:
    """Where the answer to a request is kept."""
    return f"{folder}/{sha256_of([address.url, body])}.json"


def ask_once(bucket: Bucket, endpoint: ChatEndpoint, key: str, body: dict[str, Any], *, asked: bool) -> Answer:
    """The answer to a request; `asked`: it is known to be kept. CorruptedArtifactError where it cannot be read."""
    if not asked:
        answer = endpoint.ask(body)
        record = {"request": body, "answer": answer.model_dump()}
        if bucket.put_bytes(key, json.dumps(record, sort_keys=True).encode(), if_none_match=True):
            return answer
    # another run may have had an answer a moment earlier: the first one counts
    try:
        return Answer.model_validate(json.loads(bucket.get_bytes(key)[0])["answer"])
    except (ArtifactNotFoundError, ValueError, KeyError, TypeError) as error:
        raise CorruptedArtifactError(
            key, type(error).__name__, "a recorded answer cannot be read", "Delete this object: it is asked for again"
        ) from error
