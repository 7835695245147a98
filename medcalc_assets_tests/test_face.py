"""What `import medcalc_assets` gives a stranger: it costs nothing, shows itself and says what is wrong."""

import doctest
import json
import shutil
import subprocess
import sys
from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import medcalc_assets as mc
from medcalc_assets.benchmarks.demo import original_rows
from medcalc_assets.calculators import BY_SLUG, KEYS
from medcalc_assets.labels.value import NA, as_frame, columns, day, from_row, number
from medcalc_assets.labels.voting import consensus
from medcalc_assets.statistics.agreement import compare_with_physicians

FUNCTIONS = [name for name in mc.__all__ if callable(getattr(mc, name)) and not isinstance(getattr(mc, name), type)]


def examples(name):
    found = getattr(mc, name)
    return [
        test
        for test in doctest.DocTestFinder().find(found, name, module=False, globs={name: found, "Label": mc.Label})
        if test.examples
    ]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_says_what_it_takes_and_its_examples_are_true(name):
    text = getattr(mc, name).__doc__
    assert "    Args:\n" in text
    assert "    Returns:\n" in text
    assert ("    Raises:\n" in text) is (name != "accepts")
    (test,) = examples(name)
    outcome = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test)
    assert (outcome.failed, outcome.attempted) == (0, len(test.examples))


def test_the_example_of_the_package_is_true():
    assert doctest.testmod(mc) == (0, 2)


def test_the_face_lists_every_name_and_no_other():
    assert dir(mc) == sorted(mc.__all__) == sorted(mc._HOMES)
    assert FUNCTIONS == ["accepts", "agreement", "audit", "calc", "load_release", "parse_label", "vote"]
    with pytest.raises(AttributeError, match="module 'medcalc_assets' has no attribute 'grad'"):
        mc.grad  # noqa: B018


@pytest.mark.parametrize(
    "use", ["mc.calc(21, eye=4)", "mc.audit", "mc.vote([1])", "mc.load_release", "mc.agreement([1], [1])"]
)
def test_nothing_of_the_chain_is_imported_for_an_answer(use):
    heavy = ("dagster", "google.genai", "matplotlib", "datasets", "sqlalchemy", "click")
    script = f"import sys, medcalc_assets as mc; {use}; print(*[name for name in {heavy!r} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split() == []


# calc


def test_an_answer_shows_itself():
    found = mc.calc("ckd_epi_gfr", sex="female", age=61, creatinine="80 µmol/L")
    assert repr(found) == "CKD-EPI Equations for Glomerular Filtration Rate: 72.2553 mL/min/1.73 m²"
    assert found.value.number == pytest.approx(72.2553, rel=1e-5)
    assert found.unit == "mL/min/1.73 m²"
    assert (found.missing, found.problems) == ((), ())
    assert "| creatinine | 80.0 µmol/L | 0.90496 mg/dL |" in found._repr_markdown_()
    assert found._repr_markdown_() == found.working


def test_an_answer_that_lacks_an_input_names_it():
    found = mc.calc("ckd_epi_gfr", sex="female", age=61)
    assert (found.value, found.missing) == (None, ("creatinine",))
    assert repr(found) == "CKD-EPI Equations for Glomerular Filtration Rate: not computable (creatinine is missing)"


@pytest.mark.parametrize(
    ("inputs", "shown"),
    [
        ({"eye": 4, "verbal": 5.0, "motor": "6"}, "15 points"),
        ({"eye": 4, "verbal": "confused", "Best motor response": "obeys commands"}, "14 points"),
        ({"eye": 4, "verbal": None, "motor": 6}, "not computable (Best verbal response is missing)"),
    ],
)
def test_a_grade_is_given_by_points_or_in_words(inputs, shown):
    assert repr(mc.calc(21, **inputs)) == f"Glasgow Coma Score (GCS): {shown}"


def test_inputs_may_be_numbers_with_units_truth_values_and_dates():
    assert (
        mc.calc("ckd_epi_gfr", sex="f", age=61, cr=(80, "µmol/L")).value
        == mc.calc(3, sex="f", age="61y", cr="80 umol/L").value
    )
    assert mc.calc("cha2ds2_vasc", sex="Male", age=50, chf=True).value == number(1)
    assert mc.calc("estimated_due_date", lmp=date(2023, 5, 31), cycle=28).value == day(date(2024, 3, 6))


