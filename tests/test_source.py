"""What a run was made from is kept in it, and read back as it was."""

import pytest
from conftest import edit

from workbench.design.plan import plan_paths
from workbench.domain import WORDS, read_domain
from workbench.run import open_run
from workbench.source import SourceError, hash_domain, keep_source, read_source


@pytest.fixture
def run(tmp_path):
    return open_run("coffee", "older", tmp_path / "runs")


def test_the_design_stage_keeps_the_domain_as_it_is_now(run, copy):
    plan_paths(run, read_domain(copy), 7)
    before = read_domain(copy)
    today = read_domain(edit(copy, "facts.yaml", "value: 3", "value: 4"))
    kept = read_source(run, today)
    assert kept.hashes == before.hashes
    assert (kept.facts["cup_price"].value, today.facts["cup_price"].value) == ("3", "4")


def test_prompts_are_kept_too(run, coffee_domain):
    keep_source(run, coffee_domain)
    run.file("made_from/prompts/agent_system.md").write_text("Another prompt")
    kept, today = read_source(run, coffee_domain).hashes, coffee_domain.hashes
    assert {name for name in today if kept[name] != today[name]} == {"prompt.agent_system"}


def test_plain_words_are_a_prompt_of_both_roles(run, coffee_domain):
    keep_source(run, coffee_domain)
    file = run.file(f"made_from/prompts/{WORDS}")
    file.write_text(file.read_text("utf-8") + "\n# a remark\n", "utf-8")
    kept, today = read_source(run, coffee_domain).hashes, coffee_domain.hashes
    changed = {name for name in today if kept[name] != today[name]}
    assert changed == {"prompt.teacher_words", "prompt.customer_words"}
    # what only models are told makes no other domain of it
    assert hash_domain(coffee_domain) == hash_domain(read_source(run, coffee_domain))


def test_a_prompt_of_which_there_is_no_copy_is_taken_for_todays(run, coffee_domain):
    keep_source(run, coffee_domain)
    run.file(f"made_from/prompts/{WORDS}").unlink()
    assert read_source(run, coffee_domain).hashes == coffee_domain.hashes


def test_a_run_with_conversations_keeps_what_they_were_made_from(run, copy):
    before = read_domain(copy)
    keep_source(run, before)
    run.claim("synthesize", data=hash_domain(before))
    today = read_domain(edit(copy, "facts.yaml", "value: 3", "value: 4"))
    keep_source(run, today)
    assert read_source(run, today).facts["cup_price"].value == "3"


def test_a_file_that_the_domain_no_longer_has_is_dropped(run, copy):
    (copy / "phrases" / "synonyms.yaml").write_text("{}\n")
    keep_source(run, read_domain(copy))
    (copy / "phrases" / "synonyms.yaml").unlink()
    keep_source(run, read_domain(copy))
    assert not run.file("made_from/domain/phrases/synonyms.yaml").exists()
    assert run.file("made_from/domain/phrases/slots.yaml").exists()


def test_a_run_without_a_copy_is_known_while_nothing_has_changed(run, copy):
    today = read_domain(copy)
    run.claim("synthesize", data=hash_domain(today))
    assert read_source(run, today) is today
    changed = read_domain(edit(copy, "facts.yaml", "value: 3", "value: 4"))
    with pytest.raises(SourceError, match="keeps no copy of the domain"):
        read_source(run, changed)
