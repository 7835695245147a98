"""Three reviewers at the desk on real cases, by keyboard, over two releases and the death of the server."""

import csv
import json
import re
import signal
import socket
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import expect

from medcalc_assets_tests.physicians.test_desk import PATIENCE, Server, draft, saved

pytestmark = pytest.mark.real_data
ASKED = {23, 15}
"""Of these calculators: MELD-Na and Child-Pugh, whose original rules depart from the published ones."""


@pytest.fixture(scope="module")
def chain(start_chain, real_data, tmp_path_factory):
    """Real cases of a few calculators. Their category is another word, so that they are no part of a known benchmark, which
    could only be released whole; and there are no relabels of a part."""
    csv.field_size_limit(10**9)
    with (real_data / "medcalc_bench_v1_test.csv").open(newline="", encoding="utf-8") as file:
        rows = [row | {"Category": "of a test"} for row in csv.DictReader(file) if int(row["Calculator ID"]) in ASKED]
    source = tmp_path_factory.mktemp("real") / "some.csv"
    with source.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    chain = start_chain(str(source))
    chain.run()
    return chain


@pytest.fixture
def server(chain):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = Server(Path(chain.settings.home), free.getsockname()[1])
    server.start()
    yield server
    server.stop(signal.SIGINT)


def hand_in(page, server, packet):
    page.goto(f"{server.url}/{packet['secret']}/end")
    page.get_by_role("button", name="Hand in").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Handed in on")


def said_in(chain, version):
    """Of its changelog the lines on rulings, and those on what physicians said."""
    text = (chain.settings.releases.folder / version / "CHANGELOG.md").read_text().replace("\\", "")
    ruled, said = (re.search(rf"## {title}.*?(?=\n## |\Z)", text, re.DOTALL) for title in ("How phys", "What phys"))
    lines = ((found[0] if found else "").splitlines() for found in (ruled, said))
    return [[line for line in each if line.startswith("| ")][1:] for each in lines]


def test_three_reviewers_on_real_cases_and_the_next_changelog_says_it_all(chain, browser, server, release):
    """Two answer the same cases, at once with a third who rules on a rule; the server dies in between. One disagrees, one
    takes an answer back after the first release, and one rules otherwise."""
    issue = chain.settings.packets.issue
    on_cases = {"orders": ["paper"], "per_case": 3, "calculators": {23}}
    folders = [
        issue(chain.settings.warehouse, "Dr Lee", 2, **on_cases),
        issue(chain.settings.warehouse, "Dr Ray", 2, **on_cases),
        issue(chain.settings.warehouse, "Dr Ida", 1, orders=["cards"], calculators={15}),
    ]
    lee, ray, ida = (json.loads((folder / "packet.json").read_text()) for folder in folders)
    first, second = (case.uid for case in chain.settings.packets.cases(lee))
    assert lee["cases"].keys() == ray["cases"].keys() == {str(first), str(second)}
    contexts = [browser.new_context() for _ in folders]
    pages = [context.new_page() for context in contexts]
    for page, packet in zip(pages, (lee, ray, ida), strict=True):
        page.set_default_timeout(PATIENCE)
        page.goto(f"{server.url}/{packet['secret']}")
    answers = {"Dr Lee": {first: "17", second: "21"}, "Dr Ray": {first: "17", second: "33"}}
    for place in (1, 2):
        for page, packet in zip(pages, (lee, ray), strict=False):
            page.keyboard.press("v")
            page.keyboard.type(answers[packet["reviewer"]][chain.settings.packets.cases(packet)[place - 1].uid])
            if packet is lee and place == 2:
                saved(page)
                before = draft(server, lee)
                server.stop(signal.SIGKILL)
                server.start()
                assert draft(server, lee) == before
                page.reload()
                expect(page.locator("#value")).to_have_value(answers["Dr Lee"][chain.settings.packets.cases(lee)[1].uid])
            page.keyboard.press("Enter")
            page.wait_for_url(f"**/{'end' if place == 2 else 2}")
    pages[2].keyboard.press("1")
    pages[2].keyboard.press("Tab")
    pages[2].keyboard.type("as the paper has it")
    pages[2].keyboard.press("Control+Enter")
    pages[2].wait_for_url("**/end")
    for page, packet in zip(pages, (lee, ray, ida), strict=True):
        hand_in(page, server, packet)
    chain.run()
    assert release(chain, "1.1.0").success

    ((card, question),) = ((case.uid, case.question) for case in chain.settings.packets.cases(ida))
    choices = json.loads(chain.read("rule_cards").row(by_predicate=pl.col("card") == card, named=True)["choices"])
    expected, otherwise = list(choices)[:2]
    (ruled,), said = said_in(chain, "1.1.0")
    assert f"| {question} |" in ruled
    assert f"| {expected} |" in ruled
    assert f"Dr Ida: {expected} (as the paper has it)" in ruled
    given = {tuple(row.split(" | ")[i] for i in (0, 2, 3)) for row in said}
    assert {(f"| {uid}", who, value) for who, of in answers.items() for uid, value in of.items()} <= given
    differ = next(row for row in chain.read("maintained_labels").to_dicts() if row["uid"] == second)
    assert not differ["reason"].startswith("physician")

    place = next(n for n, case in enumerate(chain.settings.packets.cases(ray), 1) if case.uid == second)
    pages[1].goto(f"{server.url}/{ray['secret']}/{place}")
    pages[1].get_by_role("button", name="Take back").press("Enter")
    hand_in(pages[1], server, ray)
    pages[2].goto(f"{server.url}/{ida['secret']}/1")
    pages[2].keyboard.press("2")
    saved(pages[2])
    hand_in(pages[2], server, ida)
    chain.run()
    assert release(chain, "2.0.0", "a ruling has changed").success
    (ruled,), said = said_in(chain, "2.0.0")
    assert f"Dr Ida: {otherwise}" in ruled
    assert ruled.endswith(f"| ruling changed after release 1.1.0, where it was: {expected} |")
    assert any(row.startswith(f"| {second} | ") and "| Dr Ray | none | 33 | withdrawn" in row for row in said)
    assert not any("Dr Lee" in row for row in said), "that was said in the release before"
    for context in contexts:
        context.close()
