"""Seconds for the replies of many talks: ours beside one by one, and a shared prompt beside none.

    OMP_NUM_THREADS=2 python tests/bench/bench_decoding.py --talks 24 --turns 5

Each way runs in a process of its own, one after the other, and holds the same talks: a model's own
replies and a customer's written ones, turn after turn, by the likeliest token.

- one by one: transformers' `generate`, one reply after the other, each history read anew
- batched: all talks a turn at a time, as an evaluation does, remembering what was read
- shared, unshared: batched, after a prompt of --prompt tokens, kept once or once a talk

Memory is the peak beyond the loaded model, looked at 50 times a second. CPU seconds count all
threads and stay comparable on a busy machine. Name a compiled model with --model: a base model
often knows no end, and replies of equal length hide what batches gain. It exits with 1 if batches
are not `BAR` times as fast as one by one.
"""

import argparse
import multiprocessing
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor

import psutil

from workbench.chat_format import prompt_ids
from workbench.conversation import Message
from workbench.design.paths import enumerate_paths
from workbench.domain import read_domain
from workbench.evaluate.procedure_prompt import write_procedure_prompt
from workbench.models import device_and_dtype, prepare_process
from workbench.synthesize.scenarios import plan_scenario
from workbench.synthesize.writing import write_talk

BAR = 5.0
"""Times as many tokens a second as one by one that batches must write."""


def list_customers(n_talks: int, n_turns: int) -> list[list[Message]]:
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


def hold_talks(customers, reply, tokenizer) -> tuple[float, float, int]:
    """Seconds and CPU seconds that all replies took, and tokens written in them."""
    talks = [[talk[0]] for talk in customers]
    seconds, cpu_seconds, n_tokens = 0.0, 0.0, 0
    for turn in range(1, len(customers[0]) + 1):
        prompts = [prompt_ids(talk, tokenizer) for talk in talks]
        start, cpu_start = time.perf_counter(), time.process_time()
        replies = reply(prompts)
        seconds += time.perf_counter() - start
        cpu_seconds += time.process_time() - cpu_start
        n_tokens += sum(map(len, replies))
        for talk, customer, said in zip(talks, customers, replies, strict=True):
            text = tokenizer.decode(said, skip_special_tokens=True)
            talk += [Message(role="assistant", content=text), *customer[turn : turn + 1]]
    return seconds, cpu_seconds, n_tokens


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


def measure(way: str, options: argparse.Namespace) -> tuple[float, float, int, float]:
    """Seconds, CPU seconds, tokens written and megabytes of one way of holding all talks."""
    prepare_process()
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from workbench import decoding

    device, dtype = device_and_dtype()
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=getattr(torch, dtype))
    model, stop, n_new = model.to(device).eval(), tokenizer.eos_token_id, options.tokens
    customers = list_customers(options.talks, options.turns)
    generate_each(model, [prompt_ids(customers[0][:1], tokenizer)], 2, stop)
    if "shared" in way:
        procedure = write_procedure_prompt(read_domain("travel_booking"))
        text = repeat_to_length(procedure, options.prompt, tokenizer)
        customers = [[Message(role="system", content=text), *talk[1:]] for talk in customers]
    if way == "one by one":

        def reply(prompts):
            return generate_each(model, prompts, n_new, stop)

    else:
        decoder = decoding.Decoder(model, stop)
        decoding.SHARED_FROM = decoding.SHARED_FROM if way == "shared" else sys.maxsize

        def reply(prompts):
            return decoder.write(prompts, n_new, range(len(prompts)))

    with PeakMemory(device) as memory:
        costs = hold_talks(customers, reply, tokenizer)
    return *costs, memory.megabytes


class PeakMemory:
    """The most memory that is taken inside the block, beyond what was taken before it."""

    def __init__(self, device: str):
        self.device, self.megabytes = device, 0.0
        self.is_done = threading.Event()

    def __enter__(self):
        self.before = self.take()
        self.watcher = threading.Thread(target=self.watch, daemon=True)
        self.watcher.start()
        return self

    def __exit__(self, *_):
        self.is_done.set()
        self.watcher.join()

    def watch(self) -> None:
        while not self.is_done.wait(0.02):
            self.megabytes = max(self.megabytes, (self.take() - self.before) / 2**20)

    def take(self) -> int:
        if self.device == "cuda":
            import torch

            return torch.cuda.memory_allocated()
        return psutil.Process().memory_info().rss


def main() -> None:
    """Measure all ways and print seconds, tokens a second, memory, and the two ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--talks", type=int, default=24)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=40, help="most tokens of a reply")
    parser.add_argument(
        "--prompt", type=int, default=2500, help="tokens of the shared prompt; 0: none"
    )
    parser.add_argument("--model", default="", help="a model's folder; the base model if empty")
    options = parser.parse_args()
    if not options.model:
        from workbench.train.base_model import resolve_base_model

        options.model = str(resolve_base_model("smollm2").folder)
    pairs = [("batched", "one by one"), ("shared", "unshared")]
    paces = [compare(*pair, options) for pair in (pairs if options.prompt else pairs[:1])]
    if paces[0] < BAR:
        raise SystemExit(f"batches are {paces[0]:.1f} times as fast, and should be {BAR:g} times")


def compare(ours: str, other: str, options: argparse.Namespace) -> float:
    """Measure two ways and print what each took and the ratios of ours to the other.

    Returns how many times the tokens a second ours writes.
    """
    found = {}
    for way in (other, ours):
        # a process each: what one leaves behind is no memory of the other
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            seconds, cpu_seconds, n, memory = pool.submit(measure, way, options).result()
        found[way] = (n / seconds, n / cpu_seconds, memory)
        print(
            f"{way:<12}{n:6} tokens {seconds:7.1f} s {n / seconds:7.1f} a second"
            f"{cpu_seconds:8.1f} CPU s {n / cpu_seconds:7.1f} a CPU second {memory:7.0f} MB",
            flush=True,
        )
    pace, cpu_pace, memory = (a / b for a, b in zip(found[ours], found[other], strict=True))
    print(
        f"{ours} beside {other}: {pace:.1f} times the tokens a second, {cpu_pace:.1f} times"
        f" a CPU second, {memory:.2f} times the memory"
    )
    return pace


if __name__ == "__main__":
    main()
