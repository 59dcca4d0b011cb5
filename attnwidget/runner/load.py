"""Models and tokenizers from a name, a folder or loaded objects; what went wrong said in one sentence."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from attnwidget.errors import (
    AttnWidgetError,
    InputError,
    MissingDependencyError,
    ModelLoadError,
    OutOfMemoryError,
)
from attnwidget.record import ModelInfo
from attnwidget.runner.limits import is_out_of_memory
from attnwidget.runner.needs import text_config

_TOKENIZER_ARGUMENTS = {
    "cache_dir",
    "code_revision",
    "force_download",
    "local_files_only",
    "proxies",
    "revision",
    "subfolder",
    "token",
    "trust_remote_code",
    "use_fast",
}
_TOKENIZER_ONLY = {"use_fast"}
_SMALL = 1000
EMBEDDED_NAME = "attnwidget demo"
_ELSEWHERE = "Pass the path of a folder, or leave the model out to use the one that comes with attnwidget."


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model ready to run.

    Attributes
    ----------
    model : torch.nn.Module
        The model.
    tokenizer : PreTrainedTokenizerBase or None
        Its tokenizer.
    tokenizer_error : AttnWidgetError or None
        Why there is no tokenizer, where one was looked for.
    info : ModelInfo
        What to show of the model.
    """

    model: nn.Module
    tokenizer: Any
    tokenizer_error: AttnWidgetError | None
    info: ModelInfo


def load(model: Any, tokenizer: Any, arguments: Mapping[str, Any]) -> Loaded:
    """Load what is a name or a path, and take what is loaded already as it is.

    Parameters
    ----------
    model : str, PathLike, torch.nn.Module or None
        Hub name, local folder, a loaded model, or None for the embedded model.
    tokenizer : str, PathLike, PreTrainedTokenizerBase or None
        None means the one that belongs to the model.
    arguments : mapping
        For `from_pretrained`; `device` moves the model after loading.

    Returns
    -------
    Loaded

    Raises
    ------
    ModelLoadError, MissingDependencyError, OutOfMemoryError
        If it cannot be loaded.
    InputError
        If arguments for loading come with a loaded model.
    """
    if isinstance(model, nn.Module):
        if arguments:
            raise InputError(
                f"The model is loaded already, so {', '.join(sorted(arguments))} cannot apply.",
                "Leave these arguments out, or pass the model's name.",
            )
        return _take(model, tokenizer)
    if model is not None and not isinstance(model, (str, os.PathLike)):
        raise InputError(
            f"The model is of type {type(model).__name__}.",
            "Pass a name, a folder, or a loaded PyTorch model.",
        )
    embedded = model is None
    name = _embedded_folder() if model is None else _place(model)
    with _quietly(embedded):
        built = _load_model(
            name, {key: value for key, value in arguments.items() if key not in _TOKENIZER_ONLY}
        )
    built.eval()
    info = describe(built, EMBEDDED_NAME if embedded else _short(name), embedded)
    if tokenizer is not None:
        return Loaded(built, _tokenizer(tokenizer, arguments), None, info)
    return Loaded(built, *_belonging_tokenizer(name, arguments), info)


def _take(model: nn.Module, tokenizer: Any) -> Loaded:
    origin = getattr(getattr(model, "config", None), "_name_or_path", "") or ""
    info = describe(
        model, _short(origin) if origin else type(getattr(model, "_orig_mod", model)).__name__, embedded=False
    )
    if tokenizer is not None:
        return Loaded(model, _tokenizer(tokenizer, {}), None, info)
    if not origin:
        return Loaded(model, None, None, info)
    return Loaded(model, *_belonging_tokenizer(origin, {}), info)


def _embedded_folder() -> str:
    from attnwidget import demo_model

    return str(demo_model.PATH)


def _place(model: str | os.PathLike[str]) -> str:
    """Return a folder's path, checked, or a hub name."""
    name = os.path.expanduser(os.fspath(model))
    if os.path.isdir(name):
        if not (Path(name) / "config.json").is_file():
            raise ModelLoadError(
                f"The folder {name} holds no model: it has no config.json.",
                "Pass the folder that save_pretrained wrote.",
            )
        return name
    looks_local = (
        isinstance(model, os.PathLike) or name.startswith((".", "/", os.sep)) or os.path.isfile(name)
    )
    if looks_local or name != str(model):
        raise ModelLoadError(
            f"There is no folder {name}.", "Check the path; a hub name looks like owner/model."
        )
    return name


