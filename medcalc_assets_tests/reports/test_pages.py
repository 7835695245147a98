import re
import shutil

import polars as pl
import pytest

from medcalc_assets.benchmarks.demo import original_rows
from medcalc_assets.calculators.rules import Step
from medcalc_assets.labels.value import from_row
from medcalc_assets.physicians.packet import Packets
from medcalc_assets.reports.cause import cause
from medcalc_assets.reports.label import label_page, lines, marked
from medcalc_assets.reports.pages import write_pages
from medcalc_assets.reports.trace import rows_of


@pytest.fixture(scope="module")
def folder(demo, tmp_path_factory):
    home = tmp_path_factory.mktemp("pages")
    Packets(home).issue(demo.settings.warehouse, "Dr Lee", 3)
    assert write_pages(demo.settings.warehouse, Packets(home), home / "report") == len(original_rows())
    return home / "report"


@pytest.fixture
def page(browser):
    opened = browser.new_page()
    opened.asked, opened.said = [], []
    opened.on("request", lambda request: opened.asked.append(request.url))
    opened.on("console", lambda message: opened.said.append(message.text))
    opened.on("pageerror", lambda error: opened.said.append(str(error)))
    yield opened
    assert all(url.startswith(("file:", "data:")) for url in opened.asked)
    assert opened.said == []
    opened.close()


def test_the_index_filters_and_leads_to_each_label(demo, folder, page):
    page.goto((folder / "index.html").as_uri())
    reasons = dict(demo.read("maintained_labels")["reason"].value_counts().iter_rows())
    for reason, count in reasons.items():
        page.select_option("#reason", reason)
        assert page.inner_text("#count") == str(count) == str(page.locator("tbody tr:visible").count())
    page.select_option("#reason", "")
    page.fill("#text", "7")
    page.locator("tbody tr:visible a", has_text="7").first.click()
    assert page.inner_text("h1").split()[:2] == ["Label", "7"]


@pytest.mark.parametrize("name", ["report.html", "index.html", "labels/1.html"])
def test_a_page_can_be_read_on_a_phone_and_says_that_it_is_a_demo(folder, page, name):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto((folder / name).as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert "DEMO" in page.inner_text("body")


def test_the_report_prints_with_its_plots(folder, page):
    page.goto((folder / "report.html").as_uri())
    assert page.evaluate("[...document.images].map(i => i.naturalWidth > 0)") == [True, True]
    assert page.pdf()[:4] == b"%PDF"


def test_the_report_tells_how_many_independent_votes_the_votes_amount_to(demo, folder):
    of_votes = demo.read("effective_votes").row(by_predicate=pl.col("phase") == "relabel", named=True)
    row = re.sub(
        r"<[^>]+>|\s+", " ", (folder / "report.html").read_text(encoding="utf-8").split("How independent the votes are")[1]
    )
    told = f"{of_votes['effective']:.2f} ({of_votes['effective_low']:.2f} to {of_votes['effective_high']:.2f})"
    assert 4 < of_votes["effective"] < 5
    assert f"2 simulated 5 {of_votes['labels']} {of_votes['error_rate']:.1%}" in " ".join(row.split())
    assert told in row


def test_a_case_that_is_out_for_review_says_so(demo, folder):
    out = [path for path in (folder / "labels").iterdir() if "Out for blind review with Dr Lee" in path.read_text()]
    assert len(out) == 3


def test_what_others_wrote_runs_nowhere(demo, folder, page, tmp_path):
    rows = rows_of(demo.settings.warehouse, 1)
    poison = "</div><script>document.title='evil'</script><img src=http://evil/x onerror=\"document.title='evil'\">"
    rows["raw_medcalc"][0] |= {"note": poison, "question": poison, "explanation": poison, "calculator_name": poison}
    rows["audit_votes"][0] |= {"rationale": poison, "sources": f'["{"javascript:alert(1)"}"]'}
    rows["note_checks"][0] |= {"entity": poison, "explanation": poison, "quote": poison, "quote_start": 0}
    rows["note_checks"][0]["quote_end"] = len(poison)
    shutil.copytree(folder, tmp_path / "report")
    (tmp_path / "report" / "labels" / "1.html").write_text(label_page(rows, [poison]))
    page.goto((tmp_path / "report" / "labels" / "1.html").as_uri())
    assert page.title().startswith("Label 1: ")
    assert page.locator("script:not([src='../pages.js']), main img").count() == 0
    assert page.locator(".text mark").inner_text() == poison


CHECK = {"entity": "pH", "explanation": "The note gives 7.29, and nowhere 7.53.", "kind": "another_number"}


@pytest.mark.parametrize(
    ("note", "quotes", "expected", "marks"),
    [
        ("a pH of 7.29 now", [(2, 12)], 'a <mark id="m-0" class="bad" title="{title}">pH of 7.29</mark> now', {0: 0}),
        ("<b>7.29</b>", [(3, 7)], '&lt;b&gt;<mark id="m-0" class="bad" title="{title}">7.29</mark>&lt;/b&gt;', {0: 0}),
        ("pH 7.29", [(0, 7), (3, 7)], '<mark id="m-0" class="bad" title="{title}">pH 7.29</mark>', {0: 0, 1: 0}),
        ("no words", [], "no words", {}),
    ],
)
def test_the_words_of_a_finding_are_marked_in_the_note_once(note, quotes, expected, marks):
    checks = [
        {**CHECK, "finding": n, "quote": note[start:end], "quote_start": start, "quote_end": end}
        for n, (start, end) in enumerate(quotes)
    ]
    shown, found = marked(note, checks)
    assert str(shown) == expected.format(title="pH: The note gives 7.29, and nowhere 7.53.")
    assert found == marks


def test_words_that_are_not_where_a_finding_says_are_not_marked():
    check = {**CHECK, "finding": 0, "quote": "7.29", "quote_start": 0, "quote_end": 4}
    assert marked("another note", [check]) == ("another note", {})


def test_lines_of_a_rule_that_differ_come_first_with_what_v1_does_otherwise():
    ours = [Step("age in years: <50 +0", "age: 55 years", "+1"), Step("Glasgow Coma Score: 15 minus it", "12", "+3")]
    theirs = [
        Step("age in years: other words", "age: 55 years", "+1"),
        Step("Glasgow Coma Score: 1 point each", "12", "+12"),
    ]
    coma, age = lines(ours, theirs)
    assert (coma.item, coma.published, coma.original, coma.apart) == ("Glasgow Coma Score", "+3", "+12", "+9")
    assert coma.otherwise == "1 point each"
    assert (age.item, age.differs, age.apart) == ("age in years", False, "")


@pytest.mark.parametrize("reason", ["physician", "confirmed", "relabelled", "unresolved"])
def test_the_first_screen_answers_what_it_is_why_who_says_so_and_what_for(demo, folder, page, reason):
    row = demo.read("maintained_labels").filter(reason=reason).row(0, named=True)
    rows = rows_of(demo.settings.warehouse, row["uid"])
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto((folder / "labels" / f"{row['uid']}.html").as_uri())
    assert str(from_row(row, "final")) in page.inner_text("h1")
    assert page.inner_text(".cause") == cause(rows)
    whose = page.locator(".strip .who").all_inner_texts()
    assert whose == ["Original, v1.0", "Its own entities, by the published rule", "Blind relabel", "Physicians, blind"]
    assert page.inner_text(".facts div:nth-child(2) strong") == "For neither"
    assert "Simulated evidence: it says nothing of any real label." in page.inner_text(".facts")
    assert page.locator(".strip").bounding_box()["y"] < 900
