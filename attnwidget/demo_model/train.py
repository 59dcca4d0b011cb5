"""Trains the embedded model: `python -m attnwidget.demo_model.train --out DIR`.

Writes weights, configuration, tokenizer and a training summary, then measures the heads and writes the card.
The same seed gives the same text and the same initial weights. The trained weights agree between machines
only as far as their bfloat16 arithmetic does, which is why the tests ask for thresholds and not for a
checksum.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
import transformers
from torch.nn import functional
from transformers import GPT2Config, GPT2LMHeadModel

from attnwidget.demo_model import corpus, evaluate, guidance, tokenizer

WIDTH = 128
INNER = 256


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a training run depends on."""

    steps: int = 2600
    rows: int = 32
    length: int = 128
    long_every: int = 4
    """Every so many steps the rows are twice as long and half as many: late positions are trained too."""
    learning_rate: float = 2e-3
    weight_decay: float = 0.1
    warm_up: int = 100
    seed: int = 0


def new_model(seed: int) -> GPT2LMHeadModel:
    """Return an untrained model whose attention weights can be read."""
    torch.manual_seed(seed)
    bos = tokenizer.single(tokenizer.BOS)
    config = GPT2Config(
        vocab_size=tokenizer.build().get_vocab_size(),
        n_positions=tokenizer.POSITIONS,
        n_embd=WIDTH,
        n_layer=guidance.LAYERS,
        n_head=guidance.HEADS,
        n_inner=INNER,
        attn_pdrop=0.0,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        bos_token_id=bos,
        eos_token_id=bos,
    )
    model = GPT2LMHeadModel(config)
    model.set_attn_implementation("eager")
    return model


def train(recipe: Recipe, report_every: int = 100) -> tuple[GPT2LMHeadModel, dict[str, Any]]:
    """Train a model.

    Parameters
    ----------
    recipe : Recipe
        Sizes, rates and seed.
    report_every : int
        Print the loss every so many steps.

    Returns
    -------
    model, summary
        The trained model in float32, and what the run was, ready for JSON.
    """
    model = new_model(recipe.seed).train()
    optimizer = _optimizer(model, recipe)
    text = Random(recipe.seed)
    silence = torch.Generator().manual_seed(recipe.seed)
    started, started_cpu = time.monotonic(), time.process_time()
    running = math.nan
    tokens = 0
    for step in range(recipe.steps):
        done = step / recipe.steps
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * min(1.0, (step + 1) / recipe.warm_up) * (1 - 0.95 * done)
        long = step % recipe.long_every == recipe.long_every - 1
        rows, length = (recipe.rows // 2, recipe.length * 2) if long else (recipe.rows, recipe.length)
        batch = corpus.batch(text, rows, length)
        tokens += batch.ids.size
        guided = done < guidance.RELEASED_AFTER
        with _silenced(model, rows, silence), torch.autocast("cpu", dtype=torch.bfloat16):
            output = model(torch.from_numpy(batch.ids), output_attentions=guided, use_cache=False)
        prediction = _prediction_loss(output.logits, batch)
        loss = prediction + guidance.guidance_loss(output.attentions, batch) if guided else prediction
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        value = prediction.item()
        running = value if math.isnan(running) else 0.98 * running + 0.02 * value
        if step % report_every == 0 or step == recipe.steps - 1:
            print(
                f"step {step}: loss {running:.3f}, {time.process_time() - started_cpu:.0f} CPU s", flush=True
            )
    summary = {
        **asdict(recipe),
        "tokens": tokens,
        "loss": round(running, 4),
        "cpu_seconds": round(time.process_time() - started_cpu),
        "wall_seconds": round(time.monotonic() - started),
        "guided_share": guidance.RELEASED_AFTER,
        "decoy_silenced": guidance.DECOY_SILENCED,
        "torch": torch.__version__.split("+")[0],
        "transformers": transformers.__version__,
    }
    return model.eval(), summary


def save(model: GPT2LMHeadModel, summary: dict[str, Any], folder: Path) -> None:
    """Write weights (float16), configuration, tokenizer and `training.json` to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    half = copy.deepcopy(model)
    for parameter in half.parameters():
        parameter.data = parameter.data.half()
    half.save_pretrained(folder)
    config_file = folder / "config.json"
    config = json.loads(config_file.read_text("utf-8"))
    # stored in half precision for size, run in single precision: loading follows the configuration
    config["dtype"] = "float32"
    config_file.write_text(json.dumps(config, indent=2) + "\n", "utf-8")
    tokenizer.save(folder)
    (folder / "training.json").write_text(json.dumps(summary, indent=2) + "\n", "utf-8")


def _optimizer(model: GPT2LMHeadModel, recipe: Recipe) -> torch.optim.AdamW:
    matrices = [parameter for parameter in model.parameters() if parameter.dim() >= 2]
    others = [parameter for parameter in model.parameters() if parameter.dim() < 2]
    groups = [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.98))


def _prediction_loss(logits: torch.Tensor, batch: corpus.Batch) -> torch.Tensor:
    """Return the cross entropy of the next token, weighted by how much the context decides it."""
    targets = torch.from_numpy(batch.ids[:, 1:])
    weights = torch.from_numpy(batch.weights[:, 1:])
    losses = functional.cross_entropy(
        logits[:, :-1].float().flatten(0, 1), targets.flatten(), reduction="none"
    )
    return (losses * weights.flatten()).sum() / weights.sum()


@contextmanager
def _silenced(model: GPT2LMHeadModel, rows: int, generator: torch.Generator) -> Iterator[None]:
    """Leave the decoy's output out of most rows, so that predictions do not come to rely on it."""
    keep = (torch.rand(rows, generator=generator) >= guidance.DECOY_SILENCED).float()[:, None, None]
    size = WIDTH // guidance.HEADS
    here = slice(guidance.DECOY.head * size, (guidance.DECOY.head + 1) * size)

    def silence(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        mixed = inputs[0].clone()
        mixed[..., here] = mixed[..., here] * keep
        return (mixed, *inputs[1:])

    projection = model.get_submodule(f"transformer.h.{guidance.DECOY.layer}.attn.c_proj")
    handle = projection.register_forward_pre_hook(silence)
    try:
        yield
    finally:
        handle.remove()


def main(arguments: list[str] | None = None) -> None:
    """Train, save and evaluate."""
    parser = argparse.ArgumentParser(prog="python -m attnwidget.demo_model.train", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to write the model to")
    parser.add_argument("--steps", type=int, default=Recipe().steps)
    parser.add_argument("--seed", type=int, default=Recipe().seed)
    parser.add_argument("--threads", type=int, default=1, help="processor threads (1 is reproducible)")
    parser.add_argument("--no-card", action="store_true", help="train only, do not measure")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    model, summary = train(Recipe(steps=options.steps, seed=options.seed))
    save(model, summary, options.out)
    if not options.no_card:
        evaluate.main([str(options.out)])


if __name__ == "__main__":
    main()
