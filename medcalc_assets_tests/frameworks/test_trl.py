"""TRL itself: a GRPO step with a tiny model that was never trained, rewarded by ours."""

import pytest
from datasets import Dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast
from trl import GRPOConfig, GRPOTrainer

from medcalc_assets.grading.frameworks import instances
from medcalc_assets.grading.frameworks.trl_reward import medcalc_reward
from medcalc_assets_tests.frameworks import replay


def test_replayed_answers_earn_what_ours_earn(tmp_path):
    key, said = replay.invented(tmp_path)
    rows = list(instances(key))
    completions = [[{"role": "assistant", "content": said[each.uid]}] for each in rows]
    earned = medcalc_reward(completions=completions, prompts=[], ground_truth=[each.ground_truth for each in rows], uid=[])
    assert dict(zip([each.uid for each in rows], earned, strict=True)) == replay.rewards(key, said)
    assert set(earned) == {0.0, 0.1, 1.0}


@pytest.mark.skipif(not replay.REAL_OUTPUTS, reason="MEDCALC_REAL_OUTPUTS is not set")
def test_real_answers_in_tags_earn_one_where_they_are_right():
    key, said = replay.real()
    rows = list(instances(key))
    earned = medcalc_reward([f"<answer>{said[each.uid]}</answer>" for each in rows], [each.ground_truth for each in rows])
    assert earned.count(1.0) == 216
    print("trl:", {value: earned.count(value) for value in sorted(set(earned))})


def test_grpo_trains_with_it_and_leaves_out_a_row_without_a_label(tmp_path):
    key, _ = replay.invented(tmp_path)
    byte = Tokenizer(
        models.BPE(
            vocab={**{sign: i for i, sign in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, "<e>": 256}, merges=[]
        )
    )
    byte.pre_tokenizer, byte.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=byte, eos_token="<e>", pad_token="<e>")
    model = GPT2LMHeadModel(
        GPT2Config(vocab_size=257, n_positions=128, n_embd=16, n_layer=1, n_head=1, eos_token_id=256, pad_token_id=256)
    )
    seen = []

    def watched(**handed_over):
        seen.append((handed_over["ground_truth"], medcalc_reward(**handed_over)))
        return seen[-1][1]

    rows = [{"prompt": each.question, "ground_truth": each.ground_truth} for each in instances(key)][:4]
    rows[0]["ground_truth"] = None
    options = GRPOConfig(
        output_dir=str(tmp_path),
        num_generations=4,
        per_device_train_batch_size=8,
        max_completion_length=8,
        max_steps=2,
        report_to=[],
        use_cpu=True,
        save_strategy="no",
        logging_steps=1,
        disable_tqdm=True,
    )
    trainer = GRPOTrainer(
        model, reward_funcs=watched, args=options, train_dataset=Dataset.from_list(rows), processing_class=tokenizer
    )
    trainer.train()
    assert trainer.state.global_step == 2
    for labels, earned in seen:
        assert [each is None for each in earned] == [label is None for label in labels]
