import datetime as dt
import json
import random

import openpyxl
import polars as pl
import pytest
from click.testing import CliRunner
from openpyxl.worksheet.formula import ArrayFormula

from medcalc_assets.calculators import BY_SLUG
from medcalc_assets.cli import main
from medcalc_assets.cli.packets import SPECIALTIES as OFFERED
from medcalc_assets.physicians.choosing import SPECIALTIES, of_specialty
from medcalc_assets.physicians.forms import ASKED, GIVEN, Case, form_of, workbook_of
from medcalc_assets.physicians.packet import DAYS, Packets
from medcalc_assets.physicians.returned import PacketError, read_json
from medcalc_assets.storage.tables import RAW_MEDCALC

A = {"packet": "a-1", "reviewer": "A", "secret": "s"}


@pytest.fixture
def packets(demo, tmp_path):
    """Packets of a folder of its own, with the warehouse of the demo."""
    return Packets(tmp_path)


@pytest.fixture(scope="module")
def types(demo):
    return dict(demo.settings.warehouse.read(RAW_MEDCALC, columns=["uid", "output_type"]).iter_rows())


def answer_for(output_type):
    return "03/04/2024" if output_type == "date" else 7


def filled(path, types, change=lambda sheet: None):
    workbook = openpyxl.load_workbook(path)
    sheet = workbook["cases"]
    for row in range(2, sheet.max_row + 1):
        sheet.cell(row, 4).value = answer_for(types[sheet.cell(row, 1).value])
    change(sheet)
    workbook.save(path)
    return path


def issued(packets, demo, reviewer="Dr Lee", n=6, **how):
    folder = packets.issue(demo.settings.warehouse, reviewer, n, **how)
    return folder / f"{folder.name}.xlsx"


def test_a_packet_is_blind(demo, packets):
    """It holds note and question of its cases, what is asked, and not a word of what was computed from them."""
    path = issued(packets, demo, n=200)
    workbook = openpyxl.load_workbook(path)
    sheet = workbook["cases"]
    assert [cell.value for cell in sheet[1]] == [*GIVEN, *ASKED]
    raw = {row["uid"]: row for row in demo.read("raw_medcalc").iter_rows(named=True)}
    for uid, question, note, *answers in sheet.iter_rows(min_row=2, values_only=True):
        assert (question, note) == (raw[uid]["question"], raw[uid]["note"])
        assert set(answers) == {None}
    about = " ".join(str(cell.value) for row in workbook["about"].iter_rows() for cell in row)
    form = path.with_suffix(".html").read_text().casefold()
    assert not [word for word in ("relabel", 'limit"', "entities", "tier", "queue", "ground truth") if word in form]
    tasks = json.loads((path.parent / f"{path.stem}_label_studio.json").read_text())
    assert {key for task in tasks for key in task} == {"data"}
    assert {key for task in tasks for key in task["data"]} == {"packet", "reviewer", "secret", *GIVEN}
    assert not {"label", "relabel", "limit", "entities", "tier", "queue"} & set(about.casefold().split())


def uids_of(path):
    return [row[0].value for row in openpyxl.load_workbook(path)["cases"].iter_rows(min_row=2)]


def test_the_order_of_a_packet_tells_nothing_of_the_queue(demo, packets):
    order = uids_of(issued(packets, demo, n=40))
    assert order != sorted(order)
    random.Random("dr-lee-1").shuffle(expected := sorted(order))
    assert order == expected


def test_no_packet_has_cases_of_one_kind_and_one_in_five_is_a_control(demo, packets):
    """Tiers and calculators take turns, so that neither an answer nor why a case is there can be guessed."""
    asked = uids_of(issued(packets, demo, n=10, orders=["paper"]))
    queue = demo.read("adjudication_queue")
    of_queue = queue.filter(queue["uid"].is_in(asked))
    waits = queue.join(demo.read("physician_labels"), on="uid", how="anti")
    assert set(of_queue["tier"]) == set(waits["tier"])
    assert of_queue["calculator"].n_unique() == of_queue.height
    controls = demo.read("label_evidence").filter(~pl.col("uid").is_in(queue["uid"].implode()), pl.col("uid").is_in(asked))
    assert controls.height == 2
    assert set(controls["likely_error"]) == {False}


