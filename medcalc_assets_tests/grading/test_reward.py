"""A reward never raises, whatever a trainer hands it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from medcalc_assets.grading.frameworks.lm_eval_task import process_results
from medcalc_assets.grading.frameworks.trl_reward import medcalc_reward
from medcalc_assets.grading.frameworks.verl_reward import compute_score
from medcalc_assets.grading.reward import ground_truth, reward_of, text_of
from medcalc_assets_tests.grading.test_replies import PIECES

CELLS = ground_truth("20", "19", "21", 7, "decimal", original=False)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["role", "content", "text"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=40).map("".join) | ANYTHING, st.just(CELLS) | st.lists(st.text(), max_size=7) | ANYTHING)
def test_whatever_a_trainer_hands_over_earns_a_reward_or_none(completion, cells):
    earned = reward_of(completion, cells)
    assert earned in {None, 0.0, 0.1, 1.0}
    assert medcalc_reward([completion], [cells]) == [earned]
    assert compute_score("medcalc", completion, cells)["score"] == (earned or 0.0)
    if isinstance(completion, str):
        assert process_results({"ground_truth": CELLS}, [completion])["acc"] in {0.0, 1.0}


def test_a_row_without_a_label_earns_none_and_not_zero():
    assert reward_of("<answer>20</answer>", None) is None
    assert reward_of("<answer>20</answer>", [None] * 6) is None
    assert reward_of(None, CELLS) == 0.0


def test_a_conversation_earns_by_its_last_message():
    assert (
        text_of([{"content": "<answer>1</answer>"}, {"content": [{"type": "text", "text": "<answer>20</answer>"}]}])
        == "<answer>20</answer>"
    )


def test_the_risk_that_v1_labels_by_a_fraction_is_read_as_one_in_its_arm_alone():
    original, ours = (ground_truth("0.1", "0.095", "0.105", 46, "decimal", original=original) for original in (True, False))
    assert [reward_of("<answer>10%</answer>", cells) for cells in (original, ours)] == [1.0, 0.1]
