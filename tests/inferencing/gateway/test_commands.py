"""genai ask and genai keys, as people type them."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from include.core.settings import PROJECT_ROOT
from include.inferencing.access.keys import new_key
from tests.conftest import ObjectStoreServer
from tests.inferencing.gateway.conftest import GatewayServer, accepted, eventually
from tests.tiny_model import TEXTS

Genai = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def genai(gateway: GatewayServer, object_store_server: ObjectStoreServer) -> Genai:
    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        given = object_store_server.address().environment() | {"GENAI_GATEWAY_URL": gateway.url} | variables
        environment = os.environ | given | {"PYTHONPATH": str(PROJECT_ROOT)}
        line = [sys.executable, "-m", "include.cli.main", *arguments]
        return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60, check=False)

    return run


def test_a_tenant_gets_a_key_asks_with_it_and_loses_it(genai: Genai, gateway: GatewayServer, served: str) -> None:
    assert genai("keys", "tenant", "people", "--models", served, "--consent", "opt_in").returncode == 0
    made = genai("keys", "create", "people", "--days", "1", "--note", "for [ask]")
    key = made.stdout.strip()
    assert made.returncode == 0 and re.fullmatch(r"genai-[0-9a-f]{12}-[\w-]{43}", key)
    accepted(gateway, key)
    asked = genai("ask", TEXTS[0], "--use-case", served, GENAI_GATEWAY_KEY=key)
    assert asked.returncode == 0 and asked.stdout.strip(), asked.stderr
    assert re.search(rf"answered by {served}-\w{{12}}; .*\nexchange chatcmpl-\S+$", asked.stderr.strip())

    listed = genai("keys", "list", "--json")
    entry = json.loads(listed.stdout)["keys"][key.split("-")[1]]
    assert entry["tenant"] == "people" and entry["note"] == "for [ask]" and "sha256" not in entry
    assert "people" in genai("keys", "list").stdout
    assert genai("keys", "revoke", key).returncode == 0
    eventually(lambda: gateway.get("/v1/models", key).status_code == 401, 5)
    refused = genai("ask", "Why?", "--use-case", served, GENAI_GATEWAY_KEY=key)
    assert refused.returncode == 2 and "revoked" in refused.stderr and key not in refused.stderr
    assert genai("keys", "tenant", "people", "--delete").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("ask", " "), "the question is empty"),
        (("ask", "Why?", "--use-case", "unknown"), "it has no champion yet"),
        (("keys", "create", "nobody-at-all"), "there is no such tenant"),
        (("keys", "revoke", "nothing"), "there is no such key id"),
        (("keys", "tenant", "a tenant"), "is no plain name"),
        (("keys", "tenant", "t", "--models", "a:b:c"), "is no model"),
    ],
)
def test_what_is_wrong_is_one_line(
    genai: Genai, gateway: GatewayServer, new_key: Callable[..., str], arguments: tuple[str, ...], told: str
) -> None:
    done = genai(*arguments, GENAI_GATEWAY_KEY=accepted(gateway, new_key("wrong")))
    assert done.returncode == 2 and told in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_gateway_that_is_not_there_is_named(genai: Genai) -> None:
    done = genai("ask", "Why?", GENAI_GATEWAY_URL="http://127.0.0.1:9", GENAI_GATEWAY_KEY=new_key())
    assert done.returncode == 2 and "the gateway does not answer" in done.stderr
