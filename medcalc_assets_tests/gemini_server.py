"""A Gemini for tests, on 127.0.0.1: it speaks the shapes of the API that we use, and misbehaves on command."""

import asyncio
import json
import random
import re
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
KEY = "a-key-that-nothing-may-hold"

REFUSALS: dict[str, tuple[int, str, str, list[Json]]] = {
    "400": (400, "INVALID_ARGUMENT", "Request contains an invalid argument.", []),
    "bad_key": (
        400,
        "INVALID_ARGUMENT",
        "API key not valid.",
        [{"@type": "x/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}],
    ),
    "too_long": (
        400,
        "INVALID_ARGUMENT",
        "The input token count (2000000) exceeds the maximum number of tokens allowed (1).",
        [],
    ),
    "403": (403, "PERMISSION_DENIED", "The caller does not have permission", []),
    "404": (404, "NOT_FOUND", "models/x is not found for API version v1beta", []),
    "429": (429, "RESOURCE_EXHAUSTED", "Quota exceeded.", [{"@type": "x/google.rpc.RetryInfo", "retryDelay": "0.05s"}]),
    "429_day": (
        429,
        "RESOURCE_EXHAUSTED",
        "Quota exceeded.",
        [{"@type": "x/google.rpc.QuotaFailure", "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}]}],
    ),
    "409": (409, "ABORTED", "The operation was aborted.", []),
    "499": (499, "CANCELLED", "The operation was cancelled.", []),
    "credits": (429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted.", []),
    "spending_cap": (429, "RESOURCE_EXHAUSTED", "Your project has exceeded its monthly spending cap.", []),
    "no_quota": (429, "RESOURCE_EXHAUSTED", "Quota exceeded for metric: free_tier_requests, limit: 0, model: x", []),
    "odd_429": (429, "RESOURCE_EXHAUSTED", "Quota exceeded.", [{"retryDelay": {"seconds": []}}, {"retryDelay": "NaNs"}]),
    "500": (500, "INTERNAL", "An internal error has occurred.", []),
    "503": (503, "UNAVAILABLE", "The model is overloaded.", []),
}
HEADERS = {"429": {"retry-after": "0.05"}, "odd_429": {"retry-after": "Mon, 99 Foo 20261 +9999999"}}
TRANSPORT = ("reset", "stall", "drip")
CONTENT = ("html", "truncated_json", "empty", "blocked", "MAX_TOKENS", "SAFETY", "malformed", "two_blocks", "wrong_id")
HARMLESS = ("other_model", "no_search", "code_failed")
HUGE = ("deep", "deep_refusal", "deep_block", "open_tags", "backslashes", "half_a_pair")
"""What has bricked a ledger, or held a run up for minutes."""
DEEP = "[" * 200_000
PASSING = ("429", "odd_429", "409", "499", "500", "503", *TRANSPORT, *CONTENT, *HARMLESS)
"""What a run survives, if it does not happen every time."""


@dataclass
class Ask:
    """A generateContent request, read: which task, the fields of its instance, and its id."""

    body: Json
    model: str
    request_id: str
    fields: dict[str, str]
    nth: int
    """How many requests with this id came before."""

    @property
    def task(self) -> str:
        return "audit" if "label_text" in self.fields else "inputs" if "inputs" in self.fields else "relabel"

    @property
    def inputs(self) -> list[str]:
        """The names of the inputs that are asked for."""
        return [json.loads(line[2 : line.rindex('": ') + 1]) for line in self.fields["inputs"].splitlines()]

    def chance(self, salt: str = "") -> random.Random:
        """Randomness that depends on the request alone, so that a repeated run sees the same answers."""
        return random.Random(f"{self.request_id} {salt}")


def plain_answer(ask: Ask) -> Json:
    if ask.task == "audit":
        return {"verdict": "passed", "error_type": None}
    return {"answer": "42"}


def nothing_stated(ask: Ask) -> dict[str, Any]:
    """By input its value and unit."""
    return {}


@dataclass
class GeminiServer:
    """`answer` says what the model answers, `reads` what it finds of inputs (by name a value, or value and unit; or the list
    as it is sent), and `fault` how the server misbehaves this time (None: not at all)."""

    answer: Callable[[Ask], Json] = plain_answer
    reads: Callable[[Ask], dict[str, Any] | list[Any]] = nothing_stated
    fault: Callable[[Ask], str | None] = lambda ask: None
    seconds: float = 0.0
    models: list[str] = field(default_factory=lambda: ["gemini-2.5-pro"])
    batch_fault: Callable[[int], str | None] = lambda nth: None
    asked: list[Ask] = field(default_factory=list)
    answered: Counter[str] = field(default_factory=Counter)
    """How often a usable answer to this request was sent to its last byte, online."""
    batch_answered: Counter[str] = field(default_factory=Counter)
    jobs: dict[str, Json] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    tokens: set[str] = field(default_factory=set)
    """What was sent in the place of a key."""
    in_flight: int = 0
    most_in_flight: int = 0

    def __enter__(self) -> "GeminiServer":
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._seen: Counter[str] = Counter()
        self._connections: set[asyncio.StreamWriter] = set()

        async def listen() -> None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512)
            self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
            ready.set()

        def run() -> None:
            self._loop.create_task(listen())
            self._loop.run_forever()

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        def stop() -> None:
            self._server.close()
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.call_soon(self._loop.stop)

        self._loop.call_soon_threadsafe(stop)
        self._thread.join(10)
        self._loop.close()

    # -- HTTP

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                method, target, _ = line.decode().split(" ", 2)
                headers: dict[str, str] = {}
                while (header := (await reader.readline()).decode().strip()) != "":
                    name, _, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.keys.add(headers.get("x-goog-api-key", ""))
                if not await self._route(method, target, headers, body, writer):
                    return
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _route(
        self, method: str, target: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter
    ) -> bool:
        path = re.sub(
            "^/v1beta(1/projects/my-project/locations/europe-west4/publishers/google)?", "", target.partition("?")[0]
        )
        self.tokens.add(headers.get("authorization", ""))
        if found := re.fullmatch(r"/models/([^:]+):generateContent", path):
            return await self._generate(found[1], json.loads(body), writer)
        if found := re.fullmatch(r"/models/([^:]+):batchGenerateContent", path):
            return await self._send(writer, 200, self._create_job(found[1], json.loads(body)["batch"]))
        if path == "/upload/v1beta/files":
            name = f"files/{uuid.uuid4().hex[:8]}"
            extra = {"x-goog-upload-url": f"{self.url}/resumable/{name}", "x-goog-upload-status": "active"}
            return await self._send(writer, 200, {}, extra)
        if path.startswith("/resumable/"):
            name = path.removeprefix("/resumable/")
            self.files[name] = self.files.get(name, b"") + body
            return await self._send(writer, 200, {"file": {"name": name}}, {"x-goog-upload-status": "final"})
        if path.startswith("/files/") and path.endswith(":download"):
            return await self._send_bytes(writer, 200, self.files[path[1:].removesuffix(":download")])
        if path == "/batches":
            return await self._send(writer, 200, {"operations": [self._job(name) for name in self.jobs]})
        if path.startswith("/batches/"):
            return await self._send(writer, 200, self._job(path[1:], advance=True))
        if path == "/models":
            return await self._send(writer, 200, {"models": [_model(name) for name in self.models]})
        return await self._send(writer, 404, {"error": {"code": 404, "message": f"{method} {path}", "status": "NOT_FOUND"}})

    async def _send(
        self, writer: asyncio.StreamWriter, status: int, body: Json, headers: dict[str, str] | None = None
    ) -> bool:
        return await self._send_bytes(writer, status, json.dumps(body).encode(), headers)

    async def _send_bytes(
        self, writer: asyncio.StreamWriter, status: int, body: bytes, headers: dict[str, str] | None = None
    ) -> bool:
        head = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
        lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in head.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()
        return True

    # -- generateContent

    async def _generate(self, model: str, body: Json, writer: asyncio.StreamWriter) -> bool:
        ask = self._read(model, body)
        self.asked.append(ask)
        fault = self.fault(ask) if model in self.models else "404"
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if self.seconds:
                await asyncio.sleep(self.seconds)
            return await self._misbehave(ask, fault, writer) if fault else await self._deliver(ask, None, writer)
        finally:
            self.in_flight -= 1

    async def _deliver(self, ask: Ask, fault: str | None, writer: asyncio.StreamWriter) -> bool:
        await self._send(writer, 200, self.response(ask, fault))
        if fault not in (*CONTENT, *HUGE):
            self.answered[ask.request_id] += 1
        return True

    async def _misbehave(self, ask: Ask, fault: str, writer: asyncio.StreamWriter) -> bool:
        if self.is_refusal(fault):
            return await self._send(writer, *self.refusal(fault))
        if fault == "reset":
            writer.transport.abort()
            return False
        if fault == "stall":
            await asyncio.sleep(3600)
        if fault == "drip":
            writer.write(b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n")
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.02)
        if fault in ("deep", "deep_refusal"):
            return await self._send_bytes(writer, 200 if fault == "deep" else 503, DEEP.encode())
        if fault == "html":
            return await self._send_bytes(writer, 200, b"<html>Sign in</html>", {"content-type": "text/html"})
        if fault == "truncated_json":
            return await self._send_bytes(writer, 200, json.dumps(self.response(ask, None)).encode()[:-40])
        return await self._deliver(ask, fault, writer)

    def _read(self, model: str, body: Json) -> Ask:
        text = self.text(body)
        request_id = text.rpartition("Request id: ")[2].strip()
        fields = dict(re.findall(rf"<(\w+) {request_id}>\n(.*?)\n</\1 {request_id}>", text, re.DOTALL))
        nth = self._seen[request_id]
        self._seen[request_id] += 1
        return Ask(body, model, request_id, fields, nth)

    def refusal(self, fault: str) -> tuple[int, Json, dict[str, str]]:
        code, status, message, details = REFUSALS[fault]
        error = {"code": code, "message": message, "status": status, "details": details}
        return code, {"error": error}, HEADERS.get(fault, {})

    def is_refusal(self, fault: str | None) -> bool:
        return fault in REFUSALS

    def text(self, body: Json) -> str:
        return "".join(part["text"] for content in body["contents"] for part in content["parts"])

    def response(self, ask: Ask, fault: str | None) -> Json:
        answer = {"id": ask.request_id, "rationale": "worked out by the test server", "sources": ["a guideline"]}
        answer |= {"time_point": None, "guideline": "2024", "assumptions": []} if ask.task == "relabel" else {}
        answer |= self.answer(ask) if ask.task != "inputs" else {"inputs": self._read_inputs(ask)}
        usage = {"promptTokenCount": 1500, "candidatesTokenCount": 300, "thoughtsTokenCount": 1200, "totalTokenCount": 3000}
        response: Json = {
            "usageMetadata": usage | {"billedToolCalls": 1},
            "modelVersion": "gemini-other" if fault == "other_model" else ask.model,
            "responseId": uuid.uuid4().hex,
        }
        if fault == "blocked":
            return response | {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}
        if fault == "empty":
            return response
        if fault in ("MAX_TOKENS", "SAFETY"):
            candidate = {"finishReason": fault, "finishMessage": "stopped", "content": {"parts": [{"text": "I think <ans"}]}}
            return response | {"candidates": [candidate]}
        if fault == "wrong_id":
            answer["id"] = "0" * 16
        block = f"<answer>\n{json.dumps(answer)}\n</answer>"
        if fault == "malformed":
            block = f"<answer>{json.dumps(answer)[:-1]}</answer>"
        if fault == "open_tags":
            block = "<answer>" * 20_000
        if fault == "deep_block":
            block = f"<answer>{DEEP}</answer>"
        if fault == "backslashes":
            block = "\\" * 200_000
        if fault == "half_a_pair":
            block = json.dumps(answer | {"id": "\ud800"}).join(("<answer>", "\ud800</answer>"))
        if fault == "two_blocks":
            block = f"{block}\nor rather\n{block}"
        parts: list[Json] = [{"text": "thinking", "thought": True}, {"text": "The note says so.\n"}]
        tools = [name for tool in ask.body.get("tools", []) for name in tool]
        if "codeExecution" in tools:
            outcome = "OUTCOME_FAILED" if fault == "code_failed" else "OUTCOME_OK"
            parts.append({"executableCode": {"language": "PYTHON", "code": "print(6 * 7)"}})
            parts.append({"codeExecutionResult": {"outcome": outcome, "output": "42\n"}})
        candidate = {"finishReason": "STOP", "content": {"role": "model", "parts": [*parts, {"text": block}]}}
        if "googleSearch" in tools and fault != "no_search":
            chunks = [{"web": {"uri": "https://example.org/rule", "title": "rule"}}]
            candidate["groundingMetadata"] = {"webSearchQueries": ["the rule", ""], "groundingChunks": chunks}
        return response | {"candidates": [candidate]}

    def _read_inputs(self, ask: Ask) -> list[Any]:
        if isinstance(found := self.reads(ask), list):
            return found
        given = {name: found[name] if isinstance(found[name], tuple) else (found[name], None) for name in found}
        values = {name: given.get(name, (None, None)) for name in ask.inputs}
        return [
            {"input": name, "value": value, "unit": unit, "quote": "" if value is None else str(value)}
            for name, (value, unit) in values.items()
        ]

    # -- batch

    def _create_job(self, model: str, batch: Json) -> Json:
        name = f"batches/{uuid.uuid4().hex[:8]}"
        self.jobs[name] = {
            "model": model,
            "display_name": batch["displayName"],
            "input": batch["inputConfig"]["fileName"],
            "fault": self.batch_fault(len(self.jobs)),
            "looks": 0,
        }
        return self._job(name)

    def _job(self, name: str, advance: bool = False) -> Json:
        job = self.jobs[name]
        job["looks"] += advance
        state, output = "BATCH_STATE_PENDING", {}
        if job["looks"] == 1:
            state = "BATCH_STATE_RUNNING"
        elif job["looks"] > 1 and job["fault"] in ("EXPIRED", "FAILED"):
            state = f"BATCH_STATE_{job['fault']}"
        elif job["looks"] > 1:
            state = "BATCH_STATE_SUCCEEDED"
            if "output" not in job:
                job["output"] = f"files/{uuid.uuid4().hex[:8]}"
                self.files[job["output"]] = self._results(job)
            output = {"responsesFile": job["output"]}
        return {"name": name, "metadata": {"state": state, "displayName": job["display_name"], "output": output}}

    def _results(self, job: Json) -> bytes:
        lines = []
        for nth, line in enumerate(self.files[job["input"]].decode().splitlines()):
            entry = json.loads(line)
            ask = self._read(job["model"], entry["request"])
            self.asked.append(ask)
            fault = self.fault(ask)
            if job["fault"] == "partial" and nth % 2:
                continue
            if fault in REFUSALS or fault in TRANSPORT:
                lines.append({"key": entry["key"], "error": {"code": 13, "message": "internal", "details": [{"x": 1}]}})
                continue
            if fault not in CONTENT:
                self.batch_answered[ask.request_id] += 1
            lines.append({"key": entry["key"], "response": self.response(ask, fault)})
        if job["fault"] == "shuffled":
            lines.reverse()
        if job["fault"] == "wrong_keys":
            keys = [line["key"] for line in lines]
            lines = [line | {"key": key} for line, key in zip(lines, keys[1:] + keys[:1], strict=True)]
        text = [json.dumps(line) for line in lines]
        if job["fault"] == "garbled":
            text[0] = text[0][:50]
        return "\n".join(text).encode()


def _model(name: str) -> Json:
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": name,
        "supportedGenerationMethods": ["generateContent", "batchGenerateContent"],
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
    }


def sometimes(share: float, faults: tuple[str, ...] = PASSING) -> Callable[[Ask], str | None]:
    """Each of the faults with this share of the requests, not tied to the vote, so that repeating helps."""

    def fault(ask: Ask) -> str | None:
        draw = ask.chance(f"fault {ask.nth}").random()
        return faults[int(draw / share)] if draw < share * len(faults) else None

    return fault
