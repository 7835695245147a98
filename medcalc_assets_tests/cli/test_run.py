import re

import polars as pl
import pytest

from medcalc_assets.benchmarks.demo import original_rows
from medcalc_assets.calculators import KEYS
from medcalc_assets.defs.stage import tags_of_runs
from medcalc_assets.release.releases import labels_in
from medcalc_assets.storage.tables import RAW_MEDCALC, TABLES
from medcalc_assets.storage.warehouse import Warehouse
from medcalc_assets_tests.cli import document, medcalc


def test_run_of_two_calculators_shows_progress_the_finding_and_what_to_do_next(tmp_path):
    settings = {"DAGSTER_HOME": str(tmp_path / "dagster"), "MEDCALC_HOME": str(tmp_path / "home")}
    ran = medcalc("run", "-c", "body_mass_index", "-c", "21", **settings)
    assert ran.exit_code == 0, ran.output
    assert "12 instances of 2 calculators" in ran.output
    assert re.search(r" (\d+)/\1 ", ran.output), "every step is counted"
    assert "medcalc export" in ran.output.splitlines()[-1]
    found = document("status", **settings)
    assert [each["source"] for each in found["sources"]] == ["demo"]
    assert {each["written"] for each in found["tables"] if each["partitions"] > 1} == {2}
    assert not any(each["stale"] for each in found["tables"])
    assert found["next"] == {"command": "medcalc run", "why": "some calculators have not been run"}


def test_strict_refuses_a_source_for_one_row_and_says_which(tmp_path, dagster_in_memory):
    path, home = tmp_path / "benchmark.csv", {"MEDCALC_HOME": str(tmp_path / "home")}
    rows = pl.DataFrame(original_rows()[:12])
    rows[4, "Lower Limit"] = "abc"
    rows.write_csv(path)
    refused = medcalc("run", "--strict", "--source", str(path), "-c", KEYS[0], **home)
    assert refused.exit_code == 1
    told = f"SourceError {path}, row 6 (uid 5): 'Lower Limit' is 'abc', which is no number, date or N/A. Correct the cell or"
    assert told in refused.output
    assert "Traceback" not in refused.output
    ran = medcalc("run", "--source", str(path), "-c", KEYS[0], MEDCALC_STRICT=None, **home)  # the option had set it
    assert ran.exit_code == 0, ran.output
    assert "In quarantine: 1 of the source's rows, which cannot be read" in ran.output


def test_the_demo_is_simulated_without_an_auditor_too(tmp_path, dagster_in_memory):
    """A physician of the demo is as invented as its auditor."""
    home = {"MEDCALC_HOME": str(tmp_path / "home")}
    ran = medcalc("run", "--auditor", "none", "-c", "glasgow_coma_score", **home)
    assert ran.exit_code == 0, ran.output
    assert "SIMULATED" in ran.output
    assert medcalc("export", "--to", str(tmp_path / "files"), **home).exit_code == 0
    labels = labels_in(tmp_path / "files")
    assert "physician" in labels["Reason"]
    assert labels["Simulated"].all()
    assert labels["Ground Truth Explanation"].str.starts_with("[SIMULATED] ").all()
    assert not (labels["Evaluation"] | labels["Reward"]).any()
    marked = {path.name for path in (tmp_path / "files").iterdir() if path.name.startswith("DEMO_medcalc_bench_")}
    assert len(marked) == 6, "all labels, the rewards and the history, too"
    wrote = medcalc("pages", **home).output.splitlines()
    report = tmp_path / "home" / "report"
    assert wrote[0] == f"wrote {report / 'report.html'}"
    assert len(wrote) == 1, "without votes nothing is relabelled, and no label is named as worth reading"
    for page in ("report.html", "index.html"):
        assert "DEMO: simulated votes and physicians" in (tmp_path / "home" / "report" / page).read_text()


def test_open_shows_the_report_or_a_label_and_says_what_writes_them(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or len(opened) == 1)
    home = {"MEDCALC_HOME": str(tmp_path)}
    missing = medcalc("open", **home)
    assert (missing.exit_code, missing.output) == (
        1,
        f"MedcalcError There is no {tmp_path / 'report' / 'report.html'}: `medcalc pages` writes the report and a page for "
        "each label.\n",
    )
    (tmp_path / "report" / "labels").mkdir(parents=True)
    for name in ("report.html", "labels/868.html"):
        (tmp_path / "report" / name).touch()
    assert medcalc("open", **home).output == ""
    label = (tmp_path / "report" / "labels" / "868.html").as_uri()
    assert medcalc("open", "868", **home).output == f"{label}\n", "without a browser"
    assert opened == [(tmp_path / "report" / "report.html").as_uri(), label]


