import datetime as dt
import json
import re
import shutil

import polars as pl
import pytest
from axe_playwright_python.sync_playwright import Axe

from medcalc_assets.benchmarks.demo import original_rows
from medcalc_assets.calculators.rules import Step
from medcalc_assets.labels.value import from_row
from medcalc_assets.physicians.packet import Packets
from medcalc_assets.reports import index, pages
from medcalc_assets.reports.cause import cause
from medcalc_assets.reports.index import LISTED, NO_VOTES, index_page, listed
from medcalc_assets.reports.label import label_page, lines, marked
from medcalc_assets.reports.pages import write_pages
from medcalc_assets.reports.report import report_page
from medcalc_assets.reports.trace import rows_of
from medcalc_assets.statistics.effective_votes import amount
from medcalc_assets.statistics.error_rates import headline
from medcalc_assets.storage import tables


@pytest.fixture(scope="module")
def written(demo, tmp_path_factory):
    """The folder of all pages, and what its report was made from."""
    home, made_from = tmp_path_factory.mktemp("pages"), []
    Packets(home).issue(demo.settings.warehouse, "Dr Lee", 3)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pages, "report_page", lambda *given: made_from.append(given) or report_page(*given))
        assert write_pages(demo.settings.warehouse, Packets(home), home / "report") == len(original_rows())
    return home / "report", made_from[0]


@pytest.fixture(scope="module")
def folder(written):
    return written[0]


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


def facet(page, group, text):
    """The box of a filter, and how many labels it would leave."""
    label = page.get_by_role("group", name=group).locator("label", has=page.get_by_text(text, exact=True))
    return label.locator("input"), int(label.locator("span").nth(1).inner_text())


def shown(page):
    return [int(each) for each in page.locator(".rows .id").all_inner_texts()]


def counted(page):
    return int(page.inner_text("#count b"))


def test_the_index_filters_by_facets_that_say_how_many_they_leave_and_leads_to_each_label(demo, folder, page):
    page.set_viewport_size({"width": 1400, "height": 900})
    page.goto((folder / "index.html").as_uri())
    reasons = dict(demo.read("maintained_labels")["reason"].value_counts().iter_rows())
    for reason, count in reasons.items():
        box, told = facet(page, "Decided by", reason.replace("_", " ").capitalize())
        box.check()
        assert counted(page) == told == count
        box.uncheck()
    uid = demo.read("maintained_labels").filter(reason="unresolved")["uid"].min()
    facet(page, "Decided by", "Unresolved")[0].check()
    page.locator(".rows a", has_text=re.compile(rf"^{uid}$")).click()
    assert page.inner_text("h1").split()[:2] == ["Label", str(uid)]


def test_the_index_finds_names_uids_values_reasons_and_causes(demo, folder, page):
    page.goto((folder / "index.html").as_uri())
    labels = demo.read("maintained_labels").join(demo.read("raw_medcalc"), on="uid")
    apache = labels.filter(pl.col("calculator_name").str.contains("APACHE"))["uid"]
    page.fill("#text", "apache")
    assert sorted(shown(page)) == sorted(apache)
    row = labels.filter(reason="relabelled").row(0, named=True)
    told = cause(rows_of(demo.settings.warehouse, row["uid"]))
    for text in (row["uid"], from_row(row, "label"), from_row(row, "final"), row["reason"], told, told.split()[-1]):
        page.fill("#text", f"{text} {row['calculator_name']}")
        assert row["uid"] in shown(page), text
    page.fill("#text", "nowhere to be found")
    assert page.locator("#empty").is_visible()
    page.fill("#text", "7")
    numbers = page.locator(".rows tbody tr").all_inner_texts()
    assert all(re.search(r"(?<![\d.])7", row) for row in numbers), "a number is found from its first digit on"


def test_the_address_holds_the_list_so_that_back_restores_it_and_labels_walk_through_it(demo, folder, page):
    page.set_viewport_size({"width": 1400, "height": 900})
    page.goto((folder / "index.html").as_uri())
    facet(page, "Decided by", "Unresolved")[0].check()
    page.get_by_role("button", name="Label", exact=True).click()
    unresolved = demo.read("maintained_labels").filter(reason="unresolved")["uid"].sort().to_list()
    assert shown(page) == unresolved[:50]
    assert "reason=Unresolved" in page.url
    assert "sort=uid" in page.url
    page.locator(".rows a").nth(1).click()
    assert page.inner_text("#place") == f"2 of {len(unresolved)}"
    assert page.get_attribute("#prev", "href") == f"{unresolved[0]}.html"
    page.click("#next")
    assert page.inner_text("h1").split()[1] == str(unresolved[2])
    page.click("#back")
    page.wait_for_selector("#boxes fieldset")  # until then the page shows what it shows without its script
    assert shown(page) == unresolved[:50]
    page.go_back()
    page.go_back()
    page.go_back()
    assert shown(page) == unresolved[:50]
    page.reload()
    assert shown(page) == unresolved[:50]
    facet(page, "Decided by", "Unresolved")[0].uncheck()
    page.go_back()
    assert counted(page) == len(unresolved)


