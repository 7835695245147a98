"""The history of a label as a chain of hashes: whatever is done to an event is seen, and a former history gets its chain."""

import datetime as dt

import polars as pl
import pytest

from medcalc_assets.benchmarks.reader import Source, SourceError
from medcalc_assets.defs.settings import Settings
from medcalc_assets.defs.source import _held, require_same_benchmark
from medcalc_assets.storage.chain import CONTENT, LINKS, breaks, chained, head, heads
from medcalc_assets.storage.tables import LABEL_EVENTS
from medcalc_assets.storage.warehouse import Warehouse, WarehouseError

EVENTS = ("imported", "relabelled", "maintained", "released")
AT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def events(*uids: int, names: tuple[str, ...] = EVENTS, actor: str = "somebody") -> pl.DataFrame:
    """Of each instance these events, the content only."""
    rows = [
        {"uid": uid, "calculator_id": 21, "calculator": "gcs", "event": name, "actor": actor, "sequence": 0, "value": "1"}
        | {"detail": f"ümlaut {name}", "happened_at": AT}
        for uid in uids
        for name in names
    ]
    return pl.DataFrame(rows, schema={name: LABEL_EVENTS.polars_schema[name] for name in CONTENT})


def at(uid: int, event: str) -> pl.Expr:
    return (pl.col("uid") == uid) & (pl.col("event") == event)


def said(history: pl.DataFrame) -> list[tuple[object, object, str]]:
    return [(event["uid"], event["event"], why) for event, why in breaks(history)]


@pytest.fixture
def history() -> pl.DataFrame:
    return chained(events(1, 2), {})


def test_a_chain_is_unbroken_in_any_order_of_its_rows_and_goes_on_from_its_heads(history):
    more = chained(events(2, 3, names=("queued",)), heads(history))
    whole = pl.concat([history, more])
    assert said(whole) == said(whole.sample(fraction=1, shuffle=True, seed=1)) == []
    assert whole["previous_sha256"].null_count() == 3
    assert heads(whole)[1] == heads(history)[1]
    assert dict(more.select("uid", "sha256").iter_rows()) == {uid: heads(whole)[uid] for uid in (2, 3)}
    assert head(heads(whole)) != head(heads(history))


@pytest.mark.parametrize("name", CONTENT)
def test_every_column_of_an_event_is_hashed(history, name):
    other = {
        pl.Int64(): 9,
        pl.Int32(): 9,
        pl.String(): "other",
        pl.Datetime("us", "UTC"): AT + dt.timedelta(microseconds=1),
    }[history.schema[name]]
    changed = history.with_columns(
        pl.when(at(2, "relabelled")).then(pl.lit(other, history.schema[name])).otherwise(name).alias(name)
    )
    assert "its content is not what its sha256 was computed of" in [why for _, _, why in said(changed)]


def test_no_answer_and_the_text_that_stands_for_it_are_not_the_same():
    of_null = chained(events(1).with_columns(value=pl.lit(None, pl.String)), {})
    for text in ("", "-"):
        assert not set(of_null["sha256"]) & set(chained(events(1).with_columns(value=pl.lit(text)), {})["sha256"])


def test_what_moves_from_one_column_to_the_next_is_seen():
    """`ab` and `c` are not `a` and `bc`."""
    one, other = (
        chained(events(1).with_columns(before=pl.lit(before), value=pl.lit(value)), {})
        for before, value in (("ab", "c"), ("a", "bc"))
    )
    assert not set(one["sha256"]) & set(other["sha256"])


def test_an_event_that_is_taken_away_is_missed_by_the_one_after_it(history):
    gone = history.filter(at(1, "relabelled"))["sha256"].item()
    assert said(history.filter(~at(1, "relabelled"))) == [
        (1, "maintained", f"the event before it, of sha256 {gone}, is gone")
    ]


