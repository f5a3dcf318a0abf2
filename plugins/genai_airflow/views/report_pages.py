"""A report's blocks in the look of the other pages, for what is computed when it is asked for."""

from fastapi.responses import HTMLResponse
from markupsafe import Markup

from genai_airflow.views.pages import Crumb, render
from include.artifacts.report import Report

# the widths of its bars; all text in it is escaped
BARS = "; style-src-attr 'unsafe-inline'"


def report_page(report: Report, crumbs: tuple[Crumb, ...] = (), status: int = 200) -> HTMLResponse:
    """The page of a report that no artifact holds."""
    whole = report.page()
    blocks = whole[whole.index("</h1>") + len("</h1>") : whole.rindex("</html>")]
    page = render("report.html", report.title, crumbs, status=status, blocks=Markup(blocks))  # noqa: S704
    page.headers["Content-Security-Policy"] += BARS
    return page