def test_changed_labels_and_those_that_need_review_have_a_filter(demo, folder, page):
    page.set_viewport_size({"width": 1400, "height": 900})
    page.goto((folder / "index.html").as_uri() + "#changed=1")
    assert counted(page) == facet(page, "Show", "Changed only")[1] == demo.read("benchmark_summary")["changed"].sum()
    rows = page.locator(".rows .mv").all_inner_texts()
    assert all(len({*row.split(" → ")}) == 2 for row in rows)
    page.goto((folder / "index.html").as_uri() + "#review=1")
    page.reload()
    seen = set(demo.read("physician_labels")["uid"])
    waiting = {*demo.read("adjudication_queue")["uid"]} - seen
    waiting |= {*demo.read("maintained_labels").filter(reason="physician_unexplained")["uid"]}
    assert counted(page) == len(waiting)


def test_what_changed_since_the_last_release_has_a_filter_to_which_the_report_leads(demo, written, page, tmp_path):
    stored, _, rates, _ = written[1]
    rows = {uid: rows_of(demo.settings.warehouse, uid) for uid in (1, 2, 3)}
    for uid, values in ((1, {"1.1.0": "9", "1.10.0": "N/A", "1.2.0": "9"}), (2, {"1.1.0": None}), (3, {})):
        now = from_row(rows[uid]["maintained_labels"][0], "final")
        said = values or {"1.10.0": str(now)}
        rows[uid]["label_events"] += [{"event": "released", "actor": name, "value": value} for name, value in said.items()]
    rows[1]["maintained_labels"][0] |= {"final_kind": "number", "final_number": 9.0, "final_date": None}
    told = [listed(each) for each in rows.values()]
    assert [each["since"] for each in told] == [1, 1, 0], "1.10.0 is the last, and says N/A; of 2 it had no answer"
    for name in pages.STATIC:
        shutil.copy(written[0] / name, tmp_path)
    (tmp_path / "index").mkdir()
    for name, text in index_page(pl.DataFrame(told, LISTED), True, "1.10.0"):
        (tmp_path / name).write_text(text)
    page.set_viewport_size({"width": 1400, "height": 900})
    page.goto((tmp_path / "index.html").as_uri() + "#since=1")
    assert sorted(shown(page)) == [1, 2]
    assert facet(page, "Show", "Changed since 1.10.0")[1] == 2
    release = {
        "version": "1.10.0",
        "demo": True,
        "instances": 3,
        "changed": 1,
        "manifest": "{}",
        "manifest_sha256": "0" * 64,
    }
    release |= {"previous": None, "run_id": "1", "released_at": dt.datetime(2026, 11, 25, tzinfo=dt.UTC)}
    releases = pl.DataFrame([release], schema=tables.LABEL_RELEASES.polars_schema)
    changed = written[1][1].with_columns(since=pl.lit(1, pl.Int64))
    report = report_page({**stored, "label_releases": releases}, changed, rates, "v1.0")
    assert "<dt>Last release</dt><dd>1.10.0, 2026-11-25</dd>" in report
    n = changed.height
    assert f'<dt>Changed since 1.10.0</dt><dd><a href="index.html#since=1">{n:,}</a></dd>' in report


