"""What is personal, and what happens to it."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Policy = Literal["pseudonym", "redact", "hash", "keep"]
POLICY: dict[str, Policy] = {
    "PERSON": "pseudonym",
    "EMAIL_ADDRESS": "pseudonym",
    "PHONE_NUMBER": "pseudonym",
    "STREET_ADDRESS": "pseudonym",
    "IP_ADDRESS": "pseudonym",
    "CREDIT_CARD": "pseudonym",
    "IBAN_CODE": "pseudonym",
    "ACCOUNT_NUMBER": "pseudonym",
    "US_SSN": "pseudonym",
    "US_DRIVER_LICENSE": "pseudonym",
    "AGE": "keep",
    "DATE_TIME": "keep",
    "LOCATION": "keep",
    "NRP": "keep",
    "ORGANIZATION": "keep",
    "TITLE": "keep",
    "URL": "keep",
}

# what leads to one person: a personal source does not keep it
IDENTIFYING = (
    "PERSON",
    "EMAIL_ADDRESS",
    "PHONE_NUMBER",
    "STREET_ADDRESS",
    "IP_ADDRESS",
    "CREDIT_CARD",
    "IBAN_CODE",
    "ACCOUNT_NUMBER",
    "US_SSN",
    "US_DRIVER_LICENSE",
)


class HidingConfig(BaseModel):
    """What stands in the place of personal data, and how it is looked for."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    policy: dict[str, Policy] = Field(
        POLICY,
        description="What each kind of personal data becomes: a pseudonym (the same value, the same one), its kind "
        "(redact), a keyed digest (hash), or itself (keep). Kinds that are not named keep their default.",
    )
    caution: float = Field(
        1.0,
        ge=0,
        le=8,
        description="Plain text has to be likelier than personal data by e to the power of this.",
    )
    batch: int = Field(32, ge=1, le=4096, description="Texts a batch.")

    @field_validator("policy", mode="before")
    @classmethod
    def _with_defaults(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        if unknown := sorted(map(str, given.keys() - POLICY.keys())):
            raise ValueError(f"nothing finds {unknown[0]}; choose among {', '.join(sorted(POLICY))}")
        return POLICY | dict(given)

    @property
    def hidden(self) -> tuple[str, ...]:
        """Kinds that do not stay as they are."""
        return tuple(entity for entity, policy in self.policy.items() if policy != "keep")