def test_two_events_that_change_places_are_both_seen(history):
    swapped = {"relabelled": "maintained", "maintained": "relabelled"}
    moved = history.with_columns(event=pl.when(pl.col("uid") == 1).then(pl.col("event").replace(swapped)).otherwise("event"))
    assert said(moved) == [
        (1, event, "its content is not what its sha256 was computed of") for event in ("maintained", "relabelled")
    ]


def test_an_event_that_is_chained_anew_leaves_the_one_after_it_alone(history):
    """Who changes an event and computes its hash again has to do so for all that follow, and then the head is another."""
    of_one = history.filter(uid=1).select(CONTENT)
    forged = chained(of_one.with_columns(value=pl.when(at(1, "relabelled")).then(pl.lit("7")).otherwise("value")), {})
    half = pl.concat([history.filter(~at(1, "relabelled")), forged.filter(at(1, "relabelled"))])
    was = history.filter(at(1, "relabelled"))["sha256"].item()
    assert said(half) == [(1, "maintained", f"the event before it, of sha256 {was}, is gone")]
    assert said(forged) == []
    assert heads(forged)[1] != heads(history)[1]


def test_an_event_that_is_slipped_in_beside_another_is_seen(history):
    beside = chained(events(1, names=("queued",)), {1: history.filter(at(1, "imported"))["sha256"].item()})
    why = "another event of the instance claims the same place in the history"
    assert said(pl.concat([history, beside])) == [(1, "relabelled", why), (1, "queued", why)]


def test_of_two_runs_that_add_to_the_same_history_the_second_is_refused(tmp_path):
    warehouse = Warehouse(tmp_path)
    warehouse.write(LABEL_EVENTS, [first := chained(events(1), {})], ["gcs"])
    one, other = (chained(events(1, names=("queued",), actor=actor), heads(first)) for actor in ("one", "other"))
    warehouse.write(LABEL_EVENTS, [one], ["gcs"])
    with pytest.raises(WarehouseError, match="Another run has added to it meanwhile: run again"):
        warehouse.write(LABEL_EVENTS, [other], ["gcs"])
    assert said(warehouse.read(LABEL_EVENTS)) == []
    assert warehouse.read(LABEL_EVENTS).height == len(EVENTS) + 1


@pytest.mark.parametrize("reads", [True, False])
def test_a_history_of_a_former_version_gets_its_chain_once_and_keeps_every_event(tmp_path, reads):
    warehouse = Warehouse(tmp_path)
    content = events(1, 2).with_columns(happened_at=pl.when(pl.col("event") != "imported").then("happened_at"))
    warehouse.write(LABEL_EVENTS, [chained(content, {})], ["gcs"])
    with warehouse.connect() as connection:
        for name in LINKS:
            connection.execute(f"ALTER TABLE {LABEL_EVENTS.full_name} DROP COLUMN {name}")
    if not reads:
        warehouse.write(LABEL_EVENTS, [chained(events(3), {})], ["gcs"])
    found = warehouse.read(LABEL_EVENTS)
    assert found.filter(pl.col("uid") < 3).select(CONTENT).equals(content.sort(LABEL_EVENTS.key))
    assert said(found) == []
    assert found.filter(event="imported")["previous_sha256"].null_count() == found["uid"].n_unique()
    assert warehouse.read(LABEL_EVENTS).equals(found)


def test_a_home_that_has_its_history_only_takes_no_other_benchmark(tmp_path):
    """As one that was made of its releases: uid 1 is of another calculator in the demo."""
    warehouse = Warehouse(tmp_path)
    warehouse.write(LABEL_EVENTS, [chained(events(1), {})], ["gcs"])
    held = _held(Settings(home=str(warehouse.home)))
    assert held.rows() == [(1, "gcs")]
    with pytest.raises(SourceError, match="holds another benchmark: uid 1 is of gcs there, and of creatinine_clearance"):
        require_same_benchmark(Source("demo").read().instances, held, str(warehouse.home))
