"""What a tenant says of an answer: read, bounded, held against who got the answer, and handed on to be stored."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from include.artifacts.history import now
from include.feedback.said import Said, Thumb
from include.inferencing.learning.capture import Capture
from include.inferencing.learning.exchanges import Consent
from include.inferencing.learning.ids import opened
from include.inferencing.learning.rules import CaptureRules

MOST_BYTES, MOST_CHARACTERS, MOST_MESSAGES = 500_000, 100_000, 100
# of one tenant and gateway; a burst of as many is let in at once
A_MINUTE = 60
# the first feedback after a start waits for the scrubber
STORED_SECONDS = 45.0
Text = Annotated[str, StringConstraints(max_length=MOST_CHARACTERS)]


class FeedbackError(Exception):
    """Why feedback is not taken: an HTTP status, what to do, OpenAI's code and the parameter that is meant."""

    def __init__(self, status: int, message: str, code: str, param: str | None = None, after: float | None = None):
        super().__init__(message)
        self.status, self.message, self.code, self.param, self.after = status, message, code, param, after


class Message(BaseModel):
    """One message of the conversation."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    role: str = Field(max_length=20)
    content: Text


class FeedbackRequest(BaseModel):
    """The body of POST /v1/feedback."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str = Field(pattern=r"^[A-Za-z0-9_-]{8,100}$", description="The answer's id.")
    thumb: Thumb | None = Field(None, description="up or down.")
    correction: Text = Field("", description="What the answer should have been.")
    retract: bool = Field(False, description="Take back all that was said of the answer.")
    messages: tuple[Message, ...] = Field((), max_length=MOST_MESSAGES, description="Where the answer is long ago.")
    answer: Text = Field("", description="Where the answer is long ago.")


@dataclass(frozen=True)
class Speaker:
    """Who speaks: a tenant, what it consents to, and whether it may ask a model."""

    tenant: str
    consent: Consent
    may_ask: Callable[[str], bool]


class FeedbackDesk:
    """Takes feedback for one gateway."""

    def __init__(self, capture: Capture, stored_seconds: float = STORED_SECONDS) -> None:
        from limits import RateLimitItemPerMinute
        from limits.aio.storage import MemoryStorage
        from limits.aio.strategies import SlidingWindowCounterRateLimiter

        self.capture, self._seconds = capture, stored_seconds
        self._rate, self._limiter = RateLimitItemPerMinute(A_MINUTE), SlidingWindowCounterRateLimiter(MemoryStorage())

    async def take(self, speaker: Speaker, body: bytes) -> dict[str, Any]:
        """Store what `body` says and tell what was taken; FeedbackError where it is not.

        Said again, the last time counts. What is taken is stored when this returns.
        """
        # what is refused counts too: reading it is what costs
        await self._admit(speaker)
        request = read_request(body)
        use_case, said = self._said(speaker, request)
        rules = self.capture.rules.use_cases.get(use_case)
        if rules is None:
            raise FeedbackError(409, "This model keeps no feedback.", "feedback_not_kept", "id")
        _require_short(said, rules)
        if not await self.capture.say(use_case, rules, said, self._seconds):
            raise FeedbackError(503, "The feedback is not stored yet: send it again.", "busy", after=5)
        if said.erased:
            self.capture.recent.drop(said.id)
        return {"id": said.id, "object": "feedback", "retracted": said.erased, "recorded_at": said.recorded_at}

    async def _admit(self, speaker: Speaker) -> None:
        if speaker.consent == "none":
            told = "Nothing is kept of this tenant, nor is feedback: have its consent set to opt_in or opt_out."
            raise FeedbackError(403, told, "no_consent")
        if not await self._limiter.hit(self._rate, speaker.tenant):
            raise FeedbackError(429, f"More than {A_MINUTE} feedbacks a minute.", "rate_limit_exceeded", after=30)

    def _said(self, speaker: Speaker, request: FeedbackRequest) -> tuple[str, Said]:
        """The use case, and what was said with all texts as they are."""
        recent = self.capture.recent.get(request.id, speaker.tenant)
        common: dict[str, Any] = {
            "id": request.id,
            "tenant": self.capture.digest_of(speaker.tenant),
            "recorded_at": now(),
        }
        if not request.retract:
            common |= {"thumb": request.thumb, "correction": request.correction.strip()}
        use_cases = {*self.capture.rules.use_cases, *([recent.use_case] if recent else [])}
        known = opened(self.capture.key, request.id, speaker.tenant, use_cases)
        if known is None or not (recent or speaker.may_ask(known[1])):
            raise FeedbackError(404, "No answer of this id was given to you.", "answer_not_found", "id")
        answered, use_case = known
        # the id's moment, which every gateway knows: all that is said of an answer lies under one day
        common["answered_at"] = answered.astimezone(UTC).isoformat()
        if recent:
            shown = {"question": recent.question, "answer": recent.answer} if not request.retract else {}
            names = {"model": recent.model, "triton_model": recent.triton_model}
            return use_case, Said.model_validate(common | shown | names | {"erased": request.retract})
        names = {"model": use_case, "told_by": "client"}
        if request.retract:
            return use_case, Said.model_validate(common | names | {"erased": True})
        question = next((one.content for one in reversed(request.messages) if one.role == "user"), "")
        if not question.strip() or not request.answer.strip():
            told = "The answer is long ago: send 'messages', with the user's last one, and 'answer' too."
            raise FeedbackError(409, told, "answer_forgotten", "messages")
        return use_case, Said.model_validate(common | names | {"question": question, "answer": request.answer})


def read_request(body: bytes) -> FeedbackRequest:
    """The request; FeedbackError says what is wrong with it, without repeating it."""
    if len(body) > MOST_BYTES:
        raise FeedbackError(413, f"The body has more than {MOST_BYTES} bytes.", "too_large")
    try:
        request = FeedbackRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        param = ".".join(map(str, first["loc"]))[:100] or None
        told = f"{param}: {first['msg']}" if param else "The body is no JSON object."
        raise FeedbackError(400, told[:300], "invalid_request", param) from None
    if not (request.thumb or request.correction.strip() or request.retract):
        raise FeedbackError(400, "Say 'thumb', 'correction' or both, or 'retract'.", "invalid_request", "thumb")
    return request


def _require_short(said: Said, rules: CaptureRules) -> None:
    for name in ("question", "answer", "correction"):
        if len(getattr(said, name)) > rules.max_characters:
            told = f"'{name}' has more than {rules.max_characters} characters."
            raise FeedbackError(400, told, "too_long", "messages" if name == "question" else name)
