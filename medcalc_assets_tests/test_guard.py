"""The UI is for the people at this machine: what another page, or another name of this host, asks of it is refused."""

import json
import signal
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser
from starlette.requests import HTTPConnection

from medcalc_assets.cli.ui import refusal
from medcalc_assets_tests.test_ui import MAKE_UI, UI, served, until

LAUNCH = """mutation { launchRun(executionParams: {mode: "default", selector: {
  repositoryName: "__repository__", repositoryLocationName: "medcalc_assets", jobName: "release"}}) { __typename } }"""
FORGED = """mutation { reportRunlessAssetEvents(eventParams: {eventType: ASSET_MATERIALIZATION,
  assetKey: {path: ["maintained_labels"]}, partitionKeys: ["child_pugh"], description: "forged"}) { __typename } }"""
PAID = """mutation { launchRun(executionParams: {mode: "default", selector: {
  repositoryName: "__repository__", repositoryLocationName: "medcalc_assets", jobName: "re_audit"},
  runConfigData: {resources: {votes: {config: {auditor: "gemini-2.5-pro", max_usd: 1000}}}}}) { __typename } }"""
RELEASED = LAUNCH.replace(
    'jobName: "release"}',
    """jobName: "release"},
  runConfigData: {ops: {freeze: {config: {version: "1.1.0", confirm: "00000000"}}}}""",
)
EVENTS = """{assetNodes(assetKeys: [{path: ["maintained_labels"]}]) {partitionStats {numMaterialized}}}"""
RUNS = "{runsOrError{... on Runs{results{id}}}}"
HERE = "127.0.0.1:3000"
PAGE = {"host": HERE, "origin": f"http://{HERE}", "sec-fetch-site": "same-origin", "content-type": "application/json"}


def answer(method: str, path: str, headers: dict[str, str], kind: str = "http") -> str | None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": kind, "path": path, "headers": raw, "query_string": b"", "scheme": "http"}
    return refusal(HTTPConnection(scope | ({"method": method} if kind == "http" else {})))


@pytest.mark.parametrize("host", [HERE, "localhost:3000", "LOCALHOST", "[::1]:3000"])
def test_a_page_of_this_address_may_do_everything(host):
    page = PAGE | {"host": host, "origin": f"http://{host}"}
    assert answer("POST", "/graphql", page) is None
    assert answer("GET", "/graphql", page, kind="websocket") is None
    assert answer("GET", "/runs/1", {"host": host, "sec-fetch-site": "cross-site"}) is None  # a link from elsewhere
    assert answer("GET", "/graphql", {"host": host, "accept": "text/html"}) is None


def test_a_program_that_is_no_page_may_ask():
    assert answer("POST", "/graphql", {"host": HERE, "content-type": "application/json; charset=utf-8"}) is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"host": "attacker.example:3000", "origin": "http://attacker.example:3000"}, "no other host is served"),
        ({"host": "127.0.0.1.attacker.example", "origin": "http://127.0.0.1.attacker.example"}, "no other host is served"),
        ({"host": "", "origin": "http://"}, "no other host is served"),
        ({"origin": "http://attacker.example"}, "a page of another address"),
        ({"origin": "http://127.0.0.1:4000"}, "a page of another address"),
        ({"origin": "null"}, "a page of another address"),
        ({"sec-fetch-site": "cross-site"}, "another site"),
        ({"sec-fetch-site": "same-site"}, "another site"),
        ({"content-type": "text/plain"}, "The body must be application/json"),
        ({"content-type": "text/plain; application/json"}, "The body must be application/json"),
        ({"content-type": "application/x-www-form-urlencoded"}, "The body must be application/json"),
    ],
)
def test_another_page_may_not(change, why):
    assert why in answer("POST", "/graphql", PAGE | change)
    if "content-type" not in change:
        assert why in answer("GET", "/graphql", PAGE | change, kind="websocket")


def test_a_mutation_is_not_run_by_looking_at_an_address():
    assert "with POST" in answer("GET", "/graphql", {"host": HERE, "accept": "image/*"})
    assert "another site" in answer("GET", "/graphql", {"host": HERE, "accept": "text/html", "sec-fetch-site": "cross-site"})


@pytest.mark.parametrize("what", ["materialization", "check", "observation"])
def test_nothing_is_reported_as_materialized_from_outside(what):
    assert "by runs only" in answer("POST", f"/report_asset_{what}/maintained_labels", PAGE)


@pytest.fixture(scope="module")
def ui(tmp_path_factory) -> Iterator[UI]:
    folder = tmp_path_factory.mktemp("ui")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MEDCALC_HOME", str(folder / "home"))
        with served(folder, *MAKE_UI) as started:
            yield started


def status(request: Request) -> int:
    try:
        with urlopen(request) as response:
            return response.status
    except HTTPError as error:
        return error.code


