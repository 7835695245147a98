import pytest
from click.testing import CliRunner

from medcalc_assets.benchmarks.demo import original_rows
from medcalc_assets.calculators import KEYS
from medcalc_assets.cli import main
from medcalc_assets.defs.stage import tags_of_runs
from medcalc_assets.release.releases import labels_in


def medcalc(*arguments, **environment):
    return CliRunner(env={"COLUMNS": "160", "DAGSTER_HOME": None, **environment}).invoke(main, [*arguments])


@pytest.fixture
def dagster_home(tmp_path, dagster_in_memory):
    return str(tmp_path / "dagster")


def test_help_has_examples_and_the_meaning_of_exit_codes():
    shown = medcalc("--help")
    assert shown.exit_code == 0
    assert "medcalc run --source hf" in shown.output
    assert "Exit codes" in shown.output
    assert "Examples" in medcalc("run", "--help").output


def test_summary_and_export_show_the_demo_as_simulated(demo):
    home = demo.settings.home
    shown = medcalc("summary", MEDCALC_HOME=home)
    assert shown.exit_code == 0
    assert "SIMULATED" in shown.output
    assert f"{len(original_rows())} instances of {len(KEYS)} calculators" in shown.output
    assert f"of all {len(original_rows())}" in shown.output
    exported = medcalc("export", "--home", home)
    assert exported.exit_code == 0
    assert "DEMO_medcalc_bench_1.1.0-candidate.csv" in exported.output.replace("\n", "")


def test_the_demo_is_simulated_without_an_auditor_too(tmp_path, dagster_home):
    """A physician of the demo is as invented as its auditor."""
    home = {"MEDCALC_HOME": str(tmp_path / "home"), "DAGSTER_HOME": dagster_home}
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
    assert len(marked) == 3
    assert medcalc("pages", **home).exit_code == 0
    for page in ("report.html", "index.html"):
        assert "DEMO: simulated votes and physicians" in (tmp_path / "home" / "report" / page).read_text()


def test_run_of_two_partitions_shows_progress_and_what_to_do_next(dagster_home):
    ran = medcalc("run", "-c", "body_mass_index", "-c", "glasgow_coma_score", DAGSTER_HOME=dagster_home)
    assert ran.exit_code == 0, ran.output
    assert "12 instances of 2 calculators" in ran.output
    assert "medcalc export" in ran.output


def test_an_unknown_partition_is_wrong_usage_that_names_the_known_ones():
    ran = medcalc("run", "-c", "apgar")
    assert ran.exit_code == 2
    assert "apgar: no such partition" in ran.output
    assert "glasgow_coma_score" in ran.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "--source", "nowhere.csv"), "nowhere.csv does not exist"),
        (("run", "--auditor", "oracle"), "MEDCALC_AUDITOR (--auditor) is 'oracle'"),
        (("run", "--authors", "nowhere"), "MEDCALC_AUTHORS (--authors) names the folder"),
        (("summary",), "does not exist yet: run the chain first"),
        (("export",), "does not exist yet: run the chain first"),
    ],
)
def test_a_mistake_is_told_without_a_traceback(arguments, message, dagster_home):
    result = medcalc(*arguments, *(("-c", "body_mass_index") if arguments[0] == "run" else ()), DAGSTER_HOME=dagster_home)
    assert result.exit_code == 1
    assert message in result.output
    assert "Traceback" not in result.output


def test_calc_prints_the_value_with_its_working():
    shown = medcalc("calc", "21", "eye=4", "verbal=5", "motor=6")
    assert shown.exit_code == 0
    assert "Answer: 15 points" in shown.output
    assert "not for the care of patients" in shown.output
    assert medcalc("calc", "glasgow_coma_score", "eye=4", "verbal=5", "motor=6").output == shown.output


def test_calc_tells_what_another_convention_gives():
    assert "Katz" in medcalc("calc", "26", "sodium=130", "glucose=400").output


def test_calc_without_inputs_lists_them():
    shown = medcalc("calc", "21")
    assert shown.exit_code == 0
    assert "eyes open spontaneously" in shown.output


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (("99",), 2, "99 is no calculator"),
        (("apgar",), 2, "apgar is no calculator"),
        (("3", "sex=female", "age=61"), 1, "creatinine"),
        (("21", "nose=4"), 1, "unknown key"),
        (("64", "na=140", "cl=100", "hco3=24"), 1, "not computable"),
        (("3", "sex=female", "age=61", "creatinine=80kg"), 1, "kg"),
    ],
)
def test_calc_says_what_is_missing_or_wrong(arguments, exit_code, message):
    shown = medcalc("calc", *arguments)
    assert shown.exit_code == exit_code
    assert message in shown.output
    assert "Traceback" not in shown.output


def test_calculators_lists_all_with_their_references():
    shown = medcalc("calculators")
    assert shown.exit_code == 0
    assert "Teasdale" in shown.output
    assert "framingham_risk" in shown.output


@pytest.mark.parametrize(
    ("positions", "ranges"), [([0, 1, 2], [(0, 2)]), ([5, 1, 2], [(1, 2), (5, 5)]), ([], []), ([54, 54], [(54, 54)])]
)
def test_neighbouring_partitions_are_run_at_once(positions, ranges):
    tags = tags_of_runs(KEYS[position] for position in positions)
    assert [tuple(KEYS.index(key) for key in each.values()) for each in tags] == ranges