@pytest.mark.parametrize(
    ("calculator", "inputs", "message"),
    [
        ("ckd_epi_gf", {}, "ckd_epi_gf is no calculator, did you mean ckd_epi_gfr? `medcalc calculators` lists them."),
        (99, {}, "99 is no calculator. `medcalc calculators` lists them."),
        (3, {"creatinin": 1}, "ckd_epi_gfr: creatinin: unknown key, did you mean 'creatinine'? ("),
        (3, {"creatinine": "80 mmHg"}, "creatinine: 'mmHg' cannot be converted to mg/dL of creatinine ("),
        (3, {"creatinine": "low"}, "creatinine: 'low' is no number in mg/dL ("),
        (3, {"creatinine": float("nan")}, "creatinine: 'nan' is no number in mg/dL ("),
        (3, {"age": True}, "age: 'True' is no number in years ("),
        (3, {"age": -5}, "age: −5 years is impossible ("),
        (3, {"age": 1, "Age": 2}, "age: given twice ("),
        (3, {"sex": "x", "aeg": 1}, "aeg: unknown key, did you mean 'age'?"),
        (3, {"sex": "x"}, "sex: 'x' is none of Male, Female (`medcalc calc ckd_epi_gfr` lists what it takes)."),
        (4, {"chf": 2}, "Congestive Heart Faliure: '2' is none of present, absent ("),
        (13, {"lmp": "02/30/2023"}, "Last menstrual date: '02/30/2023' is no date that exists (MM/DD/YYYY)"),
    ],
)
def test_what_cannot_be_used_is_named_with_what_it_may_be(calculator, inputs, message):
    with pytest.raises(mc.MedcalcError) as refused:
        mc.calc(calculator, **inputs)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


# audit


def test_the_audit_of_a_row_is_that_of_the_table(demo):
    """Of the benchmark's rows and of those of `raw_medcalc`, over the whole demo."""
    raw, audits = demo.read("raw_medcalc").sort("uid"), demo.read("derivation_audit").sort("uid")
    rows = sorted(original_rows(), key=lambda row: row["Row Number"])
    assert raw["uid"].to_list() == [row["Row Number"] for row in rows]
    for found in (list(map(mc.audit, rows)), list(map(mc.audit, raw.iter_rows(named=True)))):
        assert [each.verdict for each in found] == audits["verdict"].to_list()
        assert [each.explanation for each in found] == audits["explanation"].to_list()
        assert [list(each.defects) for each in found] == list(map(json.loads, audits["defects"]))
        assert as_frame("published", (each.published.value for each in found)).equals(audits.select(r"^published_.*$"))


def test_an_audit_shows_itself():
    row = {"Calculator ID": "21", "Relevant Entities": '{"Best eye response": "<b>"}', "Ground Truth Answer": "17"}
    found = mc.audit(row)
    assert repr(found).startswith(
        "Glasgow Coma Score (GCS): not computable. The published rule cannot be computed: Best verbal"
    )
    assert found._repr_markdown_().startswith("The published rule cannot be computed: ")
    assert "<b>" not in found._repr_markdown_().replace("\\<b\\>", "")


ROW = {"Calculator ID": 21, "Relevant Entities": "{}", "Ground Truth Answer": "11", "Row Number": 5}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, "row: 'Calculator ID', 'Relevant Entities', 'Ground Truth Answer' is missing. A row of the benchmark has"),
        (ROW | {"Ground Truth Answer": None}, "row (uid 5): 'Ground Truth Answer' is missing"),
        (
            ROW | {"Ground Truth Answer": "abc"},
            "row (uid 5): 'Ground Truth Answer' is 'abc', which is no number, date or N/A.",
        ),
        (ROW | {"Relevant Entities": "__import__('os').abort()"}, "which is no mapping of features to values"),
        (ROW | {"Relevant Entities": "[" * 90_000}, "which is no mapping of features to values"),
        (ROW | {"Calculator ID": 99}, "99 is no calculator"),
    ],
)
def test_a_row_that_cannot_be_read_is_refused(row, message):
    with pytest.raises(mc.MedcalcError) as refused:
        mc.audit(row)
    assert message in str(refused.value)


# vote and agreement

LABELS = st.one_of(
    st.sampled_from([number(11), number(11.004), number(11.006), number(-0.001), number(0), NA, day(date(2024, 2, 29))]),
    st.floats(-1e6, 1e6).map(number),
)
ANSWERS = st.lists(st.none() | LABELS, max_size=5)


