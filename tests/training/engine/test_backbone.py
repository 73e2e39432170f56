"""Loading a trunk, and adapters that never touch it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from training.engine import adapters
from training.engine.backbone import (
    CACHED_ADAPTERS,
    Backbone,
    load_backbone,
    missing_parts,
    put_model,
)
from training.engine.config import LoraSettings
from training.engine.errors import BackboneError, CheckpointDamaged
from training.engine.scoring import completion_logprobs
from training.engine.tiny import make_tiny_model


def save_adapter(backbone: Backbone, folder: Path, seed: int, rank: int = 4) -> Path:
    """Write an adapter that changes what the model says."""
    lora = LoraSettings(rank=rank, dropout=0.3)
    adapters.add(backbone.model, "made", lora, seed)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        for parameter in adapters.parameters(backbone.model, "made").values():
            parameter.normal_(std=0.2)
    adapters.write(backbone.model, "made", folder, lora, {})
    adapters.remove(backbone.model, "made")
    return folder


@pytest.mark.parametrize(
    ("gone", "told"),
    [
        ("config.json", "no config.json"),
        ("model.safetensors", "no weights"),
        ("tokenizer.json", "no tokenizer"),
    ],
)
def test_a_folder_that_lacks_a_part_is_refused_by_name(tiny_folder, tmp_path, gone, told):
    copy = tmp_path / "copy"
    shutil.copytree(tiny_folder, copy)
    (copy / gone).unlink()
    with pytest.raises(BackboneError, match=told):
        load_backbone(copy)


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(BackboneError, match="does not exist"):
        load_backbone(tmp_path / "nowhere")


def test_damaged_weights_are_refused_in_one_line(tiny_folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(tiny_folder, copy)
    (copy / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(BackboneError) as caught:
        load_backbone(copy)
    assert "\n" not in str(caught.value)


def test_padding_is_never_the_end_of_a_sequence(tiny_folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(tiny_folder, copy)
    config = copy / "tokenizer_config.json"
    config.write_text(config.read_text().replace('"<pad>"', '"<eos>"'))
    backbone = load_backbone(copy)
    assert backbone.tokenizer.pad_token_id == backbone.eos_id
    assert backbone.pad_id != backbone.eos_id


def test_the_trunks_hash_follows_its_weights(backbone, tmp_path):
    same = load_backbone(backbone.folder)
    other = load_backbone(make_tiny_model(tmp_path / "other", seed=1, train_steps=0))
    assert same.trunk_sha256 == backbone.trunk_sha256 != other.trunk_sha256
    assert other.tokenizer_sha256 == backbone.tokenizer_sha256


def test_a_remembered_hash_is_forgotten_when_the_weights_change(tmp_path):
    folder = make_tiny_model(tmp_path / "one", train_steps=0)
    before = load_backbone(folder).trunk_sha256
    other = make_tiny_model(tmp_path / "two", seed=5, train_steps=0)
    shutil.copyfile(other / "model.safetensors", folder / "model.safetensors")
    assert load_backbone(folder).trunk_sha256 != before


def test_an_encoder_is_named_by_trunk_layer_and_pooling(backbone):
    assert backbone.encoder_name(0.5, "mean") == f"{backbone.trunk_sha256[:16]}:L1:mean"


def test_an_adapter_changes_the_model_only_while_it_is_active(backbone, rows, tmp_path):
    folder = save_adapter(backbone, tmp_path / "adapter", seed=1)
    before, _ = completion_logprobs(backbone.model, rows, backbone.pad_id)
    with backbone.adapter(folder) as model:
        during, _ = completion_logprobs(model, rows, backbone.pad_id)
    after, _ = completion_logprobs(backbone.model, rows, backbone.pad_id)
    assert torch.equal(before, after)
    assert (before - during).abs().min() > 1e-3


def test_none_is_the_trunk_alone_even_inside_an_adapter(backbone, rows, tmp_path):
    folder = save_adapter(backbone, tmp_path / "adapter", seed=1)
    with backbone.adapter(None) as model:
        trunk, _ = completion_logprobs(model, rows, backbone.pad_id)
    with backbone.adapter(folder) as model:
        first, _ = completion_logprobs(model, rows, backbone.pad_id)
        with backbone.adapter(None):
            inner, _ = completion_logprobs(model, rows, backbone.pad_id)
        again, _ = completion_logprobs(model, rows, backbone.pad_id)
    assert torch.equal(trunk, inner)
    assert torch.equal(first, again)


def test_an_adapter_in_use_stays_so_while_another_is_read_and_used(backbone, rows, tmp_path):
    first = save_adapter(backbone, tmp_path / "first", seed=1)
    second = save_adapter(backbone, tmp_path / "second", seed=2)
    with backbone.adapter(first) as model:
        before, _ = completion_logprobs(model, rows, backbone.pad_id)
        with backbone.adapter(second):
            other, _ = completion_logprobs(model, rows, backbone.pad_id)
        after, _ = completion_logprobs(model, rows, backbone.pad_id)
    assert torch.equal(before, after)
    assert not torch.equal(before, other)


def test_the_trunks_weights_stay_as_they_were(backbone, tmp_path):
    weights = {key: value.clone() for key, value in backbone.model.state_dict().items()}
    with backbone.adapter(save_adapter(backbone, tmp_path / "adapter", seed=1)):
        pass
    now = {key.replace(".base_layer", ""): v for key, v in backbone.model.state_dict().items()}
    assert all(torch.equal(now[key], value) for key, value in weights.items())


def test_an_adapter_trained_with_dropout_speaks_without_it(backbone, rows, tmp_path):
    with backbone.adapter(save_adapter(backbone, tmp_path / "adapter", seed=1)) as model:
        first, _ = completion_logprobs(model, rows, backbone.pad_id)
        assert torch.equal(first, completion_logprobs(model, rows, backbone.pad_id)[0])


def test_many_adapters_come_and_go_and_each_speaks_for_itself(backbone, rows, tmp_path):
    count = CACHED_ADAPTERS + 2
    folders = [save_adapter(backbone, tmp_path / str(n), seed=n, rank=n + 1) for n in range(count)]
    said = []
    for folder in [*folders, *folders]:
        with backbone.adapter(folder) as model:
            said.append(completion_logprobs(model, rows, backbone.pad_id)[0])
    for first, second in zip(said[:count], said[count:], strict=True):
        assert torch.equal(first, second)
    assert len({tuple(each.tolist()) for each in said}) == count


def test_an_adapter_in_memory_is_still_checked_on_disk(backbone, tmp_path):
    folder = save_adapter(backbone, tmp_path / "adapter", seed=1)
    with backbone.adapter(folder):
        pass
    (folder / "adapter_model.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointDamaged), backbone.adapter(folder):
        pass


def test_an_adapter_of_another_model_is_refused_and_leaves_no_trace(backbone, rows, tmp_path):
    wide = load_backbone(make_tiny_model(tmp_path / "wide", hidden=32, train_steps=0))
    folder = save_adapter(wide, tmp_path / "adapter", seed=1)
    before, _ = completion_logprobs(backbone.model, rows, backbone.pad_id)
    with pytest.raises(CheckpointDamaged, match="another model"), backbone.adapter(folder):
        pass
    after, _ = completion_logprobs(backbone.model, rows, backbone.pad_id)
    assert torch.equal(before, after)


def test_peft_itself_opens_a_saved_adapter(backbone, rows, tmp_path):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    folder = save_adapter(backbone, tmp_path / "adapter", seed=1)
    with backbone.adapter(folder) as model:
        ours, _ = completion_logprobs(model, rows, backbone.pad_id)
    plain = AutoModelForCausalLM.from_pretrained(backbone.folder)
    opened = PeftModel.from_pretrained(plain, folder).eval()
    theirs, _ = completion_logprobs(opened.get_base_model(), rows, backbone.pad_id)
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_a_model_that_another_process_made_meanwhile_stays(tmp_path):
    ours = make_tiny_model(tmp_path / "ours", seed=1, train_steps=0)
    theirs = make_tiny_model(tmp_path / "theirs", seed=2, train_steps=0)
    before = (theirs / "model.safetensors").read_bytes()
    put_model(ours, theirs)
    assert (theirs / "model.safetensors").read_bytes() == before


def test_a_model_takes_the_place_of_an_incomplete_one(tmp_path):
    finished = make_tiny_model(tmp_path / "finished", train_steps=0)
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    put_model(finished, folder)
    assert missing_parts(folder) == ""