def test_an_index_in_parts_finds_and_sorts_all_labels_and_their_texts_are_no_script(written, page, tmp_path, monkeypatch):
    labels, hostile = written[1][1], "it’s \\ 'x' \"y\" </script><b>\u2028 é"
    said = (
        pl.when(pl.col("uid") == 7).then(pl.lit(text)).otherwise(name).alias(name)
        for name, text in (("why", hostile), ("was", "'"))
    )
    labels = labels.with_columns(said)
    monkeypatch.setattr(index, "PART", 100)
    (tmp_path / "index").mkdir()
    files = dict(index_page(labels, True))
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    for name in pages.STATIC:
        shutil.copy(written[0] / name, tmp_path)
    assert list(files) == ["index.html", *(f"index/{n}.js" for n in range(4))]
    assert not any(why in files["index.html"] for why in labels.sort("p", "uid", descending=[True, False])["why"][25:30])
    page.set_viewport_size({"width": 1400, "height": 900})
    page.goto((tmp_path / "index.html").as_uri())
    assert counted(page) == labels.height
    told = page.locator(".rows tbody .why").all_inner_texts()
    assert told == labels.sort("p", "uid", descending=[True, False])["why"].head(50).to_list()
    page.get_by_role("button", name="Label", exact=True).click()
    assert shown(page) == list(range(1, 51))
    page.click("#after")
    assert page.locator(".rows tbody .why").all_inner_texts() == labels.sort("uid")["why"][50:100].to_list()
    page.fill("#text", "</SCRIPT><b> é")
    assert shown(page) == [7]
    assert page.locator(".rows tbody .why").inner_text().split() == hostile.split()
    assert page.locator(".rows .mv s").inner_text() == "'"
    assert facet(page, "Calculator", labels.filter(uid=7)["calc"].item())[1] == 1


def test_pages_are_the_same_however_few_labels_are_read_at_once(demo, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "AT_ONCE", 50)
    write_pages(demo.settings.warehouse, Packets(folder.parent), tmp_path / "report")
    for path in (path for path in folder.rglob("*") if path.is_file()):
        assert (tmp_path / "report" / path.relative_to(folder)).read_bytes() == path.read_bytes(), path.name


