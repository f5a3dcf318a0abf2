"""The model of benchmarks/serving as a package for vLLM, in a store of the benchmark's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.artifacts.server import ObjectStore
from benchmarks.serving.served import SMOLLM2, no_adapter
from include.artifacts.bucket import StoreAddress
from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.core.settings import settings
from include.inferencing.config import PackageConfig
from include.inferencing.package import package
from include.training.import_pretrained import import_pretrained


class Packaged(NamedTuple):
    """The package, what it was made of, its files, and the store that Triton reads it from."""

    address: StoreAddress
    store: ArtifactStore
    model: ArtifactRef
    adapter: ArtifactRef
    package: ArtifactRef
    files: Path


@contextmanager
def packaged(folder: Path) -> Iterator[Packaged]:
    """Made, checked and fetched; the store runs while the context is open."""
    with ObjectStore(folder) as address:
        store = ArtifactStore(address)
        store.bucket.put_bytes(f"{settings().model_repository}/README", b"Triton's model repository")
        model = import_pretrained(store, config=SMOLLM2)
        adapter = no_adapter(store, model=model)
        config = PackageConfig(engine="vllm", max_sequences=256, max_new_tokens=512)
        made = package(store, model=model, adapter=adapter, config=config)
        yield Packaged(address, store, model, adapter, made, store.fetch(made, folder / "package"))
