"""The story of one label in the UI: a job that takes the uid in its launchpad, and shows the trace on the label's asset."""

import dagster as dg
from pydantic import Field

from medcalc_assets.defs.settings import Settings
from medcalc_assets.reports.pages import SERVED
from medcalc_assets.reports.trace import answered, rows_of, trace

PLAYGROUND = "/guess/trace_label/playground"
"""The launchpad of the job: the UI finds the location by the name of the job, whatever the location is called."""


class OneLabel(dg.Config):
    """Which label to trace."""

    uid: int = Field(description="`Row Number` (or `Unique ID`) of the instance, such as 868.")


@dg.op(name="trace", description="Reads all that is known of one label, and observes the trace on its partition.")
def observe_trace(context: dg.OpExecutionContext, config: OneLabel, settings: Settings) -> None:
    rows = rows_of(settings.warehouse, config.uid)
    out = settings.packets.out_for_review(answered(rows))[config.uid]
    context.log_event(
        dg.AssetObservation(
            "maintained_labels",
            partition=rows["raw_medcalc"][0]["calculator"],
            metadata={
                "uid": config.uid,
                "page": dg.MetadataValue.url(f"{SERVED}/labels/{config.uid}.html"),
                "trace": dg.MarkdownMetadataValue(trace(rows, out)),
            },
        )
    )


@dg.job(
    description="Why is this label what it is? Give its uid, launch, and read the trace on `maintained_labels`.",
    config=dg.RunConfig({"trace": OneLabel(uid=1)}),  # what the launchpad is filled with, to be changed there
)
def trace_label() -> None:
    observe_trace()
