"""The TypeScript types follow the schema."""

from __future__ import annotations

from pathlib import Path

from attnwidget.wire import generate


def test_types_are_up_to_date() -> None:
    assert generate.main(["--check"]) == 0


def test_drift_is_seen(tmp_path: Path) -> None:
    target = tmp_path / "types.ts"
    assert generate.main(["--check", "--target", str(target)]) == 1
    assert generate.main(["--target", str(target)]) == 0
    assert generate.main(["--check", "--target", str(target)]) == 0
    target.write_text(
        target.read_text(encoding="utf-8").replace("layer: number", "layer: string"), encoding="utf-8"
    )
    assert generate.main(["--check", "--target", str(target)]) == 1
