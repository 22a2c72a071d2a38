"""One real model, much too small, as teacher and customer: the run ends properly."""

import os
import subprocess
import sys
import time
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from conftest import COFFEE
from test_serve import port  # noqa: F401

from workbench.api.spending import tally_calls
from workbench.conversation import Conversation
from workbench.design.plan import plan_paths
from workbench.domain import read_domain
from workbench.run import open_run
from workbench.synthesize import speakers
from workbench.synthesize.rejections import read_rejections
from workbench.synthesize.speakers import read_cast
from workbench.synthesize.writing import plan_scenarios, write_conversations
from workbench.train.base_model import resolve_base_model


@pytest.mark.exhaustive
def test_the_base_model_as_teacher_and_customer_ends_with_its_rejections_counted(
    tmp_path,
    port,  # noqa: F811
    monkeypatch,
):
    # it says its prompt again and again until it is cut off
    monkeypatch.setattr(speakers, "MAX_TOKENS", {"teacher": 60, "customer": 60})
    folder = resolve_base_model("smollm2").folder
    (tmp_path / "base").symlink_to(folder)
    where = ["--host", "127.0.0.1", "--port", str(port)]
    command = [sys.executable, "-P", "-m", "transformers.cli.transformers", "serve", "base", *where]
    server = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(server, f"http://127.0.0.1:{port}/health")
        monkeypatch.setenv("WORKBENCH_API_URL", f"http://127.0.0.1:{port}/v1")
        domain, run = read_domain(COFFEE), open_run("coffee", "real", tmp_path / "runs")
        cast = read_cast("api/base", "api/base", temperature=0.8)
        plan_paths(run, domain, 7)
        plan_scenarios(run, domain, 4, 2, 7, "", cast)
        counts = write_conversations(run, domain, 7, progress=False, cast=cast)
        again = write_conversations(run, domain, 7, progress=False, cast=cast)
    finally:
        server.terminate()
        server.wait(30)
    assert counts["kept"] + counts["given_up"] + counts.get("unanswered", 0) == 4
    talks = run.read("conversations.jsonl", Conversation, missing_ok=True)
    assert len(talks) == counts["kept"]
    lost = {line.scenario_id for line in read_rejections(run) if not line.is_mended}
    assert len(lost) == counts["given_up"]
    tallies = {tally.role: tally for tally in tally_calls(run)}
    # an answer to each of four openings, or that there was none
    assert sum(tallies["teacher"].states.values()) >= 4
    assert tallies["teacher"].states["answered"] >= 1
    assert tallies["teacher"].output_tokens > 0
    assert again["kept"] >= counts["kept"]
    print(counts, *tallies.values(), *read_rejections(run), sep="\n")


def wait_for(server, address, seconds=180):
    until = time.monotonic() + seconds
    while True:
        try:
            urlopen(address).close()
            return
        except URLError:
            assert server.poll() is None, "the server ended"
            assert time.monotonic() < until, "the server does not answer"
            time.sleep(0.5)
