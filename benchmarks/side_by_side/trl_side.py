"""TRL's turn, in an environment that has it: ``python -m … WORK MODEL DATA BATCH``.

At its best settings: no activation checkpointing, the reference's log-probabilities computed
beforehand, rows of like length together, and the batch that the caller found to be fastest.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer
from trl import DPOConfig, DPOTrainer, RewardConfig, RewardTrainer

from benchmarks.side_by_side.work import HELD_OUT, Item, accuracy, answer, load

Work = Callable[[str, list[Item], int], dict[str, Any]]


def tokenizer(model: str) -> Any:
    return AutoTokenizer.from_pretrained(model)


def lora(task: str) -> LoraConfig:
    kept = ["score"] if task == "SEQ_CLS" else None
    return LoraConfig(
        r=16, lora_alpha=32, target_modules="all-linear", task_type=task,
        modules_to_save=kept, exclude_modules=kept,
    )  # fmt: skip


def common(folder: str, batch: int) -> dict[str, Any]:
    return {
        "output_dir": folder,
        "per_device_train_batch_size": batch,
        "num_train_epochs": 1,
        "learning_rate": 1e-3,
        "gradient_checkpointing": False,
        "train_sampling_strategy": "group_by_length",
        "length_column_name": "length",
        "remove_unused_columns": False,
        "logging_steps": 1000,
        "report_to": [],
        "save_strategy": "no",
        "disable_tqdm": True,
        "use_cpu": True,
        "bf16": False,
        "dataset_num_proc": None,
        "max_length": None,
    }


def timed(trainer: Any) -> dict[str, Any]:
    started = time.perf_counter()
    trainer.train()
    return {"seconds": time.perf_counter() - started}


def reward_trainer(model: str, items: list[Item], batch: int, folder: str) -> Any:
    tokens = tokenizer(model)
    network = AutoModelForSequenceClassification.from_pretrained(
        model, num_labels=1, dtype=torch.float32
    )
    network.config.pad_token_id = tokens.pad_token_id
    rows = []
    for item in items:
        for better, worse in item.pairs():
            chosen, rejected = (
                [
                    *tokens(item.prompt + each, add_special_tokens=False)["input_ids"],
                    tokens.eos_token_id,
                ]
                for each in (better, worse)
            )
            length = max(len(chosen), len(rejected))
            rows.append({"chosen_ids": chosen, "rejected_ids": rejected, "length": length})
    return RewardTrainer(
        model=network,
        args=RewardConfig(**common(folder, batch)),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokens,
        peft_config=lora("SEQ_CLS"),
    )


def reward(model: str, items: list[Item], batch: int) -> dict[str, Any]:
    """One epoch of RewardTrainer on all pairs of the rankings."""
    with tempfile.TemporaryDirectory() as folder:
        return timed(reward_trainer(model, items, batch, folder))


def quality(model: str, items: list[Item], batch: int) -> dict[str, Any]:
    """One epoch of RewardTrainer; then held-out accuracy."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = reward_trainer(model, items[:-HELD_OUT], batch, folder)
        figures = timed(trainer)
    network, tokens = trainer.model.eval(), tokenizer(model)
    scores = []
    for item in items[-HELD_OUT:]:
        texts = [item.prompt + each + tokens.eos_token for each in item.completions]
        rows = tokens(texts, return_tensors="pt", padding=True, add_special_tokens=False)
        with torch.no_grad():
            found = network(input_ids=rows["input_ids"], attention_mask=rows["attention_mask"])
        scores.append(found.logits[:, 0].tolist())
    return {**figures, "accuracy": accuracy(items[-HELD_OUT:], scores)}


def dpo(model: str, items: list[Item], batch: int) -> dict[str, Any]:
    """One epoch of DPOTrainer on all pairs; the reference is passed over beforehand."""
    network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    rows = [
        {"prompt": item.prompt, "chosen": better, "rejected": worse,
         "length": len(item.prompt) + max(len(better), len(worse))}
        for item in items
        for better, worse in item.pairs()
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        trainer = DPOTrainer(
            model=network,
            args=DPOConfig(**common(folder, batch), precompute_ref_log_probs=True),
            train_dataset=Dataset.from_list(rows),
            processing_class=tokenizer(model),
            peft_config=lora("CAUSAL_LM"),
        )
        return timed(trainer)


def sampling(model: str, items: list[Item], batch: int) -> dict[str, Any]:
    """``generate`` with 4 samples of 64 tokens a prompt; nothing ends them earlier."""
    tokens = tokenizer(model)
    tokens.padding_side = "left"
    network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    started = time.perf_counter()
    count = 0
    for start in range(0, len(items), batch):
        prompts = [item.prompt for item in items[start : start + batch]]
        rows = tokens(prompts, return_tensors="pt", padding=True, add_special_tokens=False)
        with torch.no_grad():
            found = network.generate(
                input_ids=rows["input_ids"], attention_mask=rows["attention_mask"],
                do_sample=True, top_k=0, num_return_sequences=4,
                max_new_tokens=64, min_new_tokens=64, pad_token_id=tokens.pad_token_id,
            )  # fmt: skip
        count += found.shape[0] * (found.shape[1] - rows["input_ids"].shape[1])
    return {"seconds": time.perf_counter() - started, "tokens": count}


WORKS: dict[str, Work] = {"quality": quality, "reward": reward, "dpo": dpo, "sampling": sampling}


def main() -> None:
    name, model, data, batch = sys.argv[1:5]
    items = load(data)
    for _ in sys.stdin:
        answer(**WORKS[name](model, items, int(batch)))


if __name__ == "__main__":
    main()
