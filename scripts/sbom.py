#!/usr/bin/env python3
"""Write what each distribution declares and contains, as the CycloneDX file that its wheel holds.

`sbom.py --check` changes nothing and fails where a file does not fit its project.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import (
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    Property,
    XsUri,
)
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentEvidence, ComponentScope, ComponentType
from cyclonedx.model.component_evidence import Occurrence
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PAGE = "metier/serving/page/static/vendor"
VENDORED = ROOT / "sdk" / PAGE / "vendored.toml"
# Each project and its file, which `sbom-files` in its pyproject.toml names.
FILES = {ROOT: ROOT / "sdk" / "metier.cdx.json"} | {
    ROOT / "plugins" / name: ROOT / "plugins" / name / f"metier-{name}.cdx.json"
    for name in ("math", "code", "medical")
}
OWN = "metier"


def library(purl: PackageURL, **fields: object) -> Component:
    return Component(
        type=ComponentType.LIBRARY,
        bom_ref=str(purl),
        purl=purl,
        group=purl.namespace,
        name=purl.name,
        version=purl.version,
        **fields,
    )


def declared(project: dict[str, list[str] | dict[str, list[str]]]) -> Iterator[Component]:
    """The packages that a project asks for; the installer chooses their versions."""
    extras = {"": project["dependencies"]} | project.get("optional-dependencies", {})
    for extra, lines in extras.items():
        for line in lines:
            if extra and Requirement(line).name == OWN:  # `all` names the other extras
                continue
            said = [Property(name="metier:requirement", value=line)]
            if extra:
                said.append(Property(name="metier:extra", value=extra))
            yield library(
                PackageURL("pypi", name=Requirement(line).name),
                scope=ComponentScope.OPTIONAL if extra else ComponentScope.REQUIRED,
                properties=said,
            )


def vendored() -> Iterator[Component]:
    """The page's libraries, which are files of the wheel."""
    for file, entry in tomllib.loads(VENDORED.read_text()).items():
        scope, _, name = entry["package"].rpartition("/")
        yield library(
            PackageURL("npm", namespace=scope or None, name=name, version=entry["version"]),
            licenses=[LicenseFactory().make_from_string(entry["licence"])],
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=entry["sha256"])],
            evidence=ComponentEvidence(occurrences=[Occurrence(location=f"{PAGE}/{file}")]),
            external_references=[
                ExternalReference(type=ExternalReferenceType.VCS, url=XsUri(entry["source"]))
            ],
        )


def described(folder: Path) -> str:
    """The CycloneDX file of a project; the same for the same project, at any time."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    own = library(
        PackageURL("pypi", name=project["name"], version=project["version"]),
        description=project["description"],
        licenses=[LicenseFactory().make_from_string(project["license"])],
    )
    parts = [*declared(project), *(vendored() if folder == ROOT else ())]
    bom = Bom(
        serial_number=uuid5(NAMESPACE_URL, str(own.purl)),
        metadata=BomMetaData(component=own),
        components=parts,
    )
    bom.metadata.timestamp = None
    bom.register_dependency(own, parts)
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    for folder, file in FILES.items():
        text = described(folder)
        if not check:
            file.write_text(text)
        elif not file.exists() or file.read_text() != text:
            sys.exit(
                f"sbom: {file.relative_to(ROOT)} does not fit its project; run: scripts/sbom.py"
            )


if __name__ == "__main__":
    main()
