"""Writes a wheel's SBOM beside it: `python tools/sbom.py dist/secant-0.1.0-….whl`.

The SBOM (software bill of materials) lists, as CycloneDX JSON, the wheel and each
package that its newest installation has, with versions and licences. A second argument
is the Python of an environment where only the wheel is installed; without it, the wheel
is installed in a new one. It needs `pip install -e ".[release]"`.
"""

import json
import subprocess
import sys
import tempfile
import venv
from email.parser import HeaderParser
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).parents[1]

NAMED = ("jax", "numpy")
"""Packages that no SBOM of Secant lacks."""


def main(wheel: Path, python: Path | None = None) -> Path:
    """Writes the SBOM and returns its path.

    Raises:
        SystemExit: The SBOM lacks a version, or names a file of this machine.
    """
    with tempfile.TemporaryDirectory() as folder:
        bill = bill_of(python or install(wheel, Path(folder)))
    version = metadata(wheel)["Version"]
    root = bill["metadata"]["component"]
    # pyproject.toml has no version: it is read from the source when a wheel is built.
    root |= {
        "version": version,
        "purl": f"pkg:pypi/{root['name']}@{version}",
        "hashes": [
            {"alg": "SHA-256", "content": sha256(wheel.read_bytes()).hexdigest()}
        ],
    }
    text = json.dumps(bill, indent=2, ensure_ascii=False) + "\n"
    versions = {c["name"]: c.get("version") for c in [root, *bill["components"]]}
    missing = [name for name in (root["name"], *NAMED) if not versions.get(name)]
    if missing or "file:" in text:
        sys.exit(f"this is no SBOM of {wheel.name}: {missing or 'it names files'}")
    path = wheel.with_name(f"{root['name']}-{version}.cdx.json")
    path.write_text(text, encoding="utf-8")
    print(f"{path.name}: {len(versions)} packages")
    return path


def metadata(wheel: Path) -> "dict[str, str]":
    """The wheel's metadata."""
    with ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return dict(HeaderParser().parsestr(archive.read(name).decode()).items())


def install(wheel: Path, folder: Path) -> Path:
    """Installs the wheel in a new environment without pip, and returns its Python."""
    venv.create(folder, symlinks=True)
    (python,) = [p for p in folder.glob("*/python*") if p.stem == "python"]
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    subprocess.run([*pip, "install", "-q", str(wheel)], check=True)
    return python


def bill_of(python: Path) -> "dict":
    """What cyclonedx-py says of an environment, checked against CycloneDX's schema."""
    answer = subprocess.run(
        [
            *(sys.executable, "-m", "cyclonedx_py", "environment", str(python)),
            *("--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "library"),
            *("--output-reproducible", "--validate"),
        ],
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    return json.loads(answer.stdout)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
