"""Datasets on the hub, read as streams by the library `datasets`, which runs no code of theirs."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from include.core.connections import connection
from include.core.errors import ServerUnavailableError, SourceError
from include.data_preparation.config import CollectionConfig
from include.data_preparation.locations.entry import Entry
from include.data_preparation.readers import Found, Reading, Row, Unreadable
from include.data_preparation.readers.found import is_of_the_system

if TYPE_CHECKING:
    import datasets

FOLDER = "save the dataset to a folder and name it as dataset:<folder>"
TRANSIENT = (429, 500, 502, 503, 504)


class HubRows(Entry):
    """A split of a dataset on the hub at a commit."""

    def __init__(self, source: CollectionConfig, field: str) -> None:
        super().__init__(source.split)
        self._source, self._field = source, field
        self._dataset = source.location.removeprefix("hub:")

    def state(self) -> str:
        """The commit: what it names does not change."""
        return f"{self._source.location} {self._source.revision}"

    def found(self, scratch: Path, reading: Reading) -> Iterator[tuple[str, Found]]:
        """A record a row.

        SourceError where the hub has or shows no such dataset, ServerUnavailableError where it does not answer.
        """
        import httpx

        reading.formats["dataset"] += 1
        place = 0
        with tempfile.TemporaryDirectory(dir=scratch) as cache, self._reached():
            rows = self._opened(cache)
            try:
                for row in rows:
                    place += 1
                    yield self.name, Row(place, reading.fields(dict(row)))
            except Exception as error:
                if isinstance(error, httpx.HTTPError | ConnectionError | TimeoutError) or is_of_the_system(error):
                    raise
                # libraries raise what they like over a damaged file
                reason = f"damaged: {type(error).__name__}; nothing after it is read"
                yield self.name, Unreadable(place + 1, reason, breaks=True)

    def _opened(self, cache: str) -> "datasets.IterableDataset":
        import datasets

        source, name = self._source, self._dataset
        if datasets.config.HF_HUB_OFFLINE:
            raise self._error(
                "HF_HUB_OFFLINE is set, so that no hub is asked",
                f"Set it to 0 (the local stack: GENAI_READ_HUB=true), or {FOLDER}",
            )
        if Path(name).exists():
            # `datasets` would take it for the dataset, whatever the commit
            raise self._error(f"a file or folder {name} in the working directory has its name", f"Move it, or {FOLDER}")
        token = connection(source.connection).password.get_secret_value() if source.connection else None
        datasets.disable_progress_bars()
        try:
            rows = datasets.load_dataset(
                name,
                source.configuration or None,
                split=source.split,
                revision=source.revision,
                streaming=True,
                token=token,
                # without one, what an earlier run kept of another commit stands in for a hub that fails
                cache_dir=cache,
            )
        except datasets.exceptions.DatasetsError as error:
            remedy = "Correct the name or commit, or name a connection whose password is a token that may read it"
            raise self._error(f"it cannot be read: {_first_line(error)}", remedy) from None
        except RuntimeError as error:
            raise self._error(f"it cannot be read: {_first_line(error)}", f"Where it is a script, {FOLDER}") from None
        except ValueError as error:
            raise self._error(f"it cannot be read: {_first_line(error)}", "Correct split or configuration") from None
        # pictures and sounds stay as they are: no text is in them
        return rows.decode(False)

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """What is wrong with the hub, as an error of this project."""
        import httpx
        import huggingface_hub

        try:
            yield
        except huggingface_hub.errors.HfHubHTTPError as error:
            status = error.response.status_code if error.response is not None else 0
            if status in (0, *TRANSIENT):
                raise self._unavailable(f"status {status}") from None
            raise self._error(f"the hub refuses a file of it: status {status}", "Let the token read it") from None
        except (httpx.HTTPError, ConnectionError, TimeoutError) as error:
            raise self._unavailable(type(error).__name__) from None

    def _unavailable(self, problem: str) -> ServerUnavailableError:
        told = f"the hub does not answer: {problem}"
        return ServerUnavailableError(self._field, self._source.location, told, f"Try again, or {FOLDER}")

    def _error(self, problem: str, remedy: str) -> SourceError:
        return SourceError(self._field, self._source.location, problem, remedy)


def _first_line(error: Exception) -> str:
    """What the library says, which names the dataset and its parts and no content."""
    return " ".join(str(error).split("\n\n")[0].split())[:300]
