"""Ask one more model for votes, or the one that counts anew."""

import uuid

import click
from rich.markup import escape

from medcalc_assets.cli import CHECK_FAILED, console, home, mode, tools, voting
from medcalc_assets.settings import SettingsError

AT_LEAST_1 = click.IntRange(min=1)


@click.command()
@home
@tools
@voting
@mode
@click.option("--auditor", help="The model to ask, such as gemini-3.1-pro-preview. Without it the one that counts.")
@click.option(
    "--budget", type=click.FloatRange(0, min_open=True), help="What it may cost, in US dollars. [MEDCALC_REAUDIT_MAX_USD]"
)
@click.option(
    "--sample", type=AT_LEAST_1, help="Of how many instances per calculator; of all without it. [MEDCALC_REAUDIT_SAMPLE]"
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Another seed is another sample.")
def reaudit(auditor: str | None, budget: float | None, sample: int | None, seed: int) -> None:
    """Ask one more model for votes, on a sample if you like.

    They stand beside the votes that count, and change no label. All calculators that have labels are asked about, within
    the budget; votes that the ledger has are not asked for again. `auditor_drift` then says how the auditors differ.

    \b
    Examples:
      medcalc reaudit --auditor gemini-3.1-pro-preview --budget 25 --sample 2
      medcalc reaudit --auditor openai:gpt-5.2 --budget 100
    """
    from medcalc_assets.settings import ProjectSettings, require_auditor, variable

    asked_for = ProjectSettings.from_environment()
    asked_for.require_unchanged()
    if auditor:
        require_auditor(auditor, "--auditor", asked_for.source)
    from medcalc_assets.auditors.registry import is_model, provider_of

    models = [name for name in ([auditor] if auditor else asked_for.voters) if is_model(name)]
    if not models:
        raise SettingsError(f"--auditor is {auditor or asked_for.voters[0]!r}: give a model. `medcalc models` lists them.")
    if not (limit := budget or asked_for.reaudit_max_usd):
        raise SettingsError(f"--budget is not given: say what it may cost, there or as {variable('reaudit_max_usd')}.")
    limit = min(limit, asked_for.max_usd or limit)
    for model in models:
        provider_of(model).require_key(model)

    from medcalc_assets.auditors.calls import estimates_of
    from medcalc_assets.auditors.prices import cost, spelled
    from medcalc_assets.auditors.protocol import sample as sampled
    from medcalc_assets.auditors.registry import read
    from medcalc_assets.cli.estimate import show
    from medcalc_assets.cli.instance import QUIET
    from medcalc_assets.cli.run import carried_out
    from medcalc_assets.definitions import assemble
    from medcalc_assets.defs.auditors import RE_AUDIT
    from medcalc_assets.defs.settings import Settings, Votes
    from medcalc_assets.defs.stage import tags_of_runs
    from medcalc_assets.storage.tables import MAINTAINED_LABELS, RAW_MEDCALC

    settings = Settings.from_environment()
    definitions = assemble(settings)
    of_each = sample or settings.reaudit_sample
    keys = sorted(settings.warehouse.written(MAINTAINED_LABELS))
    instances = settings.warehouse.read(RAW_MEDCALC, keys)
    chosen = sampled(instances, of_each, seed) if of_each else instances
    for model in models:
        show(model, estimates_of(settings.model(model), chosen))
    console.print(f"It may cost ${limit:,.2f}: no call is made that could cross that.")
    shared = uuid.uuid4().hex
    jobs = {name: definitions.resolve_job_def(name) for name in (RE_AUDIT, "figures")}
    runs = []
    for model in models:
        votes = Votes(auditor=model, max_usd=limit, sample=of_each, seed=seed, budget=shared)
        config = {"resources": {"votes": {"config": votes.model_dump()}}} | QUIET
        runs += [(jobs[RE_AUDIT], tags, config) for tags in tags_of_runs(keys)]
    try:
        is_well = carried_out([*runs, (jobs["figures"], {}, QUIET)])
    finally:
        costs = [cost(read(attempt)) for attempt in settings.calls.attempts_of_run(shared)]
        console.print(f"{len(costs):,} calls: {escape(spelled(costs))}.")
    console.print("Next: [bold]medcalc summary[/], and the table `auditor_drift`, say how the auditors differ.")
    if not is_well:
        raise SystemExit(CHECK_FAILED)