def test_a_forgotten_setting_changes_no_label_and_another_is_refused(tmp_path, dagster_in_memory):
    home = {"MEDCALC_HOME": str(tmp_path / "home")}
    pl.DataFrame(original_rows()).write_csv(tmp_path / "v1.csv")
    warehouse = Warehouse(tmp_path / "home")
    first = medcalc("run", "--auditor", "none", "--source", str(tmp_path / "v1.csv"), "-c", "21", **home)
    assert first.exit_code == 0, first.output
    made_with = {"source": str(tmp_path / "v1.csv"), "authors": "", "auditor": "none"}
    assert document("status", **home)["remembers"] == made_with
    assert re.search(r"remembers +source /\S+", medcalc("status", **home).output)

    assert medcalc("run", "-c", "body_mass_index", **home).exit_code == 0
    raw = warehouse.read(RAW_MEDCALC, columns=["calculator", "source"])
    assert set(raw.unique().iter_rows()) == {("glasgow_coma_score", "v1.csv"), ("body_mass_index", "v1.csv")}

    refused = medcalc("run", "--source", "demo", **home)
    assert (refused.exit_code, refused.output) == (
        1,
        f"SettingsError MEDCALC_SOURCE (--source) is 'demo', and the labels in {tmp_path / 'home'} were made with "
        f"'{tmp_path / 'v1.csv'}': leave it out to go on with that, or give --change (MEDCALC_CHANGE=1) to make every label "
        "anew.\n",
    )
    assert warehouse.read(RAW_MEDCALC, columns=["calculator", "source"]).equals(raw)
    assert medcalc("run", "--source", "demo", "--change", "-c", "21", **home).exit_code == 0
    assert document("status", **home)["remembers"] == made_with | {"source": "demo"}


@pytest.mark.parametrize(
    ("positions", "ranges"), [([0, 1, 2], [(0, 2)]), ([5, 1, 2], [(1, 2), (5, 5)]), ([], []), ([54, 54], [(54, 54)])]
)
def test_neighbouring_partitions_are_run_at_once(positions, ranges):
    tags = tags_of_runs(KEYS[position] for position in positions)
    assert [tuple(KEYS.index(key) for key in each.values()) for each in tags] == ranges


def test_a_re_audit_says_what_it_may_cost_asks_within_it_and_changes_no_label(gemini, tmp_path, dagster_in_memory):
    home = {"MEDCALC_HOME": str(tmp_path / "home")}
    assert medcalc("run", "-c", KEYS[0], "-c", KEYS[2], **home).exit_code == 0
    warehouse = Warehouse(tmp_path / "home")
    before = {name: warehouse.read(TABLES[name]) for name in ("maintained_labels", "audit_flags")}

    for arguments, why in (
        ((), "--auditor is 'simulated': give a model. `medcalc models` lists them."),
        (
            ("--auditor", "gemini-2.5-flash"),
            "--budget is not given: say what it may cost, there or as MEDCALC_REAUDIT_MAX_USD.",
        ),
    ):
        refused = medcalc("reaudit", *arguments, **home)
        assert (refused.exit_code, why in refused.output) == (1, True), refused.output
    assert not gemini.asked

    gemini.models.append("gemini-2.5-flash")
    asked = ("reaudit", "--auditor", "gemini-2.5-flash", "--budget", "20", "--sample", "2")
    ran = medcalc(*asked, **home)
    assert ran.exit_code == 0, ran.output
    assert "audit │ 4 │ 0 │ 8 to 20" in re.sub(" +", " ", ran.output).replace("┃", "│"), ran.output
    assert "It may cost $20.00: no call is made that could cross that." in ran.output
    cost = warehouse.read(TABLES["llm_calls"])["cost_usd"].sum()
    assert f"{len(gemini.asked)} calls: ${cost:.2f}." in ran.output
    flags = warehouse.read(TABLES["audit_flags"])
    sampled = set(flags.filter(pl.col("status") != "not_audited", auditor="gemini-2.5-flash")["uid"])
    assert len(sampled) == 4
    assert flags.filter(auditor="simulated").equals(before["audit_flags"])
    assert warehouse.read(TABLES["maintained_labels"]).equals(before["maintained_labels"])

    calls = len(gemini.asked)
    assert "0 calls: $0.00." in medcalc(*asked, **home).output
    assert len(gemini.asked) == calls, "what is asked once is in the ledger"
    assert medcalc(*asked, "--seed", "1", **home).exit_code == 0
    flags = warehouse.read(TABLES["audit_flags"])
    other = set(flags.filter(pl.col("status") != "not_audited", auditor="gemini-2.5-flash")["uid"])
    assert other != sampled, "another seed is another sample"
