"""What designing costs as charts grow: seconds and memory of each operation, in its own process.

Run it with `python tests/bench/bench_design.py`; it takes minutes, `--sizes 10 55 200` a few
seconds. The charts are generated (`tests/charts.py`): hubs, loops, side trips, several ends.
Seconds are the operation's own, of processors; memory is the most that reading the chart and the
operation took together, imports left out. The last columns say by which power of the number of
nodes seconds and memory grow from one size to the next: 1 is in proportion. Below a tenth of a
second or 5 MB nothing can be said of that. An operation that takes longer than `--limit_s` is
stopped, said so, and not tried on larger charts. Exits with 1 if anything grows by more than its
bar.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from charts import write_chart  # noqa: E402

SIZES = (10, 55, 200, 1000, 5000)
LEAST_S, LEAST_MB = 0.1, 5.0
"""What is shorter or smaller is mostly noise."""

PREPARE = """
import json, resource, sys, time
from pathlib import Path
from workbench.flowchart import check_flowchart, read_flowchart
from workbench.design.counting import count_paths
from workbench.design.coverage import measure_coverage
from workbench.design.choices import tabulate_choices
from workbench.design.covering import cover_route_pairs, cover_routes, sample_long_walks
from workbench.design.paths import enumerate_paths, sample_paths, split_paths
from workbench.design.plan import choose_paths
from workbench.show import browse, draw_flowchart
import networkx
file = Path(sys.argv[1])
def used():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before = used()
chart = read_flowchart(file)

def spent():
    # of processors, so that other work beside it does not count; dot is a child
    child = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + child.ru_utime + child.ru_stime
start = spent()
"""
FINISH = "\nprint(json.dumps([spent() - start, used() - before, str(said)]))"

TASKS = {
    "check": "len(check_flowchart(file))",
    "count or bound": "count_paths(chart).is_exact",
    "cover routes": "len(cover_routes(chart))",
    "cover pairs": "len(cover_route_pairs(chart))",
    "sample 2,000": "len(sample_paths(chart, 2000, 7))",
    "sample long": "len(sample_long_walks(chart, 60, 7))",
    "plan": "len(choose_paths(chart, 7))",
    "draw": "len(draw_flowchart(chart).svg)",
    "choices": (
        "len(browse(tabulate_choices(measure_coverage(cover_route_pairs(chart), chart), chart), "
        '"hub").html)'
    ),
}
"""Operation to its code."""

BAR = 1.4
"""The power of the number of nodes that seconds and memory may grow by."""


def measure(code: str, file: Path, limit_s: float) -> tuple[float, float, str] | None:
    """Seconds, MB and result of one operation in a fresh Python; None if stopped at the limit."""
    code = f"{PREPARE}said = {code}{FINISH}"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", code, str(file), folder]
        try:
            done = subprocess.run(
                # reading the chart and importing is not what is measured, but takes its seconds
                command, cwd=ROOT, capture_output=True, text=True, timeout=limit_s + 30,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return None
    if done.returncode:
        raise RuntimeError(f"{file.name}: {done.stderr[-2000:]}")
    seconds, mb, said = json.loads(done.stdout.splitlines()[-1])
    return (seconds, mb, said) if seconds <= limit_s else None


def power(before: float, after: float, sizes: tuple[int, int], least: float) -> float | None:
    """By which power of the size something grew; None where it is too small to say.

    Example: power(1, 10, (100, 1000), 0.1) -> 1.0
    """
    if before < least or after < least:
        return None
    return math.log(after / before) / math.log(sizes[1] / sizes[0])


def measure_task(name: str, files: dict[int, Path], limit_s: float) -> bool:
    """Print a line for each size; whether it grew as it may."""
    before, is_good = None, True
    for n, file in files.items():
        found = measure(TASKS[name], file, limit_s)
        if found is None:
            print(f"{name:<18}{n:>6}  stopped after {limit_s:g} s", flush=True)
            return False
        line, note = f"{name:<18}{n:>6}{found[0]:>9.2f} s{found[1]:>8.0f} MB", ""
        for place, least, unit in ((0, LEAST_S, "s"), (1, LEAST_MB, "MB")):
            grown = before and power(before[1][place], found[place], (before[0], n), least)
            line += f"{grown:>7.1f}" if grown is not None else "      -"
            if grown is not None and grown > BAR:
                note, is_good = f"{note}  {unit} grow by more than {BAR:g}", False
        print(f"{line}   {found[2][:40]}{note}", flush=True)
        before = n, found
    return is_good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=TASKS)
    parser.add_argument("--limit_s", type=float, default=60)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    print("operation          nodes  seconds     memory power s power MB   result")
    with tempfile.TemporaryDirectory() as folder:
        files = {n: write_chart(Path(folder), n, asked.seed) for n in asked.sizes}
        done = [measure_task(name, files, asked.limit_s) for name in asked.tasks]
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main())
