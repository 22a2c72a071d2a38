"""The adapted encoder: what is said for one thing moves together, and nothing else is touched."""

import numpy as np
import pytest

from workbench.adapting import adapt_encoder
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
def test_unheard_sentences_move_to_those_said_for_the_same():
    encoder = load_encoder()
    before = encoder.encode([text for text, _ in PAIRS]).copy()
    texts, tags = zip(*PAIRS, strict=True)
    adapted = adapt_encoder(encoder, texts, tags, epochs=8)
    for tag in HEARD:
        assert likeness(adapted, tag) > likeness(encoder, tag) + 0.1
    again = adapt_encoder(encoder, texts, tags, epochs=8)
    assert np.allclose(adapted.encode(texts), again.encode(texts))
    encoder._known.clear()
    assert np.allclose(encoder.encode([text for text, _ in PAIRS]), before)


def test_where_there_is_one_tag_there_is_nothing_to_tell_apart(word_encoder):
    assert adapt_encoder(word_encoder, ["One.", "Two."], ["a", "a"], epochs=1) is word_encoder
