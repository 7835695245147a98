"""What labels teach: one tiny policy trained twice with GRPO, by the labels of v1.0 and by ours (`make study`).

The policy is no language model. It is a transformer with a vocabulary of calculators and WAYS, which learns per calculator
which way of computing to trust. The entities of the benchmark are given to every way, so that nothing is learned of reading
a note. It shows by what mechanism labels reach a policy, and not how much the paper's model gains (arXiv:2512.19691).
"""

import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import click
import polars as pl

from medcalc_assets.errors import MedcalcError
from medcalc_assets.grading.reward import ground_truth, reward_of
from medcalc_assets.grading.scores import clustered
from medcalc_assets.grading.statements import GESTATIONAL_AGE
from medcalc_assets.labels.limits import limit_columns
from medcalc_assets.labels.value import Label, from_row
from medcalc_assets.release.reward_set import Arm, reward_set
from medcalc_assets.storage import tables
from medcalc_assets.storage.warehouse import Warehouse, home_folder

WAYS = {
    "original": "v1.0's rule",
    "published": "the published rule",
    "checked": "the published rule, and no answer where a number is not in the note",
    "none": "no answer",
}
"""What the policy chooses between; each is a token."""
ARMS: tuple[Arm, Arm] = ("original", "maintained")
LIMITS = (
    "No language model: the policy has a vocabulary of calculators and four ways of computing. The benchmark's entities are "
    "given to it. It is trained and held out on one split, and physicians chose what they answered. This shows the "
    "mechanism, not the effect that the paper reports."
)


class Row(NamedTuple):
    """An instance: what each way says of it, and its labels as `ground_truth` writes them, by the arm or the judge."""

    calculator_id: int
    answers: list[str]
    labels: dict[str, list[str]]

    def is_right(self, way: int, by: str) -> bool:
        return reward_of(self.answers[way], self.labels[by]) == 1.0


class Instances(NamedTuple):
    """Half of the rows of each calculator train; the other half, and all that physicians answered, judge."""

    training: list[Row]
    held_out: list[Row]
    physicians: list[Row]


Policy = Mapping[int, int]
"""By calculator, the place in WAYS of the way that is likeliest."""


def instances(warehouse: Warehouse) -> Instances:
    """The rows of a home. Raises ReleaseError where none may train, and MedcalcError where no physician answered."""
    evidence = warehouse.read(tables.LABEL_EVIDENCE)
    answers = _answers(warehouse, evidence)
    answered = evidence.filter(pl.col("physician_kind").is_not_null()).with_columns(*limit_columns("physician"))
    if answered.is_empty():
        raise MedcalcError("No physician has answered a label of this home: there is nothing to judge the arms by.")
    physicians = []
    for row in answered.iter_rows(named=True):
        number, output_type, label = row["calculator_id"], row["output_type"], from_row(row, "physician")
        cells = [str(label), *(str(label if row[end] is None else row[end]) for end in ("lower_number", "upper_number"))]
        truth = ground_truth(cells[0], cells[1], cells[2], number, output_type, original=False)
        physicians.append(Row(number, answers[row["uid"]], {"physicians": truth}))
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder, "physicians.csv")
        notes = warehouse.read(tables.RAW_MEDCALC, columns=["uid", "note", "calculator_id"])
        judged = notes.filter(pl.col("uid").is_in(answered["uid"].to_list()))
        judged.select(pl.col("note").alias("Patient Note"), pl.col("calculator_id").alias("Calculator ID")).write_csv(key)
        arms = {arm: reward_set(warehouse, key, arm, "trl").rows for arm in ARMS}
    both = arms["original"].join(arms["maintained"].select("uid", maintained="ground_truth"), on="uid", validate="1:1")
    halves: tuple[list[Row], list[Row]] = [], []
    seen: dict[int, int] = {}
    for row in both.sort("uid").iter_rows(named=True):
        number = row["calculator_id"]
        seen[number] = place = seen.get(number, -1) + 1
        labels = {"original": row["ground_truth"], "maintained": row["maintained"]}
        halves[place % 2].append(Row(number, answers[row["uid"]], labels))
    return Instances(*halves, physicians)


