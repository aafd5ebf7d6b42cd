"""Makes the faces of the printed book, static TrueType files, from the variable web fonts of Literata.

    npm pack @fontsource-variable/literata@5.3.0 && tar xzf fontsource-variable-literata-5.3.0.tgz
    pip install fonttools brotli && python scripts/book_fonts.py package/files questionnaires/data/fonts

PDF knows neither WOFF2 nor variable fonts, and reportlab no second face for what the first one lacks: so the alphabets,
which come in a file each, are merged. The result is in the repository; this has to run only for another face.
"""

import sys
import tempfile
from pathlib import Path

from fontTools.merge import Merger
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

ALPHABETS = ("latin", "latin-ext", "cyrillic", "cyrillic-ext", "greek", "vietnamese")
FACES = {"Regular": ("normal", 400), "SemiBold": ("normal", 600), "Italic": ("italic", 400)}
LAYOUT = ("GSUB", "GPOS", "GDEF")  # reportlab reads none of them


def face(source: Path, style: str, weight: int, target: Path) -> None:
    """One static face of all alphabets, with a name of its own: PDF readers tell faces apart by it."""
    with tempfile.TemporaryDirectory() as folder:
        parts = []
        for alphabet in ALPHABETS:
            font = TTFont(source / f"literata-{alphabet}-wght-{style}.woff2")
            font.flavor = None
            for table in LAYOUT:
                if table in font:
                    del font[table]
            part = Path(folder) / f"{alphabet}.ttf"
            instantiateVariableFont(font, {"wght": weight}).save(part)
            parts.append(str(part))
        merged = Merger().merge(parts)
        merged["name"].setName(target.stem, 6, 3, 1, 0x409)
        merged.save(target)


if __name__ == "__main__":
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    target.mkdir(parents=True, exist_ok=True)
    for name, (style, weight) in FACES.items():
        face(source, style, weight, target / f"Literata-{name}.ttf")
