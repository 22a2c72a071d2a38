"""The encoder: sentences of one meaning lie together; messages are as wide, however long."""

from pathlib import Path

import numpy as np
import pytest

from workbench.encoder import SentenceEncoder, load_encoder, split_clauses, split_sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Good choice. Shall I book it?", ["Good choice.", "Shall I book it?"]),
        ("It costs 12.50 euros.", ["It costs 12.50 euros."]),
        ("One; two: three", ["One;", "two:", "three"]),
        ("  ", [""]),
    ],
)
def test_a_text_is_split_into_sentences(text, sentences):
    assert split_sentences(text) == sentences


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("Tell me when, and how many you are.", ["Tell me when", "how many you are."]),
        ("when and where", ["when", "where"]),
        ("1,240 euros", ["1,240 euros"]),
        ("", [""]),
    ],
)
def test_a_text_is_split_into_clauses(text, clauses):
    assert split_clauses(text) == clauses


def test_a_message_has_one_vector_however_many_sentences(word_encoder):
    vectors = word_encoder.encode_messages(["One.", "One. Two. Three.", ""])
    first, last = np.split(vectors[1], 4)[:2]
    assert len(vectors) == 3
    assert (first == word_encoder.encode(["One."])[0]).all()
    assert (last == word_encoder.encode(["Three."])[0]).all()


@pytest.mark.slow
def test_sentences_of_one_meaning_lie_together():
    near, same, far = load_encoder().encode(
        ["Where would you like to go?", "What is your destination?", "Your booking is confirmed."]
    )
    assert near @ same > near @ far + 0.2


@pytest.mark.slow
def test_vectors_have_length_one_and_do_not_depend_on_their_batch():
    sentences = ["Hello.", "A much longer sentence, with many more words in it than the others."]
    together = load_encoder().encode(sentences)
    load_encoder.cache_clear()
    alone = np.concatenate([load_encoder().encode([sentence]) for sentence in sentences])
    assert np.linalg.norm(together, axis=1) == pytest.approx(1, abs=1e-3)
    assert (together * alone).sum(1).min() > 0.995


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_products_are_computed_in_what_the_cpu_is_quick_at(monkeypatch, dtype):
    monkeypatch.setattr("workbench.encoder.cpu_dtype", lambda: dtype)
    assert str(load_encoder().copy_model().dtype) == f"torch.{dtype}"


class PaddedEncoder(SentenceEncoder):
    """Its vectors tell what a sentence was encoded beside."""

    _model = None

    def embed(self, model, sentences, max_tokens=128):
        import torch

        longest = max(map(len, sentences))
        return torch.tensor([[float(len(sentence)), float(longest)] for sentence in sentences])


def test_apart_a_vector_does_not_depend_on_what_else_is_encoded():
    encoder = PaddedEncoder(Path())
    assert encoder.encode(["a", "bbb"]).tolist() == [[1, 3], [3, 3]]
    with encoder.apart():
        assert encoder.encode(["cc", "bbb", "a"]).tolist() == [[2, 2], [3, 3], [1, 1]]
    # and leaves what is encoded together as it was
    assert encoder.encode(["a", "cc"]).tolist() == [[1, 3], [2, 2]]
    with pytest.raises(KeyError), encoder.apart():
        raise KeyError
    assert encoder.encode(["dddd", "eeeee"]).tolist() == [[4, 5], [5, 5]]


def test_of_sentences_without_end_only_so_many_are_remembered(monkeypatch):
    monkeypatch.setattr("workbench.encoder.MOST_KNOWN", 3)
    encoder = PaddedEncoder(Path())
    assert encoder.encode(["a", "bb", "ccc", "dddd"]).shape == (4, 2)
    for _ in range(2):
        for number in range(20):
            assert encoder.encode([f"{number:05}"]).tolist() == [[5, 5]]
            assert len(encoder._known) <= 3
