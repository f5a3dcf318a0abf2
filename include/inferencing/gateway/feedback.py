"""`POST /v1/feedback`: what a tenant says of an answer that it got."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from include.artifacts.bucket import Bucket
from include.core.pseudonym_key import pseudonym_key
from include.core.settings import settings
from include.inferencing.gateway.app import identify
from include.inferencing.gateway.body import read_body
from include.inferencing.gateway.errors import ApiError
from include.inferencing.gateway.gateway import Gateway
from include.inferencing.learning.capture import Capture
from include.inferencing.learning.feedback import MOST_BYTES, FeedbackDesk, FeedbackError, Speaker

DROPPED = "dropped"


def feedback_router(capture: Capture) -> APIRouter:
    """The path; `capture` is started and stopped with the application."""
    router = APIRouter()
    desk = FeedbackDesk(capture)

    @router.post("/v1/feedback")
    async def feedback(request: Request) -> JSONResponse:
        """Thumb, correction or both; said again, the last counts; `retract` takes all of it back."""
        gateway: Gateway = request.app.state.gateway
        _, name, tenant = await identify(request)
        body = await read_body(request, min(tenant.max_body_bytes, MOST_BYTES), gateway.limits.body_seconds)
        try:
            return JSONResponse(await desk.take(Speaker(name, tenant.consent, tenant.may_ask), body))
        except FeedbackError as error:
            raise ApiError(
                error.status, error.message, code=error.code, param=error.param, retry_after=error.after
            ) from None

    return router


def capture_of(gateway: Gateway, bucket: Bucket) -> Capture:
    """What keeps this gateway's exchanges; ConfigurationError where the deployment has no key for pseudonyms."""
    capture = Capture(bucket, gateway.name, pseudonym_key(settings()))
    counts = capture.counts
    gateway.metrics.gauges(
        {
            "exchanges_offered": ("Complete answers.", lambda: counts["offered"]),
            "exchanges_sampled": ("Of these, what is to be kept.", lambda: counts["sampled"]),
            "exchanges_stored": ("Exchanges and feedback that are stored.", lambda: counts["stored"]),
            "exchanges_dropped": (
                "What was to be kept, and is lost.",
                lambda: sum(count for name, count in counts.items() if name.startswith(DROPPED)),
            ),
            "scrubber_restarts": ("Times that what scrubs ended over its work.", lambda: counts["restarted"]),
        }
    )
    return capture
