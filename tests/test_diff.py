"""A run beside its domain as it is today: said, drawn, counted, and told by an exit code."""

import pytest
from conftest import COFFEE, edit
from test_changes import rename
from test_redoing import N_TEST, N, Trusting
from test_regression import ADDED
from test_stale import cut

from workbench.__main__ import main
from workbench.design.changes import compare_domains
from workbench.design.plan import plan_paths
from workbench.diff import compare_run, compare_since
from workbench.domain import read_domain
from workbench.run import open_run
from workbench.show import draw_changes
from workbench.source import find_place
from workbench.synthesize import writing
from workbench.synthesize.redoing import plan_run
from workbench.synthesize.writing import write_conversations


@pytest.fixture(scope="module")
def run(tmp_path_factory, coffee_domain):
    """A run of the toy domain with conversations, and with numbers of a training."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "fit_checkers", lambda *_: [Trusting()] * 3)
        run = open_run("coffee", "older", folder)
        plan_paths(run, coffee_domain, 7)
        plan_run(run, coffee_domain, N, N_TEST, 7)
        write_conversations(run, coffee_domain, 7, progress=False)
    run.record("synthesize", seconds=120.0)
    run.record("inspect", train=36)
    run.record("train", seconds=600.0)
    return run


def ask(run, folder, capsys, *options):
    """Exit code and what was printed."""
    code = main(["diff", str(run.folder), "--domain", str(folder), *options])
    return code, capsys.readouterr().out


def test_nothing_to_redo_exits_with_0(run, copy, capsys):
    edit(copy, "facts.yaml", "facts:\n", "# what customers ask\nfacts:\n")
    code, said = ask(run, copy, capsys)
    assert code == 0
    assert "no changes" in said
    assert "redone 0, new 0, gone 0" in said


def test_a_rename_is_shown_and_exits_with_0(run, copy, capsys):
    code, said = ask(run, rename(copy, "pay", "till"), capsys)
    assert code == 0
    assert "renamed  node  till  pay  till" in said


def test_a_changed_fact_exits_with_3_and_says_what_it_takes(run, copy, capsys):
    code, said = ask(run, edit(copy, "facts.yaml", "value: 3", "value: 4"), capsys)
    assert code == 3
    assert "uses fact.cup_price, which has changed" in said
    diff = compare_run(run, str(copy))
    written, trained = diff.tabulate_work()
    assert written["to do"] == diff.agenda.counts["redone"] > 0
    assert written["minutes"] == round(2 * written["to do"] / N, 1)
    assert (written["calls"], written["dollars"]) == (0, 0.0)
    # a fifth of 36 rows at most, which took 10 minutes; 5 of them are such as changed
    assert 5 <= trained["to do"] <= 7
    assert trained["minutes"] == round(10 * trained["to do"] / 36, 1)
    assert set(diff.kinds.values()) == {"same", "touched"}


def test_what_reads_the_conversations_is_fitted_for_few_as_for_many(run, copy):
    edit(copy, "facts.yaml", "value: 3", "value: 4")
    kept = run.manifest["synthesize"]["fitting_seconds"]
    run.record("synthesize", fitting_seconds=60.0)
    written, _ = compare_run(run, str(copy)).tabulate_work()
    assert written["minutes"] == round(1 + written["to do"] / N, 1)
    (copy / "facts.yaml").write_bytes((COFFEE / "facts.yaml").read_bytes())
    written, _ = compare_run(run, str(copy)).tabulate_work()
    assert (written["to do"], written["minutes"]) == (0, 0.0)
    run.record("synthesize", fitting_seconds=kept)


def test_markdown_is_a_heading_and_tables(run, copy, capsys):
    _, said = ask(run, edit(copy, "facts.yaml", "value: 3", "value: 4"), capsys, "--markdown")
    assert said.startswith("### coffee/older and the files of today: 1 change\n")
    assert "| changed | fact | cup_price | value: 3 | value: 4 |" in said


def test_a_run_that_does_not_exist_is_wrong_usage(capsys):
    assert main(["diff", "coffee/nowhere"]) == 2
    assert "there is no run" in capsys.readouterr().err


def test_a_domain_that_cannot_be_written_from_is_compared_all_the_same(run, copy):
    (copy / "phrases" / "agent.yaml").write_text("[]\n")
    diff = compare_run(run, str(copy))
    assert diff.agenda is None
    assert "No conversation can be written of what is there today" in str(diff)


def test_where_something_is_gone_all_is_trained_from_the_base(run, copy):
    cut(copy / "flowchart.yaml", "      changed:\n", "      leave:\n")
    cut(copy / "phrases/agent.yaml", "- steps: [settle.changed]", "\n- ")
    _, trained = compare_run(run, str(copy)).tabulate_work()
    assert trained["stage"] == "rows to train, from the base"
    assert (trained["to do"], trained["of"], trained["minutes"]) == (36, 36, 10.0)


def test_a_new_route_without_words_is_to_be_done_though_nothing_can_be_written(run, copy):
    edit(copy, "flowchart.yaml", "      paid:\n", ADDED + "      paid:\n")
    diff = compare_run(run, str(copy))
    assert (diff.agenda, diff.changes.touched, diff.exit_code) == (None, frozenset(), 3)


def test_a_run_is_compared_with_the_folder_that_it_was_made_from(tmp_path, copy):
    made = open_run("coffee", "made", tmp_path / "runs")
    plan_paths(made, read_domain(copy), 7)
    made.record("notebooks", **{"1_design": {"parameters": {"domain": str(copy)}}})
    assert find_place(made) == str(copy)
    assert compare_run(made).exit_code == 0
    made.record("notebooks", **{"1_design": {"parameters": {"domain": "/not/here/coffee"}}})
    assert find_place(made) == "coffee"


def test_what_is_new_gone_and_changed_is_drawn(coffee_domain, copy):
    edit(copy, "flowchart.yaml", "        to: take_order\n", "        to: user_details\n")
    edit(copy, "facts.yaml", "value: 3", "value: 4")
    today = read_domain(rename(copy, "user_details", "user_more"))
    picture = draw_changes(compare_domains(coffee_domain, today))
    assert "settle.changed: rewired" in picture.text
    assert "pay: changed (fact cup_price)" in picture.text
    assert "user_more: renamed (was user_details)" in picture.text
    assert "gone" in picture.svg
    assert "rewired" in picture.svg


def test_a_notebook_without_an_older_run_says_so(run, coffee_domain):
    assert "goes on from no other" in str(compare_since(run, "", coffee_domain))
    newer = open_run("coffee", "newer", run.folder.parent.parent)
    shown = compare_since(newer, "older", coffee_domain)._repr_mimebundle_()
    assert "<img" in shown["text/html"]
    assert "no changes" in shown["text/plain"]
