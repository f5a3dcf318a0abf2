"""What remains of a request: its line in the log, its part in metrics and traffic. Never its texts, never a key."""

import json
import logging
import re
import time
from datetime import UTC, datetime

from include.inferencing.gateway.call import Call
from include.inferencing.gateway.errors import ApiError
from include.inferencing.gateway.metrics import Metrics
from include.inferencing.gateway.question import PARAMETERS
from include.inferencing.gateway.tally import Tally
from include.inferencing.learning.feedback import FeedbackRequest

KNOWN = PARAMETERS | FeedbackRequest.model_fields.keys() | {"x-request-timeout"}
REQUESTS = logging.getLogger("genai.gateway.requests")


class Recorder:
    """Writes all three."""

    def __init__(self, metrics: Metrics, tally: Tally) -> None:
        self.metrics, self.tally = metrics, tally

    def ended(self, call: Call) -> None:
        """A request that was let in is over."""
        self.metrics.ended(call)
        self.tally.ended(call)
        line = {
            "at": _now(),
            "id": call.id,
            "tenant": call.tenant,
            "key": call.key,
            "model": call.question.model,
            "triton_model": call.triton_model,
            "server": call.server,
            "status": call.status,
            "error": call.error,
            "retried": call.retried,
            "tokens": call.completion_tokens,
            "prompt_tokens": call.prompt_tokens,
            "finish_reason": call.finish_reason,
            "queue_ms": _milliseconds(call.queued),
            "first_token_ms": None if call.first_token is None else _milliseconds(call.first_token),
            "total_ms": _milliseconds(time.monotonic() - call.arrived),
        }
        REQUESTS.info("%s", json.dumps(line))

    def refused(self, identifier: str, tenant: str, key: str, error: ApiError) -> None:
        """A request that was not let in."""
        self.metrics.refused(tenant, error.status, error.code or error.kind)
        self.tally.refused(error.status)
        line = {"at": _now(), "id": identifier, "tenant": tenant, "key": key, "status": error.status}
        REQUESTS.info("%s", json.dumps(line | {"error": error.code or error.kind, "param": _known(error.param)}))


def _known(param: str | None) -> str | None:
    """The parameter that is meant, without what is within it; "" for a name of the client's own: it may be a text."""
    if param is None:
        return None
    name = re.split(r"[.\[]", param, maxsplit=1)[0]
    return name if name in KNOWN else ""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)
