"""Every page in Chromium, as people use it: light and dark, by keyboard, in a window of its own and in Airflow's."""

import pytest

from tests.browser.conftest import USE_CASE, Look

PAGES = {
    "overview": "/genai/workflow",
    "portfolio": "/genai/portfolio",
    "plan": f"/genai/plan/{USE_CASE}/page",
    "lineage": f"/genai/lineage/{USE_CASE}",
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_and_asks_nobody_else(look: Look, name: str) -> None:
    look.open(PAGES[name])
    look.keep(f"{name}-{look.page.evaluate('matchMedia(`(prefers-color-scheme: dark)`).matches ? `dark` : `light`')}")
    assert look.findings() == []
