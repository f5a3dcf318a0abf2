"""What is known and accepted for now: each with a reason, and a date from which it is a finding again."""

from datetime import date
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from include.core.errors import ConfigurationError

FILE = Path(__file__).with_name("accepted.yaml")


class Advisory(BaseModel):
    """An advisory by any of its ids (OSV, PYSEC, GHSA, CVE), for one package."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=5)
    package: str
    reason: str = Field(min_length=20)
    until: date


class Licence(BaseModel):
    """The licence of one package."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    package: str
    licence: str
    reason: str = Field(min_length=20)


class Accepted(BaseModel):
    """The file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    advisories: list[Advisory]
    licences: list[Licence]


def read_accepted(file: Path = FILE) -> Accepted:
    """What is accepted; ConfigurationError names the first wrong entry."""
    try:
        return Accepted.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigurationError(f"{file.name}: {where}", first["input"], first["msg"], "Correct the entry") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(file.name, "", f"no YAML: {error}", "Correct the file") from None
