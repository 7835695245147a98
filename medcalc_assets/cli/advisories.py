"""Defect advisories: what a downstream copy of the calculators can check itself by."""

import click

from medcalc_assets.cli import as_json, console, print_json


@click.command()
@as_json
def advisories(as_json: bool) -> None:
    """List the known defects of the calculators, with examples.

    Of every defect: which versions have it, the published rule with its source, invented inputs, what the original makes of
    them, and what is right. With --json a copy of the calculators can check itself. No home is needed.

    \b
    Example:
      medcalc advisories --json > advisories.json
    """
    from medcalc_assets.calculators.advisories import advisories as known

    found = known()
    if as_json:
        print_json(found)
        return
    for each in found:
        example = each["example"]
        inputs = ", ".join(
            f"{key} {' '.join(map(str, value)) if isinstance(value, list) else value}"
            for key, value in example["entities"].items()
        )
        right = f"{example['fixed']} {example['unit']}".strip() if example["fixed"] else f"no answer ({example['obstacle']})"
        for line in (
            f"{each['id']}: {each['name']}: {each['defect']} ({'; '.join(each['versions'])})",
            f"  For example, of {inputs} it makes {example['original']}; by {each['source']}: {right}.",
        ):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print(f"{len(found):,} defects; how physicians ruled on them: `medcalc cards`.", markup=False)
