"""The endpoint: where a provider is and the key it wants, and keeping both to ourselves."""

import importlib
import logging
import os
import re
import sys
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit, urlunsplit

from workbench.conversation import hash_text

OPENAI = "https://api.openai.com/v1"
"""Where a key is meant for that comes without an address."""

NO_KEY = "none"
"""What is sent as a key to servers that want none."""


class EndpointError(ValueError):
    """No provider can be reached as things are set; the message says what to set."""


@dataclass(frozen=True)
class Endpoint:
    """One provider. Its address and key are in no text that is printed or kept."""

    url: str = field(repr=False)
    key: str = field(repr=False)
    variable: str
    """Name of the variable that the key was, or would be, in."""

    @property
    def base(self) -> str:
        """The address without its query, for a client to add a path to."""
        return urlunsplit(urlsplit(self.url)._replace(query=""))

    @property
    def query(self) -> dict[str, str]:
        """What follows the "?" in the address, e.g. {"api-version": "2024-10-21"}."""
        return dict(parse_qsl(urlsplit(self.url).query))

    @property
    def host(self) -> str:
        """Who answers, with the port if there is one: "api.openai.com", "localhost:8000"."""
        return urlsplit(self.url).netloc.lower()

    @property
    def is_near(self) -> bool:
        """Whether it is on this machine."""
        name = urlsplit(self.url).hostname or ""
        is_loopback = re.fullmatch(r"127(\.\d+){3}", name)
        return bool(is_loopback) or name in ("localhost", "::1", "0.0.0.0")

    @property
    def id(self) -> str:
        """A hash of the address without its query."""
        return hash_text(self.host, urlsplit(self.url).path)

    def scrub(self, text: str) -> str:
        """The text without the key and without what is secret in the address."""
        # a version is no secret, and one that is called "preview" would be found in what is said
        asked = [value for name, value in self.query.items() if "version" not in name.lower()]
        # a log has an address as it is sent
        sent = [write(value, safe="") for value in asked for write in (quote, quote_plus)]
        for secret in sorted({self.key, *asked, *sent} - {NO_KEY}, key=len, reverse=True):
            # a value of a letter or two is no secret, and would be found in every word
            text = text.replace(secret, "[secret]") if len(secret) > 3 else text
        return text

    def keep_out_of_logs(self) -> None:
        """Let the client and its library, which log addresses as a whole, log this one scrubbed."""
        for name in ("httpx", "httpx2", "openai._base_client"):
            logger = logging.getLogger(name)
            if self not in (getattr(known, "endpoint", None) for known in logger.filters):
                logger.addFilter(_Scrubber(self))


class _Scrubber(logging.Filter):
    """Takes what is secret out of log records."""

    def __init__(self, endpoint: Endpoint):
        super().__init__()
        self.endpoint = endpoint

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self.endpoint.scrub(record.getMessage()), ()
        # a traceback would quote the address
        record.exc_info = record.exc_text = None
        return True


def find_endpoint(role: str) -> Endpoint:
    """The provider of a role, from the environment or Colab's secrets.

    Looked for in this order, address and key together, so that no key goes to another's server:
    WORKBENCH_JUDGE_API_URL and WORKBENCH_JUDGE_API_KEY (for the role "judge"), WORKBENCH_API_URL
    and WORKBENCH_API_KEY, OPENAI_BASE_URL and OPENAI_API_KEY. A key alone is one for OpenAI; an
    address alone is a server that wants none, such as Ollama or vLLM.

    Raises:
        EndpointError: nothing is set, or what is set cannot be right.
    """
    pairs = [
        (f"WORKBENCH_{role.upper()}_API_URL", f"WORKBENCH_{role.upper()}_API_KEY"),
        ("WORKBENCH_API_URL", "WORKBENCH_API_KEY"),
        ("OPENAI_BASE_URL", "OPENAI_API_KEY"),
    ]
    for url_name, key_name in pairs:
        url, key = _look_up(url_name), _look_up(key_name)
        if url or key:
            return Endpoint(
                _check_url(url_name, url or OPENAI), _check_key(key_name, key), key_name
            )
    raise EndpointError(
        "no provider is set; put the key of one into WORKBENCH_API_KEY (and, if it is not OpenAI,"
        " its address into WORKBENCH_API_URL) before starting Python, or on Colab into its secrets"
    )


def _look_up(name: str) -> str:
    return (os.environ.get(name) or _ask_colab(name)).strip()


def _ask_colab(name: str) -> str:
    if "google.colab" not in sys.modules:
        return ""
    try:
        return importlib.import_module("google.colab.userdata").get(name) or ""
    # what is missing or not granted raises classes of its own, which differ between versions
    except Exception:
        return ""


def _check_url(name: str, url: str) -> str:
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:
        is_good = False
    if not is_good:
        raise EndpointError(f"{name} is no address such as http://localhost:8000/v1; set it anew")
    if parts.username is not None:
        key_name = name.replace("_URL", "_KEY")
        raise EndpointError(
            f"{name} has a name or password before the host; use {key_name} instead"
        )
    return urlunsplit(
        parts._replace(netloc=parts.netloc.lower(), path=parts.path.rstrip("/"), fragment="")
    )


def _check_key(name: str, key: str) -> str:
    # a bad one would be quoted by whoever stumbles over it later
    if not re.fullmatch(r"[!-~]*", key):
        raise EndpointError(f"{name} has spaces or letters that no key has; copy it anew")
    return key or NO_KEY
