"""What a gateway remembers of the store: what a gate decided, and nothing that may be otherwise a second later."""

from include.artifacts.store import ArtifactStore
from include.inferencing.gateway.view import StoreReader
from tests.gates import gate_of, made_package, put_in_service, serving_of
from tests.inferencing.conftest import run_of


def test_a_package_that_could_not_be_read_is_read_again(store: ArtifactStore) -> None:
    package = made_package(store, "hidden")
    serving = serving_of(store, "hidden", package)
    put_in_service(store, run_of("hidden"), serving)
    assert serving.gate
    for prefix in (package.prefix, serving.gate.prefix):
        keys = [key for key in store.bucket.keys(prefix) if "manifest" in key]
        kept = {key: store.bucket.get_bytes(key)[0] for key in keys}
        assert kept
        store.bucket.delete(keys)
        reader = StoreReader(store)
        reader.read()
        for key, content in kept.items():
            store.bucket.put_bytes(key, content)
        assert serving.model_name in reader.read().models


def test_what_a_gate_refused_stays_refused(store: ArtifactStore) -> None:
    package = made_package(store, "refused")
    refused = serving_of(store, "refused", package).model_copy(update={"gate": gate_of(store, package, passed=False)})
    put_in_service(store, run_of("refused"), refused)
    reader = StoreReader(store)
    first, second = reader.read(), reader.read()
    assert first.routes["refused"] is second.routes["refused"] and second.routes["refused"].champion is None
