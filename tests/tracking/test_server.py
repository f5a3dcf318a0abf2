"""What goes to MLflow's server, and what does not."""

import httpx
import pytest

from include.core.errors import ConfigurationError, ServerUnavailableError
from include.core.settings import Settings
from include.tracking.server import TrackingServer


def test_credentials_go_to_that_server_and_into_no_message() -> None:
    seen = []

    def refuse(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["authorization"])
        return httpx.Response(302 if len(seen) == 1 else 403, headers={"location": "http://elsewhere/"})

    settings = Settings.model_validate({"mlflow_url": "http://mlflow", "mlflow_token": "a-secret-token"})
    with TrackingServer.of(settings) as there:
        client = httpx.Client(
            base_url=there.client.base_url, headers=there.client.headers, transport=httpx.MockTransport(refuse)
        )
        for expected in (ServerUnavailableError, ConfigurationError):
            with pytest.raises(expected) as raised:
                TrackingServer(client).experiment("case")
            assert "a-secret-token" not in str(raised.value)
    assert seen == ["Bearer a-secret-token"] * 2
