"""The turn of TRL 1.12's PPO, the last that it brought: ``python -m … ppo MODEL DATA BATCH``.

At its best settings: an adapter for the policy, whose reference is the model below it; value and
reward trunks frozen, as ours are; no activation checkpointing; all rollouts drawn side by side;
no end-of-sequence token to stop at, so that both sides draw every token.
"""

from __future__ import annotations

import sys
import tempfile
import time
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer
from trl.experimental.ppo import PPOConfig, PPOTrainer

from benchmarks.side_by_side import memory
from benchmarks.side_by_side.work import Item, answer, load


def scorer(model: str, pad: int) -> Any:
    network = AutoModelForSequenceClassification.from_pretrained(
        model, num_labels=1, dtype=torch.float32
    )
    network.config.pad_token_id = pad
    for parameter in network.model.parameters():
        parameter.requires_grad_(False)
    return network


def ppo(model: str, items: list[Item], batch: int) -> dict[str, Any]:
    """One step: a rollout for each prompt, then four epochs of updates over them."""
    tokens = AutoTokenizer.from_pretrained(model, padding_side="left")
    policy = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    prompts = [
        {"input_ids": tokens(item.prompt, add_special_tokens=False)["input_ids"]} for item in items
    ]
    with tempfile.TemporaryDirectory() as folder:
        config = PPOConfig(
            output_dir=folder,
            per_device_train_batch_size=batch,
            gradient_accumulation_steps=len(items) // batch,
            num_mini_batches=1,
            num_ppo_epochs=4,
            total_episodes=len(items),
            response_length=64,
            local_rollout_forward_batch_size=len(items),
            num_sample_generations=0,
            temperature=1.0,
            gradient_checkpointing=False,
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
            use_cpu=True,
            bf16=False,
        )
        trainer = PPOTrainer(
            args=config,
            processing_class=tokens,
            model=policy,
            ref_model=None,
            reward_model=scorer(model, tokens.pad_token_id),
            value_model=scorer(model, tokens.pad_token_id),
            train_dataset=Dataset.from_list(prompts),
            eval_dataset=Dataset.from_list(prompts[:1]),
            peft_config=LoraConfig(
                r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"
            ),
        )
        trainer.save_model = lambda *args, **kwargs: None
        memory.restart_peak()
        started = time.perf_counter()
        trainer.train()
        return {"seconds": time.perf_counter() - started, "peak_mb": memory.peak_mb()}


def main() -> None:
    _, model, data, batch = sys.argv[1:5]
    imported = memory.now_mb()
    items = load(data)
    for _ in sys.stdin:
        figures = ppo(model, items, int(batch))
        figures["peak_mb"] -= imported
        answer(**figures)


if __name__ == "__main__":
    main()