def test_whoever_has_a_case_keeps_it_from_others_until_it_is_overdue(demo, packets):
    three = [set(uids_of(issued(packets, demo, who, 8))) for who in ("Dr Lee", "Dr Ray", "Dr Kim")]
    assert len(set.union(*three)) == 24
    record = packets.folder / "dr-lee-1" / "packet.json"
    about = json.loads(record.read_text())
    long_ago = dt.datetime.fromisoformat(about["issued_at"]) - dt.timedelta(days=DAYS, seconds=1)
    record.write_text(json.dumps(about | {"issued_at": long_ago.isoformat()}))
    assert three[0] & set(uids_of(issued(packets, demo, "Dr Roe", 8)))
    assert not three[0] & set(uids_of(issued(packets, demo, "Dr Lee", 8))), "who had a case is not asked again"


def test_a_case_that_was_answered_goes_to_nobody_before_the_next_run_and_a_withdrawn_one_does(demo, packets, types):
    path = filled(issued(packets, demo, n=2, orders=["paper"]), types)
    packets.ingest(path, types)
    record = packets.folder / "dr-lee-1" / "packet.json"
    about = json.loads(record.read_text())
    record.write_text(json.dumps(about | {"issued_at": "2020-01-01T00:00:00+00:00"}))  # overdue: it reserves nothing
    first = set(uids_of(path))
    assert not first & set(uids_of(issued(packets, demo, "Dr Ray", 500)))
    assert packets.withdraw("dr-lee-1", types) == 2
    assert set(uids_of(issued(packets, demo, "Dr Kim", 500))) == first


def test_a_packet_is_of_the_calculators_that_a_reviewer_knows(demo, packets):
    asked = uids_of(issued(packets, demo, n=500, calculators=of_specialty("nephrology")))
    of = dict(demo.read("raw_medcalc").select("uid", "calculator").iter_rows())
    known = {"creatinine_clearance", "ckd_epi_gfr", "mdrd_gfr", "fractional_excretion_of_sodium", "free_water_deficit"}
    assert known <= {of[uid] for uid in asked} <= {BY_SLUG[slug].slug for slug in SPECIALTIES["nephrology"].split()}
    assert set(SPECIALTIES) == set(OFFERED)
    assert {slug for slugs in SPECIALTIES.values() for slug in slugs.split()} == set(BY_SLUG)
    with pytest.raises(PacketError, match="The cases of a plan go out as they were drawn"):
        issued(packets, demo, "Dr Ray", orders=["measure"], calculators={2})


def test_a_packet_goes_on_where_the_last_one_ended_until_nothing_is_left(demo, packets):
    first, second = (set(uids_of(issued(packets, demo, orders=["paper"]))) for _ in range(2))
    assert not first & second
    packets.issue(demo.settings.warehouse, "Dr Lee", 500)
    with pytest.raises(PacketError, match="no case left"):
        packets.issue(demo.settings.warehouse, "Dr Lee", 500)


def test_a_note_that_looks_like_a_formula_stays_text(tmp_path):
    workbook_of(A, [Case(1, "=1+1", '=HYPERLINK("http://evil")\x1b')]).save(tmp_path / "a.xlsx")
    cells = openpyxl.load_workbook(tmp_path / "a.xlsx")["cases"][2]
    assert [cell.data_type for cell in cells[:3]] == ["n", "s", "s"]


def test_answers_stay_as_typed_and_rows_without_one_count_as_not_answered(demo, packets, types):
    path = issued(packets, demo)
    assert {cell.number_format for cell in openpyxl.load_workbook(path)["cases"][2][3:]} == {"@"}

    def unanswered(sheet):
        sheet["D2"].value, sheet["E2"].value, sheet["I2"].value = None, "no", "hm"

    assert packets.ingest(filled(path, types, unanswered), types) == 5


def test_a_case_goes_to_as_many_reviewers_as_are_asked_for(demo, packets):
    alone = set(demo.read("maintained_labels").filter(reason="physician_unexplained")["uid"])
    settled = set(demo.read("physician_consensus")["uid"])
    queued = set(demo.read("adjudication_queue")["uid"])
    first = set(uids_of(issued(packets, demo, n=500)))
    assert first & settled == alone, "a single answer that nothing else gives takes a second opinion"
    assert settled & queued <= set(uids_of(issued(packets, demo, "Dr Ray", 500, per_case=2))) | alone
    again = set(uids_of(issued(packets, demo, "Dr Kim", 500, per_case=3, orders=["again"])))
    assert alone <= again


