"""Cards in packets: out, back as rulings, and into the labels that hang on them."""

import json

import openpyxl
import pytest
from click.testing import CliRunner

from medcalc_assets.calculators import CALCULATORS
from medcalc_assets.calculators.cards import about, question
from medcalc_assets.cli import main
from medcalc_assets.labels.cards import Card, all_in_order
from medcalc_assets.physicians.packet import Packets
from medcalc_assets.physicians.returned import PacketError
from medcalc_assets.physicians.returned import calculator_of as of
from medcalc_assets.storage.tables import RAW_MEDCALC

CYCLES = Card(68, "defect", "takes every cycle to be of 28 days")


@pytest.fixture
def packets(demo, tmp_path):
    return Packets(tmp_path)


@pytest.fixture(scope="module")
def types(demo):
    return dict(demo.settings.warehouse.read(RAW_MEDCALC, columns=["uid", "output_type"]).iter_rows())


@pytest.fixture
def issued(packets, demo):
    """The spreadsheet of a packet of three cards."""
    folder = packets.issue(demo.settings.warehouse, "Dr Lee", 3, orders=["cards"])
    return folder / f"{folder.name}.xlsx"


def ruled(path, **cells):
    """Every case and card answered: a card by its first choice, and these columns of the first row."""
    known = json.loads((path.parent / "packet.json").read_text())["cards"]
    workbook = openpyxl.load_workbook(path)
    sheet = workbook["cases"]
    names = [cell.value for cell in sheet[1]]
    for row in range(2, sheet.max_row + 1):
        uid = str(sheet.cell(row, 1).value)
        sheet.cell(row, 4).value = known[uid]["choices"][0] if uid in known else 7
        sheet.cell(row, names.index("rationale") + 1).value = "as in the guideline"
    for name, value in cells.items():
        sheet.cell(2, names.index(name) + 1).value = value
    workbook.save(path)
    return path


def test_a_card_shows_rule_source_example_what_the_original_does_and_upstreams_stand():
    entities = {"Last menstrual date": "12/17/2009", "cycle length": 21}
    assert question(CYCLES) == ("Estimated of Conception: v1.0 takes every cycle to be of 28 days. Is it right in that?")
    text = about(CYCLES, 19, "When?", "The note.", entities)
    assert f"The published rule: {CALCULATORS[68].source}." in text
    assert "* cycle length: 21 days" in text
    assert "The published rule gives 12/24/2009; v1.0, with this difference alone, gives 12/31/2009." in text
    assert "* otherwise: Estimated of Conception: last menstrual period + 14 days, whatever the cycle; 12/31/2009" in text
    assert "gives what the published rule gives on 0 of the 19 labels of this calculator" in text
    assert "declares 14 days after the last period whatever the cycle" in text
    assert text.endswith("19 labels hang on this.")
    assert "The note." not in text


def test_a_card_on_a_reading_shows_a_case_and_a_convention_its_source():
    entities = {"Sodium": [135.0, "mEq/L"], "Chloride": [105.0, "mEq/L"], "Bicarbonate": [6.0, "mEq/L"]}
    reading = about(Card(63, "reading", "missing"), 1, "What is the gap?", "Sodium 135.", entities)
    assert "One case. Its question: What is the gap?\n\nIts note:\nSodium 135.\n" in reading
    assert "From that the published rule gives 12 mEq/L." in reading
    wrenn = next(rule for rule in CALCULATORS[63].alternatives if "Wrenn" in rule.name)
    convention = about(Card(63, "convention", wrenn.name), 6, "", "", entities)
    assert "the other convention gives −6 mEq/L" in convention
    assert "Sodium 135." not in convention