def test_the_labels_most_likely_wrong_are_there_without_a_script(folder, browser):
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto((folder / "index.html").as_uri())
    assert page.locator(".rows tbody tr").count() == 25
    page.locator(".rows a").first.click()
    assert page.inner_text("h1").startswith("Label ")
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1920, 320])
def test_a_page_hinders_nobody(folder, browser, width, scheme):
    """axe-core finds nothing against it: WCAG, A and AA, and what is good practice."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    for name in ("report.html", "index.html", "labels/1.html", "labels/3.html"):
        page.goto((folder / name).as_uri())
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        found = Axe().run(page, options={"resultTypes": ["violations"], "preload": False}).response["violations"]
        told = [(name, each["id"], node["html"][:200]) for each in found for node in each["nodes"]]
        assert not told
    page.close()


@pytest.mark.parametrize("name", ["report.html", "index.html", "labels/1.html", "labels/3.html"])
def test_a_page_never_scrolls_sideways_and_says_that_it_is_a_demo(folder, page, name):
    page.goto((folder / name).as_uri())
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    beyond = "[...document.querySelectorAll('.rows')].map(e => e.getBoundingClientRect().right"
    beyond += " - e.parentElement.getBoundingClientRect().right)"
    for width in (320, 390, 768, 1024, 1248, 1280, 1920):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert all(pixels < 1 for pixels in page.evaluate(beyond)), f"the list stands out of its column at {width}"
    assert "DEMO" in page.inner_text("body")


def test_the_report_says_first_how_many_labels_are_wrong_and_what_may_be_relied_on(demo, folder, page):
    page.goto((folder / "report.html").as_uri())
    row = headline(demo.read("error_rates").to_dicts(), "original", "paper")
    of = row["n"] + row["not_covered"]
    assert page.inner_text(".huge") == f"{100 * row['wrong'] / of:.0f}%"
    assert f"between {row['low']:,.0f} and {row['high']:,.0f} (95%)" in page.inner_text(".top")
    told = dict(zip(page.locator(".cert dt").all_inner_texts(), page.locator(".cert dd").all_inner_texts(), strict=True))
    assert told["Labels"] == f"{demo.read('maintained_labels').height:,}"
    assert (told["May grade models"], told["May do neither"]) == ("0", told["Labels"]), "simulated evidence grades nothing"
    assert told["Certified by a random sample"] == "nothing yet"
    assert told["Last release"] == "none yet"


def test_a_mark_of_a_chart_leads_to_as_many_labels_as_it_says(folder, page):
    page.goto((folder / "report.html").as_uri())
    marks = page.locator("svg a[href^=index]").evaluate_all(
        "all => all.map(a => [a.getAttribute('href'), [...a.querySelectorAll('.b')].at(-1).textContent])"
    )
    assert len(marks) > 12
    for address, told in marks:
        page.goto("about:blank")
        page.goto((folder / "index.html").as_uri() + address.removeprefix("index.html"))
        assert page.inner_text("#count b") == told


def test_a_point_of_the_report_is_a_label_whose_number_and_relabel_differ(demo, folder, page):
    page.goto((folder / "report.html").as_uri())
    told = page.locator("svg a[href^=labels]").evaluate_all(
        "all => all.map(a => Number(a.getAttribute('href').match(/(\\d+).html/)[1]))"
    )
    expected = demo.read("label_evidence").filter(pl.col("likely_error") & (pl.col("comparison") == "relative"))["uid"]
    assert sorted(told) == sorted(expected)
    table = page.locator(".alt", has_text="furthest apart first")
    table.locator("summary").click()
    assert sorted(map(int, table.locator("tbody th").all_inner_texts())) == sorted(expected)


def test_every_question_on_a_rule_is_a_card_with_its_labels_and_its_ruling(demo, folder, page):
    cards = demo.read("rule_cards")
    row = cards.sort("labels").row(0, named=True)
    page.goto((folder / "report.html").as_uri() + f"#card-{row['card']}")
    assert page.locator(".card").count() == cards.height
    card = page.locator(f"#card-{row['card']}")
    assert card.is_visible(), "a link opens the fold that it points into"
    card.locator("summary").click()
    assert list(map(int, card.locator(".uids").inner_text().split())) == json.loads(row["uids"])
    ruled = cards.filter(pl.col("ruling").is_not_null())
    assert page.locator(".card .chip.good").count() == ruled.height
    assert ruled.height
    for card in ruled["card"]:
        said = demo.read("rulings").filter(card=card).sort("reviewer")
        names = "; ".join(
            f"{reviewer}: {choice.replace('_', ' ')}" for reviewer, choice in said["reviewer", "choice"].iter_rows()
        )
        assert f"({names})" in page.locator(f"#card-{card} footer").text_content()
    assert f"{ruled.height} of them ruled" in page.inner_text("#h-rules")


def test_a_phase_without_data_has_no_bar(written):
    stored, listed, *_ = written[1]
    none = {name: stored[name].clear() for name in ("physician_labels", "physician_consensus", "leaderboard", "key_effects")}
    blank = listed.with_columns(relabel=pl.lit(NO_VOTES), reason=pl.lit("Unresolved"))
    report = report_page({**stored, **none}, blank, [], "v1.0")
    assert "Its own entities" in report
    assert not re.findall(r"Relabelled blind</text>|Physicians</text>|Who agrees with physicians|to scores", report)
    assert "no physician has answered" in report


def test_scores_between_keys_are_a_line_per_run_in_the_colour_of_what_is_known(written):
    stored, listed, rates, _ = written[1]
    names = tables.KEY_EFFECTS.polars_schema
    row = {"key": "candidate", "n": 100, "gained": 20, "lost": 5, "effect": 0.15, "p": 0.01, "right_before": 41, "right": 56}
    row |= {"model": "m", "family": "f", "by_calculator": "{}", "by_reason": "{}", "by_stratum": "{}"}
    effects = pl.DataFrame(
        [row | {"run": "surely better", "low": 0.05, "high": 0.2}, row | {"run": "as good", "low": -0.1, "high": 0.3}],
        schema=names,
    )
    report = report_page({**stored, "key_effects": effects}, listed, rates, "v1.0")
    assert "Right by v1.0 and by candidate: as good 41.0% to 56.0%; surely better 41.0% to 56.0%" in report
    slope = report.split("Right by v1.0 and by candidate:")[1].split("</svg>")[0]
    assert slope.count('<line class="s-good"') == slope.count('<line class="s-q"') == 1
    places = [float(y) for y in re.findall(r'<text x="188" y="([\d.]+)"', slope)]
    assert abs(places[0] - places[1]) >= 17, "names do not lie on each other"


def test_a_page_prints_dark_on_light_with_all_that_is_folded(folder, browser):
    page = browser.new_page(color_scheme="dark")
    page.goto((folder / "report.html").as_uri())
    assert page.locator("main .fold:not([open])").count() > 5
    assert page.pdf()[:4] == b"%PDF"
    assert page.locator("main .fold:not([open])").count() == 0
    page.emulate_media(media="print")
    ink, paper = (page.evaluate(f"getComputedStyle(document.body).{each}") for each in ("color", "backgroundColor"))
    assert sum(map(int, re.findall(r"\d+", ink)[:3])) < 200, (ink, paper)
    assert page.locator(".alt").first.is_hidden()
    page.close()


def test_the_report_tells_how_many_independent_votes_the_votes_amount_to(demo, folder):
    of_votes = demo.read("effective_votes").row(by_predicate=pl.col("phase") == "relabel", named=True)
    row = re.sub(
        r"<[^>]+>|\s+", " ", (folder / "report.html").read_text(encoding="utf-8").rpartition("Independent votes")[2]
    )
    told = f"{of_votes['effective']:.2f} ({of_votes['effective_low']:.2f} to {of_votes['effective_high']:.2f})"
    assert 4 < of_votes["effective"] < 5
    assert f"2 simulated 5 {of_votes['labels']} {of_votes['error_rate']:.1%}" in " ".join(row.split())
    assert told in row


def test_the_strip_says_how_many_independent_votes_the_relabel_rests_on(demo, folder):
    of_votes = demo.read("effective_votes").row(by_predicate=pl.col("phase") == "relabel", named=True)
    uid = demo.read("input_votes")["uid"][0]
    page = (folder / "labels" / f"{uid}.html").read_text(encoding="utf-8")
    assert f"By simulated; 5 votes worth {of_votes['effective']:.1f} independent ones</p>" in page
    rows = demo.read("effective_votes").to_dicts()
    for phase in ("audit", "relabel", "inputs"):
        assert amount(rows, phase) in page


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
    ours = [Step("age in years: <50 +0", "age: 61 years", "+1"), Step("Glasgow Coma Score: 15 minus it", "12", "+3")]
    theirs = [
        Step("age in years: other words", "age: 61 years", "+1"),
        Step("Glasgow Coma Score: 1 point each", "12", "+12"),
    ]
    coma, age = lines(ours, theirs)
    assert (coma.item, coma.published, coma.original, coma.apart) == ("Glasgow Coma Score", "+3", "+12", "+9")
    assert coma.otherwise == "1 point each"
    assert (age.item, age.differs, age.apart) == ("age in years", False, "")


def test_what_came_after_a_release_is_told_in_words_on_the_first_screen_and_fits_the_smallest(demo, folder, page, tmp_path):
    row = demo.read("rule_cards").filter(pl.col("ruling").is_not_null()).row(0, named=True)
    uid = json.loads(row["uids"])[0]
    rows = rows_of(demo.settings.warehouse, uid)
    now, long = from_row(rows["maintained_labels"][0], "final"), "Lee" * 26
    for hours, event, actor, value, detail in (
        (1, "released", "1.1.0", "8", f"in release 1.1.0, manifest {'0' * 64}"),
        (2, "adjudicated", long, str(now), "computable"),
        (
            2,
            "ruled",
            "physicians' rulings",
            "25.377915914151917",
            f'{{"{row["card"]}": "wrong"}}; the original is shown wrong',
        ),
    ):
        happened = dt.datetime(2030, 1, 1, hours, tzinfo=dt.UTC)
        rows["label_events"].append(
            {**rows["label_events"][0], "event": event, "actor": actor, "value": value, "detail": detail, "before": None}
            | {"sequence": 0, "happened_at": happened, "run_id": f"{hours}"}
        )
    shutil.copytree(folder, tmp_path / "report")
    (tmp_path / "report" / "labels" / f"{uid}.html").write_text(label_page(rows, []))
    page.set_viewport_size({"width": 320, "height": 800})
    page.goto((tmp_path / "report" / "labels" / f"{uid}.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    fact = page.locator(".facts > div", has_text="Since 1.1.0").inner_text()
    assert "Was 8" in fact
    assert f"New: answered blind by {long} and ruled on by physicians. History" in " ".join(fact.split())
    titles = page.locator(".time h3").all_inner_texts()
    assert titles[-3:] == ["Released in 1.1.0: 8", f"Answered blind by {long}: {now}", "Ruled on by physicians: 25.3779"]
    assert page.locator(".time p").last.inner_text().startswith(f"{row['question']} Wrong; the original is shown wrong")
    assert f"Ruled: {row['ruling']}" in page.inner_text(".rules")
    assert f"simulated: {row['ruling']}" in page.inner_text(".rules")


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


def test_a_label_shows_what_blind_readers_found_of_each_input(demo, folder, page):
    row = demo.read("input_consensus").filter(pl.col("inputs").str.len_chars() > 2).sort("uid").row(0, named=True)
    page.goto((folder / "labels" / f"{row['uid']}.html").as_uri())
    fold = page.locator(".fold", has_text="blind readers find the inputs")
    fold.locator("summary").click()
    told = fold.inner_text()
    assert row["explanation"] in told
    for each in json.loads(row["inputs"]):
        assert f"{each['n_agree']} of {each['n_votes']}" in told
        assert each["input"] in told


def test_numbers_that_are_all_the_same_have_a_chart(written):
    stored, rows, rates, _ = written[1]
    nought = stored["label_evidence"].with_columns(label_number=pl.lit(0.0), relabel_number=pl.lit(0.0))
    assert "Original against relabel, numbers:" in report_page({**stored, "label_evidence": nought}, rows, rates, "v1.0")
