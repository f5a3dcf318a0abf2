"""What a rollout learns of answers that hang."""

import pytest

from include.artifacts.store import ArtifactStore
from include.inferencing.config import DeployConfig
from include.inferencing.gateway.gateway import Gateway
from include.inferencing.gateway.limits import GatewayLimits
from include.inferencing.rollout.drive import _hangs
from include.inferencing.rollout.observe import Observer
from include.inferencing.traffic import TrafficReport
from tests.faults.serving.packages import stand_in
from tests.gates import rollout_of, serving_of
from tests.inferencing.conftest import run_of


@pytest.mark.parametrize(("limits", "longest"), [({}, 60), ({"first_token": 120}, 122), ({"token_gap": 200}, 202)])
def test_what_hangs_holds_a_share_for_as_long_as_gateways_wait_for_it(
    store: ArtifactStore, limits: dict[str, float], longest: float
) -> None:
    serving = serving_of(store, "hangs", stand_in(store, "hangs"))
    gateway = Gateway(store, ("127.0.0.1:9",), GatewayLimits.model_validate(limits))
    observer = Observer(store.bucket, rollout_of(run_of("hangs"), serving), "champion")
    gateway.tally.attempted(serving.model_name, 10)
    report = TrafficReport(gateway=gateway.name, minutes=[gateway.tally.minute])
    report.write(store.bucket)

    seen, config = observer.look(), DeployConfig()
    assert _hangs(seen, config, longest - 1) and not _hangs(seen, config, longest)
    store.bucket.delete([f"serving/traffic/{report.hour}/{gateway.name}.json"])