def test_the_cards_of_a_packet_are_the_first_open_ones_and_say_nothing_of_a_model(demo, issued):
    cards = [row["card"] for row in all_in_order(demo.read("rule_cards").to_dicts())]
    sheet = openpyxl.load_workbook(issued)["cases"]
    rows = {row[0]: row for row in sheet.iter_rows(min_row=2, values_only=True)}
    assert set(rows) == set(cards[:3])
    by_id = {row["card"]: row for row in demo.read("rule_cards").to_dicts()}
    for card, (_, asked, note, *answers) in rows.items():
        assert asked == by_id[card]["question"]
        assert note.startswith(by_id[card]["about"])
        assert note.endswith("* case_by_case: it differs from case to case")
        assert set(answers) == {None}
    form = issued.with_suffix(".html").read_text().casefold()
    assert not [word for word in ("relabel", "shows wrong", "simulated", "answered:") if word in form]
    assert form.count('<option value="case_by_case">') == 3
    assert "cannot be computed</option>" in form


def test_rulings_come_back_from_a_spreadsheet(packets, issued, types):
    assert packets.ingest(ruled(issued, value="case_by_case", confidence="high"), types) == 3
    rows = packets.rulings()
    assert {row["reviewer"] for row in rows} == {"Dr Lee"}
    assert sorted(row["choice"] == "case_by_case" for row in rows) == [False, False, True]
    assert {row["rationale"] for row in rows} == {"as in the guideline"}
    assert next(row["confidence"] for row in rows if row["choice"] == "case_by_case") == "high"
    assert packets.ingest(issued, types) is None, "the same bytes again"


def test_the_last_ruling_of_a_reviewer_counts_and_says_what_it_supersedes(packets, issued, types, caplog):
    packets.ingest(ruled(issued), types)
    packets.ingest(ruled(issued, value="case_by_case"), types)
    assert sum(row["choice"] == "case_by_case" for row in packets.rulings()) == 1
    assert len(packets.rulings()) == 3
    assert "supersedes the earlier answers of Dr Lee" in caplog.text


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"value": "maybe"}, "the ruling on the card is 'maybe'. Give one of"),
        ({"value": "7"}, "the ruling on the card is '7'. Give one of"),
        ({"cannot_be_computed": "yes"}, "Give one of"),
        ({"confidence": "very"}, "Choose high, medium, low, or nothing"),
        ({"note": "something else"}, "is not what was sent"),
        ({"uid": "15-defect-00000000"}, "is not in the packet"),
    ],
)
def test_what_is_no_ruling_is_refused_whole(packets, issued, types, cells, message):
    with pytest.raises(PacketError, match="nothing was taken over") as refused:
        packets.ingest(ruled(issued, **cells), types)
    assert message in str(refused.value)
    assert "row 2" in str(refused.value)
    assert packets.rulings() == []


def test_a_form_asks_of_a_card_only_what_a_card_needs_and_comes_back(packets, issued, types, browser):
    page = browser.new_page()
    page.goto(issued.with_suffix(".html").as_uri())
    section = page.locator("section").first
    asked = [each.get_attribute("name") for each in section.locator("[name]").all()]
    assert asked == ["value", "guideline", "rationale", "confidence"]
    for each in page.locator("section").all():
        each.locator("[name=value]").select_option(index=1)
    page.reload()
    assert page.inner_text("#count") == "3"
    with page.expect_download() as download:
        page.click("#save")
    download.value.save_as(saved := issued.with_name("saved.json"))
    assert packets.ingest(saved, types) == 3
    known = json.loads((issued.parent / "packet.json").read_text())["cards"]
    assert {row["card"]: row["choice"] for row in packets.rulings()} == {
        card: asked["choices"][0] for card, asked in known.items()
    }
    page.close()


def test_cards_and_cases_are_mixed_by_turns_and_nobody_gets_one_twice(packets, demo, types):
    store = demo.settings.warehouse
    folder = packets.issue(store, "Dr Lee", 6, orders=["cards", "paper"])
    known = json.loads((folder / "packet.json").read_text())
    assert (len(known["cards"]), len(known["cases"])) == (3, 3)
    assert packets.ingest(ruled(folder / f"{folder.name}.xlsx"), types | dict.fromkeys(map(int, known["cases"]), "integer"))
    again = json.loads((packets.issue(store, "Dr Lee", 6, orders=["cards", "paper"]) / "packet.json").read_text())
    assert not again["cards"].keys() & known["cards"].keys()
    assert not again["cases"].keys() & known["cases"].keys()


