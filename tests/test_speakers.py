"""Speakers: names, mixes and shares are read, and what makes no sense is refused."""

from collections import Counter

import pytest

from workbench.synthesize.speakers import SpeakerError, read_cast, read_speaker


@pytest.mark.parametrize(
    ("name", "model", "share"),
    [
        ("phrase_book", "", 0),
        ("api/gpt-6-sol", "api/gpt-6-sol", 1),
        ("api/org/model:free", "api/org/model:free", 1),
        ("phrase_book+api/gpt-6-sol", "api/gpt-6-sol", 0.25),
        ("api/gpt-6-sol+phrase_book", "api/gpt-6-sol", 0.25),
    ],
)
def test_a_speaker_is_the_phrase_book_a_model_or_both(name, model, share):
    speaker = read_speaker("teacher", name, 0.25)
    assert (speaker.name, speaker.model, speaker.share) == (name, model, share)
    assert speaker.needs_phrases == (share < 1)


@pytest.mark.parametrize("name", ["", "gpt-6-sol", "phrasebook", "api/", "phrase_book+", "api/a b"])
def test_nobody_is_no_speaker(name):
    with pytest.raises(SpeakerError, match="must be phrase_book, a model such as api/"):
        read_speaker("customer", name)


@pytest.mark.parametrize("share", [0, 1, -0.5, 2, float("nan")])
def test_a_mix_leaves_both_a_word(share):
    with pytest.raises(SpeakerError, match="model_share is"):
        read_speaker("teacher", "phrase_book+api/toy", share)
    assert read_speaker("teacher", "api/toy", share).share == 1


def test_dollars_and_temperature_are_numbers_from_0_on():
    for number in (-1, float("nan")):
        with pytest.raises(SpeakerError, match="cap_usd"):
            read_cast(cap_usd=number)
        with pytest.raises(SpeakerError, match="temperature"):
            read_cast(temperature=number)
    cast = read_cast("api/toy")
    assert (cast.cap_usd, cast.temperature, cast.models) == (None, None, {"teacher": "api/toy"})


def test_who_speaks_is_the_seed_s_lot_in_the_share_asked_for():
    cast = read_cast("phrase_book+api/toy", "api/other", model_share=0.2)
    spoken = [cast.choose(7, f"scenario-{n}") for n in range(2000)]
    assert spoken == [cast.choose(7, f"scenario-{n}") for n in range(2000)]
    assert 0.17 < Counter(who["teacher"] for who in spoken)["api/toy"] / 2000 < 0.23
    assert {who["customer"] for who in spoken} == {"api/other"}


def test_only_a_cast_with_a_model_adds_to_what_a_run_rests_on(coffee_domain):
    assert read_cast().describe_inputs(coffee_domain) == {}
    inputs = read_cast("api/toy", temperature=0.8).describe_inputs(coffee_domain)
    assert (inputs["teacher"], inputs["customer"]) == ("api/toy", "phrase_book")
    assert inputs["temperature"] == 0.8
