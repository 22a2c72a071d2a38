"""Decoding: the same tokens as transformers' own, whoever shares the batch, read only once."""

import pytest

from workbench.decoding import Decoder, DecodingError, find_uncomputed
from workbench.train.base_model import resolve_base_model

PROMPTS = [[5 + i % 90 for i in range(start, start + n)] for start, n in enumerate((9, 1, 40, 17))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return resolve_base_model("tiny-random", cache=tmp_path_factory.mktemp("cache")).folder


@pytest.fixture(scope="module")
def load(folder):
    """A new copy of the tiny model, in float32, where batches change nothing."""
    import torch
    from transformers import AutoModelForCausalLM

    def load():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        for parameter in model.parameters():
            # as it is initialised it says the same token for ever
            torch.nn.init.normal_(parameter, std=0.3)
        return model

    return load


@pytest.fixture(scope="module")
def wanted(load):
    """What transformers itself generates for a prompt, alone."""
    import torch

    model = load()

    def generate(prompt, n=12, stop=-1):
        ids = torch.tensor([prompt])
        made = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=n,
            do_sample=False,
            eos_token_id=stop,
            pad_token_id=0,
        )
        return made[0, len(prompt) :].tolist()

    return generate


@pytest.fixture
def decoder(load):
    return Decoder(load(), stop=-1)


def count_read(decoder, monkeypatch):
    """A list that grows by the number of tokens of each pass through the model."""
    counts, forward = [], decoder.model.base_model.forward

    def counting(*args, input_ids, **options):
        counts.append(input_ids.numel())
        return forward(*args, input_ids=input_ids, **options)

    monkeypatch.setattr(decoder.model.base_model, "forward", counting)
    return counts


@pytest.mark.parametrize("batch_size", [1, 3, 128])
def test_it_writes_what_transformers_writes(decoder, wanted, batch_size):
    written = decoder.write(PROMPTS, 12, batch_size=batch_size)
    assert len({tuple(tokens) for tokens in written}) > 1
    assert written == [wanted(prompt) for prompt in PROMPTS]


def test_rows_that_stop_early_leave_the_others_alone(load, wanted):
    stop = wanted(PROMPTS[0])[3]
    written = Decoder(load(), stop).write(PROMPTS, 12)
    assert written == [wanted(prompt, stop=stop) for prompt in PROMPTS]
    assert len({len(tokens) for tokens in written}) > 1


@pytest.mark.parametrize("names", [(), "abcdefgh"])
def test_whoever_waits_takes_the_place_of_a_row_that_has_ended(load, wanted, monkeypatch, names):
    prompts = [*PROMPTS, *([9, *prompt[::-1]] for prompt in PROMPTS)]
    stop = wanted(PROMPTS[0])[3]
    passes = []
    for refilled in (1, 99):
        monkeypatch.setattr("workbench.decoding.REFILLED", refilled)
        decoder = Decoder(load(), stop)
        counts = count_read(decoder, monkeypatch)
        written = decoder.write(prompts, 12, names, batch_size=3)
        assert written == [wanted(prompt, stop=stop) for prompt in prompts]
        assert len({len(tokens) for tokens in written}) > 1
        passes.append(len(counts))
        if names:
            longer = [[*p, *w, 7, 8] for p, w in zip(prompts, written, strict=True)]
            assert decoder.write(longer, 6, names, 3) == [wanted(p, 6, stop) for p in longer]
    # a place does not stay empty until the last of three has ended
    assert passes[0] < passes[1]


def test_many_small_blocks_and_passes_change_nothing(decoder, wanted, monkeypatch):
    monkeypatch.setattr("workbench.decoding.ATTEND_AT_ONCE", 1)
    monkeypatch.setattr("workbench.decoding.READ_AT_ONCE", 20)
    assert decoder.write(PROMPTS, 12) == [wanted(prompt) for prompt in PROMPTS]


def test_a_named_prompt_is_read_once(decoder, wanted, monkeypatch):
    names = ["a", "b", "c", "d"]
    first = decoder.write(PROMPTS, 6, names)
    longer = [[*p, *w, 7, 8] for p, w in zip(PROMPTS, first, strict=True)]
    counts = count_read(decoder, monkeypatch)
    assert decoder.write(longer, 6, names) == [wanted(prompt, 6) for prompt in longer]
    # the two new tokens of each, and the last one written, which nobody has read yet
    assert counts[0] == 3 * len(PROMPTS)


