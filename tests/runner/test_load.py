"""Loading: the right class, arguments passed on, and one sentence on what went wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from transformers import PreTrainedTokenizerBase

from attnwidget.errors import InputError, MissingDependencyError, ModelLoadError, OutOfMemoryError
from attnwidget.runner import ModelRunner
from attnwidget.runner.load import explain, fingerprint, weights_version
from tests.runner import tiny_models
from tests.runner.tiny_tokenizers import kept

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tokenizer = kept("byte-level")
    return tiny_models.saved(
        tmp_path_factory.mktemp("tiny") / "tiny-gpt2", tiny_models.gpt2(len(tokenizer)), tokenizer
    )


def test_a_folder_by_path_or_by_text(folder: Path) -> None:
    for given in (folder, str(folder)):
        runner = ModelRunner(given)
        assert type(runner.model).__name__ == "GPT2LMHeadModel"
        assert isinstance(runner.tokenizer, PreTrainedTokenizerBase)
        assert not runner.model.training
        assert runner.info.name == "tiny-gpt2"
        assert str(folder.parent) not in repr(runner)


def test_what_is_shown_of_a_model(folder: Path) -> None:
    info = ModelRunner(folder, dtype="bfloat16", device="cpu").info
    assert (info.architecture, info.layers, info.embedded) == ("GPT2LMHeadModel", 2, False)
    assert (info.dtype, info.device) == ("bfloat16", "cpu")
    assert info.parameters == tiny_models.gpt2(len(kept("byte-level"))).num_parameters()


@pytest.mark.parametrize(
    ("model_class", "attention"),
    [
        (transformers.BertForMaskedLM, "sdpa"),
        (transformers.BertForQuestionAnswering, "eager"),
        (transformers.BertModel, "sdpa"),
    ],
)
def test_the_class_is_the_one_that_was_saved(model_class: Any, attention: str, tmp_path: Path) -> None:
    tiny_models.saved(tmp_path, tiny_models.bert(150, model_class=model_class), kept("wordpiece"))
    more = {} if attention == "sdpa" else {"attn_implementation": attention}
    model = ModelRunner(tmp_path, **more).model
    assert type(model) is model_class
    assert model.config._attn_implementation == attention


def test_a_class_that_transformers_does_not_have_is_the_plain_model(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((folder / "config.json").read_text())
    config["architectures"] = ["SomebodysModel"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert type(ModelRunner(tmp_path).model) is transformers.GPT2Model


def test_a_tokenizer_may_come_from_elsewhere(folder: Path, tmp_path: Path) -> None:
    tokenizer = kept("byte-level")
    tiny_models.saved(tmp_path, tiny_models.gpt2(len(tokenizer)))
    prompt = "The cat sat"
    expected = [token.label for token in ModelRunner(folder).run(prompt).tokens]
    for given in (folder, tokenizer, tokenizer.backend_tokenizer):
        assert [t.label for t in ModelRunner(tmp_path, tokenizer=given).run(prompt).tokens] == expected


def test_a_model_without_a_tokenizer_runs_ids_and_says_why_it_does_not_run_text(tmp_path: Path) -> None:
    tiny_models.saved(tmp_path, tiny_models.gpt2(50))
    runner = ModelRunner(tmp_path)
    assert [token.label for token in runner.run([3, 4]).tokens] == ["⟨3⟩", "⟨4⟩"]
    with pytest.raises(ModelLoadError, match="has no tokenizer: its vocabulary is empty"):
        runner.run("The cat")


def test_a_loaded_model_finds_its_tokenizer(folder: Path) -> None:
    model = transformers.GPT2LMHeadModel.from_pretrained(folder)
    runner = ModelRunner(model)
    assert runner.model is model
    assert [token.label for token in runner.run("The cat").tokens] == ["The", "cat"]
    made_here = ModelRunner(tiny_models.gpt2(50))
    with pytest.raises(InputError, match="There is no tokenizer"):
        made_here.run("The cat")


def test_arguments_for_loading_do_not_go_with_a_loaded_model() -> None:
    with pytest.raises(InputError, match="loaded already, so device, dtype cannot apply"):
        ModelRunner(tiny_models.gpt2(50), dtype="float16", device="cpu")


@pytest.mark.parametrize(("model", "tokenizer"), [(3, None), (["gpt2"], None), ("", 5)])
def test_what_is_no_model_or_tokenizer(model: Any, tokenizer: Any, folder: Path) -> None:
    with pytest.raises(InputError, match="is of type"):
        ModelRunner(model or folder, tokenizer)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    for given in (tmp_path / "none", str(tmp_path / "none"), "./none", "~/no such folder"):
        with pytest.raises(ModelLoadError, match="There is no folder"):
            ModelRunner(given)


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"holds no model: it has no config\.json"):
        ModelRunner(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelLoadError, match="does not say which kind of model"):
        ModelRunner(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelLoadError, match="could not be loaded"):
        ModelRunner(tmp_path)


def test_a_folder_without_weights(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    with pytest.raises(ModelLoadError, match=r"The model of .* could not be loaded"):
        ModelRunner(tmp_path)


def test_code_in_a_folder_is_not_run_unasked(folder: Path, tmp_path: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "somebodys",
        "auto_map": {"AutoConfig": "code.Config", "AutoModel": "code.Model"},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "code.py").write_text("raise SystemExit('this must not run')")
    with pytest.raises(ModelLoadError, match=r"brings Python code of its own.*trust_remote_code=True"):
        ModelRunner(tmp_path)


def test_trusted_code_is_run(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModelForCausalLM": "attn_probe_model.OwnModel"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "attn_probe_model.py").write_text(
        "from transformers import GPT2LMHeadModel\n\nclass OwnModel(GPT2LMHeadModel):\n    pass\n"
    )
    runner = ModelRunner(tmp_path, trust_remote_code=True)
    assert type(runner.model).__name__ == "OwnModel"
    assert runner.run("The cat").predictions is not None


def test_a_hub_name_offline() -> None:
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    with pytest.raises(
        ModelLoadError, match=r"cannot be reached .* nobody/nothing is not in the local cache\. Pass the path"
    ):
        ModelRunner("nobody/nothing")


def test_a_text_that_is_no_name() -> None:
    with pytest.raises(ModelLoadError, match="neither a folder nor a valid hub name"):
        ModelRunner("this is not a name!!")


def test_what_the_hub_says() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.runner.hub"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    said = json.loads(done.stdout)
    for name in ("nobody/missing", "nobody/hidden"):
        kind, what, todo = said[name]
        assert (kind, what) == ("ModelLoadError", f"The hub has no model named {name}, or it is private.")
        assert "Pass the path of a folder" in todo
    assert said["nobody/gated"][1].startswith("nobody/gated is gated")
    assert "token=" in said["nobody/gated"][2]
    assert said["nobody/old"][1] == "nobody/old has no such revision."
    assert said["nobody/empty"][0] == "ModelLoadError"
    assert "nobody/empty" in said["nobody/empty"][1]


def test_other_reasons_are_told_apart() -> None:
    assert isinstance(explain("x", MemoryError()), OutOfMemoryError)
    assert isinstance(explain("x", ImportError("needs sentencepiece")), MissingDependencyError)
    assert "needs sentencepiece" in explain("x", ImportError("needs sentencepiece")).what
    assert explain("x", ValueError("a\n  b")).what == "The model of x could not be loaded: a b."


def test_a_package_that_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transformers.integrations.accelerate.is_accelerate_available", lambda: False)
    with pytest.raises(MissingDependencyError, match=r"needs another package: .*accelerate"):
        ModelRunner(folder, device_map="auto")


def test_an_argument_that_nobody_knows(folder: Path) -> None:
    with pytest.raises(ModelLoadError, match="unexpected keyword argument 'nonsense'"):
        ModelRunner(folder, nonsense=1)


def test_a_device_that_is_not_there(folder: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has the device")
    with pytest.raises(ModelLoadError, match="could not be loaded"):
        ModelRunner(folder, device="cuda")


def test_the_fingerprint_tells_weights_apart() -> None:
    model, twin = tiny_models.gpt2(50), tiny_models.gpt2(50)
    assert fingerprint(model) == fingerprint(twin)
    before = weights_version(model)
    assert weights_version(model) == before
    with torch.no_grad():
        model.transformer.h[0].attn.c_attn.weight.mul_(1.01)
    assert weights_version(model) != before
    assert fingerprint(model) != fingerprint(twin)
    assert fingerprint(model.to(torch.float64)) != fingerprint(model.to(torch.float32))
