"""The key is nowhere but in the header of a request to the address that was set, whatever the other side does."""

import base64
import json
import threading
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import pytest

from medcalc_assets.auditors.gemini.client import GeminiError
from medcalc_assets.auditors.keys import PART, WITHHELD, without_key
from medcalc_assets.auditors.provider import AuditorError
from medcalc_assets.auditors.tasks import RELABEL
from medcalc_assets_tests.auditors.conftest import QUESTIONS, QUICK, attempts, phase
from medcalc_assets_tests.cli import medcalc

KEY = "AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY"  # no key: made up, in the shape of one
ESCAPES = "".join(f"\\u{ord(sign):04x}" for sign in KEY)
SPELLINGS = {
    "as it is": KEY,
    "in a sentence": f"API key not valid: {KEY}. Pass a valid one.",
    "lower case": KEY.lower(),
    "in a URL": f"https://host/v1?key={quote(KEY)}&alt=json",
    "every character in per cent": "".join(f"%{ord(sign):02X}" for sign in KEY),
    "in per cent twice": "".join(f"%25{ord(sign):02x}" for sign in KEY),
    "escaped in JSON": ESCAPES,
    "escaped in JSON twice": json.dumps(ESCAPES),
    "as a header of Python": repr({"x-goog-api-key": KEY.encode()}),
    "HTML": "".join(f"&#{ord(sign)};" for sign in KEY),
    "on two lines": f"{KEY[:20]}\n{KEY[20:]}",
    "on two lines in JSON": json.dumps(f"{KEY[:15]}\r\n    {KEY[15:]}"),
    "in pieces": ", ".join(f"'{KEY[start : start + 5]}'" for start in range(0, len(KEY), 5)),
    "its first half": f"the key {KEY[: len(KEY) // 2]}... is wrong",
    "its last half": f"the key ...{KEY[len(KEY) // 2 :]} is wrong",
    "in the middle": f"***{KEY[10:20]}***",
    "base64": base64.b64encode(KEY.encode()).decode(),
    "base64 of a login": base64.b64encode(f"me:{KEY}".encode()).decode(),
    "base64 of a sentence": base64.urlsafe_b64encode(f"a key {KEY} it is".encode()).decode(),
    "base64 on lines": base64.encodebytes(f"{'x' * 40} {KEY} {'y' * 40}".encode()).decode(),
    "hex": KEY.encode().hex(),
}


def traces(text: str) -> list[str]:
    """Parts of the key that are still to be read in a text, as it stands and in base64."""
    coded = [base64.b64encode(b"\0" * before + KEY.encode()).decode()[4:-4] for before in range(3)]
    whole = [KEY, KEY.lower(), KEY.encode().hex(), *coded, quote(KEY)]
    return [form[i : i + 10] for form in whole for i in range(len(form) - 9) if form[i : i + 10] in text]


@pytest.fixture(autouse=True)
def key(gemini, monkeypatch):
    monkeypatch.setenv("GEMINI_API_KEY", KEY)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_of_the_key_is_written_down(spelling):
    said = SPELLINGS[spelling]
    for text in (said, f"before {said} after", json.dumps({"error": {"message": said}})):
        left = without_key(text)
        assert "[key]" in left or left == WITHHELD
        assert traces(left) == []
        assert without_key(left) == left


def test_what_is_said_around_the_key_stays_and_other_text_is_left_alone():
    assert without_key(f"API key not valid: {KEY}.") == "API key not valid: [key]."
    assert without_key(f"{KEY[:12]}... and {KEY}") == "[key]... and [key]"
    for text in (None, "", "AIzaSy", KEY[: PART - 1], "%41 \\u0041 &lt;b&gt;", json.dumps({"answer": "42"})):
        assert without_key(text) == text


@pytest.mark.parametrize("number", ["9" * 5_000, "0" * 5_000 + "65"])
def test_a_text_whose_escapes_cannot_be_undone_is_withheld(number, monkeypatch):
    text = json.dumps({"text": f"&#{number};"})
    assert without_key(text) == WITHHELD
    monkeypatch.delenv("GEMINI_API_KEY")
    assert without_key(text) == text, "there is no key that it could spell"


