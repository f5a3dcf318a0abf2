"""How many records were left after each stage of data preparation, as the data card counts them."""

from include.artifacts.ref import ArtifactRef
from include.overview.indicators import Count, Told
from include.overview.kept import Reader, parsed

CARD = "card.json"


class Stage(Told):
    """One stage; `lost` is None where it makes other records."""

    name: str
    records: Count
    lost: Count | None = None
    note: str = ""


class Funnel(Told):
    """Of a data card, what is shown."""

    passed: bool
    verdict: str
    funnel: tuple[Stage, ...]


def read_funnel(reader: Reader, dataset: ArtifactRef) -> Funnel:
    """The funnel of a checked dataset; CorruptedArtifactError where its card cannot be read."""
    return parsed(Funnel, reader.file(dataset, CARD), f"{CARD} of {dataset}")