def _answers(warehouse: Warehouse, evidence: pl.DataFrame) -> dict[int, list[str]]:
    audit = warehouse.read(tables.DERIVATION_AUDIT).join(evidence.select("uid", "not_in_note"), on="uid", validate="1:1")
    found = {}
    for row in audit.iter_rows(named=True):
        original, published = (from_row(row, name) for name in ("original_rule", "published"))
        checked = published if row["not_in_note"] == "[]" else None
        found[row["uid"]] = [_said(label, row["calculator_id"]) for label in (original, published, checked, None)]
    return found


def _said(label: Label | None, calculator_id: int) -> str:
    """As a model would answer."""
    text = "unknown" if label is None or label.kind == "na" else str(label)
    if calculator_id == GESTATIONAL_AGE and label and label.number is not None:
        text = f"({int(label.number) // 7} weeks, {int(label.number) % 7} days)"
    return f"<answer>{text}</answer>"


def train(rows: Sequence[Row], arm: Arm, seed: int, steps: int, folder: Path) -> Policy:
    """The policy after GRPO on these rows by the labels of an arm, from the start that the seed gives to either arm."""
    import torch
    from datasets import Dataset
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast, PrinterCallback, set_seed
    from trl import GRPOConfig, GRPOTrainer

    calculators = sorted({row.calculator_id for row in rows})
    words = ["<end>", *WAYS, *(f"calculator{number}" for number in calculators)]
    vocabulary = {word: place for place, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<end>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    set_seed(seed)
    torch.set_num_threads(1)  # more would wait for each other
    start = folder / "start"
    GPT2LMHeadModel(
        GPT2Config(vocab_size=len(words), n_positions=4, n_embd=64, n_layer=1, n_head=2, bos_token_id=0, eos_token_id=0)
    ).save_pretrained(start)

    def earned(
        completions: Sequence[str], answers: Sequence[list[str]], truth: Sequence[list[str]], **_: Any
    ) -> list[float]:
        ways = [list(WAYS).index(said.strip()) if said.strip() in WAYS else None for said in completions]
        rewards = [
            0.0 if way is None else reward_of(of[way], label) for way, of, label in zip(ways, answers, truth, strict=True)
        ]
        return [reward or 0.0 for reward in rewards]

    asked = [{"prompt": f"calculator{row.calculator_id}", "answers": row.answers, "truth": row.labels[arm]} for row in rows]
    options = GRPOConfig(
        output_dir=str(folder),
        seed=seed,
        max_steps=steps,
        num_generations=8,
        per_device_train_batch_size=256,
        max_completion_length=1,
        learning_rate=3e-3,
        beta=0.2,  # near its start, so that a calculator still tries what most others have left
        scale_rewards="none",
        lr_scheduler_type="constant",
        use_cpu=True,
        save_strategy="no",
        report_to=[],
        logging_strategy="no",
        disable_tqdm=True,
    )
    trainer = GRPOTrainer(
        model=str(start),
        reward_funcs=earned,
        args=options,
        train_dataset=Dataset.from_list(asked),
        processing_class=PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", pad_token="<end>"),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    with torch.no_grad():
        likely = trainer.model.eval()(torch.tensor([[vocabulary[f"calculator{number}"]] for number in calculators])).logits[
            :, -1
        ]
    places = likely[:, [vocabulary[way] for way in WAYS]].argmax(dim=1).tolist()
    return dict(zip(calculators, places, strict=True))


def judged(rows: Sequence[Row], by: str, policies: Mapping[Arm, Sequence[Policy]]) -> dict[str, Any]:
    """How many of the rows the arms answer rightly, the mean over seeds, and what ours adds: clustered by calculator.

    Rows of a calculator that no row trains have no policy and are left out. `alone`: what each way alone has right.
    """
    rows = [row for row in rows if all(row.calculator_id in policy for of in policies.values() for policy in of)]
    if not rows:
        raise MedcalcError(f"No row that {by} judges is of a calculator that trains.")
    shares = {
        arm: [fmean(row.is_right(policy[row.calculator_id], by) for row in rows) for policy in policies[arm]] for arm in ARMS
    }
    gains: dict[int, list[float]] = {}
    for row in rows:
        means = [fmean(row.is_right(policy[row.calculator_id], by) for policy in policies[arm]) for arm in ARMS]
        gains.setdefault(row.calculator_id, []).append(means[1] - means[0])
    low, high = clustered([sum(of) for of in gains.values()], [len(of) for of in gains.values()])
    return {
        "judge": by,
        "rows": len(rows),
        "calculators": len(gains),
        "alone": {way: fmean(row.is_right(place, by) for row in rows) for place, way in enumerate(WAYS)},
        **{arm: {"mean": fmean(of), "lowest": min(of), "highest": max(of)} for arm, of in shares.items()},
        "gain": fmean(shares["maintained"]) - fmean(shares["original"]),
        "low": None if math.isnan(low) else low,
        "high": None if math.isnan(high) else high,
    }


def study(rows: Instances, seeds: int, steps: int) -> dict[str, Any]:
    """Train both arms with every seed, and judge them by physicians, by our held-out labels, and by those of v1.0."""
    with tempfile.TemporaryDirectory() as folder:
        policies: dict[Arm, list[Policy]] = {
            arm: [train(rows.training, arm, seed, steps, Path(folder)) for seed in range(seeds)] for arm in ARMS
        }
    judges = {"physicians": rows.physicians, "maintained": rows.held_out, "original": rows.held_out}
    chosen = {arm: [[list(WAYS)[way] for way in policy.values()] for policy in of] for arm, of in policies.items()}
    return {
        "limits": LIMITS,
        "training_rows": len(rows.training),
        "seeds": seeds,
        "steps": steps,
        "chosen": {arm: {way: fmean(of.count(way) for of in every) for way in WAYS} for arm, every in chosen.items()},
        "results": [judged(of, by, policies) for by, of in judges.items()],
    }


JUDGES = {"physicians": "physicians' answers", "maintained": "held out, our labels", "original": "held out, v1.0's labels"}


def table(found: Mapping[str, Any]) -> str:
    """The result in Markdown, its limits first."""
    lines = [
        LIMITS,
        "",
        f"{found['training_rows']:,} rows train each arm, {found['steps']} steps, {found['seeds']} seeds; intervals are "
        "95%, by calculator, of the mean over seeds.",
        "",
        "| judged by | rows (calculators) | trained by v1.0 | trained by ours | gain in points "
        "| v1.0's rule alone | published alone | checked alone | no answer |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in found["results"]:
        arms = [f"{row[arm]['mean']:.1%} ({row[arm]['lowest']:.1%} to {row[arm]['highest']:.1%} by seed)" for arm in ARMS]
        interval = "no interval" if row["low"] is None else f"{100 * row['low']:+.1f} to {100 * row['high']:+.1f}"
        alone = [f"{share:.1%}" for share in row["alone"].values()]
        cells = [
            JUDGES[row["judge"]],
            f"{row['rows']} ({row['calculators']})",
            *arms,
            f"{100 * row['gain']:+.1f} ({interval})",
        ]
        lines.append("| " + " | ".join([*cells, *alone]) + " |")
    for arm, ways in found["chosen"].items():
        said = ", ".join(f"{WAYS[way]} for {count:.1f}" for way, count in ways.items())
        lines += ["", f"Of the calculators, trained by {'v1.0' if arm == 'original' else 'ours'}: {said}."]
    return "\n".join(lines)


@click.command()
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(2), help="How often each arm is trained.")
@click.option("--steps", default=150, show_default=True, type=click.IntRange(1), help="Of GRPO, 32 rows of 8 answers each.")
@click.option("--json", "as_json", is_flag=True)
def main(seeds: int, steps: int, as_json: bool) -> None:
    """Train the two arms on the labels of MEDCALC_HOME, and print what each has learned."""
    try:
        found = study(instances(Warehouse(home_folder())), seeds, steps)
    except MedcalcError as error:
        raise click.ClickException(str(error)) from error
    click.echo(json.dumps(found, indent=2) if as_json else table(found))


if __name__ == "__main__":
    main()
