"""Sources without times: where they lie, how they are read, and how much of them fits."""

import codecs
import re
from typing import Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from include.data_preparation.config.base import StepConfig
from include.outside_files import folder_or_prefix

CONNECTION = r"^([A-Za-z][A-Za-z0-9_]{0,199})?$"
Format = Literal["jsonl", "json", "csv", "parquet", "text", "markdown", "html", "pdf"]
# what other sources are called where sensitivity is declared, and in documents
Source = Literal["pydoc_topics", "docstrings", "tickets", "records", "templates", "endpoint", "feedback"]
OTHER_SOURCES = get_args(Source)


class ColumnsConfig(StepConfig):
    """Which columns of a table, or fields of a JSON object, hold what."""

    text: str = Field("text", min_length=1, description="The text; a row without it is quarantined.")
    title: str = Field(
        "title", description="The title, which becomes a question; without one it is the id, if ids are shown."
    )
    id: str = Field("", description="What names a row for good; empty: its place in its file.")
    license: str = Field(
        "license", description="SPDX expression of the row's own licence; a row with anything else is quarantined."
    )
    label: str = Field(
        "", description="What the source itself calls it: `values` of a taxonomy's labels say for which."
    )


class CollectionConfig(StepConfig):
    """A source of texts that have no times: it is read as it is now."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,62}$", description="What strategy.data_sources, reports and document ids call it."
    )
    location: str = Field(
        min_length=1,
        description="Folder, relative to the project or absolute; s3:<prefix>/ in the store's bucket; the http(s) "
        "address of a file; sql:<Airflow connection>; dataset:<folder> that `datasets` saved; hub:<dataset's name>.",
    )
    license: str = Field(min_length=1, description="SPDX name of the licence of texts that name none themselves.")
    files: str = Field("*", min_length=1, description="Pattern of the files to read, such as *.md or 2026/*; * is all.")
    format: Format | None = Field(None, description="Format of all its files; null: by their names and first bytes.")
    columns: ColumnsConfig = Field(ColumnsConfig(), description="What the columns of its tables hold.")
    encoding: str = Field("", description="Encoding of its texts, such as cp1252; empty: found out.")
    ids: Literal["hidden", "shown"] = Field(
        "hidden",
        description="What documents are called by; shown: the names of their rows and files, which may tell of people; "
        "hidden: keyed digests of these. Sources that are anonymized always hide them: shown is refused. A document "
        "whose id is hidden and that states no title of its own is trained on as text, but becomes no question. Files "
        "that cannot be read are named all the same, to whoever may see the step's log, report, errors or artifact.",
    )
    connection: str = Field(
        "",
        pattern=CONNECTION,
        description="Airflow connection with the login and password, or the token as password, that http(s) asks for, "
        "or with a token of the hub as password.",
    )
    query: str = Field("", description="One SELECT whose rows are the records of sql:; columns.id names them.")
    state_query: str = Field(
        "", description="A SELECT that is quick and differs where the rows do; empty: all rows are read to tell."
    )
    split: str = Field("train", pattern=r"^\w[\w.-]*$", description="The split of hub: that is read.")
    configuration: str = Field(
        "", pattern=r"^([\w.-]+)?$", description="The configuration of hub: that is read, where it has several."
    )
    revision: str = Field("", pattern=r"^([0-9a-f]{40})?$", description="Commit of hub: that is read.")

    @field_validator("name")
    @classmethod
    def _is_no_other(cls, value: str) -> str:
        if value in OTHER_SOURCES:
            raise ValueError(f"the names {', '.join(OTHER_SOURCES)} belong to other sources")
        return value

    @field_validator("location")
    @classmethod
    def _is_known(cls, value: str) -> str:
        kind = kind_of(value)
        if kind == "http":
            require_address(value)
        elif kind == "sql" and not re.fullmatch(CONNECTION, value.removeprefix("sql:")):
            raise ValueError("after sql: comes the id of an Airflow connection, and no address")
        elif kind == "hub" and not re.fullmatch(r"hub:[\w.-]+(/[\w.-]+)?", value):
            raise ValueError("after hub: comes a dataset's name, such as owner/name")
        elif kind in ("folder", "s3"):
            folder_or_prefix(value)
        return value

    @field_validator("query", "state_query")
    @classmethod
    def _only_reads(cls, value: str) -> str:
        if value and (not re.match(r"(?i)\s*(select|with)\b", value) or ";" in value.rstrip("; \n")):
            raise ValueError("not one SELECT")
        return value

    @field_validator("encoding")
    @classmethod
    def _is_text_encoding(cls, value: str) -> str:
        if value and not is_text_encoding(value):
            raise ValueError("no encoding of texts that is known")
        return value

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        kind = kind_of(self.location)
        needed = {"sql": ("query",), "hub": ("revision",)}.get(kind, ())
        hub = ("revision", "split", "configuration", "connection")
        allowed = {"sql": ("query", "state_query"), "hub": hub, "http": ("connection",)}.get(kind, ())
        if missing := [name for name in needed if not getattr(self, name)]:
            raise ValueError(f"{kind}: needs {missing[0]}")
        options = {"query", "state_query", *hub} & self.model_fields_set
        if foreign := sorted(name for name in options - set(allowed) if getattr(self, name)):
            raise ValueError(f"{foreign[0]} means nothing to this location")
        if kind == "sql" and not self.columns.id:
            raise ValueError("sql: needs columns.id: rows have no order that names them")
        return self


class LimitsConfig(StepConfig):
    """How large what is read may be; what is larger is quarantined with its size."""

    max_file_mb: int = Field(4096, ge=1, le=1 << 20, description="Size of a file as it lies there, in MiB.")
    max_unpacked_mb: int = Field(4096, ge=1, le=1 << 20, description="Size of a file, or archive, unpacked, in MiB.")
    max_ratio: int = Field(200, ge=2, le=2000, description="Unpacked bytes over packed ones, counted from 16 MiB on.")
    max_archive_files: int = Field(10_000, ge=1, le=1_000_000, description="Files of one archive.")
    max_record_characters: int = Field(500_000, ge=1000, le=50_000_000, description="Characters of one record.")
    max_html_mb: int = Field(8, ge=1, le=64, description="Size of an HTML page, in MiB.")
    max_html_elements: int = Field(30_000, ge=100, le=1_000_000, description="Elements of an HTML page.")
    max_pdf_mb: int = Field(128, ge=1, le=2048, description="Size of a PDF file, in MiB.")
    max_pdf_pages: int = Field(2000, ge=1, le=100_000, description="Pages of a PDF file.")


def kind_of(location: str) -> str:
    """s3, http, sql, dataset, hub or folder."""
    prefix = re.match(r"(s3|https?(?=://)|sql|dataset|hub):", location)
    return prefix[1].replace("https", "http") if prefix else "folder"


def require_address(value: str) -> None:
    """ValueError where an address has no host, or credentials in it."""
    parts = urlsplit(value)
    if not parts.hostname:
        raise ValueError("an address without a host")
    if "@" in parts.netloc:
        raise ValueError("credentials do not belong here: name an Airflow connection in `connection`")


def is_text_encoding(name: str) -> bool:
    """Whether Python decodes texts by it, in linear time."""
    try:
        found = codecs.lookup(name)
    except LookupError:
        return False
    return found._is_text_encoding and found.name not in ("idna", "punycode", "undefined", "unicode_escape")