def test_the_likely_order_asks_first_what_settles_more_than_an_answer_could(packets, demo):
    cards = [row for row in all_in_order(demo.read("rule_cards").to_dicts()) if row["shows_wrong"]]
    folder = packets.issue(demo.settings.warehouse, "Dr Lee", len(cards) + 1, orders=["likely"])
    known = json.loads((folder / "packet.json").read_text())
    first = demo.read("review_orders").sort("likely")["uid"][0]
    assert (set(known["cards"]), list(known["cases"])) == ({row["card"] for row in cards}, [str(first)])


def test_a_ruling_decides_on_the_labels_that_hang_on_its_card(demo_again, types):
    """From packet to label, history, trace, report and verify; and a card goes to a second reviewer where one is wanted."""
    chain = demo_again()
    store, home = chain.settings.warehouse, chain.settings.home
    card = next(
        row
        for row in all_in_order(chain.read("rule_cards").to_dicts())
        if row["subject"] == "missing" and row["determines"]
        if chain.read("physician_consensus").filter(uid=json.loads(row["uids"])[0]).is_empty()
    )
    (uid,) = json.loads(card["uids"])
    folder = chain.settings.packets.issue(store, "Dr Lee", 500, orders=["cards"])
    path = folder / f"{folder.name}.xlsx"
    workbook = openpyxl.load_workbook(path)
    for row in workbook["cases"].iter_rows(min_row=2):
        if row[0].value == card["card"]:
            row[3].value = "not_computable"
    workbook.save(path)
    run = CliRunner(env={"COLUMNS": "200"})
    assert "took over 1 answers" in run.invoke(main, ["ingest", str(path), "--home", home]).output
    status = run.invoke(main, ["status", "--home", home]).output
    assert f"medcalc run -c {card['calculator']}" in status
    assert f"1 of {workbook['cases'].max_row - 1} cases answered" in status
    chain.run()
    label = chain.read("maintained_labels").filter(uid=uid).row(0, named=True)
    assert (label["reason"], label["final_kind"], label["state"]) == ("ruled", "na", "not_computable")
    (event,) = chain.read("label_events").filter(event="ruled", uid=uid).to_dicts()
    assert event["value"] == "N/A"
    assert event["detail"] == f'{{"{card["card"]}": "not_computable"}}; the original is shown wrong'
    told = run.invoke(main, ["trace", str(uid), "--home", home]).output
    assert "Ruled not_computable, 1 of 1 physicians agree" in " ".join(told.split())
    listed = run.invoke(main, ["cards", "--home", home]).output
    assert f"{card['card']}: 1 label; not_computable, 1 of 1" in listed
    assert run.invoke(main, ["verify", "--home", home]).exit_code == 0
    with pytest.raises(PacketError, match="no case left in the order cards"):  # Dr Lee has ruled on it, or still has it
        chain.settings.packets.issue(store, "Dr Roe", 500, 1, ["cards"])
    again = json.loads((chain.settings.packets.issue(store, "Dr Kim", 500, 2, ["cards"]) / "packet.json").read_text())
    assert card["card"] in again["cards"], "two are wanted, and one has ruled"
    with store.connect() as connection:
        connection.execute("UPDATE medcalc.rulings SET choice = 'absent' WHERE card = ?", [card["card"]])
    found = run.invoke(main, ["verify", "--home", home])
    assert found.exit_code == 3
    assert f"choice was not_computable, is absent: the ruling on card {card['card']}" in " ".join(found.output.split())


@pytest.mark.parametrize(
    "text", ["", "15-defect", "x-defect-00000000", "15-defect-0000000g", "155-defect-00000000", 3, None]
)
def test_what_is_no_id_of_a_card_is_known(text):
    assert of(text) is None
    assert of(CYCLES.id) == 68
