"""How Dagster stores and loads the tables: materialized on a real instance, read back from a real DuckDB file."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl
import pytest

from medcalc_assets.calculators import KEYS
from medcalc_assets.defs.partitions import BY_CALCULATOR
from medcalc_assets.storage.io_manager import DuckDBIOManager
from medcalc_assets.storage.tables import AUDIT_FLAGS, BENCHMARK_SUMMARY, PHYSICIAN_AGREEMENT, TABLES
from medcalc_assets.storage.warehouse import Warehouse, WarehouseError
from medcalc_assets_tests.storage.test_warehouse import flags

CHAIN = [name for name in TABLES if name not in ("label_releases", "sampling_plan")]
FIRST, SECOND, THIRD = KEYS[:3]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@dg.asset(name="audit_flags", partitions_def=BY_CALCULATOR, backfill_policy=dg.BackfillPolicy.single_run())
def one_flag_a_calculator(context: dg.AssetExecutionContext) -> pl.DataFrame:
    """One instance of each calculator, with as many votes as the run says."""
    votes = int(context.run.tags.get("votes", 5))
    return pl.concat([flags(key, KEYS.index(key), n_votes=votes) for key in context.partition_keys])


def materialize(
    assets: list[dg.AssetsDefinition], home: Path, instance: dg.DagsterInstance, first: str, last: str, **tags: str
) -> None:
    """One run of a range of partitions."""
    dg.materialize(
        assets,
        instance=instance,
        resources={"io_manager": DuckDBIOManager(home=str(home), lock_timeout_seconds=0.2)},
        tags={"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last, **tags},
    )


def latest(instance: dg.DagsterInstance, asset: str, partition: str | None = None) -> dict[str, object]:
    """The metadata of the latest materialization of an asset, or of one of its partitions."""
    of = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[partition] if partition else None)
    records = instance.fetch_materializations(of, limit=1).records
    assert records[0].asset_materialization
    return {name: value.value for name, value in records[0].asset_materialization.metadata.items()}


def test_a_range_of_partitions_is_one_run_and_one_table(home: Path, instance: dg.DagsterInstance) -> None:
    materialize([one_flag_a_calculator], home, instance, FIRST, THIRD)
    assert Warehouse(home).read(AUDIT_FLAGS)["calculator"].to_list() == [FIRST, SECOND, THIRD]


def test_a_single_partition_is_replaced_alone(home: Path, instance: dg.DagsterInstance) -> None:
    materialize([one_flag_a_calculator], home, instance, FIRST, THIRD)
    materialize([one_flag_a_calculator], home, instance, SECOND, SECOND, votes="3")
    assert Warehouse(home).read(AUDIT_FLAGS)["n_votes"].to_list() == [5, 3, 5]


def test_the_metadata_are_those_that_dagster_knows(home: Path, instance: dg.DagsterInstance) -> None:
    materialize([one_flag_a_calculator], home, instance, FIRST, THIRD)
    metadata = latest(instance, "audit_flags")
    assert metadata["dagster/row_count"] == 3
    assert metadata["dagster/table_name"] == "medcalc.audit_flags"
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        assert connection.sql(f"SELECT count(*) FROM {metadata['dagster/table_name']}").fetchall() == [(3,)]


def test_an_asset_that_returns_rows_of_another_partition_fails_and_nothing_changes(
    home: Path, instance: dg.DagsterInstance
) -> None:
    @dg.asset(name="audit_flags", partitions_def=BY_CALCULATOR, backfill_policy=dg.BackfillPolicy.single_run())
    def of_another_calculator() -> pl.DataFrame:
        return flags(THIRD, 99)

    materialize([one_flag_a_calculator], home, instance, FIRST, THIRD)
    with pytest.raises(WarehouseError, match=f"rows of {THIRD}, which is not among the partitions of this run"):
        materialize([of_another_calculator], home, instance, FIRST, FIRST)
    assert Warehouse(home).read(AUDIT_FLAGS)["uid"].to_list() == [0, 1, 2]


def test_an_empty_partition_is_stored_and_loaded_downstream_with_its_schema(
    home: Path, instance: dg.DagsterInstance
) -> None:
    seen: list[pl.DataFrame] = []

    @dg.asset(name="audit_flags", partitions_def=BY_CALCULATOR)
    def nobody_voted() -> pl.DataFrame:
        return pl.DataFrame(schema=AUDIT_FLAGS.polars_schema)

    @dg.asset(partitions_def=BY_CALCULATOR, io_manager_key="elsewhere")
    def downstream(audit_flags: pl.DataFrame) -> None:
        seen.append(audit_flags)

    dg.materialize(
        [nobody_voted, downstream],
        partition_key=FIRST,
        instance=instance,
        resources={"io_manager": DuckDBIOManager(home=str(home)), "elsewhere": dg.mem_io_manager},
    )
    assert [(frame.height, frame.schema) for frame in seen] == [(0, AUDIT_FLAGS.polars_schema)]


def test_an_input_may_ask_for_some_columns_and_for_what_there_is_so_far(home: Path, instance: dg.DagsterInstance) -> None:
    seen: list[pl.DataFrame] = []

    @dg.asset(
        ins={"audit_flags": dg.AssetIn(metadata={"columns": ["status", "uid"], "partial": True})}, io_manager_key="elsewhere"
    )
    def downstream(audit_flags: pl.DataFrame) -> None:
        seen.append(audit_flags)

    materialize([one_flag_a_calculator], home, instance, FIRST, SECOND)
    dg.materialize(
        [one_flag_a_calculator.to_source_asset(), downstream],
        instance=instance,
        resources={"io_manager": DuckDBIOManager(home=str(home)), "elsewhere": dg.mem_io_manager},
    )
    assert seen[0].to_dict(as_series=False) == {"status": ["passed", "passed"], "uid": [0, 1]}


def test_a_lazy_input_is_read_only_when_it_is_collected(home: Path, instance: dg.DagsterInstance) -> None:
    collected = []

    @dg.asset(
        name="audit_votes",
        partitions_def=BY_CALCULATOR,
        backfill_policy=dg.BackfillPolicy.single_run(),
        ins={"audit_flags": dg.AssetIn(metadata={"columns": ["uid", "status"]})},
        io_manager_key="nothing",
    )
    def reader(context: dg.AssetExecutionContext, audit_flags: pl.LazyFrame) -> None:
        if "collect" in context.run.tags:
            collected.append(audit_flags.collect())

    def run(**tags: str) -> None:
        dg.materialize(
            [reader, one_flag_a_calculator],
            selection=[reader],
            instance=instance,
            resources={"io_manager": DuckDBIOManager(home=str(home)), "nothing": dg.InMemoryIOManager()},
            partition_key=FIRST,
            tags=tags,
        )

    run()  # there is no table yet
    materialize([one_flag_a_calculator], home, instance, FIRST, SECOND)
    run(collect="yes")
    assert [(frame.columns, frame.height) for frame in collected] == [(["uid", "status"], 1)]


def test_an_input_that_was_never_materialized_is_an_error_that_says_so(home: Path, instance: dg.DagsterInstance) -> None:
    @dg.asset(partitions_def=BY_CALCULATOR, io_manager_key="elsewhere")
    def downstream(audit_flags: pl.DataFrame) -> None: ...

    materialize([one_flag_a_calculator], home, instance, FIRST, SECOND)
    problem = f"never been written for 1 of the partitions asked for .{THIRD}.: materialize audit_flags first"
    with pytest.raises(WarehouseError, match=problem):
        dg.materialize(
            [one_flag_a_calculator.to_source_asset(), downstream],
            partition_key=THIRD,
            instance=instance,
            resources={"io_manager": DuckDBIOManager(home=str(home)), "elsewhere": dg.mem_io_manager},
        )


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Warehouse, dg.DagsterInstance]]:
    """The whole chain, run on three calculators of the demo."""
    from medcalc_assets import definitions
    from medcalc_assets.defs.settings import Settings

    home = tmp_path_factory.mktemp("demo")
    chain = definitions.assemble(Settings(home=str(home)))
    tags = {"dagster/asset_partition_range_start": FIRST, "dagster/asset_partition_range_end": THIRD}
    with dg.DagsterInstance.ephemeral() as instance:
        chain.resolve_job_def("chain").execute_in_process(instance=instance, tags=tags)
        chain.resolve_job_def("figures").execute_in_process(instance=instance)
        yield Warehouse(home), instance


@pytest.mark.parametrize("name", CHAIN)
def test_the_documented_columns_are_the_real_ones(chain: tuple[Warehouse, dg.DagsterInstance], name: str) -> None:
    """Name, order, type and whether null is permitted; and every column is described."""
    from medcalc_assets.definitions import definitions

    warehouse, _ = chain
    with warehouse.connect(read_only=True) as connection:
        real = connection.execute(
            "SELECT column_name, data_type, is_nullable FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index",
            [name],
        ).fetchall()
    metadata = definitions.resolve_asset_graph().get(dg.AssetKey(name)).metadata
    documented = metadata["dagster/column_schema"].columns
    assert [(column.name, column.type, column.constraints.nullable) for column in documented] == real
    assert all(column.description for column in documented)
    assert metadata["dagster/table_name"] == TABLES[name].full_name


def test_there_is_no_table_in_the_warehouse_that_is_not_declared(chain: tuple[Warehouse, dg.DagsterInstance]) -> None:
    warehouse, _ = chain
    with warehouse.connect(read_only=True) as connection:
        stored = {name for (name,) in connection.sql("SELECT table_name FROM duckdb_tables()").fetchall()}
    assert stored == {*CHAIN, "written_partitions"}


@pytest.mark.parametrize("name", CHAIN)
def test_the_row_counts_in_the_metadata_are_those_of_the_table(
    chain: tuple[Warehouse, dg.DagsterInstance], name: str
) -> None:
    warehouse, instance = chain
    table = warehouse.read(TABLES[name])
    assert latest(instance, name)["dagster/row_count"] == table.height
    if TABLES[name].partitioned:
        for key in (FIRST, SECOND, THIRD):
            metadata = latest(instance, name, key)
            assert metadata["dagster/partition_row_count"] == table.filter(calculator=key).height
            assert metadata["dagster/table_name"] == TABLES[name].full_name


def test_the_demo_fills_every_table(chain: tuple[Warehouse, dg.DagsterInstance]) -> None:
    warehouse, _ = chain
    filled = {name for name in CHAIN if warehouse.read(TABLES[name]).height}
    empty = {"llm_calls", "auditor_drift", "auditor_versions", "quarantine", "rulings"}
    empty |= {"model_outputs", "grades", "leaderboard", "key_effects"}  # nobody has added any
    why = "the demo calls no model, has one auditor, all its rows can be read, and v1.0 has no defect in these three"
    assert filled == set(CHAIN) - empty, why
    why = "the demo calls no model, has one auditor, all its rows can be read, and v1.0 has no defect in these three"
    assert filled == set(CHAIN) - empty, why
    assert {TABLES[name].partitioned for name in (BENCHMARK_SUMMARY.name, PHYSICIAN_AGREEMENT.name)} == {False}
