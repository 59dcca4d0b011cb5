"""Images, sound and decoders that listen: prompts as a processor returns them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf

from attnwidget.errors import EmptyPromptError, InputError
from attnwidget.record import AttentionRecord
from attnwidget.runner import ModelRunner
from tests.capture.zoo import ZOO
from tests.runner.tiny_models import seeded
from tests.runner.tiny_tokenizers import kept

GRID = [f"r{row} c{column}" for row in range(4) for column in range(4)]


def entry(name: str) -> Any:
    return next(e for e in ZOO if e.name == name)


def labels(record: AttentionRecord, stream: Any = "encoder") -> list[str]:
    return [token.label for token in record.streams[stream]]


def assert_eager(record: AttentionRecord, model: Any, kind: Any, name: str, **inputs: Any) -> None:
    """Weights of a kind are those that the model returns under eager."""
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    with torch.no_grad():
        expected = model(**inputs, output_attentions=True)[name]
    model.set_attn_implementation(before)
    assert len(expected) == len(record.layers(kind))
    for layer, weights in zip(record.layers(kind), expected, strict=True):
        np.testing.assert_allclose(record.site(layer, kind).weights(), weights[0].numpy(), atol=1e-4)


# ---------------------------------------------------------------------- images


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("vit", ["cls"]),
        ("deit", ["cls", "dist"]),
        ("dinov2", ["cls"]),
        ("beit", ["cls"]),
        ("clip", ["cls"]),
        ("siglip", []),
    ],
)
def test_patches_are_tokens(name: str, first: list[str]) -> None:
    model, inputs = entry(name).build(), entry(name).inputs()
    record = ModelRunner(model).run(inputs)
    assert labels(record) == first + GRID
    assert [token.special for token in record.tokens] == [True] * len(first) + [False] * 16
    assert record.kinds == ("encoder",)
    assert record.prompt == "image, 32 x 32 pixels"
    assert record.predictions is None
    assert_eager(record, model, "encoder", "attentions", **inputs)


def test_registers_are_named() -> None:
    config = hf.Dinov2WithRegistersConfig(
        hidden_size=64,
        num_hidden_layers=1,
        num_attention_heads=4,
        image_size=32,
        patch_size=8,
        num_register_tokens=2,
    )
    model = seeded(hf.Dinov2WithRegistersModel, config)
    record = ModelRunner(model).run(entry("vit").inputs())
    assert labels(record) == ["cls", "register 0", "register 1", *GRID]


def test_a_patch_is_where_its_name_says() -> None:
    model, picture = entry("vit").build(), entry("vit").inputs()["pixel_values"]
    changed = picture.clone()
    changed[:, :, 8:16, 24:32] += 1
    runner = ModelRunner(model)
    before, after = (runner.run({"pixel_values": p}).qk(0, 0)[0] for p in (picture, changed))
    (moved,) = np.flatnonzero(np.abs(before - after).max(-1) > 1e-6)
    assert labels(runner.run({"pixel_values": picture}))[moved] == "r1 c3"


def test_positions_without_a_place_are_numbered() -> None:
    config = hf.YolosConfig(
        hidden_size=64,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=96,
        image_size=[32, 32],
        patch_size=8,
        num_detection_tokens=5,
    )
    record = ModelRunner(seeded(hf.YolosModel, config)).run(entry("vit").inputs())
    assert labels(record) == [f"patch {place}" for place in range(1 + 16 + 5)]
    assert any("numbered" in note for note in record.notes)


def test_a_picture_is_kept_by_its_content() -> None:
    runner = ModelRunner(entry("vit").build())
    picture = entry("vit").inputs()["pixel_values"]
    first = runner.run({"pixel_values": picture})
    assert runner.run({"pixel_values": picture.clone()}) is first
    # One picture without a batch, as an array.
    assert runner.run({"pixel_values": picture[0].numpy()}) is first
    assert runner.run(hf.BatchFeature({"pixel_values": picture})) is first
    other = runner.run({"pixel_values": picture + 1e-3})
    assert other is not first
    assert other.id != first.id


def test_a_picture_comes_in_the_models_precision() -> None:
    model = entry("vit").build().to(torch.bfloat16)
    record = ModelRunner(model).run(entry("vit").inputs())
    assert any("bfloat16" in note for note in record.notes)


def test_a_text_with_an_image() -> None:
    model, inputs = entry("llava").build(), entry("llava").inputs()
    record = ModelRunner(model).run(inputs)
    assert [token.id for token in record.tokens] == inputs["input_ids"][0].tolist()
    assert record.kinds == ("decoder",)
    assert any("images or sound is not shown" in note for note in record.notes)
    assert_eager(record, model, "decoder", "attentions", **inputs)
    darker = inputs | {"pixel_values": inputs["pixel_values"] - 1}
    assert ModelRunner(model).run(darker).id != record.id


def test_images_beside_text_come_in_any_layout() -> None:
    model, inputs = entry("qwen2_vl").build(), entry("qwen2_vl").inputs()
    model.config.image_token_id = 190
    inputs["input_ids"][0, 2:6] = 190
    # Sixteen patches written as rows, of which two by two become one token.
    inputs["pixel_values"] = torch.randn(16, 3 * 2 * 8 * 8, generator=torch.Generator().manual_seed(8))
    inputs["image_grid_thw"] = torch.tensor([[1, 4, 4]])
    inputs["mm_token_type_ids"] = (inputs["input_ids"] == 190).int()
    record = ModelRunner(model).run(inputs)
    assert_eager(record, model, "decoder", "attentions", **inputs)
    assert any("images or sound is not shown" in note for note in record.notes)


# ---------------------------------------------------------------------- sound


@pytest.mark.parametrize("name", ["wav2vec2", "hubert"])
def test_sound_is_named_by_time(name: str) -> None:
    model, inputs = entry(name).build(), entry(name).inputs()
    record = ModelRunner(model).run(inputs)
    # The two convolutions step by 5 x 2 samples of 1/16,000 s.
    assert labels(record)[:4] == ["0.0000 s", "0.0006 s", "0.0013 s", "0.0019 s"]
    assert record.prompt == "sound, 400 samples"
    assert any("16,000 samples a second" in note for note in record.notes)
    assert_eager(record, model, "encoder", "attentions", **inputs)


def whisper(words: int, encoder: int = 2, decoder: int = 2) -> Any:
    config = hf.WhisperConfig(
        vocab_size=words,
        d_model=64,
        encoder_layers=encoder,
        decoder_layers=decoder,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=96,
        decoder_ffn_dim=96,
        num_mel_bins=8,
        max_source_positions=16,
        max_target_positions=64,
        pad_token_id=0,
        bos_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
    )
    return seeded(hf.WhisperForConditionalGeneration, config)


def features() -> dict[str, torch.Tensor]:
    return {"input_features": entry("whisper").inputs()["input_features"]}


def test_whisper_reads_a_given_transcript() -> None:
    tokenizer = kept("byte-level")
    model = whisper(len(tokenizer), decoder=3)
    record = ModelRunner(model, tokenizer).run(features(), target="The cat sat")
    assert labels(record)[:3] == ["0.00 s", "0.02 s", "0.04 s"]
    assert "".join(token.text for token in record.streams["decoder"][1:]) == "The cat sat"
    ids = torch.tensor([[token.id for token in record.streams["decoder"]]])
    inputs = features() | {"decoder_input_ids": ids}
    for kind in ("encoder", "decoder"):
        assert_eager(record, model, kind, f"{kind}_attentions", **inputs)
    assert_eager(record, model, "cross", "cross_attentions", **inputs)
    assert record.predictions is not None
    assert len(record.predictions.ids) == ids.shape[1]


@pytest.mark.parametrize("depths", [(2, 2), (1, 3)])
def test_whisper_reads_what_it_generates(depths: tuple[int, int]) -> None:
    tokenizer = kept("byte-level")
    record = ModelRunner(whisper(len(tokenizer), *depths), tokenizer).run(features())
    read = [token.id for token in record.streams["decoder"]]
    assert read[0] == 0
    assert 1 < len(read) <= 41
    assert record.predictions is not None
    assert read[1:] == record.predictions.ids[:-1, 0].tolist(), "each token is the most probable one"
    assert any("generated" in note for note in record.notes)


def test_marian_translates_to_a_given_or_a_generated_text() -> None:
    tokenizer = kept("unigram")
    config = hf.MarianConfig(
        vocab_size=len(tokenizer),
        d_model=64,
        encoder_layers=3,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=96,
        decoder_ffn_dim=96,
        max_position_embeddings=64,
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
        forced_eos_token_id=None,
    )
    model = seeded(hf.MarianMTModel, config)
    runner = ModelRunner(model, tokenizer)
    record = runner.run("The cat sat", target="Paris is")
    assert record.kinds == ("encoder", "decoder", "cross")
    assert (len(record.layers("encoder")), len(record.layers("decoder"))) == (3, 2)
    ids = torch.tensor([[token.id for token in record.streams["decoder"]]])
    inputs = {"input_ids": torch.tensor([tokenizer("The cat sat")["input_ids"]]), "decoder_input_ids": ids}
    assert_eager(record, model, "cross", "cross_attentions", **inputs)
    generated = runner.run("The cat sat")
    assert generated.predictions is not None
    read = [token.id for token in generated.streams["decoder"]]
    assert read[1:] == generated.predictions.ids[:-1, 0].tolist()


# ---------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("prompt", "error", "says"),
    [
        ({"pixel_values": torch.rand(2, 3, 32, 32)}, InputError, r"a batch of 2\. Pick one"),
        ({"pixel_values": torch.rand(32, 32)}, InputError, r"shape \[32, 32\]"),
        (
            {"pixel_values": torch.zeros(1, 3, 32, 32, dtype=torch.uint8)},
            InputError,
            "floating-point numbers in 4",
        ),
        ({"pixel_values": "cat.png"}, InputError, "holds no numbers"),
        ({"pixel_values": torch.zeros(1, 3, 0, 32)}, EmptyPromptError, "is empty"),
        (
            {"input_values": torch.rand(1, 400)},
            InputError,
            "does not read input_values. It reads pixel_values",
        ),
        ({"pixel_mask": torch.ones(1, 32, 32)}, InputError, 'without "input_ids", an image or a sound'),
        ("a cat", InputError, "no tokenizer"),
    ],
)
def test_what_a_model_of_images_cannot_read(prompt: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        ModelRunner(entry("vit").build()).run(prompt)


def test_padded_sound_is_refused() -> None:
    inputs = entry("wav2vec2").inputs()
    mask = torch.ones_like(inputs["input_values"], dtype=torch.long)
    mask[0, 300:] = 0
    with pytest.raises(InputError, match="padded"):
        ModelRunner(entry("wav2vec2").build()).run(inputs | {"attention_mask": mask})


def test_an_image_for_a_model_of_text() -> None:
    with pytest.raises(InputError, match=r"does not read pixel_values\. It reads input_ids"):
        ModelRunner(entry("gpt2").build()).run(entry("vit").inputs())
