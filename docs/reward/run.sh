#!/usr/bin/env bash
# NOT RUN HERE: both arms of the experiment of arXiv:2512.19691, one after the other, on a machine with eight H100.
#   run.sh CONFIG HOME KEY VALIDATION
# CONFIG is verl_0_9 or verl_0_4; HOME a home with maintained labels of what may train; KEY the CSV of the release on which
# you report, whose instances do not train; VALIDATION a Parquet file of the same columns, on which both arms are judged.
set -euo pipefail
config=$1 home=$2 key=$3 validation=$4
here=$(cd "$(dirname "$0")" && pwd)
reward=$(python -c "from importlib.util import find_spec; print(find_spec('medcalc_assets.grading.frameworks.verl_reward').origin)")
where=custom_reward_function.path
[ "$config" = verl_0_4 ] || where=reward.$where
for arm in original maintained; do
    medcalc reward export --home "$home" --arm "$arm" --for verl --evaluation "$key" --to "$home/reward"
    python -m verl.trainer.main_ppo --config-dir "$here" --config-name "$config" "$where=$reward" \
        data.train_files="$home/reward/medcalc_${arm}_verl.parquet" data.val_files="$validation" \
        trainer.experiment_name="$arm"
done
