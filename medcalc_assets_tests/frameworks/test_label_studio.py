"""Label Studio itself: a packet is imported, two people answer it there, and both exports give each answer to its own."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

from medcalc_assets.physicians.forms import Case, label_studio_config, label_studio_tasks
from medcalc_assets.physicians.returned import read_json

PACKET = {"packet": "dr-lee-1", "reviewer": "Dr Lee", "secret": "s3cret"}
CASES = [Case(1, "What is the score?", "=1+1 <b>bold</b>\nΔ = 3 µg"), Case(2, "What is the rate?", "A note.")]


class Person:
    """Somebody who signs up and works there, in a session of their own."""

    def __init__(self, url, email):
        self.url, self.jar = url, CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))
        self.ask("GET", "/user/signup/")
        form = {"email": email, "password": "correct-horse", "csrfmiddlewaretoken": self.token}
        self.opener.open(f"{url}/user/signup/", urllib.parse.urlencode(form).encode())
        self.id = self.ask("GET", "/api/current-user/whoami")["id"]

    @property
    def token(self):
        return next(cookie.value for cookie in self.jar if cookie.name == "csrftoken")

    def ask(self, method, path, content=None):
        headers = {"Content-Type": "application/json", "Referer": self.url}
        if method != "GET":
            headers["X-CSRFToken"] = self.token
        body = None if content is None else json.dumps(content).encode()
        with self.opener.open(urllib.request.Request(f"{self.url}{path}", body, headers, method=method)) as answer:
            text = answer.read()
        return json.loads(text) if text[:1] in (b"{", b"[") else text


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("label_studio")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = os.environ | {"LABEL_STUDIO_BASE_DATA_DIR": str(folder), "LATEST_VERSION_CHECK": "0", "COLLECT_ANALYTICS": "0"}
    command = [Path(sys.executable).parent / "label-studio", "start", "--no-browser", "--port", str(port)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    while True:
        try:
            urllib.request.urlopen(f"{url}/health")
            break
        except (urllib.error.URLError, ConnectionError):
            assert process.poll() is None, (folder / "log").read_text()[-2000:]
            time.sleep(1)
    yield url
    process.terminate()
    process.wait(60)


@pytest.fixture(scope="module")
def project(url):
    """Its owner, a colleague, and the project in which both have answered."""
    lee, ray = Person(url, "lee@example.org"), Person(url, "ray@example.org")
    project = lee.ask("POST", "/api/projects/", {"title": "packet", "label_config": label_studio_config()})["id"]
    lee.ask("POST", f"/api/projects/{project}/import?return_task_ids=true", label_studio_tasks(PACKET, CASES))
    tasks = {
        task["data"]["uid"]: task["id"] for task in lee.ask("GET", f"/api/tasks/?project={project}&fields=all")["tasks"]
    }

    def answer(who, uid, **typed):
        result = [
            {
                "from_name": name,
                "to_name": "note",
                "type": kind,
                "value": {"text" if kind == "textarea" else "choices": [text]},
            }
            for name, text in typed.items()
            for kind in ["choices" if name in ("cannot_be_computed", "confidence") else "textarea"]
        ]
        who.ask("POST", f"/api/tasks/{tasks[uid]}/annotations/", {"result": result, "lead_time": 5})

    answer(lee, 1, value="78.1", confidence="high", rationale="as “given”")
    answer(lee, 2, value="5")
    answer(ray, 1, cannot_be_computed="yes", missing_input="weight")
    return lee, ray, project


@pytest.mark.parametrize("kind", ["JSON", "JSON_MIN"])
def test_each_answer_is_its_own_annotators(project, tmp_path, kind):
    lee, ray, number = project
    export = lee.ask("GET", f"/api/projects/{number}/export?exportType={kind}&download_all_tasks=true")
    (file := tmp_path / "export.json").write_text(json.dumps(export))
    found = {said.annotator: said for said in read_json(file, file.read_bytes())}
    assert found.keys() == {str(lee.id), str(ray.id)}
    assert {said[:3] for said in found.values()} == {("dr-lee-1", "Dr Lee", "s3cret")}
    first, second = found[str(lee.id)].rows
    assert (first["value"], first["confidence"], first["rationale"]) == ("78.1", "high", "as “given”")
    assert (first["note"], second["value"]) == (CASES[0].note, "5")
    (only,) = found[str(ray.id)].rows
    assert (only["uid"], only["cannot_be_computed"], only["missing_input"], only["value"]) == (1, "yes", "weight", None)


def test_it_shows_what_was_sent(project):
    """Nothing of its own is lost on the way: a note that looks like a formula, or HTML, is the text that it was."""
    lee, _, number = project
    shown = {
        task["data"]["uid"]: task["data"] for task in lee.ask("GET", f"/api/tasks/?project={number}&fields=all")["tasks"]
    }
    assert [shown[case.uid]["note"] for case in CASES] == [case.note for case in CASES]