def test_answers_come_back_once_and_the_file_is_kept(demo, packets, types):
    path = filled(issued(packets, demo), types)
    assert packets.ingest(path, types) == 6
    assert packets.ingest(path, types) is None
    assert next(packets.answers.glob("*.received")).read_bytes() == path.read_bytes()
    rows = packets.taken_over(demo.read("raw_medcalc"))
    assert rows.height == 6
    assert set(rows["reviewer"]) == {"Dr Lee"}


def test_the_last_answer_of_a_reviewer_counts(demo, packets, types):
    path = filled(issued(packets, demo), types)
    packets.ingest(path, types)

    def not_computable(sheet):
        sheet["D2"].value, sheet["E2"].value, sheet["I2"].value = None, "yes", "a cat"

    packets.ingest(filled(path, types, not_computable), types)
    rows = packets.taken_over(demo.read("raw_medcalc"))
    assert rows.height == 6
    assert rows.filter(state="not_computable")["rationale"].to_list() == ["a cat"]


def put(cell, value):
    def change(sheet):
        sheet[cell].value = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("D2", "=1+1"), "cell D2 (value) is a formula without a stored value"),
        (put("D2", ArrayFormula("D2", "=1+1")), "cell D2 (value) is a formula without a stored value"),
        (lambda sheet: (put("I3", "=1+1")(sheet), setattr(sheet["I3"], "data_type", "s")), "I3: begins with '=', a formula"),
        (put("I3", "=cmd|' /C calc'!A0"), "cell I3 (rationale) is a formula without"),
        (put("D1", "answer"), "Restore the columns"),
        (put("A2", 99999), "uid 99999 is not in the packet"),
        (put("C2", "another note"), "is not what was sent"),
        (put("D2", "about 7"), "row 2: value is 'about 7'"),
        (put("E2", "yes"), "both a value and 'cannot be computed'"),
        (put("J2", "very"), "Choose high, medium, low"),
        (lambda sheet: [put(f"D{row}", None)(sheet) for row in range(2, 8)], "no case is answered"),
        (lambda sheet: put("A3", sheet["A2"].value)(sheet), "there twice"),
        (lambda sheet: put("A3", str(sheet["A2"].value))(sheet), "there twice"),
        (lambda sheet: (put("D2", 0.78)(sheet), setattr(sheet["D2"], "number_format", "0.00%")), "D2: is a percentage"),
    ],
)
def test_what_cannot_be_used_is_refused_whole(demo, packets, types, change, message):
    path = filled(issued(packets, demo), types, change)
    with pytest.raises(PacketError) as refused:
        packets.ingest(path, types)
    assert message in str(refused.value)
    assert packets.taken_over(demo.read("raw_medcalc")).is_empty()


def test_all_faults_of_a_file_are_told_at_once(demo, packets, types):
    def change(sheet):
        for cell, value in (("D2", "about 7"), ("J3", "very"), ("E4", "yes"), ("A5", 99999), ("L6", "aside")):
            sheet[cell].value = value

    path = filled(issued(packets, demo), types, change)
    with pytest.raises(PacketError) as refused:
        packets.ingest(path, types)
    told = str(refused.value)
    assert told.startswith(f"{path} has 5 faults; nothing was taken over. ")
    assert "row 2: value is 'about 7'" in told
    assert "row 3: confidence is 'very'. Choose high, medium, low, or nothing." in told
    assert "row 4: has both a value and 'cannot be computed'. Give one of them." in told
    assert "row 5: uid 99999 is not in the packet, or no longer in the benchmark. Restore the uid." in told
    assert "L6: 'aside' is in no column of the packet. Move it to rationale." in told
    assert packets.taken_over(demo.read("raw_medcalc")).is_empty()