def test_a_named_prompt_that_turned_out_otherwise_is_read_from_there(decoder, wanted, monkeypatch):
    decoder.write(PROMPTS[2:3], 6, ["a"])
    other = [*PROMPTS[2][:30], 3, 4, 5]
    counts = count_read(decoder, monkeypatch)
    assert decoder.write([other], 6, ["a"]) == [wanted(other, 6)]
    assert counts[0] == 3


def test_a_prompt_that_comes_again_unchanged_is_continued_alike(decoder, monkeypatch):
    first = decoder.write(PROMPTS[:1], 6, ["a"])
    counts = count_read(decoder, monkeypatch)
    assert decoder.write(PROMPTS[:1], 6, ["a"]) == first
    assert counts[0] == 1


def test_names_of_former_calls_are_forgotten(decoder):
    decoder.write(PROMPTS, 2, ["a", "b", "c", "d"])
    decoder.write(PROMPTS[:1], 2, ["a"])
    assert list(decoder.memories) == ["a"]
    decoder.write(PROMPTS[:1], 2)
    assert not decoder.memories


def test_beyond_the_budget_it_reads_again(decoder, wanted, monkeypatch):
    monkeypatch.setattr("workbench.decoding.MOST_REMEMBERED", 1)
    for _ in range(2):
        assert decoder.write(PROMPTS, 4, list("abcd")) == [wanted(p, 4) for p in PROMPTS]
    assert not decoder.memories


def test_no_prompts_no_replies(decoder):
    assert decoder.write([], 5) == []


def test_one_token_may_be_all(decoder, wanted):
    assert decoder.write(PROMPTS, 1) == [wanted(prompt, 1) for prompt in PROMPTS]


def test_attention_of_another_kind_is_refused_by_name(load):
    model = load()
    for layer in model.model.layers:
        layer.self_attn.forward = lambda hidden_states, **_: (hidden_states, None)
    with pytest.raises(DecodingError, match="no plain attention"):
        Decoder(model, -1).write(PROMPTS, 2)


@pytest.mark.parametrize(("n", "is_fine"), [(3, True), (20, False)])
def test_a_window_is_refused_by_name_where_it_hides_something(n, is_fine):
    from transformers import MistralConfig, MistralForCausalLM

    config = MistralConfig(
        vocab_size=99,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        sliding_window=8,
    )
    decoder = Decoder(MistralForCausalLM(config), -1)
    if is_fine:
        assert len(decoder.write([[1] * n], 2)[0]) == 2
    else:
        with pytest.raises(DecodingError, match="sliding_window"):
            decoder.write([[1] * n], 2)


@pytest.mark.parametrize("n_remembered", [0, 2, 4])
def test_rows_that_leave_early_leave_their_own_memory(load, wanted, monkeypatch, n_remembered):
    stop, names = wanted(PROMPTS[0])[3], list("abcd")
    decoder = Decoder(load(), stop)
    first = decoder.write(PROMPTS, 12, names)
    sizes = sorted((memory.states.nbytes for memory in decoder.memories.values()), reverse=True)
    monkeypatch.setattr("workbench.decoding.MOST_REMEMBERED", sum(sizes[:n_remembered]))
    decoder.write(PROMPTS, 12, names)
    assert len(decoder.memories) >= n_remembered
    longer = [[*prompt, *reply, 7] for prompt, reply in zip(PROMPTS, first, strict=True)]
    monkeypatch.setattr("workbench.decoding.ATTEND_AT_ONCE", 1)
    assert decoder.write(longer, 12, names) == [wanted(prompt, stop=stop) for prompt in longer]


def test_memory_bounds_how_many_are_continued_together(decoder, wanted, monkeypatch):
    monkeypatch.setattr("workbench.decoding.MOST_AT_ONCE", 1)
    counts = count_read(decoder, monkeypatch)
    assert decoder.write(PROMPTS, 2) == [wanted(prompt, 2) for prompt in PROMPTS]
    assert sorted(counts) == sorted([*map(len, PROMPTS), 1, 1, 1, 1])


