"""A server of OpenAI's Chat Completions for tests, on 127.0.0.1: it misbehaves on command, as the one of Gemini does."""

import asyncio
import json
import re
import uuid

from medcalc_assets_tests.gemini_server import Ask, GeminiServer, Json

KEY = "sk-no-key-that-anything-may-hold"

REFUSALS: dict[str, tuple[int, str, str]] = {
    "400": (400, "invalid_value", "Invalid value: 'x'."),
    "too_long": (400, "context_length_exceeded", "This model's maximum context length is 8192 tokens."),
    "bad_key": (401, "invalid_api_key", "Incorrect API key provided."),
    "402": (402, "insufficient_credits", "Insufficient credits."),
    "403": (403, "unsupported_country", "Country, region, or territory not supported"),
    "404": (404, "model_not_found", "The model `x` does not exist or you do not have access to it."),
    "409": (409, "conflict", "Conflict."),
    "429": (429, "rate_limit_exceeded", "Rate limit reached for requests per min (RPM)."),
    "odd_429": (429, "rate_limit_exceeded", "Slow down."),
    "429_day": (429, "rate_limit_exceeded", "Rate limit reached on requests per day (RPD): Limit 200."),
    "credits": (429, "insufficient_quota", "You exceeded your current quota, please check your plan and billing details."),
    "499": (499, "cancelled", "Client closed request."),
    "500": (500, "server_error", "The server had an error."),
    "503": (503, "overloaded", "The engine is currently overloaded."),
}
HEADERS = {"429": {"retry-after-ms": "50"}, "odd_429": {"retry-after": "nan", "retry-after-ms": "[]"}}
ODD = ("error_in_200", "no_choices", "odd_usage", "thinks_aloud")
"""What servers of this API do, and Gemini does not."""


class OpenAIServer(GeminiServer):
    """`models` are those that it serves."""

    async def _route(
        self, method: str, target: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter
    ) -> bool:
        self.keys.add(headers.get("authorization", ""))
        if target == "/v1/chat/completions":
            asked = json.loads(body)
            return await self._generate(asked["model"], asked, writer)
        if target == "/v1/models":
            listed = [{"id": name, "object": "model", "created": 1_760_000_000, "owned_by": "x"} for name in self.models]
            return await self._send(writer, 200, {"object": "list", "data": listed})
        return await self._send(writer, 404, {"error": {"code": 404, "message": f"{method} {target}"}})

    def refusal(self, fault: str) -> tuple[int, Json, dict[str, str]]:
        status, code, message = REFUSALS[fault]
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
        return status, {"error": error}, HEADERS.get(fault, {})

    def is_refusal(self, fault: str | None) -> bool:
        return fault in REFUSALS

    def text(self, body: Json) -> str:
        return "".join(message["content"] for message in body["messages"] if message["role"] == "user")

    def response(self, ask: Ask, fault: str | None) -> Json:
        of_gemini = super().response(ask, fault)
        usage: Json = {"prompt_tokens": 1500, "completion_tokens": 1500, "total_tokens": 3000}
        model = "another-model" if fault == "other_model" else ask.model
        response: Json = {"id": uuid.uuid4().hex, "object": "chat.completion", "model": model, "usage": usage}
        if fault == "error_in_200":
            return {"error": {"code": 502, "message": "Provider returned error"}}
        if fault == "no_choices":
            return response | {"choices": []}
        if fault == "odd_usage":
            response["usage"] = {"prompt_tokens": "many", "completion_tokens": [7]}
        text, reason = "", "stop"
        if fault in ("blocked", "SAFETY"):
            reason = "content_filter"
        elif fault == "MAX_TOKENS":
            text, reason = "I think <ans", "length"
        elif fault != "empty":
            parts = of_gemini["candidates"][0]["content"]["parts"]
            text = "".join(part["text"] for part in parts if "text" in part and not part.get("thought"))
        if fault == "thinks_aloud":
            text = f"<think>Is it <answer>7</answer>? {re.sub('42', '7', text)}</think>\n{text}"
        message = {"role": "assistant", "content": text, "refusal": None}
        return response | {"choices": [{"index": 0, "message": message, "finish_reason": reason}]}
