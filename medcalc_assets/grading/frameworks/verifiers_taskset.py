"""verifiers 0.4 (`verifiers.v1`): a taskset whose tasks reward themselves.

verifiers finds a taskset by the name of a top-level module. In one of yours, say `medcalc.py`, write

    from medcalc_assets.grading.frameworks.verifiers_taskset import MedCalcTaskset
    __all__ = ["MedCalcTaskset"]

and run `vf-eval medcalc --env.taskset.key medcalc_bench_1.1.0.csv --env.agent.harness.id null`.
"""

from collections.abc import Iterator

import verifiers.v1 as vf

from medcalc_assets.grading.frameworks import instances
from medcalc_assets.grading.grader import grade
from medcalc_assets.grading.reward import reward_of, truth_of

__all__ = ["MedCalcTaskset"]


class MedCalcConfig(vf.TasksetConfig):
    key: str = ""
    """The CSV of a release."""


class MedCalcData(vf.TaskData):
    calculator: str
    ground_truth: list[str]


class MedCalcTask(vf.Task[MedCalcData, vf.State, vf.TaskConfig]):
    """One question, and its label."""

    @vf.reward
    async def label(self, trace: vf.Trace) -> float:
        """1.0 right, 0.1 readable and of a permitted type, 0.0 otherwise."""
        return reward_of(trace.last_reply, self.data.ground_truth) or 0.0

    @vf.metric
    async def right(self, trace: vf.Trace) -> float:
        """Strictly right, wherever the answer stands in the reply."""
        return float(grade(trace.last_reply, truth_of(self.data.ground_truth)).strict)


class MedCalcTaskset(vf.Taskset[MedCalcTask, MedCalcConfig]):
    """All labels of a key, one question each."""

    def load(self) -> Iterator[MedCalcTask]:
        for each in instances(self.config.key):
            data = MedCalcData(
                id=str(each.uid),
                name=f"{each.calculator} {each.uid}",
                prompt=each.prompt,
                calculator=each.calculator,
                ground_truth=each.ground_truth,
            )
            yield MedCalcTask(data, self.config.task)
