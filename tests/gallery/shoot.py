"""Takes pictures of the gallery: every case in every view, light and dark; and the README's two.

python -m tests.gallery.shoot screenshots             # into screenshots/
python -m tests.gallery.shoot --readme .github/images # explorer-light.png and explorer-dark.png
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tests.gallery.pages import CASES, VIEWS, Gallery, build, rest

THEMES = ("light", "dark")


def shoot(gallery: Gallery, path: Path, case: str, **query: Any) -> None:
    """Save a picture of one case, cut to the widget."""
    page = gallery.open(case, window=1080, **query)
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
                    path = folder / f"{case}-{view}-{theme}.png"
                    shoot(gallery, path, case, theme=theme, view=view, hold="4", width=1000)
        if gallery.errors:
            raise SystemExit("\n".join(gallery.errors))


if __name__ == "__main__":
    main()
