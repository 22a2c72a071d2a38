"""Seconds that the travel flowchart takes, each in a process of its own: the median of five.

Run it with `python tests/bench/bench_design.py`. Every line but the first includes its imports.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
REPEATS = 5

READ = """
from pathlib import Path
from workbench.flowchart import check_flowchart, read_flowchart
file = Path("domains/travel_booking/flowchart.yaml")
"""

TASKS = {
    "start Python": "",
    "import workbench": "import workbench",
    "read": f"{READ}read_flowchart(file)",
    "check": f"{READ}check_flowchart(file)",
    "read, enumerate": f"""{READ}
from workbench.design.paths import enumerate_paths
enumerate_paths(read_flowchart(file))""",
    "read, check, enumerate, cover": f"""{READ}
from workbench.design.covering import cover_routes
from workbench.design.paths import enumerate_paths
flowchart = read_flowchart(file)
check_flowchart(file)
enumerate_paths(flowchart)
cover_routes(flowchart)""",
}
"""What is done to the code that does it."""


def measure_process(code: str) -> float:
    """Seconds that a fresh Python takes to run the code, its start included."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    return time.perf_counter() - start


def main() -> None:
    for task, code in TASKS.items():
        seconds = [measure_process(code) for _ in range(REPEATS)]
        print(f"{task:<24}{statistics.median(seconds):6.3f} s")


if __name__ == "__main__":
    main()
