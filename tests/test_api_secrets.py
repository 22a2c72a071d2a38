"""Keys and addresses: from the environment, and in nothing that is printed or left behind."""

import io
import logging
import re
import sys
import traceback

import pytest
from provider import Provider
from pydantic import BaseModel

from workbench.api.breaker import Patience
from workbench.api.call import Request
from workbench.api.endpoint import EndpointError, find_endpoint
from workbench.api.model import ask_all, open_model
from workbench.run import open_run

KEY = "canary-key-1234567"
TOKEN = "canary-token"
QUICK = Patience(timeout_s=0.3, attempts=2, outage_s=0.15, first_delay_s=0.01, longest_delay_s=0.05)
BEHAVIOURS = ["echo_key", "bad_key", "bad_request", "silent"]
MORE = ["good", "no_quota", "500", "reset", "torn", "not_json", "refusal", "cut", "no_choices"]
BEHAVIOURS += [pytest.param(what, marks=pytest.mark.slow) for what in MORE]


class Toy(BaseModel):
    score: int


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "WORKBENCH_API_KEY", "WORKBENCH_API_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def everything_logged():
    """All that any logger says, at its most talkative."""
    stream, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(stream), root.level
    names = ["openai", "httpx", "httpx2", "httpcore", "httpcore2", "asyncio"]
    levels = {name: logging.getLogger(name).level for name in names}
    root.addHandler(handler)
    for name in ["", *names]:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def show_in_every_way(error):
    """An exception as Python, a debugger and a notebook show it, with all local variables."""
    from IPython.core.ultratb import VerboseTB

    lines = traceback.TracebackException.from_exception(error, capture_locals=True).format()
    notebook = VerboseTB(color_scheme="nocolor") if sys.version_info < (3, 11) else VerboseTB()
    text = notebook.text(type(error), error, error.__traceback__)
    context = repr((error.__cause__, error.__context__, vars(error)))
    return "".join(lines) + text + context


def start_provider(monkeypatch, what):
    # in a function of its own, as the test's local variables are shown, too
    provider = Provider(lambda n, body: what)
    address = f"http://127.0.0.1:{provider.port}/v1?token={TOKEN}&api-version=1"
    monkeypatch.setenv("WORKBENCH_API_URL", address)
    monkeypatch.setenv("WORKBENCH_API_KEY", KEY)
    return provider


@pytest.mark.parametrize("what", BEHAVIOURS)
def test_no_secret_is_printed_or_left_behind(tmp_path, monkeypatch, everything_logged, capfd, what):
    provider = start_provider(monkeypatch, what)
    run, seen = open_run("toy", "calls", tmp_path), ""
    for schema in (None, Toy):
        model = open_model("api/toy", run, "teacher", patience=QUICK, at_once=2)
        requests = [Request([{"role": "user", "content": f"{n}"}], schema) for n in range(3)]
        try:
            for answer in ask_all(model, requests):
                seen += repr(answer) + repr(answer._text)
                seen += answer.failure or answer.text
        except ValueError as error:
            seen += show_in_every_way(error)
        seen += repr(model) + repr(vars(model.line)) + repr(model.line.endpoint)
    run.record("synthesize", teacher=model.describe())
    left = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    printed = capfd.readouterr()
    everything = seen + left.decode(errors="replace") + printed.out + printed.err
    everything += everything_logged.getvalue()
    assert provider.n_requests > 1
    assert "toy" in everything_logged.getvalue() + everything
    assert not re.findall(f"{KEY}|{TOKEN}", everything)
    provider.close()


def test_what_the_client_logs_of_an_error_does_not_quote_the_address(monkeypatch, caplog):
    monkeypatch.setenv("WORKBENCH_API_URL", f"https://example.com/v1?token={TOKEN}")
    find_endpoint("teacher").keep_out_of_logs()
    for name in ("openai._base_client", "httpx", "httpx2"):
        try:
            raise OSError(f"no answer from example.com?token={TOKEN}")
        except OSError as error:
            logging.getLogger(name).warning("%s", error, exc_info=True)
    assert caplog.text.count("example.com?token=[secret]") == 3
    assert TOKEN not in caplog.text