@given(st.lists(ANSWERS.filter(len), min_size=1, max_size=6))
def test_a_vote_is_what_the_table_says(instances):
    votes = pl.concat(
        as_frame("answer", answers).with_columns(
            uid=uid, auditor=pl.lit("a"), status=pl.Series([("failed", "ok")[each is not None] for each in answers])
        )
        for uid, answers in enumerate(instances)
    )
    for row in consensus(votes).iter_rows(named=True):
        found = mc.vote(instances[row["uid"]])
        assert found == (row["status"], from_row(row, "relabel"), row["n_votes"], row["n_agree"])


def test_a_vote_refuses_what_is_no_vote():
    assert mc.vote([]) == ("not_relabelled", None, 0, 0)
    with pytest.raises(mc.MedcalcError, match=r"There are 6 answers: the rule, 4 of 5, is about 5 at most\."):
        mc.vote([1] * 6)
    with pytest.raises(mc.MedcalcError, match=r"answer \[1\] is 'abc', which is no number, date or N/A\."):
        mc.vote([1, "abc"])


def test_agreement_with_physicians_is_that_of_the_table(demo):
    raw, audits, relabels, physicians = (
        demo.read(name) for name in ("raw_medcalc", "derivation_audit", "relabels", "physician_consensus")
    )
    table = compare_with_physicians(audits, relabels, physicians, "simulated")
    of_instance = [
        table.select("uid", *columns(prefix))
        for prefix, table in {"label": raw, "relabel": relabels.filter(auditor="simulated")}.items()
    ]
    rows = (
        physicians.select("uid", *columns("physician"))
        .join(of_instance[0], on="uid")
        .join(of_instance[1], on="uid", how="left")
    )
    labels, theirs, ours = (
        [from_row(row, prefix) for row in rows.iter_rows(named=True)] for prefix in ("label", "physician", "relabel")
    )
    for name, found in {
        "original": mc.agreement(labels, theirs, ours),
        "simulated": mc.agreement(ours, theirs, labels),
    }.items():
        (row,) = (row for row in table if row["label_set"] == name)
        assert (found.n_agree, found.share.n, found.smape.n) == (row["n_agree"], row["n"], row["smape_n"])
        assert (found.share.low, found.share.high) == (row["agreement_low"], row["agreement_high"])
        assert (found.smape.low, found.smape.value) == pytest.approx((row["smape_low"], row["smape"]), nan_ok=True)
    assert 0 < mc.agreement(labels, theirs).n_agree < physicians.height


def test_agreement_needs_pairs():
    with pytest.raises(mc.MedcalcError, match=r"The label sets have 1 and 2 labels: give one per instance\."):
        mc.agreement([1, 2], [1])
    with pytest.raises(mc.MedcalcError, match=r"physician \[0\] is '~5', which is a bound or a formula"):
        mc.agreement([1], ["~5"])


# releases


def test_a_release_is_read_by_its_version_or_its_path(own_demo, release, tmp_path, monkeypatch):
    assert release(own_demo, "1.1.0").success
    home = own_demo.settings.home
    labels = mc.load_release("1.1.0", home)
    assert labels.height == len(original_rows())
    assert {"Row Number", "Ground Truth Answer", "Reason", "Evaluation"} <= set(labels.columns)
    folder = own_demo.settings.releases.folder / "1.1.0"
    assert mc.load_release(folder).equals(labels)
    monkeypatch.setenv("MEDCALC_HOME", home)
    assert mc.load_release("1.1.0").equals(labels)

    copy = shutil.copytree(folder, tmp_path / "copy")
    for path in copy.iterdir():
        path.chmod(0o644)
    with (copy / "README.md").open("a") as card:
        card.write("One more line.\n")
    with pytest.raises(mc.MedcalcError, match=r"copy is not as it was released: README\.md was changed"):
        mc.load_release(copy)
    (copy / "manifest.json").write_text("{}")
    with pytest.raises(mc.MedcalcError, match="is no manifest of a release"):
        mc.load_release(copy)
    with pytest.raises(mc.MedcalcError, match=r"1\.2\.0 does not exist\. Released are: 1\.1\.0\."):
        mc.load_release("1.2.0", home)
    with pytest.raises(mc.MedcalcError, match="cannot be read"):
        mc.load_release(tmp_path / "nowhere")


def test_the_calculators_are_listed():
    assert {each.slug for each in mc.CALCULATORS.values()} == set(KEYS) == set(BY_SLUG)
