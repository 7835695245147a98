"""The desk in real browsers: three reviewers at once, by keyboard, and a server that is killed in the middle."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from medcalc_assets.labels.cards import all_in_order
from medcalc_assets.physicians.desk import HEADERS, LARGEST
from medcalc_assets.physicians.forms import fingerprint
from medcalc_assets.physicians.packet import RECORD, Packets
from medcalc_assets.storage.tables import RAW_MEDCALC

ANY_CARD = {"orders": ["cards"], "per_case": 20}
PATIENCE = 60_000  # milliseconds for a slow machine; nothing here is timed


@dataclass
class Server:
    """`medcalc desk` of a home."""

    home: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = (Path(sys.executable).parent / "medcalc", "desk", "--home", self.home, "--port", str(self.port))
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except ConnectionRefusedError:
                assert self.process.poll() is None
                time.sleep(0.1)

    def stop(self, how: signal.Signals) -> None:
        assert self.process
        self.process.send_signal(how)
        self.process.wait(60)

    def ask(self, path: str, data: bytes | None = None, **headers: str) -> tuple[int, str, dict[str, str]]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"{self.url}{path}", data, named)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, answer.read().decode(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), dict(error.headers)


@pytest.fixture(scope="module")
def packets(own_demo) -> Packets:
    return own_demo.settings.packets


@pytest.fixture(scope="module")
def types(own_demo) -> dict[int, str]:
    return dict(own_demo.settings.warehouse.read(RAW_MEDCALC, columns=["uid", "output_type"]).iter_rows())


@pytest.fixture(scope="module")
def server(own_demo) -> Iterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Server(Path(own_demo.settings.home), port)
    server.start()
    yield server
    server.stop(signal.SIGINT)


@pytest.fixture
def issue(own_demo, packets):
    """A packet, as it is known here."""

    def issued(reviewer, n, **how):
        folder = packets.issue(own_demo.settings.warehouse, reviewer, n, **how)
        return json.loads((folder / RECORD).read_text())

    return issued


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


def type_of(packets, types, packet, place):
    uid = packets.cases(packet)[place - 1].uid
    return types.get(uid)


def saved(page: Page) -> None:
    expect(page.locator("#saved")).to_have_text(re.compile("Saved .* UTC"), timeout=PATIENCE)


def draft(server, packet):
    return json.loads((server.home / "desk" / f"{packet['packet']}.json").read_text())["typed"]


def of_calculator(calculator):
    """Whoever else has it."""
    return {"calculators": {calculator}, "orders": ["paper"], "per_case": 20}


def test_a_value_is_read_back_with_its_unit_and_what_may_be_misread_stops_the_answer(server, page, issue):
    packet = issue("Dr Unit", 1, **of_calculator(22))  # maintenance fluids, in mL/h
    page.goto(f"{server.url}/{packet['secret']}")
    read, value = page.locator("#read"), page.locator("#value")
    page.keyboard.press("v")
    page.keyboard.type("78.1")
    expect(read).to_have_text("✓ Read as 78.1 mL/h.")
    value.fill("0,78")
    expect(read).to_have_text("Write a point, not a comma. 0.78".replace(" 0.78", "0.78"))
    page.keyboard.press("Enter")
    expect(page.locator("#faults")).to_have_text("Write a point, not a comma.")
    value.fill("78.1 mg")
    expect(read).to_have_text("The question asks for a number in mL/h. “mg” does not fit that.")
    value.fill("1.8 L/day")
    page.get_by_role("button", name="75").click()
    expect(read).to_have_text("✓ Read as 75 mL/h.")
    page.keyboard.press("Escape")
    page.keyboard.press("x")
    expect(page.locator("#faults")).to_contain_text("There is a value, and “cannot be computed”.")
    page.keyboard.press("Enter")
    expect(page.locator("#faults")).to_contain_text("There is a value, and “cannot be computed”.")
    assert page.url.endswith("/1")
    page.locator("#value").fill("")
    page.locator("#missing_input").fill("weight")
    page.keyboard.press("Enter")
    page.wait_for_url("**/end")
    expect(page.get_by_role("table")).to_contain_text("Cannot be computed: weight")


def test_three_reviewers_work_at_once_by_keyboard_alone(server, browser, own_demo, packets, types, issue):
    """One answers all, one finds that something cannot be computed and takes an answer back, one rules on a card."""
    three = [
        issue("Dr Lee", 3, orders=["paper"]),
        issue("Dr Ray", 3, orders=["paper"]),
        issue("Dr Ida", 1, orders=["cards"]),
    ]
    assert not {*three[0]["cases"]} & {*three[1]["cases"]}
    contexts = [browser.new_context() for _ in three]
    pages = [context.new_page() for context in contexts]
    outside = []
    for page, packet in zip(pages, three, strict=True):
        page.set_default_timeout(PATIENCE)
        page.on("request", lambda request: None if request.url.startswith(server.url) else outside.append(request.url))
        page.goto(f"{server.url}/{packet['secret']}")
    lee, ray, ida = pages
    for place in (1, 2, 3):
        for page, packet in zip((lee, ray), three, strict=False):
            assert page.url.endswith(f"/{place}")
            if page is ray and place == 2:
                page.keyboard.press("x")
                page.keyboard.type("the weight")
            else:
                page.keyboard.press("v")
                page.keyboard.type("03/04/2024" if type_of(packets, types, packet, place) == "date" else "7")
                page.keyboard.press("Escape")
                page.keyboard.press("1")
            page.keyboard.press("Enter")
            page.wait_for_url(f"**/{place + 1 if place < 3 else 'end'}")
    ida.keyboard.press("1")
    ida.keyboard.press("Tab")
    ida.keyboard.type("as in the guideline")
    ida.keyboard.press("Control+Enter")
    ida.wait_for_url("**/end")
    for page in pages:
        page.get_by_role("button", name="Hand in").press("Enter")
        expect(page.get_by_role("status")).to_contain_text("Handed in on")
    assert outside == []
    rows = packets.taken_over(own_demo.read("raw_medcalc"))
    assert rows.group_by("reviewer").len().sort("reviewer").rows() == [("Dr Lee", 3), ("Dr Ray", 3)]
    assert rows.filter(state="not_computable").select("reviewer", "missing_input").rows() == [("Dr Ray", "the weight")]
    assert set(rows.filter(reviewer="Dr Lee")["confidence"]) == {"high"}
    (ruling,) = packets.rulings()
    cards = {row["card"]: json.loads(row["choices"]) for row in all_in_order(own_demo.read("rule_cards").to_dicts())}
    assert (ruling["reviewer"], ruling["choice"]) == ("Dr Ida", next(iter(cards[ruling["card"]])))
    assert ruling["rationale"] == "as in the guideline"
    ray.goto(f"{server.url}/{three[1]['secret']}/1")
    ray.get_by_role("button", name="Take back").press("Enter")
    expect(ray.locator("#value")).to_have_value("")
    ray.goto(f"{server.url}/{three[1]['secret']}/end")
    ray.get_by_role("button", name="Hand in").press("Enter")
    expect(ray.get_by_role("status")).to_contain_text("Handed in on")
    expect(ray.get_by_role("table")).to_contain_text("not answered")
    rows = packets.taken_over(own_demo.read("raw_medcalc"))
    assert rows.group_by("reviewer").len().sort("reviewer").rows() == [("Dr Lee", 3), ("Dr Ray", 2)]
    for context in contexts:
        context.close()


def test_nothing_that_was_typed_and_saved_is_lost_with_the_server(server, page, issue):
    packet = issue("Dr Kay", 2, **of_calculator(22))
    page.goto(f"{server.url}/{packet['secret']}/1")
    page.locator("#value").fill("78")
    saved(page)
    server.stop(signal.SIGKILL)
    page.locator("#value").fill("78.1")
    expect(page.locator("#saved")).to_contain_text("Not saved: the desk does not answer.")
    (typed,) = draft(server, packet).values()
    assert typed == {"value": "78"}
    server.start()
    saved(page)
    (typed,) = draft(server, packet).values()
    assert typed == {"value": "78.1"}
    page.reload()
    expect(page.locator("#value")).to_have_value("78.1")


def test_who_knows_no_link_learns_nothing(server, issue):
    packet = issue("Dr Sec", 1, **of_calculator(22))
    known, unknown = f"/{packet['secret']}/1", f"/{packet['secret'][:-1]}_/1"
    assert server.ask(known)[0] == 200
    found = [
        server.ask(path) for path in (unknown, "/", "/static", "/static/x", "/packets", f"/{packet['packet']}/1", "/../1")
    ]
    assert {status for status, _, _ in found} == {404}
    assert len({re.sub(r"(\.\./)*static", "static", text) for _, text, _ in found}) == 1
    assert "Dr Sec" not in found[0][1]
    assert server.ask(f"/{packet['secret']}/99")[0] == server.ask(f"/{packet['secret']}/0")[0] == 404
    for _, _, headers in (server.ask(known), found[0]):
        assert {name: headers[name.lower()] for name in HEADERS} == HEADERS
        assert headers["x-frame-options"] == "DENY"
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


def test_no_other_host_and_no_page_of_another_site_reaches_the_desk(server, issue):
    packet = issue("Dr Dns", 1, **of_calculator(22))
    path, body = f"/{packet['secret']}/1", b"value=7"
    assert server.ask(path, Host="evil.example")[0] == 403
    assert server.ask(path, body, Origin="https://evil.example")[0] == 403
    assert server.ask(path, body, Sec_Fetch_Site="cross-site")[0] == 403
    assert server.ask(path, b"value=" + b"7" * LARGEST)[0] == 413
    assert not (server.home / "desk" / f"{packet['packet']}.json").exists()
    status, text, _ = server.ask(path, body, Accept="application/json")
    assert (status, json.loads(text)["value"]["said"]) == (200, "Read as 7 mL/h.")


def test_a_note_is_shown_as_text_whatever_it_holds(server, page, packets, issue):
    packet = issue("Dr Esc", 1, **of_calculator(22))
    folder = packets.folder / packet["packet"]
    evil = '<script>document.title = "evil"</script>\n=1+1'
    tasks = json.loads((tasks_file := folder / f"{folder.name}_label_studio.json").read_text())
    tasks[0]["data"]["note"] = evil
    tasks_file.write_text(json.dumps(tasks))
    assert server.ask(f"/{packet['secret']}/1")[0] == 500  # not as it was sent
    about = json.loads((folder / RECORD).read_text())
    about["cases"] = {uid: fingerprint(tasks[0]["data"]["question"], evil) for uid in about["cases"]}
    (folder / RECORD).write_text(json.dumps(about))
    page.goto(f"{server.url}/{packet['secret']}/1")
    expect(page.get_by_role("article")).to_have_text(evil)
    assert page.title().startswith("Case 1")
    page.locator("#value").fill('7"><img src=x>')
    saved(page)
    page.reload()
    expect(page.locator("#value")).to_have_value('7"><img src=x>')


def test_the_next_release_says_who_withdrew_who_disagreed_and_what_was_ruled(
    server, page, own_demo, packets, issue, release
):
    """And then each of them reads at the desk what became of it, and answers no more, as it would not be blind."""
    lee, ray = (issue(who, 1, orders=["paper"], calculators={n}) for who, n in (("Dr Bo", 2), ("Dr Cy", 3)))
    for packet in (lee, ray):
        answer(page, server, packet, 1, "7")
    own_demo.run()
    assert release(own_demo, "1.1.0").success
    agreed, taken_back = (packets.cases(packet)[0].uid for packet in (lee, ray))
    page.goto(f"{server.url}/{ray['secret']}/1")
    expect(page.locator("#value")).to_be_disabled()
    expect(page.locator("#panel")).to_contain_text("What became of it: 7 in 1.1.0,")
    assert server.ask(f"/{ray['secret']}/1", b"value=8")[0] == 409
    page.get_by_role("button", name="Take back").press("Enter")
    page.goto(f"{server.url}/{ray['secret']}/end")
    page.get_by_role("button", name="Hand in").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Handed in on")

    second = issue("Dr Di", 500, per_case=20, orders=["paper"], calculators={2})
    (place,) = (n for n, case in enumerate(packets.cases(second), 1) if case.uid == agreed)
    expect_nothing_of(page, server, second, place, "7 in 1.1.0")
    answer(page, server, second, place, "99")
    on_card = issue("Dr Ed", 1, **ANY_CARD)
    answer(page, server, on_card, 1, None)
    own_demo.run()
    assert release(own_demo, "2.0.0").success

    changelog = (own_demo.settings.releases.folder / "2.0.0" / "CHANGELOG.md").read_text()
    _, _, said = changelog.partition("## What physicians said since 1.1.0")
    rows = [line for line in said.splitlines() if line.startswith("| ")]
    assert any(f"| {taken_back} |" in row and "Dr Cy | none | 7 | withdrawn" in row for row in rows), said
    assert any(f"| {agreed} |" in row and "Dr Di | 99 |  | computable" in row for row in rows), said
    (card,) = on_card["cards"]
    assert any(f'"{card}"' in row and "physicians' rulings" in row for row in rows), said
    assert not any("Dr Bo" in row for row in rows), "that was said in the release before"
    (choice,) = (row["choice"] for row in packets.rulings() if row["reviewer"] == "Dr Ed")
    _, _, ruled = changelog.partition("## How physicians ruled on rules and readings since 1.1.0: 1 question")
    question = packets.cases(on_card)[0].question
    assert f"| {question} |" in ruled.replace("\\", "")
    assert f"Dr Ed: {choice.replace('_', ' ')}" in ruled.replace("\\", "")
    page.goto(f"{server.url}/{lee['secret']}/end")
    expect(page.get_by_role("table")).to_contain_text("physicians differ, and none of their answers stands")
    page.goto(f"{server.url}/{on_card['secret']}/end")
    expect(page.get_by_role("table")).to_contain_text("stands in 2.0.0, for ")
    third = issue("Dr Fay", 500, orders=["again"])
    assert str(agreed) in third["cases"], "a third reader is asked, who sees neither answer"


def answer(page, server, packet, place, value):
    """By keyboard, and hand it in; without a value the first choice of a card."""
    page.goto(f"{server.url}/{packet['secret']}/{place}")
    page.keyboard.press("1" if value is None else "v")
    if value:
        page.keyboard.type(value)
    saved(page)
    page.goto(f"{server.url}/{packet['secret']}/end")
    page.get_by_role("button", name="Hand in").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Handed in on")


def expect_nothing_of(page, server, packet, place, told):
    page.goto(f"{server.url}/{packet['secret']}/{place}")
    assert told not in page.content()
    assert "What became of it" not in page.content()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1920, 320])
def test_a_screen_hinders_nobody(server, browser, issue, packets, width, scheme):
    """axe-core finds nothing against it (WCAG, A and AA, and what is good practice), and it fits."""
    case, card = issue(f"Dr W{width} {scheme}", 2, **of_calculator(22)), issue(f"Dr V{width} {scheme}", 1, **ANY_CARD)
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.goto(f"{server.url}/{case['secret']}/2")
    page.locator("#value").fill("1,200")
    saved(page)
    for packet, place in ((case, "1"), (case, "2"), (card, "1"), (case, "end"), (card, "end"), (case, "99")):
        page.goto(f"{server.url}/{packet['secret']}/{place}")
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        found = Axe().run(page, options={"resultTypes": ["violations"], "preload": False}).response["violations"]
        assert [(place, each["id"], node["html"][:200]) for each in found for node in each["nodes"]] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