def _short(name: str) -> str:
    """Return what to call a model on screen: a folder by its own name, so that no path is shown."""
    return Path(name).name if os.path.isabs(name) or os.path.isdir(name) else name


@contextmanager
def _quietly(quiet: bool) -> Iterator[None]:
    """No progress bars for the embedded model, which loads in no time."""
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging
    shown = logging.is_progress_bar_enabled()
    if quiet and shown:
        logging.disable_progress_bar()
    try:
        yield
    finally:
        if quiet and shown:
            logging.enable_progress_bar()


def _load_model(name: str, arguments: dict[str, Any]) -> nn.Module:
    from transformers import AutoConfig

    device = arguments.pop("device", None)
    given = arguments.pop("config", None)
    shared = {key: value for key, value in arguments.items() if key in _TOKENIZER_ARGUMENTS}
    with _explained(name):
        config = AutoConfig.from_pretrained(name, **shared) if given is None else given
        model = _class_of(config, bool(arguments.get("trust_remote_code"))).from_pretrained(
            name, config=config, **arguments
        )
        if device is not None:
            model = model.to(device)
    return cast(nn.Module, model)


def _class_of(config: Any, trusted: bool) -> Any:
    """Find the class that the weights were saved from, so that its head comes along; else the plain one."""
    import transformers

    remote = getattr(config, "auto_map", None) or {}
    if trusted:
        for auto in remote:
            if auto.startswith("AutoModel") and hasattr(transformers, auto):
                return getattr(transformers, auto)
    for architecture in getattr(config, "architectures", None) or ():
        found = getattr(transformers, architecture, None)
        if found is not None and isinstance(config, getattr(found, "config_class", None) or ()):
            return found
    return transformers.AutoModel


def _belonging_tokenizer(name: str, arguments: Mapping[str, Any]) -> tuple[Any, AttnWidgetError | None]:
    """Load a model's own tokenizer, or keep the error to raise once text has to be read."""
    try:
        return _load_tokenizer(name, arguments), None
    except AttnWidgetError as error:
        return None, error


def _tokenizer(given: Any, arguments: Mapping[str, Any]) -> Any:
    if isinstance(given, (str, os.PathLike)):
        return _load_tokenizer(os.path.expanduser(os.fspath(given)), arguments)
    if type(given).__module__.startswith("tokenizers"):
        import transformers

        wrap: Any = transformers.PreTrainedTokenizerFast
        return wrap(tokenizer_object=given)
    inner = getattr(given, "tokenizer", None)
    found = given if inner is None or hasattr(given, "convert_ids_to_tokens") else inner
    if not callable(found) or not hasattr(found, "convert_ids_to_tokens"):
        raise InputError(
            f"The tokenizer is of type {type(given).__name__}.",
            "Pass a tokenizer of transformers, or its name.",
        )
    return found


def _load_tokenizer(name: str, arguments: Mapping[str, Any]) -> Any:
    from transformers import AutoTokenizer

    passed = {key: value for key, value in arguments.items() if key in _TOKENIZER_ARGUMENTS}
    with _explained(name, "tokenizer"):
        found = AutoTokenizer.from_pretrained(name, **passed)
    # Without its files a tokenizer class still loads, with special tokens and nothing else.
    if len(found) < _SMALL and not set(found.get_vocab().values()) - set(found.all_special_ids):
        raise ModelLoadError(
            f"{_short(name)} has no tokenizer: its vocabulary is empty.",
            "Pass tokenizer=..., or give the prompt as token ids.",
        )
    return found


# ---------------------------------------------------------------------- what went wrong


@contextmanager
def _explained(name: str, what: str = "model") -> Iterator[None]:
    try:
        yield
    except AttnWidgetError:
        raise
    except Exception as error:
        raise explain(name, error, what) from error