def test_a_key_in_the_other_variable_is_none_to_show_either(monkeypatch):
    monkeypatch.setenv("GOOGLE_API_KEY", "another-key-0123456789")
    assert without_key(f"{KEY} another-key-0123456789") == "[key] [key]"


@pytest.mark.parametrize("between", ["\n", "\r\n", " ", "\t", "é", '"', "\u2028"])
@pytest.mark.parametrize("name", ["GEMINI_API_KEY", "GOOGLE_API_KEY"])
def test_what_cannot_be_a_key_is_refused_in_one_line_that_does_not_show_it(gemini, monkeypatch, tmp_path, name, between):
    monkeypatch.setenv(name, f" {KEY}{between}{KEY[::-1]}\n")
    for arguments in (["models"], ["run", "--auditor", "gemini-2.5-pro", "-c", "21"]):
        told = medcalc(*arguments)
        assert told.exit_code == 1
        (line,) = told.output.splitlines()
        assert f"{name} is no key: it holds a character that no key has" in line
        assert line.endswith("Paste it again, alone and on one line.")
        assert traces(told.output) == traces(told.output.replace(KEY[::-1], "")) == []
    assert not gemini.keys
    assert not list((tmp_path / "home").rglob("*"))


@contextmanager
def server(status: int, headers: dict[str, str], body: bytes):
    """An address that answers everything so; gives it, and the headers of all that was asked."""
    asked: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.rfile.read(int(self.headers.get("content-length", 0)))
            asked.append(str(self.headers))
            self.send_response(status)
            for name, value in (headers | {"content-length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_):
            pass

    class Patient(ThreadingHTTPServer):
        request_queue_size = 128

    with Patient(("127.0.0.1", 0), Answers) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}", asked
        listening.shutdown()
        thread.join()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(gemini, auditor, ledger, monkeypatch, status):
    with server(200, {}, b"{}") as (elsewhere, arrived), server(status, {"location": f"{elsewhere}/x"}, b"") as (url, asked):
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", url)
        for call in (auditor, replace(auditor, mode="batch")):
            with pytest.raises(GeminiError, match=rf"a redirect \(HTTP {status}\), which is not followed: the key would go"):
                phase(call, RELABEL)
        listed = medcalc("models")
    assert f"a redirect (HTTP {status}), which is not followed" in listed.output
    assert listed.exit_code == 1
    assert asked
    assert arrived == []
    assert {attempt.status for attempt in attempts(ledger)} == {status}


@pytest.mark.parametrize("spelling", ["in a sentence", "on two lines", "in per cent twice"])
@pytest.mark.parametrize("status", [200, 400, 503])
def test_a_server_that_sends_the_key_back_gets_it_into_no_file_and_no_output(
    gemini, auditor, ledger, monkeypatch, tmp_path, caplog, status, spelling
):
    said = SPELLINGS[spelling]
    bodies = (
        json.dumps({"error": {"code": status, "message": said, "status": said, "details": [{"retryDelay": said}]}}),
        json.dumps({"candidates": [{"content": {"parts": [{"text": said}]}}], "models": [{"name": said}], "name": said}),
        said,
    )
    shown = []
    for body in bodies:
        headers = {"content-type": "application/json", "retry-after": quote(said), "x-said": quote(said)}
        with server(status, headers, body.encode()) as (url, asked):
            monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", url)
            quick = replace(auditor, limits=replace(QUICK, patience_seconds=0, answers=1))
            for call in (quick, replace(quick, mode="batch")):
                try:
                    list(call.relabel(QUESTIONS[:1]))
                except AuditorError as error:
                    chain = [error]
                    for each in chain:
                        chain += [other for other in (each.__cause__, each.__context__) if other]
                    shown += map(str, chain) if not error.__suppress_context__ else [str(error)]
            shown.append(medcalc("models").output)
        assert asked
    shown += [attempt.body or "" for attempt in attempts(ledger)]
    ledger.engine.dispose()
    shown += [path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file()]
    shown.append(caplog.text)
    assert [text[:3000] for text in shown if traces(text)] == []
