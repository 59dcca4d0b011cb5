"""Records on disk: what is opened is what was saved, to the last bit, and anything else is refused."""

from __future__ import annotations

import base64
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import torch

import attnwidget as aw
from attnwidget.errors import InputError, NotRecordedError, SnapshotError
from attnwidget.export import page as pages
from attnwidget.metrics.table import measure_heads
from attnwidget.record import AttentionRecord
from attnwidget.record.qk import QKSite
from attnwidget.service import Service
from attnwidget.snapshot import encode, tensors
from attnwidget.wire.schema import State
from tests.capture.families import FAMILIES, Family
from tests.snapshot.saved import (
    assert_equal,
    assert_same,
    odd_record,
    of_family,
    predictions,
    queries_keys,
    record_of,
)


def again(record: AttentionRecord, folder: Path, **options: Any) -> AttentionRecord:
    """Return a record as it comes back from a file."""
    record.save(folder / "x.attn", **options)
    return aw.load(folder / "x.attn")


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_family_comes_back_to_the_last_bit(family: Family, tmp_path: Path) -> None:
    record = of_family(family)
    back = again(record, tmp_path, snapshot=False)
    assert back.precision is None
    assert_same(record, back)
    assert record.nbytes == back.nbytes
    for kind in record.kinds:
        one, other = (measure_heads(each, kind) for each in (record, back))
        for name in one.names:
            for what in ("values", "baselines", "counts"):
                assert_equal(getattr(one, what)[name], getattr(other, what)[name])


def test_an_eager_run_comes_back_as_one(tmp_path: Path) -> None:
    family = next(family for family in FAMILIES if family.name == "T5")
    record = of_family(family, exact=True)
    back = again(record, tmp_path, snapshot=False)
    assert back.exact
    assert_same(record, back)


def test_masks_biases_halves_sinks_and_predictions_come_back(tmp_path: Path) -> None:
    record = odd_record()
    back = again(record, tmp_path, snapshot=False)
    assert_same(record, back)
    dtypes = [site.q.dtype for site in back.sites if isinstance(site, QKSite)]
    assert dtypes == [torch.float32, torch.float32, torch.bfloat16, torch.float16, torch.float64]


def test_what_several_layers_share_is_kept_once(tmp_path: Path) -> None:
    record = odd_record()
    back = again(record, tmp_path, snapshot=False)
    assert back.sites[0].visibility.mask is back.sites[1].visibility.mask
    with safetensors.safe_open(tmp_path / "x.attn", "np") as file:
        assert sorted(name for name in file.keys() if name[:4] in ("mask", "bias")) == [  # noqa: SIM118
            "bias.0",
            "bias.1",
            "bias.2",
            "mask.0",
            "mask.1",
            "mask.2",
        ]
    same = record_of(tuple(queries_keys(at, bias=record.sites[0].bias) for at in range(4)))  # type: ignore[attr-defined]
    again(same, tmp_path, snapshot=False)
    with safetensors.safe_open(tmp_path / "x.attn", "np") as file:
        assert [name for name in file.keys() if name.startswith("bias")] == ["bias.0"]  # noqa: SIM118


def test_words_and_norms_of_what_was_loaded(tmp_path: Path) -> None:
    record = aw.ModelRunner().run("The cat chased the unbelievable dog.")
    back = again(record, tmp_path, snapshot=False)
    assert_same(record, back)
    assert back.can_weigh
    assert_equal(record.norm_weighted().row(5), back.norm_weighted().row(5))
    assert back.can_merge == record.can_merge
    assert_equal(record.merge_words().row(3), back.merge_words().row(3))
    explorer = aw.explore(record=back)
    assert explorer.record is back
    assert explorer.layer == aw.explore(record=record).layer


