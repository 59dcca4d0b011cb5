"""Takes pictures of the gallery: every case in every view, light and dark; and the README's two.

Cases of few and of many tokens are taken at three widths.

python -m tests.gallery.shoot screenshots             # into screenshots/
python -m tests.gallery.shoot --readme .github/images # explorer-light.png and explorer-dark.png
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tests.gallery.pages import CASES, VIEWS, Gallery, build, rest

THEMES = ("light", "dark")
WIDTHS = {"tokens8": (480, 800, 1200), "tokens200": (480, 800, 1200)}
"""Widths of a case in CSS pixels; the others have one."""
WIDTH = 1000


def shoot(gallery: Gallery, path: Path, case: str, **query: Any) -> None:
    """Save a picture of one case, cut to the widget."""
    page = gallery.open(case, window=1280, **query)
    rest(page)
    # The opening transition of the lines' opacity.
    page.wait_for_timeout(200)
    page.locator(".attnwidget").screenshot(path=path)
    page.context.close()
    print(path)  # noqa: T201


def main() -> None:
    """Parse the command line and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--readme", action="store_true", help="only the README's pictures")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    build()
    with Gallery(scale=2) as gallery:
        for theme in THEMES:
            if arguments.readme:
                shoot(
                    gallery,
                    folder / f"explorer-{theme}.png",
                    "embedded",
                    theme=theme,
                    heads="0,2",
                    width=1000,
                )
                continue
            for case in CASES:
                for view in VIEWS if case != "empty" else VIEWS[:1]:
                    for width in WIDTHS.get(case, (WIDTH,)):
                        name = f"{case}-{view}-{theme}" + (f"-{width}" if case in WIDTHS else "")
                        query = {"theme": theme, "view": view, "hold": "4", "width": width}
                        shoot(gallery, folder / f"{name}.png", case, **query)
        if gallery.errors:
            raise SystemExit("\n".join(gallery.errors))


if __name__ == "__main__":
    main()
