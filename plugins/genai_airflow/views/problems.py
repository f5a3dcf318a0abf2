"""The page that says why another one cannot be shown."""

import logging

from fastapi.responses import HTMLResponse

from genai_airflow.views.pages import Crumb, render
from include.core.errors import GenaiError, TransientError


def problem_page(title: str, error: GenaiError, crumbs: tuple[Crumb, ...] = ()) -> HTMLResponse:
    """The error in its own words: 503 where it may pass, else 400."""
    logging.getLogger(__name__).warning("%s: %s", title, error)
    status = 503 if isinstance(error, TransientError) else 400
    return render("problem.html", title, crumbs, status=status, problem=str(error))
