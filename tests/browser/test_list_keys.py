"""A list among widgets, on a page that takes keys for commands as JupyterLab does."""

import pytest
from test_jupyterlab import page  # noqa: F401 (a fixture)

from workbench.show.keys import SCRIPT

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGE = """<!DOCTYPE html><meta charset=utf-8>
<div class=widget-box><select id=own size=3><option>one<option>two<option>three</select>
  <div id=keys></div></div>
<select id=other size=3><option>one<option>two</select>
<script>{script}
  window.taken = [];
  document.addEventListener("keydown", (event) => {{
    if (event.target.hasAttribute("data-lm-suppress-shortcuts")) return;
    event.preventDefault();
    taken.push(event.key);
  }});
  window.leave = render({{ el: document.getElementById("keys") }});
</script>"""


@pytest.fixture
def lists(page, tmp_path):  # noqa: F811
    script = SCRIPT.read_text("utf-8").replace("export default { render };", "")
    (tmp_path / "keys.html").write_text(PAGE.format(script=script), "utf-8")
    page.goto((tmp_path / "keys.html").as_uri())
    for name in ("own", "other"):
        page.locator(f"#{name}").select_option(index=0)
    return page


def test_keys_move_in_a_list_of_the_box_and_in_no_other(lists):
    lists.locator("#own").press("ArrowDown")
    lists.locator("#own").press("t")
    assert lists.locator("#own").input_value() == "three"
    assert lists.evaluate("taken") == []
    lists.locator("#other").press("ArrowDown")
    assert lists.locator("#other").input_value() == "one"
    assert lists.evaluate("taken") == ["ArrowDown"]


def test_what_is_pressed_with_ctrl_stays_a_command_and_so_does_all_once_the_box_is_gone(lists):
    lists.locator("#own").press("ArrowDown")
    lists.locator("#own").press("Control+s")
    assert lists.evaluate("taken.at(-1)") == "s"
    lists.evaluate("document.getElementById('own').removeAttribute('data-lm-suppress-shortcuts')")
    lists.evaluate("leave()")
    lists.locator("#own").press("ArrowDown")
    assert lists.evaluate("taken.at(-1)") == "ArrowDown"
