"""Where personal data is looked for."""

from pydantic import Field

from include.data_preparation.config.base import StepConfig
from include.privacy.policy import HidingConfig


class AnonymizeConfig(HidingConfig, StepConfig):
    """What counts as personal, where, and what stands in its place."""

    sources: tuple[str, ...] = Field(
        ("tickets", "records", "endpoint", "feedback"),
        description="Sources whose sensitivity asks for anonymization, collections by name.",
    )
