"""A model that replays answers: to each question that of a file, or of an invented key where there is none.

The tests beside this run where their framework is installed, and nothing else: no polars, no Dagster.
"""

import csv
import json
import os
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from medcalc_assets.grading.frameworks import instances
from medcalc_assets.grading.grader import grade
from medcalc_assets.grading.reward import reward_of, truth_of

REAL_DATA, REAL_OUTPUTS = os.environ.get("MEDCALC_REAL_DATA"), os.environ.get("MEDCALC_REAL_OUTPUTS")
HEADER = ["Row Number", "Calculator ID", "Calculator Name", "Output Type", "Patient Note", "Question"]
LABELS = [("20", "19", "21"), ("N/A", "N/A", "N/A"), ("-3", "-3.15", "-2.85")]
SAID = ["<answer>20.5</answer>", "<answer>unknown</answer>", "<answer>7</answer>", "There is not enough information.", "hm"]


def invented(folder):
    """A key of invented notes, and what a model says to each."""
    path, said = Path(folder) / "medcalc_bench_invented.csv", {}
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*HEADER, "Ground Truth Answer", "Lower Limit", "Upper Limit", "Evaluation"])
        for uid in range(1, 16):
            label = LABELS[uid % len(LABELS)]
            name = f"Calculator {uid % 4}"
            writer.writerow(
                [uid, 7, name, "decimal", f"Invented note {uid}.", f"What is it, question {uid}?", *label, "true"]
            )
            said[uid] = SAID[uid % len(SAID)]
    return path, said


def real(file="gpt-4o-mini_direct.jsonl"):
    """The key of v1.0, and the stored answers of a real model in the tags that the prompt asks for."""
    rows = map(json.loads, (Path(REAL_OUTPUTS) / file).read_text(encoding="utf-8").splitlines())
    said = {int(row["Row Number"]): row["LLM Answer"] for row in rows}
    return Path(REAL_DATA) / "medcalc_bench_v1_test.csv", said


def expected(key, said):
    """What our own grader says, by uid."""
    truths = {each.uid: truth_of(each.ground_truth) for each in instances(key)}
    return {uid: grade(text, truths[uid]) for uid, text in said.items()}


def rewards(key, said):
    return {each.uid: reward_of(said[each.uid], each.ground_truth) for each in instances(key) if each.uid in said}


class Replay:
    """Answers a prompt with what was said to the question in it."""

    def __init__(self, key, said):
        self.by_prompt = {each.prompt.strip(): said.get(each.uid) for each in instances(key)}
        self.said = {each.uid: self.by_prompt[each.prompt.strip()] for each in instances(key)}
        """By uid; some texts occur twice in v1.0, and both then get the later answer."""

    def __call__(self, prompt):
        return self.by_prompt[prompt.strip()]


@contextmanager
def server(replay):
    """The same over HTTP, as OpenAI's chat completions, on this machine alone."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            content = next(each["content"] for each in asked["messages"] if each["role"] == "user")
            if isinstance(content, list):
                content = "".join(part.get("text", "") for part in content)
            message = {"role": "assistant", "content": replay(content)}
            answer = {
                "id": "replayed",
                "object": "chat.completion",
                "created": 1,
                "model": asked["model"],
                "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
                "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
            }
            body, kind = json.dumps(answer).encode(), "application/json"
            if asked.get("stream"):
                choice = {"index": 0, "finish_reason": "stop", "delta": message}
                chunk = answer | {"object": "chat.completion.chunk", "choices": [choice]}
                body, kind = f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode(), "text/event-stream"
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}/v1"
    finally:
        listening.shutdown()
        listening.server_close()
