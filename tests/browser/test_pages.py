"""Every page in Chromium, as people use it: light and dark, by keyboard, in a window of its own and in Airflow's.

A complaint of the browser, and a request to another origin, fail each of these tests.
"""

from urllib.parse import quote

import pytest

from include.artifacts.store import ArtifactStore
from include.distributed.meter import CURVES
from tests.browser.conftest import BROKEN, TRAINING, USE_CASE, Look
from tests.plugins.made_full_case import losses, write_curves

# axe waits for ever in a page that may run no script
pytestmark = pytest.mark.timeout(120)
LINEAGE, WORKFLOW = f"/genai/lineage/{USE_CASE}", "/genai/workflow"
REPORT = "/genai/reports/{use_case}/{run}/strategy.charter"


def pages(look: Look) -> dict[str, str]:
    """Name -> path of every page."""
    before, run = (quote(run_id, safe="") for run_id in look.site.runs)
    return {
        "overview": WORKFLOW,
        "use_case": f"{WORKFLOW}/{TRAINING}",
        "portfolio": "/genai/portfolio",
        "plan": f"/genai/plan/{USE_CASE}/page",
        "review": f"/genai/review/{USE_CASE}/page",
        "lineage": LINEAGE,
        "lineage_of_a_run": f"{LINEAGE}?run={run}",
        "lineage_of_nothing": f"/genai/lineage/{BROKEN}",
        "run": f"/genai/runs/{USE_CASE}/{run}",
        "run_without_news": f"/genai/runs/{USE_CASE}/{before}",
        "report": REPORT.format(use_case=USE_CASE, run=run),
    }


def test_every_page_is_accessible(look: Look) -> None:
    found: dict[str, list[str]] = {}
    for name, path in pages(look).items():
        look.open(path)
        look.keep(name)
        found[name] = look.findings()
    assert not any(found.values()), found


def test_a_lineage_leads_by_keyboard_to_each_artifact(light: Look) -> None:
    page = light.open(f"{LINEAGE}?run={quote(light.site.runs[1], safe='')}")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.get_by_role("link", name="check, data_preparation, dataset, reused").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**#chosen")

    panel = page.get_by_role("complementary", name="Chosen artifact")
    assert "reused: same code, configuration and inputs" in panel.inner_text()
    assert panel.get_by_role("link", name="Report").get_attribute("href").startswith("/genai/reports/")
    assert page.get_by_role("link", name="tune lora, customization, adapter, ran").count() == 1
    assert page.get_by_role("link", name="clean \N{MULTIPLICATION SIGN} 4, data_preparation, dataset, reused").count()
    assert page.get_by_role("row", name="deduplicate").get_by_role("cell", name="reused").count()
    light.keep("lineage_chosen")

    panel.get_by_role("link", name="All that was made of it").click()
    page.wait_for_url("**forward=true**")
    boxes = page.locator("svg a[href*='at=']")
    names = " ".join(boxes.nth(number).get_attribute("aria-label") for number in range(boxes.count()))
    assert "champion, deployment" in names and "pretrain" in names and "aggregate" not in names
    light.keep("lineage_forward")


def test_a_search_shows_the_use_cases_that_it_finds(light: Look) -> None:
    page = light.open(WORKFLOW)
    page.get_by_role("searchbox").fill(BROKEN)
    assert page.locator("tbody tr:visible").count() == 1
    assert page.locator("form output").inner_text() == "1 of 3"
    page.reload()
    assert page.get_by_role("searchbox").input_value() == BROKEN


def test_loss_curves_grow_while_a_training_tells_more(light: Look, pages_store: ArtifactStore) -> None:
    light.page.clock.install()
    page = light.open(f"{WORKFLOW}/{TRAINING}")
    figure = page.locator("figure", has_text="Training: from scratch")
    before = figure.locator("polyline").first.get_attribute("points").count(",")
    assert "step 120 of 400" in figure.inner_text()

    key = CURVES.format(step="training.pretrain", fingerprint="c" * 64)
    write_curves(pages_store.bucket, key, losses(180, 9.1, 5.5), 400, tokens_per_second=5120, eta_seconds=60.0)
    page.clock.fast_forward(6000)
    figure.get_by_text("step 180 of 400").wait_for()
    assert figure.locator("polyline").first.get_attribute("points").count(",") > before


def test_a_run_tells_what_it_reused_and_leads_to_the_reports(light: Look) -> None:
    page = light.open(f"/genai/runs/{USE_CASE}/{quote(light.site.runs[1], safe='')}")
    reused = page.get_by_role("row", name="data_preparation.split")
    assert "reused" in reused.inner_text() and "train 1,500, heldout 64, corpus 4,992" in reused.inner_text()
    ran = page.get_by_role("row", name="customization.gate")
    assert ran.get_by_text("ran", exact=True).count() and "(since run manual__before)" in ran.inner_text()

    page.get_by_role("link", name="Report of strategy.charter").click()
    page.wait_for_url("**/genai/reports/**")
    assert page.get_by_role("heading", level=1).inner_text().startswith("Charter")


def test_the_pages_are_tabs_of_airflow_and_lead_out_of_its_frame(light: Look) -> None:
    page = light.open(f"/dags/{USE_CASE}")
    page.get_by_role("link", name="Lineage", exact=True).click()
    frame = page.frame_locator("iframe[title=Lineage]")
    frame.get_by_role("link", name="check, data_preparation").first.click()
    frame.get_by_role("complementary", name="Chosen artifact").wait_for()
    assert light.findings(page.frames[-1]) == []
    light.keep("airflow_lineage")

    page.get_by_role("link", name="Workflow", exact=True).click()
    out = page.frame_locator("iframe[title=Workflow]").get_by_role("link", name="DAG", exact=True)
    out.wait_for()
    light.keep("airflow_workflow")
    path = out.get_attribute("href")
    out.click()
    page.wait_for_url(f"**{path}")
    page.get_by_role("link", name="Plan", exact=True).wait_for()
