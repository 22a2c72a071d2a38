"""Prices: from dated files, the user's own first."""

import pytest

from workbench.api.prices import SHIPPED, Price, Usage, dollars, find_price, read_prices
from workbench.reading import ReadingError

TABLE = """
- {model: toy, host: localhost, input: 2, cached: 0.5, written: 3, output: 10, date: 2026-11-01,
   source: a contract}
"""
TOY = {"model": "toy", "host": "h", "date": "2026-11-01", "source": "a contract"}


@pytest.fixture
def own(tmp_path, monkeypatch):
    file = tmp_path / "own.yaml"
    file.write_text(TABLE)
    monkeypatch.setenv("WORKBENCH_PRICES", str(file))
    return file


def test_a_reply_costs_what_its_tokens_cost(own):
    usage = Usage(prompt=1000, cached=400, written=100, output=50, reasoning=20)
    cost = (500 * 2 + 400 * 0.5 + 100 * 3 + 50 * 10) / 1e6
    assert find_price("toy", "localhost").cost(usage) == pytest.approx(cost)


def test_no_use_of_the_cache_costs_more_than_the_most(own):
    price = find_price("toy", "localhost")
    usages = [Usage(100, 9, cached=c, written=w) for c in (0, 50, 100) for w in (0, 100 - c)]
    assert max(map(price.cost, usages)) == pytest.approx(price.most(100, 9))


def test_a_price_is_that_of_one_host(own):
    assert find_price("toy", "localhost:8000") is None
    assert find_price("other", "localhost") is None


def test_the_users_own_price_comes_first(own):
    shipped = read_prices(SHIPPED)[0]
    own.write_text(TABLE.replace("toy", shipped.model).replace("localhost", shipped.host))
    assert find_price(shipped.model, shipped.host).source == "a contract"


def test_prices_lie_in_the_folder_one_works_in_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prices.yaml").write_text(TABLE)
    assert find_price("toy", "localhost").input == 2


def test_every_shipped_price_has_a_date_and_a_source():
    prices = read_prices(SHIPPED)
    assert len(prices) == len({(price.model, price.host) for price in prices}) > 3
    assert all(price.source and price.date.year >= 2026 for price in prices)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("input: 2", "input: -2", "greater than or equal to 0"),
        ("input: 2", "input: 1e3", "digits and at most one point"),
        ("input: 2", "input: 0.000002", "for a million tokens; multiply that of one by"),
        ("input: 2, ", "", 'has no "input"'),
        ("date: 2026-11-01", "date: yesterday", "date"),
        ("source: a contract", "sauce: mine", 'Did you mean "source"'),
    ],
)
def test_a_table_that_is_wrong_says_where(own, old, new, message):
    own.write_text(TABLE.replace(old, new))
    with pytest.raises(ReadingError, match=f"own.yaml, line .*{message}"):
        find_price("toy", "localhost")


def test_two_prices_of_one_model_are_refused(own):
    own.write_text(TABLE + TABLE.replace("input: 2", "input: 200"))
    with pytest.raises(ReadingError, match=r"own.yaml, line .*toy at localhost has two prices"):
        find_price("toy", "localhost")


@pytest.mark.parametrize("text", ["", "toy", "{model: toy}", "- toy", "- {input: [1]}", "\0"])
def test_what_is_no_table_is_refused_and_never_taken_for_free(own, text):
    own.write_text(text)
    with pytest.raises(ReadingError, match=r"own\.yaml"):
        find_price("toy", "localhost")


def test_a_table_that_is_named_and_missing_is_said(own):
    own.unlink()
    with pytest.raises(ReadingError, match=r"own\.yaml"):
        find_price("toy", "localhost")


@pytest.mark.parametrize(
    ("usd", "said"),
    [
        (0, "$0.00"),
        (0.00001, "less than $0.0001"),
        (0.012, "$0.0120"),
        (0.5, "$0.50"),
        (1234.5, "$1,234.50"),
        (None, "an unknown sum"),
    ],
)
def test_money_has_as_many_digits_as_say_something(usd, said):
    assert dollars(usd) == said


def test_what_is_free_costs_nothing():
    assert Price(**TOY, input=0, output=0).most(10**6, 10**6) == 0
