"""Lists among the notebooks' widgets keep their keys, which JupyterLab takes for commands."""

import ipywidgets
import pytest
from test_live import OPENING, Parrot, readers  # noqa: F401 (a fixture)
from test_names_of_widgets import MADE

from workbench.baseline import Baseline
from workbench.live import LiveTalk
from workbench.show.explorer import explore_costs
from workbench.show.keys import Keys

LISTS = (ipywidgets.Dropdown, ipywidgets.Select)


def list_lists(box, is_kept=False):
    """The lists in a box, and whether a `Keys` stands in it or in one around it."""
    is_kept = is_kept or any(isinstance(child, Keys) for child in box.children)
    for child in box.children:
        if isinstance(child, ipywidgets.Box):
            yield from list_lists(child, is_kept)
        elif isinstance(child, LISTS):
            yield child.description, is_kept


def assert_all_are_kept(box, n_least):
    found = dict(list_lists(box))
    assert len(found) >= n_least
    assert {name for name, is_kept in found.items() if not is_kept} == set()


@pytest.mark.parametrize("name", [name for name in MADE if name != "editor"])
def test_each_list_of_what_is_looked_through_keeps_its_keys(name, coffee_domain, tmp_path):
    assert_all_are_kept(MADE[name](coffee_domain, tmp_path)._build(), 3)


def test_the_list_of_prices_keeps_its_keys():
    cost = {"prompt_tokens": 9, "cached_tokens": 0, "reply_tokens": 2, "conversations": 2}
    result = {"seconds": {}, "cost": {"compiled": cost | {"seconds_per_conversation": 2.0}}}
    assert_all_are_kept(explore_costs(result).box, 1)


def test_the_list_of_baselines_keeps_its_keys(readers):  # noqa: F811
    other = Baseline("floor/base", Parrot, OPENING)
    live = LiveTalk(Parrot(), readers, OPENING, baselines=[other])
    assert_all_are_kept(live._build(), 1)