def test_the_file_is_one_that_safetensors_reads(tmp_path: Path) -> None:
    record = odd_record()
    record.save(tmp_path / "x.attn", snapshot=False)
    with safetensors.safe_open(tmp_path / "x.attn", "pt") as file:
        metadata = file.metadata()
        assert (metadata["format"], metadata["version"]) == ("attnwidget.record", "1")
        assert metadata["attnwidget"] == aw.__version__
        for site in record.sites:
            if isinstance(site, QKSite):
                assert torch.equal(file.get_tensor(f"decoder.{site.layer}.q"), site.q)
                assert torch.equal(file.get_tensor(f"decoder.{site.layer}.k"), site.k)


def test_a_file_that_safetensors_wrote_is_read(tmp_path: Path) -> None:
    record = odd_record()
    record.save(tmp_path / "x.attn", snapshot=False)
    with safetensors.safe_open(tmp_path / "x.attn", "pt") as file:
        whole = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        safetensors.torch.save_file(whole, tmp_path / "y.attn", file.metadata())
    assert_same(record, aw.load(tmp_path / "y.attn"))


def test_arrays_stay_on_disk_until_they_are_asked_for(tmp_path: Path) -> None:
    record = record_of(tuple(queries_keys(at, n=11) for at in range(2)))
    record.save(tmp_path / "x.attn", snapshot=False)
    back = aw.load(tmp_path / "x.attn")
    # What is in memory is the file itself: its owner changes one number behind the record's back.
    where = tensors.read_tensors(tmp_path / "x.attn", "attnwidget.record", 1).places["decoder.1.q"].start
    with (tmp_path / "x.attn").open("r+b") as file:
        file.seek(where)
        file.write(np.float32(42).tobytes())
    assert back.qk(1, 0)[0][0, 0] == 42
    # ... and what is written to memory does not reach the file.
    site = back.sites[0]
    assert isinstance(site, QKSite)
    before = (tmp_path / "x.attn").read_bytes()
    site.q.zero_()
    assert (tmp_path / "x.attn").read_bytes() == before


