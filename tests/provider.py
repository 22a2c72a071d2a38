"""A provider that misbehaves on purpose, and keeps count of what it would charge."""

import asyncio
import json
import socket
import sqlite3
import struct
import threading
import time
from collections import Counter
from contextlib import closing

ERRORS = {
    "busy": (429, {}, "too many requests"),
    "busy_wait": (429, {"retry-after-ms": "30"}, "too many requests"),
    "500": (500, {}, "internal error"),
    "502": (502, {}, "<html>bad gateway</html>"),
    "503": (503, {"retry-after": "0"}, "overloaded"),
    "529": (529, {}, "overloaded"),
    "hour": (429, {"retry-after": "3600"}, "come back later"),
    "bad_key": (401, {}, "incorrect API key provided: KEY"),
    "no_quota": (429, {}, {"code": "insufficient_quota", "message": "you exceeded your quota"}),
    "no_money": (402, {}, "payment required"),
    "no_model": (404, {}, "no such model"),
    "bad_request": (400, {}, "context length exceeded by KEY"),
    "bad_limit": (400, {}, "unsupported parameter: max_tokens; use max_completion_tokens"),
    "too_large": (400, {}, "max_tokens is larger than the context that is left"),
    "bad_heat": (400, {}, "Unsupported value: 'temperature' does not support 0 with this model."),
    "bad_format": (400, {}, "response_format is not supported"),
}
"""Behaviours that are a status code: code, headers, and what is said."""

# also: "trickle", a reply that never ends, and what _make knows
PASSING = ["busy", "busy_wait", "500", "502", "503", "529", "silent", "stalled", "reset", "torn"]
PASSING += ["no_choices", "no_words", "not_json", "prose"]
"""Behaviours that are over when one asks again, or that do no harm."""


CUT = ("cut", "cut_short", "thinks")
"""Behaviours that end at the limit of tokens."""


class Provider:
    """An OpenAI-compatible server in a thread.

    `behave(n, body)` names the behaviour on the n-th request, from 0: "good", or one from above.
    """

    def __init__(self, behave=lambda n, body: "good", delay_s=0.0):
        self.behave, self.delay_s = behave, delay_s
        self.usage = lambda body: (10 + len(body["messages"]), 5)
        self.answer = lambda body: "echo " + body["messages"][-1]["content"]
        self.n_requests = self.in_flight = self.most_in_flight = 0
        self.behaved = Counter()
        self.replied = Counter()
        """Tokens of every reply that was sent to its end."""
        self.charged = Counter()
        """Tokens of everything that was written, whether it was sent to its end or not."""
        self.answered = Counter()
        """How often each question got a good answer, by its last words."""
        self.bodies = []
        self._loop = asyncio.new_event_loop()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._start()).result()
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def _start(self):
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        return self._loop

    async def _listen(self):
        return await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1000)

    def close(self):
        self._loop.call_soon_threadsafe(self._server.close)

    async def _serve(self, reader, writer):
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
                body = json.loads(await reader.readexactly(int(headers["content-length"])))
                key = next((h.split(" ")[-1] for h in lines if h.lower().startswith("auth")), "")
                self.in_flight += 1
                self.most_in_flight = max(self.most_in_flight, self.in_flight)
                try:
                    await self._respond(body, key, writer)
                finally:
                    self.in_flight -= 1
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _respond(self, body, key, writer):
        what = self.behave(self.n_requests, body)
        self.n_requests += 1
        self.behaved[what] += 1
        self.bodies.append(body) if len(self.bodies) < 1000 else None
        await asyncio.sleep(self.delay_s)
        if what in ERRORS:
            status, headers, said = ERRORS[what]
            error = said if isinstance(said, dict) else {"message": said.replace("KEY", key)}
            return await self._write(writer, status, json.dumps({"error": error}), headers)
        prompt, output = self.usage(body)
        tokens = {"prompt": prompt, "output": output}
        self.charged.update(tokens)
        if what == "trickle":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n")
        while what == "trickle":
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)
        if what == "silent":
            await asyncio.sleep(60)
        if what == "reset":
            return self._reset(writer)
        content = self._make(what, body, prompt, output)
        if what in ("stalled", "torn"):
            half = f"HTTP/1.1 200 OK\r\ncontent-length: {len(content)}\r\n\r\n{content[:20]}"
            writer.write(half.encode())
            await writer.drain()
            await asyncio.sleep(60 if what == "stalled" else 0.01)
            return self._reset(writer)
        await self._write(writer, 200, content)
        if what != "not_json":
            self.replied.update(tokens)
        if what in ("good", "prose"):
            self.answered[body["messages"][-1]["content"]] += 1
        return None

    def _make(self, what, body, prompt, output):
        words = self.answer(body)
        words = {"no_words": "", "prose": f"Sure!\n{words}\nThat is all."}.get(what, words)
        words = "{" if what == "broken_answer" else words
        message = {"role": "assistant", "content": words}
        if what in ("thinks", "cut_short"):
            message["content"] = ""
        if what == "thinks":
            message["reasoning_content"] = "Let me see"
        if what == "refusal":
            message |= {"content": None, "refusal": "I would rather not"}
        if what == "echo_key":
            message["content"] = "your key is canary-key-1234567"
        reply = {
            "model": f"{body['model']}-2026-11-01",
            "choices": [{"message": message, "finish_reason": "length" if what in CUT else "stop"}],
            "usage": {"prompt_tokens": prompt, "completion_tokens": output},
        }
        if what == "no_choices":
            reply["choices"] = []
        if what == "no_usage":
            del reply["usage"]
        content = json.dumps(reply)
        return content[:-5] if what == "not_json" else content

    async def _write(self, writer, status, content, headers=()):
        lines = [f"HTTP/1.1 {status} Whatever", f"content-length: {len(content.encode())}"]
        lines += [f"{name}: {value}" for name, value in dict(headers).items()]
        writer.write(("\r\n".join(lines) + "\r\n\r\n" + content).encode())
        await writer.drain()

    def _reset(self, writer):
        # closing with zero linger sends RST instead of FIN
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        raise ConnectionResetError


def kill_after(process, provider, n_more, delay_s):
    """Kill it some milliseconds after so many more requests, unless it is done before."""
    until = provider.n_requests + n_more
    while provider.n_requests < until and process.is_alive():
        time.sleep(0.001)
    time.sleep(delay_s)
    process.kill()
    process.join()


def check_paid_once(run, provider: Provider, cap_usd: float) -> None:
    """Make sure that a run's ledger has all that was paid, and nothing that was paid for twice."""
    with closing(sqlite3.connect(run.file("calls.sqlite"))) as ledger:
        attempts = ledger.execute(
            "SELECT call_id, state, cost_usd, reserved_usd FROM calls ORDER BY call_id, attempt"
        ).fetchall()
    states = Counter(state for _, state, *_ in attempts)
    assert "reserved" not in states
    # after an answer there is no further attempt
    last = {call_id: state for call_id, state, *_ in attempts}
    assert set(last.values()) == {"answered"}
    assert states["answered"] == len(last)
    # what was answered more than once are replies that were on their way to a killed process
    assert provider.behaved["good"] - len(last) <= states["unknown"]
    # and each of them counts as all that was set aside for it
    assert all(cost == most for _, state, cost, most in attempts if state == "unknown")
    charged = sum(provider.charged.values()) / 1000
    assert charged <= sum(cost or 0 for *_, cost, _ in attempts) <= cap_usd
