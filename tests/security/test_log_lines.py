"""What somebody else sends stays within the line that tells of it."""

import logging

import pytest

from include.inferencing.gateway.errors import ApiError
from include.inferencing.gateway.metrics import Metrics
from include.inferencing.gateway.recorder import Recorder
from include.inferencing.gateway.tally import Tally

FORGED = 'm\n{"event": "admitted", "tenant": "acme"}\r\x1b[2J'


def test_what_a_client_sends_makes_no_line_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    error = ApiError(400, f"no model {FORGED}", code=FORGED, param=FORGED)
    with caplog.at_level(logging.INFO, "genai.gateway.requests"):
        Recorder(Metrics(), Tally("g")).refused("req-1", FORGED, FORGED, error)
    [record] = caplog.records
    assert not set("\n\r\x1b") & set(record.getMessage())