@pytest.mark.parametrize("refused", ["c", "cr"], ids=["only to be read", "not at all"])
def test_where_files_cannot_be_mapped_as_usual(
    refused: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = odd_record()
    record.save(tmp_path / "x.attn", snapshot=False)
    map_file, modes = np.memmap, []

    def refuse(path: Path, dtype: Any, mode: str) -> Any:
        modes.append(mode)
        if mode in refused:
            raise OSError("Cannot allocate memory")
        return map_file(path, dtype=dtype, mode=mode)

    monkeypatch.setattr(np, "memmap", refuse)
    assert_same(record, aw.load(tmp_path / "x.attn"))
    assert modes == ["c", "r"]


def test_a_save_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = odd_record()
    record.save(tmp_path / "x.attn", snapshot=False)
    before = (tmp_path / "x.attn").read_bytes()

    def fail(*given: Any, **named: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(np, "ascontiguousarray", fail)
    with pytest.raises(OSError, match="No space left"):
        record.save(tmp_path / "x.attn", snapshot=False)
    assert (tmp_path / "x.attn").read_bytes() == before
    assert os.listdir(tmp_path) == ["x.attn"]


def test_saving_over_a_file_that_is_open_changes_nothing_that_was_loaded(tmp_path: Path) -> None:
    record = odd_record()
    back = again(record, tmp_path, snapshot=False)
    record_of((queries_keys(0, n=3),)).save(tmp_path / "x.attn", snapshot=False)
    assert_same(record, back)


def test_what_cannot_be_saved_says_so(tmp_path: Path) -> None:
    record = odd_record()
    path = tmp_path / "x.attn"
    with pytest.raises(NotRecordedError, match=r"read word by word\. Save the record that it was made from"):
        record.merge_words().save(path)
    weighted = aw.ModelRunner().run("The cat sat.").norm_weighted()
    with pytest.raises(NotRecordedError, match="read by norms"):
        weighted.save(path)
    with pytest.raises(InputError, match="nothing to save"):
        record.save(path, exact=False, snapshot=False)
    with pytest.raises(NotRecordedError, match=r"decoder attention of layer 0 does not hold"):
        replace(record, sites=(_Foreign(**vars(queries_keys(0))),)).save(path, snapshot=False)
    assert not path.exists()


def test_a_snapshot_of_words_comes_back_as_words(tmp_path: Path) -> None:
    record = aw.ModelRunner().run("The cat chased the unbelievable dog.").merge_words()
    back = again(record, tmp_path, exact=False)
    assert back.words
    assert back.precision is not None
    assert [token.label for token in back.tokens] == [token.label for token in record.tokens]
    np.testing.assert_allclose(back.row(2), record.row(2), atol=1e-6)


def test_a_snapshot_is_passed_on_as_it_is(tmp_path: Path) -> None:
    record = record_of((queries_keys(0, heads=16, n=200),), predictions=predictions(200))
    record.save(tmp_path / "x.attn", exact=False, snapshot="60 kB")
    with pytest.raises(NotRecordedError, match="holds a snapshot only"):
        aw.load(tmp_path / "x.attn", exact=True)
    cut = aw.load(tmp_path / "x.attn")
    assert cut.precision is not None
    assert cut.precision["dropped"] > 0.1
    with pytest.raises(NotRecordedError, match=r"what a snapshot kept of one\. Save it as that: exact=False"):
        cut.save(tmp_path / "y.attn")
    # Once more through the codec, what was left out would no longer be known to have been there.
    cut.save(tmp_path / "y.attn", exact=False)
    assert aw.load(tmp_path / "y.attn").precision == cut.precision
    assert (tmp_path / "y.attn").read_bytes() == (tmp_path / "x.attn").read_bytes()
    with pytest.raises(SnapshotError, match=r"bytes, which is not made smaller"):
        cut.save(tmp_path / "z.attn", exact=False, snapshot="9 kB")


def test_a_page_holds_the_snapshot_that_was_loaded(
    tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = record_of((queries_keys(0, heads=16, n=200),), predictions=predictions(200))
    long.save(tmp_path / "x.attn", exact=False, snapshot="60 kB")
    record = aw.load(tmp_path / "x.attn")
    explorer = aw.explore(record=record)
    state: Any = {name: getattr(explorer, name) for name in State.__annotations__}
    # All patterns would be too many for a page of this size; the snapshot that is there is not.
    monkeypatch.setattr(pages, "PRESSED", 1)
    with pytest.raises(InputError, match="may hold"):
        pages.page(Service(long), state, "", limit=500_000)
    made = pages.page(Service(record), state, "", limit=500_000)
    assert base64.b64encode(encode(record).data).decode() in made


class _Foreign(QKSite):
    """A site that somebody else made."""


def test_what_is_no_saved_record_says_so(tmp_path: Path) -> None:
    path = tmp_path / "x.attn"
    for data in (b"", b"{}", b"PK\x03\x04" + bytes(100), bytes(8), b"\xff" * 64):
        path.write_bytes(data)
        with pytest.raises(SnapshotError, match=r"x\.attn is not a record that attnwidget saved"):
            aw.load(path)
    safetensors.torch.save_file({"weight": torch.ones(3)}, path)
    with pytest.raises(SnapshotError, match="holds tensors, but not a record"):
        aw.load(path)
    later = {"format": "attnwidget.record", "version": "9"}
    safetensors.torch.save_file({"new": torch.ones(1, 1, 1, 1, 3).bool()}, path, later)
    with pytest.raises(SnapshotError, match=r"has file version 9, .* reads version 1\. Install a newer"):
        aw.load(path)
    with pytest.raises(FileNotFoundError):
        aw.load(tmp_path / "none.attn")


def test_what_a_file_lacks_is_named(tmp_path: Path) -> None:
    record = odd_record()
    record.save(tmp_path / "x.attn", snapshot=False)
    with pytest.raises(NotRecordedError, match="holds no snapshot"):
        aw.load(tmp_path / "x.attn", exact=False)
