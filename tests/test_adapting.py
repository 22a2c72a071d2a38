"""The adapted encoder: what is said for one thing moves together, and nothing else is touched."""

import numpy as np
import pytest

from workbench.adapting import Adaptation, _init_head, _rates
from workbench.encoder import load_encoder

HEARD = {
    "pay": [
        "That will be {n} euros.",
        "Please pay {n} euros.",
        "Your bill is {n} euros.",
        "It costs {n} euros.",
    ],
    "leave": [
        "Goodbye and take care.",
        "Never mind, bye for now.",
        "See you another time.",
        "Have a nice day.",
    ],
    "order": [
        "What can I get you?",
        "What will it be?",
        "Ready to order?",
        "What are you having?",
    ],
}
PAIRS = [(text, tag) for tag, texts in HEARD.items() for text in texts]
UNHEARD = [("You owe us {n} euros.", "pay"), ("Farewell then.", "leave"), ("Your order?", "order")]


def likeness(encoder, tag):
    """How much nearer unheard sentences of a tag lie to its own sentences than to others."""
    own = encoder.encode(HEARD[tag])
    others = encoder.encode([text for text, other in PAIRS if other != tag])
    unheard = encoder.encode([text for text, other in UNHEARD if other == tag])
    return (unheard @ own.T).mean() - (unheard @ others.T).mean()


@pytest.fixture
def learn(tmp_path):
    """Adapts the encoder to some sentences; the file of a name keeps the weights."""
    texts, tags = zip(*PAIRS, strict=True)

    def adapt(name, tags=tags, epochs=8):
        return Adaptation(epochs, tmp_path / name).adapt(load_encoder(), texts, tags)

    return adapt


@pytest.mark.exhaustive
def test_unheard_sentences_move_to_those_said_for_the_same(learn):
    encoder, texts = load_encoder(), [text for text, _ in PAIRS]
    before = encoder.encode(texts)
    adapted = learn("weights")
    for tag in HEARD:
        assert likeness(adapted, tag) > likeness(encoder, tag) + 0.1
    encoder._known.clear()
    assert np.allclose(encoder.encode(texts), before)
    assert np.array_equal(learn("others").encode(texts), adapted.encode(texts))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_kept_weights_are_taken_for_the_same_sentences_only(learn, tmp_path, monkeypatch, dtype):
    monkeypatch.setattr("workbench.encoder.cpu_dtype", lambda: dtype)
    texts = [text for text, _ in PAIRS]
    adapted = learn("weights", epochs=1)
    (tmp_path / "damaged").write_bytes((tmp_path / "weights").read_bytes()[:1000])
    assert np.array_equal(learn("damaged", epochs=1).encode(texts), adapted.encode(texts))

    monkeypatch.setattr("workbench.adapting.Adaptation._train", None)
    assert np.array_equal(learn("weights", epochs=1).encode(texts), adapted.encode(texts))
    with pytest.raises(TypeError):
        learn("weights", tags=[tag for _, tag in PAIRS[::-1]], epochs=1)
    monkeypatch.setattr("workbench.adapting.LABEL_SMOOTHING", 0.1)
    with pytest.raises(TypeError):
        learn("weights", epochs=1)


@pytest.mark.slow
def test_two_tags_are_told_apart(learn):
    adapted = learn("weights", tags=[str(tag == "pay") for _, tag in PAIRS])
    assert likeness(adapted, "pay") > likeness(load_encoder(), "pay") + 0.1


@pytest.mark.parametrize("n", [1, 2, 9, 10, 100])
def test_the_learning_rate_rises_and_falls(n):
    rates = [_rates(n)(batch) for batch in range(n)]
    assert 0 < min(rates) <= max(rates) == 1
    assert _rates(n)(n) == 0


@pytest.mark.parametrize("classes", [2, 3])
def test_the_layer_on_top_starts_with_what_the_vectors_tell(classes):
    vectors, numbers = np.eye(classes, dtype="float32"), np.arange(classes)
    head = _init_head(vectors, numbers)
    scores = vectors @ head.weight.detach().numpy().T + head.bias.detach().numpy()
    assert scores.argmax(1).tolist() == numbers.tolist()


@pytest.mark.parametrize(("epochs", "tags"), [(1, ["a", "a"]), (0, ["a", "b"])])
def test_where_there_is_nothing_to_learn_the_encoder_stays(word_encoder, epochs, tags):
    assert Adaptation(epochs).adapt(word_encoder, ["One.", "Two."], tags) is word_encoder
