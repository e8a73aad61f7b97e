"""Print a software bill of materials, CycloneDX 1.6, of the machine or container that this runs in:

    docker run --rm --interactive shop python - < deploy/sbom.py > build/sbom.cdx.json

It names the Python packages, the Debian packages and Python itself, and nothing that would differ between two runs.
"""

import json
import platform
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

DEBIAN = Path("/var/lib/dpkg/status")


def component(kind: str, name: str, version: str, licence: str | None = None) -> dict[str, Any]:
    purl = f"pkg:{kind}/{quote(name)}@{quote(version, safe='')}"
    licences = {"licenses": [{"license": {"name": licence}}]} if licence else {}
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl, **licences}


def python_packages() -> Iterator[dict[str, Any]]:
    for package in metadata.distributions():
        about: dict[str, Any] = package.metadata.json
        licence = about.get("license_expression") or about.get("license", "").partition("\n")[0].strip()
        yield component("pypi", about["name"].lower().replace("_", "-"), about["version"], licence or None)


def debian_packages() -> Iterator[dict[str, Any]]:
    for entry in DEBIAN.read_text(encoding="utf-8").split("\n\n") if DEBIAN.exists() else []:
        fields = dict(line.split(": ", 1) for line in entry.splitlines() if ": " in line and not line.startswith(" "))
        if fields.get("Status", "").endswith(" installed"):
            yield component("deb/debian", fields["Package"], fields["Version"])


def main() -> None:
    found = [component("generic", "python", platform.python_version()), *python_packages(), *debian_packages()]
    by_reference = {each["bom-ref"]: each for each in found}
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": "shop", "name": "shop"}},
        "components": [by_reference[reference] for reference in sorted(by_reference)],
    }
    json.dump(bill, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