def annotated(packets, path, types, kind):
    """An export of Label Studio: annotator 1 answers all, annotator 2 the first case otherwise, as JSON or JSON_MIN."""
    tasks = json.loads((path.parent / f"{path.stem}_label_studio.json").read_text())
    export = []
    for number, task in enumerate(tasks, 1):
        answers = [(1, str(answer_for(types[task["data"]["uid"]])))] + [(2, None)] * (number == 1)
        if kind == "JSON":
            results = [
                {"from_name": "value", "type": "textarea", "value": {"text": [value]}}
                if value
                else {"from_name": "cannot_be_computed", "type": "choices", "value": {"choices": ["yes"]}}
                for _, value in answers
            ]
            export.append(
                {
                    **task,
                    "annotations": [
                        {"completed_by": who, "result": [result], "updated_at": "2026-01-01T00:00:00Z"}
                        for (who, _), result in zip(answers, results, strict=True)
                    ],
                }
            )
        else:
            export += [
                {**task["data"], "id": number, "annotator": who, "updated_at": "2026-01-01T00:00:00Z"}
                | ({"value": value} if value else {"cannot_be_computed": "yes"})
                for who, value in answers
            ]
    (file := path.with_name(f"{kind}.json")).write_text(json.dumps(export))
    return file, tasks[0]["data"]["uid"]


@pytest.mark.parametrize("kind", ["JSON", "JSON_MIN"])
def test_of_two_annotators_each_answer_is_its_own_annotators(demo, packets, types, kind):
    file, first = annotated(packets, issued(packets, demo), types, kind)
    with pytest.raises(PacketError) as refused:
        packets.ingest(file, types)
    assert "has answers of annotators 1, 2. Say who they are: --annotator 1=NAME --annotator 2=NAME." in str(refused.value)
    with pytest.raises(PacketError, match="has no answer of annotator 3, but of 1, 2"):
        packets.ingest(file, types, {"1": "Dr Lee", "2": "Dr Ray", "3": "Dr Kim"})
    assert packets.ingest(file, types, {"1": "Dr Lee", "2": "Dr Ray"}) == 7
    rows = packets.taken_over(demo.read("raw_medcalc"))
    assert rows.group_by("reviewer").len().sort("reviewer").rows() == [("Dr Lee", 6), ("Dr Ray", 1)]
    assert rows.filter(state="not_computable").select("uid", "reviewer").rows() == [(first, "Dr Ray")]
    assert packets.ingest(file, types, {"1": "Dr Lee", "2": "Dr Ray"}) is None, "it was taken over before"


def test_a_case_that_is_not_in_the_packet_or_no_longer_in_the_benchmark_is_refused(demo, packets, types):
    path = filled(issued(packets, demo), types)
    workbook = openpyxl.load_workbook(path)
    first = workbook["cases"]["A2"].value
    workbook["cases"]["A2"].value = elsewhere = min(types.keys() - {row[0].value for row in workbook["cases"].iter_rows()})
    workbook.save(other := path.with_name("other.xlsx"))
    with pytest.raises(PacketError, match=f"row 2: uid {elsewhere} is not in the packet"):
        packets.ingest(other, types)
    with pytest.raises(PacketError, match=f"row 2: uid {first} is not in the packet, or no longer in the benchmark"):
        packets.ingest(path, {uid: output_type for uid, output_type in types.items() if uid != first})


def test_a_stranger_and_a_strange_packet_are_refused(demo, packets, types):
    path = filled(issued(packets, demo), types)
    for cell, value, message in (("B2", "Mallory", "'Mallory' is unknown"), ("B1", "dr-who-1", "no packet 'dr-who-1'")):
        workbook = openpyxl.load_workbook(path)
        workbook["about"][cell].value = value
        workbook.save(other := path.with_name("other.xlsx"))
        with pytest.raises(PacketError, match=message):
            packets.ingest(other, types)
    for name in ("absent.xlsx", "absent.json", "no.xlsx", "no.json", "no.ods", "no.csv"):
        bad = path.with_name(name)
        if not name.startswith("absent"):
            bad.write_text("nothing")
        with pytest.raises(PacketError):
            packets.ingest(bad, types)
    with pytest.raises(PacketError, match="no name"):
        packets.issue(demo.settings.warehouse, "../..", 1)


