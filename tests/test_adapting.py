"""The adapted encoder: what is said for one thing moves together, and nothing else is touched."""

import numpy as np
import pytest

from workbench.adapting import Adaptation
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


@pytest.mark.slow
def test_unheard_sentences_move_to_those_said_for_the_same(tmp_path, monkeypatch):
    encoder, kept = load_encoder(), tmp_path / "encoder.safetensors"
    texts, tags = zip(*PAIRS, strict=True)
    before = encoder.encode(texts)
    adapted = Adaptation(8, kept).adapt(encoder, texts, tags)
    for tag in HEARD:
        assert likeness(adapted, tag) > likeness(encoder, tag) + 0.1
    encoder._known.clear()
    assert np.allclose(encoder.encode(texts), before)

    kept.with_name("damaged").write_bytes(kept.read_bytes()[:1000])
    again = Adaptation(8, kept.with_name("damaged")).adapt(encoder, texts, tags)
    assert np.allclose(adapted.encode(texts), again.encode(texts), atol=0.05)

    monkeypatch.setattr("workbench.adapting._train", None)
    assert np.array_equal(
        Adaptation(8, kept).adapt(encoder, texts, tags).encode(texts), adapted.encode(texts)
    )
    with pytest.raises(TypeError):
        Adaptation(8, kept).adapt(encoder, texts, tags[::-1])


@pytest.mark.parametrize(("epochs", "tags"), [(1, ["a", "a"]), (0, ["a", "b"])])
def test_where_there_is_nothing_to_learn_the_encoder_stays(word_encoder, epochs, tags):
    assert Adaptation(epochs).adapt(word_encoder, ["One.", "Two."], tags) is word_encoder
