"""Seconds for the replies of many talks: ours beside one by one, and a shared prompt beside none.

    OMP_NUM_THREADS=2 python tests/bench/bench_decoding.py --talks 24 --turns 5

Each way runs in a process of its own, one after the other, and holds the same talks: a model's own
replies and a customer's written ones, turn after turn, by the likeliest token.

- one by one: transformers' `generate`, one reply after the other, each history read anew
- batched: all talks a turn at a time, as an evaluation does, remembering what was read
- shared, unshared: batched, after a prompt of --prompt tokens, kept once or once a talk

Memory is what the process took at its peak beyond the loaded model. Name a compiled model with
--model: a base model often knows no end, and replies of equal length hide what batches gain.
"""

import argparse
import multiprocessing
import resource
import sys
import time

from workbench.chat_format import prompt_ids
from workbench.conversation import Message
from workbench.design.paths import enumerate_paths
from workbench.domain import read_domain
from workbench.evaluate.procedure_prompt import write_procedure_prompt
from workbench.models import device_and_dtype, prepare_process
from workbench.synthesize.scenarios import plan_scenario
from workbench.synthesize.writing import write_talk


def list_openings(n_talks: int, n_turns: int) -> list[list[Message]]:
    """For each talk its system message and its customer's, one a turn after the first."""
    domain = read_domain("travel_booking")
    paths = [path for path in enumerate_paths(domain.flowchart) if len(path.nodes) >= 2 * n_turns]
    plans = [plan_scenario(path, "train", domain, 7, 0) for path in paths]
    talks = [write_talk(plan, domain, None, plan.seed).messages for plan in plans]
    heard = [[message for message in talk if message.role != "assistant"] for talk in talks]
    enough = [talk[:n_turns] for talk in heard if len(talk) >= n_turns]
    if len(enough) < n_talks:
        raise SystemExit(f"only {len(enough)} talks have {n_turns} turns; ask for fewer")
    return enough[:n_talks]


def repeat_to_length(text: str, n_tokens: int, tokenizer) -> str:
    """A text of about so many tokens, made of a text and as much of it again as it takes."""
    ids = tokenizer.encode(text)
    return tokenizer.decode((ids * (n_tokens // len(ids) + 1))[:n_tokens])


def hold_talks(openings, reply, tokenizer) -> tuple[float, int]:
    """Seconds that all replies took, and tokens written in them."""
    talks = [[talk[0]] for talk in openings]
    seconds, n_tokens = 0.0, 0
    for turn in range(1, len(openings[0]) + 1):
        prompts = [prompt_ids(talk, tokenizer) for talk in talks]
        start = time.perf_counter()
        replies = reply(prompts)
        seconds += time.perf_counter() - start
        n_tokens += sum(map(len, replies))
        for talk, opening, said in zip(talks, openings, replies, strict=True):
            text = tokenizer.decode(said, skip_special_tokens=True)
            talk += [Message(role="assistant", content=text), *opening[turn : turn + 1]]
    return seconds, n_tokens


def generate_each(model, prompts: list[list[int]], n_new: int, stop: int) -> list[list[int]]:
    """What transformers itself writes, one prompt after the other."""
    import torch

    written = []
    for prompt in prompts:
        ids = torch.tensor([prompt]).to(model.device)
        made = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=n_new,
            do_sample=False,
            eos_token_id=stop,
            pad_token_id=stop,
        )
        written.append(made[0, len(prompt) :].tolist())
    return written


def measure(way: str, options: argparse.Namespace) -> tuple[float, int, float]:
    """Seconds, tokens written, and megabytes at the peak, of one way of holding all talks."""
    prepare_process()
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from workbench import decoding

    device, dtype = device_and_dtype()
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=getattr(torch, dtype))
    model, stop, n_new = model.to(device).eval(), tokenizer.eos_token_id, options.tokens
    openings = list_openings(options.talks, options.turns)
    generate_each(model, [prompt_ids(openings[0], tokenizer)], 2, stop)
    if "shared" in way:
        procedure = write_procedure_prompt(read_domain("travel_booking"))
        text = repeat_to_length(procedure, options.prompt, tokenizer)
        openings = [[Message(role="system", content=text), *talk[1:]] for talk in openings]
    if way == "one by one":

        def reply(prompts):
            return generate_each(model, prompts, n_new, stop)

    else:
        decoder = decoding.Decoder(model, stop)
        decoding.SHARED_FROM = decoding.SHARED_FROM if way == "shared" else sys.maxsize

        def reply(prompts):
            return decoder.write(prompts, n_new, range(len(prompts)))

    before = peak_memory_mb(device)
    seconds, n_tokens = hold_talks(openings, reply, tokenizer)
    return seconds, n_tokens, peak_memory_mb(device) - before


def peak_memory_mb(device: str) -> float:
    """The most that this process has taken so far, on the device that computes."""
    if device == "cuda":
        import torch

        return torch.cuda.max_memory_allocated() / 2**20
    # kilobytes on Linux, bytes on a Mac
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def main() -> None:
    """Measure all ways and print seconds, tokens a second, memory, and the two ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--talks", type=int, default=24)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=40, help="most tokens of a reply")
    parser.add_argument("--prompt", type=int, default=2500, help="tokens of the shared prompt")
    parser.add_argument("--model", default="", help="a model's folder; the base model if empty")
    options = parser.parse_args()
    if not options.model:
        from workbench.train.base_model import resolve_base_model

        options.model = str(resolve_base_model("smollm2").folder)
    found = {}
    for way in ("one by one", "batched", "unshared", "shared"):
        # memory at its peak never falls: a process each
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            found[way] = pool.apply(measure, (way, options))
        seconds, n, memory = found[way]
        print(
            f"{way:<12}{seconds:7.1f} s {n:6} tokens {n / seconds:7.1f} tokens/s {memory:7.0f} MB",
            flush=True,
        )
    for ours, other in (("batched", "one by one"), ("shared", "unshared")):
        pace = {way: found[way][1] / found[way][0] for way in (ours, other)}
        print(f"{ours} beside {other}: {pace[ours] / pace[other]:.1f} times the tokens a second")
    memory = found["unshared"][2] / found["shared"][2]
    print(f"shared beside unshared: 1/{memory:.1f} of the memory")


if __name__ == "__main__":
    main()
