from collections import Counter

from medcalc_assets.benchmarks.demo import PLAN, instances, original_rows, truth
from medcalc_assets.benchmarks.reader import Source
from medcalc_assets.calculators import CALCULATORS
from medcalc_assets.labels.limits import accepts
from medcalc_assets.labels.parsing import parse_label
from medcalc_assets.labels.value import NA


def test_every_calculator_has_right_and_wrong_instances():
    planted = Counter((row.row["Calculator ID"], row.planted) for row in instances())
    assert {calculator for calculator, _ in planted} == set(CALCULATORS)
    assert all(planted[calculator, kind] == 1 for calculator in CALCULATORS for kind in ("extraction", "aggregation"))
    assert len(instances()) == len(PLAN) * len(CALCULATORS)


def test_a_label_is_wrong_exactly_where_an_error_was_planted():
    for instance in instances():
        original, output_type = parse_label(instance.row["Ground Truth Answer"]), instance.row["Output Type"]
        right = accepts(original, instance.truth, output_type)
        if instance.planted is None and output_type == "decimal":
            assert right, instance.row
        elif instance.planted:
            assert not right, instance.row


def test_what_the_note_does_not_say_cannot_be_answered():
    for instance in instances():
        assert (instance.truth == NA) == (instance.planted == "incomputable")


def test_the_demo_is_always_the_same():
    first = Source("demo").version
    instances.cache_clear()
    assert Source("demo").version == first
    assert list(truth()) == [row["Row Number"] for row in original_rows()]
