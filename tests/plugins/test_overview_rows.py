"""Rows of the overview as a page sorts them."""

import math

import pytest
from genai_airflow.views.rows import Cell, shown

from include.overview.cases import Money, Row
from include.overview.runs import told_by_airflow


def cost(spent: float, budget: float) -> Cell:
    return shown(Row("any", told_by_airflow(None), cost=Money(spent, budget, "EUR", "planned")), None, "").cost


@pytest.mark.parametrize(("budget", "share"), [(100.0, "150%"), (0.0, "no budget")])
def test_costs_are_sorted_as_numbers_those_without_a_budget_as_the_dearest(budget: float, share: str) -> None:
    dear, cheap = cost(150, budget), cost(5, 10)

    assert share in dear.title
    # "inf" is no number to a page
    assert math.isfinite(float(dear.order)) and float(cheap.order) < float(dear.order)
