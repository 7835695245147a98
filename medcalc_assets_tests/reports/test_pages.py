import re

import polars as pl
import pytest

from medcalc_assets.benchmarks.demo import original_rows
from medcalc_assets.physicians.packet import Packets
from medcalc_assets.reports.pages import label_page, marked, write_pages
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
    assert page.inner_text("h1").startswith("Label 7 ")


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


def test_what_others_wrote_runs_nowhere(demo, page, tmp_path):
    rows = rows_of(demo.settings.warehouse, 1)
    poison = "</div><script>document.title='evil'</script><img src=http://evil/x onerror=\"document.title='evil'\">"
    rows["raw_medcalc"][0] |= {"note": poison, "question": poison, "explanation": poison, "calculator_name": poison}
    rows["audit_votes"][0] |= {"rationale": poison, "sources": f'["{"javascript:alert(1)"}"]'}
    (tmp_path / "poisoned.html").write_text(label_page(rows, [poison]))
    page.goto((tmp_path / "poisoned.html").as_uri())
    assert page.title() == "Label 1"
    assert page.locator("script, img").count() == 0


@pytest.mark.parametrize(
    ("note", "entities", "expected"),
    [
        ("pH 7.53, not 17.53 or 7.531", {"pH": 7.53}, 'pH <mark title="pH">7.53</mark>, not 17.53 or 7.531'),
        ("WBC 9,103 count", {"WBC": [9103.0, "µL"]}, 'WBC <mark title="WBC">9,103</mark> count'),
        ("BP 122/84 mmHg", {"SBP": 122.0}, 'BP <mark title="SBP">122</mark>/84 mmHg'),
        ("on 03/04/2024", {"day": "03/04/2024", "dose": 3}, 'on <mark title="day">03/04/2024</mark>'),
        ("<b>5</b>", {"n": 5}, '&lt;b&gt;<mark title="n">5</mark>&lt;/b&gt;'),
        ("nothing", {"flag": True}, "nothing"),
    ],
)
def test_numbers_of_the_entities_are_marked_in_the_note(note, entities, expected):
    shown, not_found = marked(note, entities)
    assert str(shown) == expected
    assert not_found == ({"dose": "3"} if "dose" in entities else {})
