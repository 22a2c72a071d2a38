from itertools import pairwise

import pytest

from workbench.sizes import SIZES, size_of


def test_zero_and_empty_mean_as_the_size_says():
    assert size_of("demo", epochs=0, base_model="", conversations=0) == SIZES["demo"]


def test_a_number_can_be_set_by_itself():
    size = size_of("smoke", epochs=3, base_model="smollm2", learning_rate=1e-4)
    assert (size.epochs, size.base_model, size.learning_rate) == (3, "smollm2", 1e-4)
    assert size.conversations == SIZES["smoke"].conversations


def test_each_size_does_at_least_as_much_as_the_one_before():
    sizes = list(SIZES.values())
    for smaller, larger in pairwise(sizes):
        numbers = [name for name, value in vars(smaller).items() if isinstance(value, int)]
        # the tiny model's tokens are bytes, mostly: it needs more of them
        numbers.remove("max_tokens")
        assert all(getattr(smaller, name) <= getattr(larger, name) for name in numbers)


def test_only_the_smallest_size_practises_less_than_there_is():
    practice = {name: size.practice for name, size in SIZES.items()}
    assert practice == {"smoke": 0.5, "demo": 1, "full": 1}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"epoch": 3}, 'no number called "epoch". Did you mean "epochs"'),
        ({"bool": 1}, 'no number called "bool"'),
        ({"epochs": True}, "epochs is True, but must be like 1"),
        ({"epochs": -1}, "epochs is -1, but cannot be below 0"),
        ({"epochs": "3"}, "epochs is '3', but must be like 1"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
    ],
)
def test_what_cannot_be_a_size_is_refused(overrides, message):
    with pytest.raises(ValueError) as error:
        size_of("smoke", **overrides)
    assert message in str(error.value)


def test_an_unknown_size_lists_the_sizes():
    with pytest.raises(ValueError, match="choose one of smoke, demo, full"):
        size_of("huge")
