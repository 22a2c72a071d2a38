"""The domains that the tests share, and an encoder that needs no weights."""

import functools
import re
import shutil
import ssl
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from hypothesis import settings

from workbench import recognizer
from workbench.conversation import Conversation, seeded
from workbench.design.covering import cover_route_pairs, sample_long_walks
from workbench.design.paths import FlowPath, enumerate_paths
from workbench.domain import Domain, read_domain
from workbench.encoder import SentenceEncoder
from workbench.facts import check_facts
from workbench.flowchart import Flowchart, read_flowchart
from workbench.phrases import Voice
from workbench.synthesize.scenarios import plan_scenario
from workbench.synthesize.talk import hold_talk, open_talk
from workbench.synthesize.teacher import PhraseBookAgent

COFFEE = Path(__file__).parent / "toy" / "coffee"
PRINTER = Path(__file__).parent / "toy" / "printer"
DOMAINS = Path(__file__).parents[1] / "domains"


# no test is timed: on a busy machine a call that waits for the disk may take any time
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# every client of the API makes one, which takes longer than a hundred calls of the toy provider
ssl.create_default_context = functools.cache(ssl.create_default_context)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, so that no worker is left with a long one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture
def copy(tmp_path) -> Path:
    """A copy of the toy domain to break."""
    return shutil.copytree(COFFEE, tmp_path / "coffee")


def edit(folder: Path, name: str, old: str, new: str) -> Path:
    """The folder, with the first `old` of a file replaced."""
    file = folder / name
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")
    return folder


@pytest.fixture(scope="session")
def coffee() -> Flowchart:
    """Nine nodes, two hubs, two ends: a customer orders a coffee."""
    return read_flowchart(COFFEE / "flowchart.yaml")


@pytest.fixture(scope="session")
def coffee_domain() -> Domain:
    """The toy domain: one fact, no offers, few wordings."""
    return read_domain(COFFEE)


@pytest.fixture(scope="session")
def printer() -> Domain:
    """A toy domain in which things are tried one after the other: offers for two slots, names."""
    return read_domain(PRINTER)


@pytest.fixture(scope="session")
def travel() -> Domain:
    """The travel domain as it is shipped."""
    return read_domain(DOMAINS / "travel_booking")


@pytest.fixture(scope="session", params=["coffee_domain", "travel"])
def domain(request) -> Domain:
    """Each domain in turn: what is true of any domain."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def walks(domain) -> list[FlowPath]:
    """All paths of the domain, walks that cover its route pairs, and long walks."""
    chart = domain.flowchart
    return [*enumerate_paths(chart), *cover_route_pairs(chart), *sample_long_walks(chart, 60, 3)]


def talk_through(domain: Domain, path: FlowPath, number: int, split: str) -> Conversation:
    """A plain customer's talk along a path, asserted to go as planned and state what is right."""
    scenario = plan_scenario(path, split, domain, 7, number)
    agent = PhraseBookAgent(domain, Voice(split), seeded(0, "agent", scenario.seed))
    talk = hold_talk(open_talk(domain, scenario, Voice(split), 100), agent)
    steps = [[s for s in label.steps if not s.startswith("anywhere.")] for label in talk.labels]
    assert [message for message in steps if message] == scenario.steps
    parts = {"conversation_id": "", "scenario_id": "", "path_id": "", "split": split, "hashes": {}}
    parts |= {"teacher": "phrase_book", "messages": talk.messages, "labels": talk.labels}
    held = Conversation(**parts)
    assert check_facts(held, domain) == []
    return held


class WordEncoder(SentenceEncoder):
    """Sentences as bags of words and word pairs: quick, and the same on every machine."""

    def encode(self, sentences):
        return np.stack([self._known.setdefault(s, encode_words(s)) for s in sentences])


def encode_words(sentence: str, width: int = 96) -> np.ndarray:
    words = ["", *re.findall(r"\w+", sentence.lower())]
    pairs = [" ".join(pair) for pair in pairwise(words)]
    vector = np.bincount([crc32(w.encode()) % width for w in [*words, *pairs]], minlength=width)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


@pytest.fixture
def word_encoder(monkeypatch) -> SentenceEncoder:
    """Recognizers of this test read with the encoder that needs no weights."""
    encoder = WordEncoder(Path())
    monkeypatch.setattr(recognizer, "load_encoder", lambda: encoder)
    return encoder