@pytest.mark.parametrize(
    ("prompts", "n", "names"),
    [([[1], []], 4, ()), ([[1]], 0, ()), ([[1], [2]], 4, ["a"]), ([[1], [2]], 4, ["a", "a"])],
)
def test_what_makes_no_sense_is_refused_and_forgets_nothing(decoder, prompts, n, names):
    decoder.write(PROMPTS[:1], 2, ["a"])
    with pytest.raises(ValueError, match=r"a prompt has a token|different names"):
        decoder.write(prompts, n, names)
    assert list(decoder.memories) == ["a"]


BEGINNING = [7 + i * i % 80 for i in range(80)]
ALIKE = [[*BEGINNING, *prompt] for prompt in PROMPTS]


@pytest.mark.parametrize("batch_size", [1, 3, 128])
@pytest.mark.parametrize("names", [(), "abcd"])
def test_what_all_prompts_begin_with_is_read_once(decoder, wanted, monkeypatch, batch_size, names):
    counts = count_read(decoder, monkeypatch)
    written = decoder.write(ALIKE, 12, names, batch_size)
    assert written == [wanted(prompt) for prompt in ALIKE]
    assert len({tuple(tokens) for tokens in written}) > 1
    assert counts[0] == len(BEGINNING)
    assert sum(counts) == len(BEGINNING) + sum(map(len, PROMPTS)) + 11 * len(PROMPTS)


def test_without_sharing_replies_are_the_same(load, monkeypatch):
    shared = Decoder(load(), -1).write(ALIKE, 12)
    monkeypatch.setattr("workbench.decoding.SHARED_FROM", 999)
    decoder = Decoder(load(), -1)
    assert decoder.write(ALIKE, 12) == shared
    assert decoder.shared is None


def test_prompts_that_are_all_the_same_are_read_once(decoder, wanted, monkeypatch):
    counts = count_read(decoder, monkeypatch)
    assert decoder.write([BEGINNING] * 3, 12) == [wanted(BEGINNING)] * 3
    # the last token of each is read by itself: the reply is computed from it
    assert counts[:2] == [len(BEGINNING) - 1, 3]


def test_what_is_shared_stays_from_turn_to_turn(load, wanted, monkeypatch):
    stop = wanted(ALIKE[0])[3]
    decoder = Decoder(load(), stop)
    first = decoder.write(ALIKE, 12, list("abcd"))
    # whoever began together may go on alone, in another order
    left = [2, 0]
    longer = [[*ALIKE[n], *first[n], 7, 8] for n in left]
    monkeypatch.setattr("workbench.decoding.ATTEND_AT_ONCE", 1)
    counts = count_read(decoder, monkeypatch)
    assert decoder.write(longer, 6, ["c", "a"]) == [wanted(p, 6, stop) for p in longer]
    assert counts[0] == 3 * len(left)
    assert decoder.write(ALIKE[3:], 6, ["e"]) == [wanted(ALIKE[3], 6, stop)]
    assert len(BEGINNING) not in counts


def test_a_memory_holds_only_what_is_not_shared(decoder):
    decoder.write(ALIKE, 6, list("abcd"))
    held = [memory.states.shape[3] for memory in decoder.memories.values()]
    assert sorted(held) == sorted(len(prompt) + 5 for prompt in PROMPTS)


def test_a_prompt_that_begins_otherwise_ends_the_sharing(decoder, wanted):
    first = decoder.write(ALIKE, 6, list("abcd"))
    longer = [[*p, *w, 7] for p, w in zip(ALIKE, first, strict=True)]
    longer[1] = [*BEGINNING[:70], 3, 4, 5]
    assert decoder.write(longer, 6, list("abcd")) == [wanted(prompt, 6) for prompt in longer]
    assert decoder.shared.ids == BEGINNING[:70]
    assert decoder.write(PROMPTS, 6, list("abcd")) == [wanted(prompt, 6) for prompt in PROMPTS]
    assert decoder.shared is None


@pytest.mark.parametrize(("n", "is_shared"), [(63, False), (64, True)])
def test_a_short_beginning_is_not_worth_sharing(decoder, n, is_shared):
    decoder.write([[*BEGINNING[:n], 3], [*BEGINNING[:n], 4]], 2)
    assert bool(decoder.shared) == is_shared