def test_a_secret_of_the_address_is_found_as_it_is_sent_too(monkeypatch):
    monkeypatch.setenv("WORKBENCH_API_URL", "https://example.com/v1?code=ab%2Fcd%3D%3D")
    scrub = find_endpoint("teacher").scrub
    for said in ("code=ab/cd==", "code=ab%2Fcd%3D%3D"):
        assert scrub(f"POST https://example.com/v1?{said}").endswith("?code=[secret]")


def test_a_version_in_the_address_is_no_secret(monkeypatch):
    monkeypatch.setenv("WORKBENCH_API_URL", "https://example.com/v1?api-version=preview")
    assert find_endpoint("teacher").scrub("This is a preview.") == "This is a preview."


def test_address_and_key_are_taken_together(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    endpoint = find_endpoint("teacher")
    assert (endpoint.host, endpoint.key) == ("api.openai.com", KEY)
    monkeypatch.setenv("WORKBENCH_API_URL", "http://localhost:8000/v1/")
    endpoint = find_endpoint("teacher")
    # another's server never sees the key that is for OpenAI
    assert (endpoint.host, endpoint.key) == ("localhost:8000", "none")


def test_a_role_may_have_a_provider_of_its_own(monkeypatch):
    monkeypatch.setenv("WORKBENCH_API_KEY", KEY)
    monkeypatch.setenv("WORKBENCH_JUDGE_API_URL", "https://judge.example/v1")
    monkeypatch.setenv("WORKBENCH_JUDGE_API_KEY", " other\n")
    judge, teacher = find_endpoint("judge"), find_endpoint("teacher")
    assert (judge.host, judge.key, judge.variable) == (
        "judge.example",
        "other",
        "WORKBENCH_JUDGE_API_KEY",
    )
    assert (teacher.host, teacher.key) == ("api.openai.com", KEY)


def test_on_colab_the_secrets_are_asked_after_the_environment(monkeypatch):
    class Userdata:
        @staticmethod
        def get(name):
            if name != "WORKBENCH_API_KEY":
                raise KeyError(name)
            return KEY

    for name, module in (("google.colab", sys), ("google.colab.userdata", Userdata)):
        monkeypatch.setitem(sys.modules, name, module)
    assert find_endpoint("teacher").key == KEY


def test_without_a_provider_it_says_what_to_set():
    with pytest.raises(EndpointError, match="put the key of one into WORKBENCH_API_KEY"):
        find_endpoint("teacher")


@pytest.mark.parametrize("url", ["localhost:8000/v1", "ftp://h/v1", "http://", "http://h:x/", "h"])
def test_an_address_that_is_none_is_refused_unquoted(monkeypatch, url):
    monkeypatch.setenv("WORKBENCH_API_URL", url)
    with pytest.raises(EndpointError, match="WORKBENCH_API_URL is no address such as"):
        find_endpoint("teacher")


@pytest.mark.parametrize("key", ["two words", "kéy", "a\nb"])
def test_a_key_that_cannot_be_one_is_refused_unquoted(monkeypatch, key):
    monkeypatch.setenv("WORKBENCH_API_KEY", key)
    with pytest.raises(EndpointError) as error:
        find_endpoint("teacher")
    assert key not in str(error.value)


def test_a_password_in_an_address_is_refused_unquoted(monkeypatch):
    monkeypatch.setenv("WORKBENCH_API_URL", "https://me:canary@example.com/v1")
    with pytest.raises(EndpointError, match=r"WORKBENCH_API_URL has a name.*use WORKBENCH_API_KEY"):
        find_endpoint("teacher")


def test_what_follows_the_question_mark_is_sent_and_is_no_part_of_host_or_hash(monkeypatch):
    endpoints = []
    for query in ("", "?api-version=2024-10-21"):
        monkeypatch.setenv("WORKBENCH_API_URL", f"https://Example.com/v1/{query}")
        endpoints.append(find_endpoint("teacher"))
    assert len({(endpoint.host, endpoint.id, endpoint.base) for endpoint in endpoints}) == 1
    assert endpoints[1].base == "https://example.com/v1"
    assert endpoints[1].query == {"api-version": "2024-10-21"}
