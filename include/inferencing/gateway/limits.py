"""Deadlines and bounds of a gateway."""

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from include.core.errors import ConfigurationError


class GatewayLimits(BaseModel):
    """What one gateway waits for, and how much it holds. Times in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    header_seconds: float = Field(10, gt=0, le=600, description="From a request's first byte to its last header.")
    body_seconds: float = Field(15, gt=0, le=600, description="For a request's whole body.")
    write_seconds: float = Field(10, gt=0, le=600, description="A client reads what was sent, or loses its answer.")
    header_bytes: int = Field(32_768, ge=1024, le=1_048_576, description="Of a request, less its body.")
    connections: int = Field(2_000, ge=1, le=100_000, description="Open at once; more are answered 503.")
    default_deadline: float = Field(60, gt=0, le=3600, description="Of a request without x-request-timeout.")
    max_deadline: float = Field(600, gt=0, le=3600, description="Longest x-request-timeout that counts.")
    first_token: float = Field(30, gt=0, le=600, description="A model that writes nothing for so long has failed.")
    token_gap: float = Field(15, gt=0, le=600, description="Silence in the middle of an answer that ends it.")
    suspicion: float = Field(2, gt=0, le=60, description="Silence of a model's answers after which it is probed.")
    unready: float = Field(20, gt=0, le=600, description="How long a request waits for a model that is not loaded.")
    attempts: int = Field(4, ge=1, le=10, description="Of one request, while no token was sent.")
    waiting: int = Field(256, ge=0, le=100_000, description="Requests that wait for a place, per model.")
    poll: float = Field(1, gt=0, le=60, description="Between two looks at the store and at each server.")
    report: float = Field(2, gt=0, le=60, description="Between two traffic documents.")
    details_to_all: bool = Field(
        False, description="Tell /metrics and the servers of /ready to others than programs of this machine, too."
    )
    drain: float = Field(30, gt=0, le=3600, description="Answers under way may take so long after SIGTERM.")


def read_limits(text: str) -> GatewayLimits:
    """Limits from `name=value,name=value`; ConfigurationError names the first wrong one."""
    pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
    try:
        return GatewayLimits.model_validate({name.strip(): value.strip() for name, _, value in pairs})
    except ValidationError as error:
        first = error.errors()[0]
        remedy = f"Known: {', '.join(GatewayLimits.model_fields)}"
        field = f"GENAI_GATEWAY_LIMITS: {first['loc'][0]}"
        raise ConfigurationError(field, first["input"], first["msg"], remedy) from None
