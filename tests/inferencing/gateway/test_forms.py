"""The events of a stream."""

import json

from include.inferencing.access.tenants import Tenant
from include.inferencing.gateway.call import Call
from include.inferencing.gateway.forms import DONE, Form
from include.inferencing.gateway.question import Question


def test_each_event_of_a_stream_names_the_model_that_answers() -> None:
    for chat in (True, False):
        call = Call(Question("m", chat), "t", "k", Tenant(models=("*",)), "m", "", 60, "id")
        form = Form(call)
        # known once a server was chosen
        call.triton_model = "m-0123456789ab"
        events = form.first() + form.text("a") + form.last("stop")
        told = [json.loads(event[6:]) for event in events.split(b"\n\n") if event and event + b"\n\n" != DONE]
        assert len(told) == 2 + chat
        assert {one["system_fingerprint"] for one in told} == {"m-0123456789ab"}
