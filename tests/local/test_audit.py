"""The audit of the locks against a stand-in for OSV, on loopback."""

import importlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from include.core.errors import ConfigurationError
from include.core.settings import PROJECT_ROOT
from include.local.audit.accepted import Accepted, read_accepted
from include.local.audit.advisories import Unreached, findings
from include.local.audit.licences import is_free, licences, refused
from include.local.audit.locked import LOCKS, Package, locked
from tests.conftest import WEED, free_ports

TODAY = date(2026, 11, 28)
OLD, OTHER = Package("jinja2", "2.10", "requirements.txt"), Package("minio", "7.2.20", "requirements.txt")
ADVISORY = {
    "id": "PYSEC-2019-217",
    "aliases": ["CVE-2019-10906"],
    "summary": "A sandbox is left\nby str.format_map",
    "affected": [{"package": {"name": "Jinja2"}, "ranges": [{"events": [{"introduced": "0"}, {"fixed": "2.10.1"}]}]}],
}


def accepting(**changes: Any) -> Accepted:
    entry = {"id": "CVE-2019-10906", "package": "jinja2", "reason": "no template of others is rendered here"}
    return Accepted.model_validate({"advisories": [entry | changes] if changes else [], "licences": []})


@contextmanager
def osv(vulnerable: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Answers as OSV does, one advisory a page; the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
            if self.path != "/v1/querybatch" or any(one["package"]["name"] == "broken" for one in asked):
                self.send_error(503)
            else:
                self.tell({"results": [self.result(one) for one in asked]})

        def result(self, query: dict[str, Any]) -> dict[str, Any]:
            if "page_token" in query or query["package"] != {"name": "jinja2", "ecosystem": "PyPI"}:
                return {"vulns": [{"id": "PYSEC-2"}]} if "page_token" in query and "PYSEC-2" in vulnerable else {}
            more = {"next_page_token": "2"} if "PYSEC-2" in vulnerable else {}
            return {"vulns": [{"id": ADVISORY["id"]}]} | more

        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            if name in vulnerable:
                self.tell(vulnerable[name])
            else:
                self.send_error(503)

        def tell(self, what: dict[str, Any]) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(what).encode())

        def log_message(self, *words: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_an_advisory_is_a_finding_until_it_is_accepted_and_after_that_is_over() -> None:
    with osv({"PYSEC-2019-217": ADVISORY}) as service:

        def found(accepted: Accepted) -> list[str]:
            return findings([OLD, OTHER], accepted, TODAY, service)

        [line] = found(accepting())
        assert line.startswith("jinja2 2.10 (requirements.txt): PYSEC-2019-217 CVE-2019-10906: A sandbox is left by")
        assert line.endswith("upgrade to 2.10.1")
        assert found(accepting(until="2026-11-28")) == []
        [over] = found(accepting(until="2026-11-27"))
        assert "accepted until 2026-11-27, which is over" in over
        assert len(found(accepting(package="minio", until="2030-01-01"))) == 1


def test_later_pages_count_and_what_was_withdrawn_does_not() -> None:
    second = {"id": "PYSEC-2", "details": "another one"}
    with osv({"PYSEC-2019-217": ADVISORY | {"withdrawn": "2020-01-01T00:00:00Z"}, "PYSEC-2": second}) as service:
        [line] = findings([OLD], accepting(), TODAY, service)
    assert "PYSEC-2: another one; no version mends it" in line


@pytest.mark.parametrize("answer", ["none", "nonsense"])
def test_advisories_that_cannot_be_had_are_said_to_be_so(answer: str) -> None:
    with osv({}) as service, pytest.raises(Unreached, match="advisories could not be had"):
        # the stand-in answers no question but those that it knows
        service = f"{service}/v2" if answer == "nonsense" else f"http://127.0.0.1:{free_ports(1)}"
        findings([OLD], accepting(), TODAY, service)


def test_an_advisory_that_is_named_is_a_finding_without_its_details(monkeypatch: pytest.MonkeyPatch) -> None:
    with osv({}) as service:
        [line] = findings([OLD, OTHER], accepting(), TODAY, service)
        assert line.startswith("jinja2 2.10 (requirements.txt): PYSEC-2019-217: its details could not be had")
        assert findings([OLD], accepting(id="PYSEC-2019-217", until="2026-11-28"), TODAY, service) == []
    with osv({"PYSEC-2019-217": ADVISORY, "broken": {}}) as service:
        monkeypatch.setattr("include.local.audit.advisories.BATCH", 1)
        first, last = findings([OLD, Package("broken", "1", "requirements.txt")], accepting(), TODAY, service)
    assert "A sandbox is left" in first and "not all packages could be asked about" in last


@pytest.mark.parametrize(("policy", "status"), [("", 0), ("strict", 4)])
def test_the_check_passes_without_a_network_unless_it_is_told_not_to(policy: str, status: int) -> None:
    line = [sys.executable, "-m", "include.local.audit"]
    environment = {
        "AUDIT": policy,
        "AUDIT_SERVICE": f"http://127.0.0.1:{free_ports(1)}",
        "PYTHONPATH": str(PROJECT_ROOT),
    }
    done = subprocess.run(line, capture_output=True, text=True, env=environment, cwd=PROJECT_ROOT)
    assert done.returncode == status, done.stderr
    assert f"nothing is known about the {len(locked())} locked packages" in done.stderr


def test_every_lock_is_read_and_what_is_accepted_is_still_there() -> None:
    there = [
        path for name in ("include", "tests", "benchmarks") for path in (PROJECT_ROOT / name).rglob("requirements.txt")
    ]
    assert sorted(LOCKS) == sorted(["requirements.txt", *(str(path.relative_to(PROJECT_ROOT)) for path in there)])
    names = {package.name for package in locked()}
    assert {"torch", "openvino-genai", "pytest", "datatrove", "apache-airflow-providers-cncf-kubernetes"} <= names
    accepted = read_accepted()
    assert {one.package for one in (*accepted.advisories, *accepted.licences)} <= names
    # it brings older copies of some packages onto sys.path
    importlib.import_module("setuptools")
    found, unread = licences(WEED.parents[1])
    assert refused(accepted, found) == []
    assert {"torch", "openvino-genai", "pytest", "flask-wtf"} <= {name.lower() for name, _ in found}
    # no environment here has what only the cluster's image adds
    assert [line for line in unread if line.startswith("include/platform/kubernetes/requirements.txt: ")]
    assert not [line for line in unread if line.startswith(("requirements.txt", "include/platform/mlflow"))]


@pytest.mark.parametrize(
    "licence",
    [
        "MIT",
        "MPL-1.1 OR GPL-2.0-only",
        "(MIT OR GPL-3.0-only) AND BSD-3-Clause",
        "Apache-2.0 AND Apache-2.0 WITH LLVM-exception",
        "Apache Software License / MIT License",
        "GNU Lesser General Public License v2 or later (LGPLv2+)",
        "GNU Library or Lesser General Public License (LGPL)",
    ],
)
def test_a_licence_is_free_where_one_of_its_choices_is(licence: str) -> None:
    assert is_free(licence)


@pytest.mark.parametrize(
    "licence",
    [
        *("", "AGPL-3.0", "GPL-3.0", "GPLv3+", "BUSL-1.1", "CC-BY-NC-4.0", "SSPL-1.0", "MIT GPL3"),
        *("MIT AND GPL-3.0-only", "MIT and GPL-3.0", "(MIT AND GPL-3.0-only) OR SSPL-1.0"),
        "GPL-3.0 / MIT License",
        "GNU General Public License v2 or later (GPLv2+)",
        *("Apache-2.0 with Commons-Clause", "MIT WITH An-exception-of-ours"),
    ],
)
def test_a_licence_is_not_free_where_a_part_of_it_or_an_exception_to_it_is_not(licence: str) -> None:
    assert not is_free(licence)


def test_an_acceptance_without_reason_or_end_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "accepted.yaml"
    file.write_text("advisories: [{id: CVE-2019-10906, package: jinja2, reason: because}]\nlicences: []\n")
    with pytest.raises(ConfigurationError, match=r"advisories\.0\.reason"):
        read_accepted(file)
