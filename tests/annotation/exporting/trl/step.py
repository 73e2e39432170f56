"""One step of one of TRL's trainers: ``python step.py TRAINER FILE MODEL``, in TRL's environment.

The file goes in as it is, by ``load_dataset`` alone. Prints one line of JSON: how many rows there
were, how many steps were made, the loss, and by how much the weights have moved.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
import trl
from datasets import load_dataset
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

ROWS = 4  # of the step


def main(name: str, file: str, model: str) -> None:
    torch.set_num_threads(1)
    rows = load_rows(file)
    with tempfile.TemporaryDirectory() as folder:
        network = load_network(name, model)
        before = torch.cat([each.detach().flatten() for each in network.parameters()])
        config = getattr(trl, f"{name}Config")(**terms(folder))
        trainer = getattr(trl, f"{name}Trainer")(
            model=network,
            args=config,
            train_dataset=rows,
            processing_class=AutoTokenizer.from_pretrained(model),
        )
        made = trainer.train()
        after = torch.cat([each.detach().flatten() for each in network.parameters()])
    moved = float((after - before).abs().max())
    said = {"rows": len(rows), "steps": made.global_step, "loss": made.training_loss}
    print(json.dumps({**said, "moved": moved, "trl": trl.__version__}))  # noqa: T201


def load_rows(file: str) -> Any:
    """A file of JSON lines, or a data set's folder, whose card says which of its files to read."""
    if Path(file).is_dir():
        return load_dataset(file, split="train")
    return load_dataset("json", data_files=file, split="train")


def load_network(name: str, model: str) -> Any:
    if name != "Reward":
        return AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    network = AutoModelForSequenceClassification.from_pretrained(
        model, num_labels=1, dtype=torch.float32
    )
    network.config.pad_token_id = AutoTokenizer.from_pretrained(model).pad_token_id
    return network


def terms(folder: str) -> dict[str, Any]:
    return {
        "output_dir": folder,
        "max_steps": 1,
        "per_device_train_batch_size": ROWS,
        "learning_rate": 1e-3,
        "report_to": [],
        "save_strategy": "no",
        "disable_tqdm": True,
        "use_cpu": True,
        "bf16": False,
    }


if __name__ == "__main__":
    main(*sys.argv[1:4])
