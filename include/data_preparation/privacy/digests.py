"""Keyed digests of what was removed in all shards: millions of them, of which it is asked whether one is among them."""

import json
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace
from include.core.errors import ConfigurationError
from include.data_preparation.privacy.known_values import REMOVED


class Digests(Collection[str]):
    """Hexadecimal digests of which it is only asked whether one is among them: as numbers, 8 bytes each."""

    def __init__(self, numbers: "array[int]") -> None:
        import numpy

        self._numbers = array("Q", numpy.unique(numpy.frombuffer(numbers, dtype=numpy.uint64)).tobytes())

    def __contains__(self, digest: object) -> bool:
        number = _number(str(digest))
        place = bisect_left(self._numbers, number)
        return place < len(self._numbers) and self._numbers[place] == number

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[str]:
        return (f"{number:016x}" for number in self._numbers)


def read_removed(work: Workspace, shards: Iterable[ArtifactRef], setting: str) -> dict[str, Digests]:
    """Digests by entity of what was removed in any of `shards`, the value of `setting`.

    ConfigurationError where a shard does not say.
    """
    removed: dict[str, array[int]] = {}
    for ref in shards:
        path = work.fetch(ref, only=REMOVED) / REMOVED
        if not path.exists():
            raise ConfigurationError(
                setting,
                str(ref),
                "it does not say what was removed, so what is left of it cannot be found",
                "Run data_preparation.find_personal_data and data_preparation.anonymize on the source again",
            )
        for entity, some in json.loads(path.read_text()).items():
            removed.setdefault(entity, array("Q")).extend(map(_number, some))
    return {entity: Digests(some) for entity, some in removed.items()}


def _number(digest: str) -> int:
    return int(digest[:16], 16)
