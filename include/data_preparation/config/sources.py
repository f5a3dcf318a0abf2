"""What is read, and how much of it may be gone."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from include.data_preparation.config.base import StepConfig
from include.data_preparation.config.collections import CollectionConfig, LimitsConfig
from include.outside_files import folder_or_prefix

BY_TEMPLATES, BY_ENDPOINT = "templates", "endpoint"
# what users said of answers: it is trained on, and no model is judged by it
FEEDBACK = "feedback"
# nobody wrote what they give: it is never held out
GENERATORS = ("tickets", BY_TEMPLATES, BY_ENDPOINT)
# the synthetic ticket table is modelled on them, and its quality gate on fewer is a matter of chance
LEAST_TICKETS = 50


class RecordsConfig(StepConfig):
    """A source of dated records; each has id, event_time, text, and may have recorded_at, title, license, label,
    deleted, erased.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="What reports and document ids call it.")
    location: str = Field(
        min_length=1,
        description="Folder, relative to the project, or s3:<prefix>/ in the store's bucket, with .jsonl, .jsonl.gz "
        "and .parquet files.",
    )
    license: str = Field(
        "",
        description="SPDX name of the licence of records that name none themselves; what states another one, and no "
        "SPDX expression, is quarantined.",
    )
    ids: Literal["hidden", "shown"] = Field(
        "hidden",
        description="What documents are called by; shown: the names of their records, which may tell of people; "
        "hidden: keyed digests of these. Sources that are anonymized always hide them: shown is refused. A document "
        "whose id is hidden and that states no title of its own is trained on as text, but becomes no question. Files "
        "that cannot be read are named all the same, to whoever may see the step's log, report, errors or artifact.",
    )

    @field_validator("location")
    @classmethod
    def _is_folder_or_prefix(cls, value: str) -> str:
        return folder_or_prefix(value)


class FeedbackConfig(StepConfig):
    """What users said of the use case's answers, through its gateways."""

    enabled: bool = Field(True, description="Read it, where there is any.")
    license: str = Field(
        "Apache-2.0",
        min_length=1,
        max_length=100,
        description="SPDX name of the licence under which corrections, and the model's answers beside them, are the "
        "owner's to train on; one that strategy.limits.licences names.",
    )
    weight: int = Field(
        8, ge=1, le=1000, description="How often a correction is read for once that other questions are, at most."
    )
    thumbs_up: bool = Field(False, description="Answers with a thumb up are trained on too.")
    most: int = Field(
        5_000, ge=1, le=100_000, description="Of more answers that were spoken of, each tenant's newest in turn."
    )


class AggregateConfig(StepConfig):
    """What is read, and how much of it."""

    topics: bool = Field(True, description="Read the language topics of pydoc_data.")
    standard_library: bool = Field(True, description="Read the docstrings of the standard library.")
    packages: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")], ...] = Field(
        ("httpx", "pydantic", "rich", "jinja2", "urllib3", "click", "requests", "sqlalchemy"),
        description="Installed distributions whose docstrings are read.",
    )
    max_standard_library: int = Field(3000, ge=1, le=100_000, description="Docstrings of the standard library.")
    max_package: int = Field(250, ge=1, le=100_000, description="Docstrings of one package.")
    records: tuple[RecordsConfig, ...] = Field((), description="Sources of dated records, read as of a run's moment.")
    collections: tuple[CollectionConfig, ...] = Field(
        (), description="Sources of texts without times, read as they are now; declare each in strategy.data_sources."
    )
    feedback: FeedbackConfig = Field(FeedbackConfig(), description="What users said of answers.")
    limits: LimitsConfig = Field(
        LimitsConfig(),
        description="How large what collections, packed record files, and lines of record files hold may be.",
    )
    max_quarantined_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Largest share of a source's records, or of its files, that may be unreadable; "
        "files in no known format do not count.",
    )
    tickets: int = Field(800, ge=0, le=100_000, description="Support tickets to generate: 50 or more, or none.")
    ticket_export_days: int = Field(
        7, ge=1, le=365, description="Days between two exports of the ticket system, the first on 2025-01-06."
    )
    seed: int = Field(7, ge=0, description="Seed of the generated tickets and of the sample that the limits draw.")
    shards: int = Field(
        4, ge=1, le=1000, description="Files that the documents are spread over, at least: tasks that run side by side."
    )
    shard_megabytes: int = Field(
        64, ge=1, le=1024, description="Largest average size of a shard: a task over one takes several times as much."
    )

    @field_validator("records", "collections")
    @classmethod
    def _names_differ(cls, value: tuple[Any, ...]) -> tuple[Any, ...]:
        names = [source.name for source in value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two sources are called {', '.join(twice)}")
        return value


class CompareSourcesConfig(StepConfig):
    """How much a source may shrink between two moments."""

    max_shrink: float = Field(
        0.3, ge=0, le=1, description="Largest share of its earlier records that a source may lose; 1 lets all pass."
    )