def _causes(error: BaseException) -> list[BaseException]:
    """List the exception and what it came from, nearest first."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__
    return chain


def explain(name: str, error: BaseException, what: str = "model") -> AttnWidgetError:
    """Say why loading failed.

    Parameters
    ----------
    name : str
        Name or folder that was loaded.
    error : BaseException
        What transformers or the hub client raised.
    what : str
        "model" or "tokenizer".

    Returns
    -------
    AttnWidgetError
        In most cases ModelLoadError; tells gated, missing, no such revision, not reachable, not a name apart.
    """
    chain = _causes(error)
    kinds = {type(link).__name__ for link in chain}
    text = " ".join(str(error).split())
    if any(is_out_of_memory(link) for link in chain):
        return OutOfMemoryError(
            f"Memory ran out while {name} was loaded.", "Use a smaller model or dtype, or device_map."
        )
    if "trust_remote_code" in text:
        return ModelLoadError(
            f"{name} brings Python code of its own.", "Pass trust_remote_code=True if you trust its authors."
        )
    if "GatedRepoError" in kinds:
        return ModelLoadError(
            f"{name} is gated: its owner asks you to accept terms first.",
            "Accept them on the model's page, then pass token=... or log in with `hf auth login`.",
        )
    if "RevisionNotFoundError" in kinds:
        return ModelLoadError(f"{name} has no such revision.", "Check revision=... on the model's page.")
    if "RepositoryNotFoundError" in kinds:
        return ModelLoadError(
            f"The hub has no model named {name}, or it is private.",
            f"Check the spelling, or pass token=... for a private one. {_ELSEWHERE}",
        )
    if kinds & {"LocalEntryNotFoundError", "OfflineModeIsEnabled"} or "couldn't connect to" in text:
        return ModelLoadError(
            f"The hub cannot be reached (no network, or offline mode) and {name} is not in the local cache.",
            _ELSEWHERE,
        )
    if "HFValidationError" in kinds:
        return ModelLoadError(f"{name} is neither a folder nor a valid hub name.", _ELSEWHERE)
    text = text.rstrip(".") + "."
    if isinstance(error, ImportError) or "requires `accelerate`" in text:
        return MissingDependencyError(
            f"Loading {name} needs another package: {text}", "Install it and try again."
        )
    if os.path.isdir(name) and "Unrecognized model" in text:
        return ModelLoadError(
            f"The config.json of {name} does not say which kind of model it is.",
            "Pass the folder that save_pretrained wrote.",
        )
    return ModelLoadError(
        f"The {what} of {name} could not be loaded: {text}", "See the error above this one."
    )


# ---------------------------------------------------------------------- what it is


def describe(model: nn.Module, name: str, embedded: bool) -> ModelInfo:
    """Say what to show of a model.

    Parameters
    ----------
    model : torch.nn.Module
        The model.
    name : str
        What to call it.
    embedded : bool
        Whether it is the one that comes with this package.

    Returns
    -------
    ModelInfo
    """
    config = text_config(model)
    layers = max(
        (int(getattr(config, key, 0) or 0) for key in ("num_hidden_layers", "encoder_layers")), default=0
    )
    parameters = list(model.parameters())
    devices = sorted({str(parameter.device) for parameter in parameters})
    first = parameters[0].dtype if parameters else torch.get_default_dtype()
    floating = next((parameter.dtype for parameter in parameters if parameter.is_floating_point()), first)
    return ModelInfo(
        name=name,
        architecture=type(getattr(model, "_orig_mod", model)).__name__,
        layers=layers,
        embedded=embedded,
        dtype=str(floating).removeprefix("torch."),
        device=", ".join(devices),
        parameters=sum(parameter.numel() for parameter in parameters),
    )


def weights_version(model: nn.Module) -> tuple[object, ...]:
    """Return something that changes when weights are replaced, written to or switched off; reads none."""
    places = (
        (0 if p.device.type == "meta" else p.data_ptr(), 0 if p.is_inference() else p._version)
        for p in model.parameters()
    )
    return (*places, *_adapters(model))


def _adapters(model: nn.Module) -> tuple[str, ...]:
    """Which adapters (PEFT) are on: switching them changes what a model computes, but none of its weights."""
    return tuple(
        f"{name} {module.disable_adapters} {module.active_adapters}"
        for name, module in model.named_modules()
        if isinstance(getattr(type(module), "disable_adapters", None), property)
    )


_SAMPLES = 8


def fingerprint(model: nn.Module) -> str:
    """Tell models apart by what they are, not by what they are called.

    Parameters
    ----------
    model : torch.nn.Module
        The model.

    Returns
    -------
    str
        Hexadecimal digest of the class, and of each parameter's name, shape, dtype and a few evenly spaced
        values: the same in every process, different after training.
    """
    digest = hashlib.sha256("\n".join((type(model).__name__, *_adapters(model))).encode())
    for name, parameter in model.named_parameters():
        digest.update(f"{name} {tuple(parameter.shape)} {parameter.dtype}".encode())
        if parameter.device.type == "meta" or parameter.numel() == 0:
            continue
        flat = parameter.detach().reshape(-1)
        step = max(flat.numel() // _SAMPLES, 1)
        values = flat[::step][: 2 * _SAMPLES]
        digest.update(values.to("cpu", torch.float64).numpy().tobytes())
    return digest.hexdigest()