def test_the_server_stands_behind_the_guard(ui):
    body, json_ = json.dumps({"query": LAUNCH}).encode(), {"Content-Type": "application/json"}
    refused = [
        Request(f"{ui.url}/graphql?query={quote(LAUNCH)}"),
        Request(f"{ui.url}/graphql", body, {"Content-Type": "text/plain"}),
        Request(f"{ui.url}/graphql", body, json_ | {"Origin": "http://attacker.example"}),
        Request(f"{ui.url}/graphql", body, json_ | {"Host": "attacker.example"}),
        Request(f"{ui.url}/report_asset_materialization/maintained_labels", b"{}", json_),
    ]
    assert [status(request) for request in refused] == [403] * len(refused)
    assert ui.ask(RUNS)["runsOrError"]["results"] == []
    with urlopen(ui.url) as page:
        assert page.headers["X-Frame-Options"] == "DENY"


def test_the_report_is_served_behind_the_guard_as_it_is_now_and_nothing_beside_it(ui):
    home = ui.folder / "home"
    assert status(Request(f"{ui.url}/report/report.html")) == 404
    (home / "report" / "labels").mkdir(parents=True)
    (home / "settings.json").write_text("not for pages")
    page = home / "report" / "labels" / "1.html"
    for text in ("as it was", "as it is"):
        page.write_text(text)
        with urlopen(f"{ui.url}/report/labels/1.html") as answer:
            assert answer.read() == text.encode()
            assert (answer.headers["X-Frame-Options"], answer.headers["Cache-Control"]) == ("DENY", "no-cache")
    assert status(Request(f"{ui.url}/report/labels/1.html", headers={"Host": "attacker.example"})) == 403
    assert status(Request(f"{ui.url}/report/%2e%2e/settings.json")) == 404


@pytest.fixture
def hostile() -> Iterator[str]:
    """A page on another port of this machine, to which a browser refuses less than to one from elsewhere."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_hostile_page_releases_calls_and_forges_nothing_and_the_ui_still_works(ui: UI, browser: Browser, hostile: str):
    page = browser.new_page()
    page.goto(hostile)
    answers: list[int] = []
    page.on("response", lambda response: answers.append(response.status))
    mutations = [LAUNCH, RELEASED, PAID, FORGED]
    opened = [
        page.evaluate(
            """async ([url, query]) => {
            const post = (type, body) => fetch(url, {method: 'POST', mode: 'no-cors', headers: {'Content-Type': type}, body})
            const form = new FormData(); form.append('operations', JSON.stringify({query})); form.append('map', '{}')
            await post('text/plain', JSON.stringify({query})).catch(() => 0)
            await fetch(url, {method: 'POST', mode: 'no-cors', body: form}).catch(() => 0)
            await new Promise(done => { const image = new Image(); image.onerror = image.onload = done
                                        image.src = url + '?query=' + encodeURIComponent(query) })
            const reported = url.replace('graphql', 'report_asset_materialization/maintained_labels?partition=child_pugh')
            await fetch(reported, {method: 'POST', mode: 'no-cors', body: '{}'}).catch(() => 0)
            return new Promise(done => { const socket = new WebSocket(url.replace('http', 'ws'), 'graphql-ws')
                                        socket.onopen = () => done(true)
                                        socket.onerror = () => done(false) })
        }""",
            [f"{ui.url}/graphql", mutation],
        )
        for mutation in mutations
    ]
    assert answers == [403] * 4 * len(mutations)
    assert opened == [False] * len(mutations)
    assert ui.ask(RUNS)["runsOrError"]["results"] == []
    assert ui.ask(EVENTS)["assetNodes"] == [{"partitionStats": {"numMaterialized": 0}}]
    assert not (ui.folder / "home" / "releases").exists()
    assert not (ui.folder / "home" / "ledger.sqlite").exists()
    page.goto(f"{ui.url}/locations/medcalc_assets/jobs/observe_models")
    page.get_by_role("heading", name="observe_models").or_(page.get_by_text("observe_models")).first.wait_for()
    launched = page.evaluate(
        """query => fetch('/graphql', {method: 'POST', headers: {'Content-Type': 'application/json'},
                                      body: JSON.stringify({query})}).then(answer => answer.json())""",
        LAUNCH,
    )
    assert launched["data"]["launchRun"]["__typename"] == "LaunchRunSuccess"
    until(lambda: ui.ask(RUNS)["runsOrError"]["results"], "the run", ui)
    page.close()


def descendants(pid: int) -> set[int]:
    children = {int(pid) for task in Path(f"/proc/{pid}/task").iterdir() for pid in (task / "children").read_text().split()}
    return children | {each for child in children for each in descendants(child)}


def test_ctrl_c_stops_all_that_was_started(ui: UI):
    started = descendants(ui.process.pid)
    assert len(started) >= 3  # the server of the code, the code, the daemon
    ui.process.send_signal(signal.SIGINT)
    assert ui.process.wait(timeout=60) == 0
    assert [pid for pid in started if Path(f"/proc/{pid}").exists()] == []
