"""Chromium before Airflow's own API server, with runs of the real workflow's graph in a store.

`--screenshots DIR` keeps a picture of every page that is looked at.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from include.artifacts.store import ArtifactStore
from include.core.settings import PROJECT_ROOT, settings
from include.local import browser as chromium
from tests.browser import scene
from tests.conftest import ObjectStoreServer, free_ports
from tests.plugins import airflow_home, made_full_case
from tests.plugins.sample_workflow import connection_json

USE_CASE, TRAINING, BROKEN = "python_assistant", "training_assistant", "broken_assistant"
SIZE = {"width": 1440, "height": 900}
STARTS = 120


@dataclass(frozen=True)
class Site:
    """Where Airflow's web UI is, the runs that it has, the newer one last, and an administrator's token."""

    address: str
    runs: tuple[str, str]
    token: str


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory, object_store_server: ObjectStoreServer) -> Iterator[None]:
    """Three use cases, one of which has a wrong knob, and the connection to the tests' own S3 server."""
    folder = tmp_path_factory.mktemp("use_cases")
    real = PROJECT_ROOT / "include" / "use_cases" / f"{USE_CASE}.yaml"
    shutil.copy(real, folder)
    shutil.copy(real, folder / f"{TRAINING}.yaml")
    (folder / f"{BROKEN}.yaml").write_text(real.read_text().replace("rank:", "rnk:"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENAI_USE_CASES_FOLDER", str(folder))
        patch.setenv("AIRFLOW_CONN_GENAI_STORE", connection_json(object_store_server.address(bucket="pages")))
        settings.cache_clear()
        yield
    settings.cache_clear()


@pytest.fixture(scope="module")
def pages_store(object_store_server: ObjectStoreServer) -> ArtifactStore:
    store = object_store_server.store(bucket="pages")
    store.bucket.ensure()
    return store


@pytest.fixture(scope="module")
def site(environment: None, pages_store: ArtifactStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Site"]:
    """`airflow api-server`, which starts while the runs are made."""
    from airflow.utils.db import initdb

    initdb()
    address = f"http://127.0.0.1:{(port := free_ports(1))}"
    log = tmp_path_factory.mktemp("api_server") / "log"
    line = [str(Path(sys.executable).parent / "airflow"), "api-server", "--port", str(port), "--host", "127.0.0.1"]
    variables = os.environ | {"AIRFLOW__API__BASE_URL": address, "PYTHONPATH": str(PROJECT_ROOT)}
    with log.open("wb") as file:
        process = subprocess.Popen(line, stdout=file, stderr=file, env=variables, start_new_session=True)
    try:
        runs = scene.airflow_runs(pages_store, USE_CASE)
        made_full_case.make_full_case(pages_store, TRAINING)
        _await(f"{address}/api/v2/version", process, log)
        yield Site(address, runs, _token())
    finally:
        os.killpg(process.pid, 15)
        process.wait()


def _await(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + STARTS
    while True:
        try:
            httpx.get(url).raise_for_status()
            return
        except httpx.HTTPError:
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError(log.read_text()[-2000:]) from None
            time.sleep(0.2)


@pytest.fixture(scope="module")
def chrome() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    program = chromium.find(PROJECT_ROOT / ".genai")
    assert program, "there is no Chromium: python -m include.local.browser"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield launched
        launched.close()


@dataclass
class Look:
    """A window of a signed-in user, and what went wrong in it."""

    page: Any
    site: Site
    scheme: str
    folder: Path | None
    policy: str = ""
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Any:
        """Go to a path; the page."""
        answer = self.page.goto(self.site.address + path)
        assert answer.status == 200, f"{path}: {answer.status}"
        self.policy = answer.headers.get("content-security-policy", "")
        return self.page

    def keep(self, name: str) -> None:
        """A picture, where they are wanted."""
        if self.folder:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=self.folder / f"{name}_{self.scheme}.png", full_page=True)

    def findings(self, frame: Any = None) -> list[str]:
        """What axe calls serious or critical."""
        from axe_playwright_python.sync_playwright import Axe

        if frame is None and "sandbox" in self.policy and "allow-scripts" not in self.policy:
            # where no script may run axe cannot, either
            self.page.route("**", _without_policy)
            self.page.reload()
            self.page.unroute("**")
        found = Axe().run(frame or self.page).response["violations"]
        return [
            f"{one['id']}: {one['nodes'][0]['html'][:160]}, {len(one['nodes'])} in all"
            for one in found
            if one["impact"] in ("serious", "critical")
        ]


def _without_policy(route: Any) -> None:
    answer = route.fetch()
    kept = {name: value for name, value in answer.headers.items() if name != "content-security-policy"}
    route.fulfill(response=answer, headers=kept)


@pytest.fixture(params=["light", "dark"])
def look(request: pytest.FixtureRequest, chrome: Any, site: Site) -> Iterator[Look]:
    """A window in light or dark; whatever the browser complains of, or asks of another origin, fails the test."""
    yield from _looking(request, chrome, site, request.param)


@pytest.fixture
def light(request: pytest.FixtureRequest, chrome: Any, site: Site) -> Iterator[Look]:
    yield from _looking(request, chrome, site, "light")


def _looking(request: pytest.FixtureRequest, chrome: Any, site: Site, scheme: str) -> Iterator[Look]:
    context = chrome.new_context(color_scheme=scheme, viewport=SIZE, reduced_motion="reduce")
    context.add_cookies([{"name": "_token", "value": site.token, "url": site.address}])
    seen = Look(context.new_page(), site, scheme, request.config.getoption("--screenshots"))
    seen.page.on("console", lambda said: seen.complaints.append(said.text) if said.type == "error" else None)
    seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    own = (site.address, "data:", "blob:")
    context.on("request", lambda asked: asked.url.startswith(own) or seen.complaints.append(f"asked {asked.url}"))
    yield seen
    context.close()
    assert seen.complaints == []


def _token() -> str:
    """A signed-in administrator's."""
    from airflow.api_fastapi.app import create_app, get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    create_app(apps="core")
    return str(get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="admin", role="admin")))


assert airflow_home.HOME
