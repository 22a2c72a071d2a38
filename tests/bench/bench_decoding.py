"""Seconds for replies in many conversations, turn after turn: ours beside transformers' own.

    python tests/bench/bench_decoding.py --conversations 32 --turns 3

Both continue the same histories by the likeliest token, one after the other in this process. Name
a compiled model with --model: the base model knows no end, and replies of equal length hide half.
transformers pads a batch, reads every history anew and waits for the
longest reply; ours packs it, remembers what was read, and lets go of what has ended.
"""

import argparse
import time

from workbench.chat_format import prompt_ids
from workbench.design.paths import enumerate_paths
from workbench.domain import read_domain
from workbench.models import device_and_dtype, prepare_process
from workbench.synthesize.scenarios import plan_scenario
from workbench.synthesize.writing import write_talk


def list_prompts(n: int, turns: int, tokenizer) -> list[dict[int, list[int]]]:
    """For each turn the prompts of the conversations that get so far, by conversation."""
    domain = read_domain("travel_booking")
    paths = [p for p in enumerate_paths(domain.flowchart) if len(p.nodes) >= 8][:n]
    plans = [plan_scenario(path, "train", domain, 7, 0) for path in paths]
    talks = [write_talk(plan, domain, None, plan.seed).messages for plan in plans]
    ends = [1 + 2 * turn for turn in range(turns)]
    return [
        {i: prompt_ids(talk[:end], tokenizer) for i, talk in enumerate(talks) if len(talk) > end}
        for end in ends
    ]


def generate(model, prompts: list[list[int]], n_new: int, stop: int) -> list[list[int]]:
    """What transformers itself makes of a padded batch."""
    import torch

    width = max(map(len, prompts))
    ids = torch.tensor([[stop] * (width - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
    with torch.inference_mode():
        made = model.generate(
            input_ids=ids.to(model.device),
            attention_mask=mask.to(model.device),
            max_new_tokens=n_new,
            do_sample=False,
            eos_token_id=stop,
            pad_token_id=stop,
        )[:, width:].tolist()
    return [row[: row.index(stop) + 1] if stop in row else row for row in made]


def main() -> None:
    """Run both and print seconds, tokens a second, the ratio, and how many replies are the same."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--conversations", type=int, default=32)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--model", default="", help="a model's folder; the base model if empty")
    options = parser.parse_args()
    prepare_process()
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from workbench.decoding import Decoder
    from workbench.train.base_model import resolve_base_model

    folder = options.model or resolve_base_model("smollm2").folder
    device, dtype = device_and_dtype()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype)).to(device)
    stop, n_new = tokenizer.eos_token_id, 120
    turns = list_prompts(options.conversations, options.turns, tokenizer)
    generate(model.eval(), list(turns[0].values())[:2], 2, stop)
    seconds, replies = {}, {}
    start = time.perf_counter()
    replies["transformers"] = [generate(model, list(turn.values()), n_new, stop) for turn in turns]
    seconds["transformers"] = time.perf_counter() - start
    decoder, start = Decoder(model, stop), time.perf_counter()
    replies["ours"] = [decoder.write(list(turn.values()), n_new, list(turn)) for turn in turns]
    seconds["ours"] = time.perf_counter() - start
    for name, made in replies.items():
        n = sum(len(reply) for turn in made for reply in turn)
        print(f"{name:<14}{seconds[name]:7.1f} s {n:6} tokens {n / seconds[name]:7.1f} tokens/s")
    pairs = [
        (a, b) for turn in zip(*replies.values(), strict=True) for a, b in zip(*turn, strict=True)
    ]
    print(f"ratio {seconds['transformers'] / seconds['ours']:.2f}")
    print(f"the same replies {sum(a == b for a, b in pairs)} of {len(pairs)}")


if __name__ == "__main__":
    main()