def test_conversations_that_are_remembered_are_not_read_again_to_be_shared(decoder, monkeypatch):
    decoder.write(ALIKE[:1], 2, ["a"])
    counts = count_read(decoder, monkeypatch)
    decoder.write([ALIKE[0], ALIKE[0]], 1, ["a", "b"])
    assert decoder.shared is None
    assert sum(counts) == 1 + len(ALIKE[0])


def test_tokens_that_were_not_read_are_counted(decoder, monkeypatch):
    prompts, counts = ALIKE, count_read(decoder, monkeypatch)
    for _ in range(3):
        counts.clear()
        written = decoder.write(prompts, 6, list("abcd"))
        n_read = sum(counts) - 5 * len(prompts)
        assert sum(map(len, prompts)) - sum(decoder.n_cached) == n_read
        assert all(0 <= n < len(p) for n, p in zip(decoder.n_cached, prompts, strict=True))
        prompts = [[*p, *w, 7] for p, w in zip(prompts, written, strict=True)]


def test_the_seconds_of_reading_are_those_of_passes_over_prompts(decoder, monkeypatch):
    counts, passes = count_read(decoder, monkeypatch), iter(range(100))
    # each pass looks at the clock when it begins, and again if it read
    monkeypatch.setattr("workbench.decoding.perf_counter", lambda: float(next(passes)))
    decoder.write(ALIKE, 6)
    # what all begin with, then the rest of each; five passes write
    assert (counts[0], len(counts)) == (len(BEGINNING), 2 + 5)
    assert decoder.reading_s == 2
    decoder.write(ALIKE, 1)
    assert decoder.reading_s == 1


def test_one_conversation_pays_for_what_is_shared(decoder):
    decoder.write(ALIKE, 2)
    assert decoder.n_cached == [80, 80, 0, 80]
    decoder.write(ALIKE, 2)
    assert decoder.n_cached == [80, 80, 80, 80]


def test_what_is_shared_takes_its_memory_once(decoder, monkeypatch):
    decoder.write(ALIKE, 2)
    token = decoder.shared.states.nbytes // len(BEGINNING)
    # room for two of the longest: 40 tokens of their own and two to write
    monkeypatch.setattr("workbench.decoding.MOST_AT_ONCE", token * (80 + 2 * 42))
    counts = count_read(decoder, monkeypatch)
    decoder.write(ALIKE, 2)
    assert counts == [40 + 17, 2, 9 + 1, 2]


def test_of_replies_that_are_allowed_the_likeliest_is_begun(decoder, wanted):
    likeliest = [wanted(prompt, 3) for prompt in PROMPTS]
    others = [[(tokens[0] + 1) % 90, 7, 7] for tokens in likeliest]
    options = [[other, tokens] for other, tokens in zip(others, likeliest, strict=True)]
    # broken off as soon as only one is left
    assert decoder.write(PROMPTS, 3, options=options) == [tokens[:1] for tokens in likeliest]


def test_a_choice_is_made_where_replies_begin_to_differ(decoder, wanted):
    tokens = wanted(PROMPTS[0], 3)
    options = [[[*tokens[:2], (tokens[2] + 1) % 90], tokens, [tokens[0], 99]]]
    assert decoder.write(PROMPTS[:1], 3, options=options) == [tokens]


def test_nothing_but_what_is_allowed_is_written(decoder, wanted):
    unlikely = (wanted(PROMPTS[0], 1)[0] + 1) % 90
    assert decoder.write(PROMPTS[:1], 5, options=[[[unlikely, 3]]]) == [[unlikely]]


def test_rows_without_options_beside_rows_with_them_are_refused(decoder):
    with pytest.raises(ValueError, match="shorter"):
        decoder.write(PROMPTS[:2], 2, options=[[[1, 2]]])


def test_attention_that_is_not_computed_here_is_told_by_its_configuration():
    from transformers import Gemma2Config, Gemma3TextConfig, MistralConfig, Qwen3Config

    assert find_uncomputed(Gemma2Config(), 1024) == ["attn_logit_softcapping"]
    assert find_uncomputed(Gemma3TextConfig(sliding_window=512), 1024) == ["sliding_window"]
    assert find_uncomputed(MistralConfig(sliding_window=4096), 1024) == []
    assert find_uncomputed(MistralConfig(sliding_window=4096), 8192) == ["sliding_window"]
    assert find_uncomputed(Qwen3Config(), 40_000) == []
