"""The toy domain that the tests share."""

from pathlib import Path

import pytest

from workbench.flowchart import Flowchart, read_flowchart

COFFEE = Path(__file__).parent / "toy" / "coffee"


@pytest.fixture(scope="session")
def coffee() -> Flowchart:
    """Nine nodes, two hubs, two ends: a customer orders a coffee."""
    return read_flowchart(COFFEE / "flowchart.yaml")
