"""Renders a page in the common look: autoescaped, with headers under which only the project's own script runs."""

import hashlib
import secrets
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from genai_airflow.report_link import VIEW_PREFIX, below_base
from genai_airflow.views import plots, words

HERE = Path(__file__).parent
ASSETS = {"style.css": "text/css", "script.js": "text/javascript"}
YEAR = 31_536_000
HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store"}

router = APIRouter()


class Crumb(NamedTuple):
    """A step of the way to a page: its name, and its path below the web UI's address; none is the page itself."""

    text: str
    path: str = ""


def render(
    template: str, title: str, crumbs: tuple[Crumb, ...] = (), *, status: int = 200, **told: Any
) -> HTMLResponse:
    """A page made of a template that extends `base.html`; `told` is what the template shows.

    Templates have `url(path)`, which leads below the web UI's address wherever that is.
    """
    nonce = secrets.token_urlsafe(16)
    page = _templates().get_template(template).render(title=title, crumbs=crumbs, nonce=nonce, **told)
    # it holds text from the sources: only the files that carry the nonce run or style, and they ask this server alone
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
    return HTMLResponse(page, status_code=status, headers=HEADERS | {"Content-Security-Policy": policy})


@router.get("/assets/{version}/{name}")
def asset(version: str, name: str) -> Response:
    """The stylesheet or the script; they hold nothing of any use case, so they are anybody's."""
    if name not in ASSETS:
        raise HTTPException(404, f"There is no {name!r}: {', '.join(ASSETS)}")
    data, current = _asset(name)
    # beside a server of another version, what this one has is not kept under that version's name
    keeping = f"public, max-age={YEAR}, immutable" if version == current else "no-store"
    return Response(data, media_type=ASSETS[name], headers=HEADERS | {"Cache-Control": keeping})


@cache
def _asset(name: str) -> tuple[bytes, str]:
    """An asset's bytes, and what they are called while they are these."""
    data = (HERE / "assets" / name).read_bytes()
    return data, hashlib.sha256(data).hexdigest()[:12]


def _asset_url(name: str) -> str:
    return below_base(f"{VIEW_PREFIX}/assets/{_asset(name)[1]}/{name}")


@cache
def _templates() -> Environment:
    made = Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        loader=FileSystemLoader(HERE / "templates"),
    )
    made.globals |= {"url": below_base, "asset": _asset_url, "box": plots.BOX}
    made.filters |= words.FILTERS
    return made
