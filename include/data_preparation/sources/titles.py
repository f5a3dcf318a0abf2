"""What a record is called beside its id."""

from include.data_preparation.sources.document_ids import Ids

LONGEST = 1000  # characters


def title_of(stated: str, name: str, ids: Ids) -> str:
    """The title that a record states, in one line; else its name, and nothing where names are hidden."""
    return (" ".join(stated.split()) or (name if ids == "shown" else ""))[:LONGEST]