def test_the_form_is_filled_in_a_browser_kept_over_a_reload_and_comes_back(demo, packets, types, browser):
    path = issued(packets, demo).with_suffix(".html")
    page = browser.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    raw = {row["uid"]: row for row in demo.read("raw_medcalc").iter_rows(named=True)}
    for section in page.locator("section").all():
        uid = int(section.get_attribute("data-uid"))
        assert section.locator("[data-given=note]").inner_text() == raw[uid]["note"]
        section.locator("[name=value]").fill(str(answer_for(types[uid])))
        section.locator("[name=value]").press("Enter")
    first = page.locator("section").first
    first.locator("[name=value]").fill("")
    first.locator("[name=cannot_be_computed]").select_option("yes")
    first.locator("[name=rationale]").fill("=a <b>cat</b>")
    page.reload()
    assert page.inner_text("#count") == "6"
    with page.expect_download() as download:
        page.click("#save")
    download.value.save_as(saved := path.with_name(download.value.suggested_filename))
    assert packets.ingest(saved, types) == 6
    rows = packets.taken_over(demo.read("raw_medcalc"))
    assert rows.filter(state="not_computable")["rationale"].to_list() == ["=a <b>cat</b>"]
    assert all(url.startswith(("file:", "blob:")) for url in asked)
    page.close()


def test_a_form_escapes_what_others_wrote():
    page = form_of(A | {"reviewer": "</script><script>alert(1)"}, [Case(1, "<b>?", "<script>alert(2)</script>\x1b")])
    assert "<script>alert" not in page
    assert "\x1b" not in page


@pytest.mark.parametrize("text", [lambda value: [value], str])
def test_label_studio_comes_back_as_well(demo, packets, types, text):
    path = issued(packets, demo)
    tasks = json.loads((path.parent / f"{path.stem}_label_studio.json").read_text())
    for task in tasks:
        value = str(answer_for(types[task["data"]["uid"]]))
        old = [{"from_name": "value", "to_name": "note", "type": "textarea", "value": {"text": ["1"]}}]
        new = [
            {"from_name": "value", "to_name": "note", "type": "textarea", "value": {"text": text(value)}},
            {"from_name": "confidence", "to_name": "note", "type": "choices", "value": {"choices": ["low"]}},
        ]
        task["annotations"] = [
            {"result": old, "was_cancelled": False},
            {"result": new, "was_cancelled": False},
            {"result": old, "was_cancelled": True},
        ]
    export = path.with_name("export.json")
    export.write_text(json.dumps(tasks))
    assert [said[:2] for said in read_json(export, export.read_bytes())] == [("dr-lee-1", "Dr Lee")]
    assert packets.ingest(export, types) == 6
    rows = packets.taken_over(demo.read("raw_medcalc"))
    assert set(rows["answer_text"]) <= {"7", "03/04/2024"}
    assert set(rows["confidence"]) == {"low"}
    assert 1.0 not in rows["physician_number"].to_list()


def test_answers_move_their_labels_to_physician(demo_again, types):
    chain = demo_again()
    packets = chain.settings.packets
    path = filled(issued(packets, chain, orders=["paper"]), types)
    ran = CliRunner(env={"COLUMNS": "200"}).invoke(main, ["ingest", str(path), "--home", chain.settings.home])
    assert ran.exit_code == 0, ran.output
    assert "took over 6 answers" in ran.output
    again = CliRunner(env={"COLUMNS": "200"}).invoke(main, ["ingest", str(path), "--home", chain.settings.home])
    assert "taken over before" in again.output
    chain.run()
    uids = packets.taken_over(chain.read("raw_medcalc"))["uid"].to_list()
    moved = chain.read("maintained_labels")
    moved = moved.filter(moved["uid"].is_in(uids))
    others = chain.read("physician_labels").filter(pl.col("reviewer") != "Dr Lee").select("uid")
    alone, second = (moved.join(others, on="uid", how=how) for how in ("anti", "semi"))
    assert set(alone["reason"]) <= {"physician", "physician_confirms", "physician_unexplained"}
    assert set(second["reason"]) <= {"unresolved"}, "it differs from the first opinion"
    events = chain.read("label_events").filter(event="adjudicated", actor="Dr Lee")
    assert sorted(events["uid"]) == sorted(uids)
