import dagster as dg
import pytest

from medcalc_assets.definitions import assemble


@pytest.fixture(scope="module")
def own_demo(start_chain):
    """A demo of this module's own, which its tests may release and change."""
    chain = start_chain()
    chain.run()
    return chain


@pytest.fixture(scope="module")
def release():
    def run(chain, version: str | None) -> dg.ExecuteInProcessResult:
        job = assemble(chain.settings).resolve_job_def("release")
        config = {"ops": {"freeze": {"config": {"version": version}}}}
        return job.execute_in_process(run_config=config, instance=chain.instance, raise_on_error=False)

    return run
