import { createHash } from "node:crypto";
import manifest from "../../package.json" with { type: "json" };
import { type Component, componentId, type Part } from "../software/component.ts";

/** What a release contains. */
export interface ReleaseContents {
  /** The software in the tools, on all architectures. */
  readonly tools: readonly Component[];
  /** The other software in the image. */
  readonly image: readonly Component[];
  /** The time of the source's commit, in seconds since 1970. */
  readonly time: number;
}

/** A relationship between two elements (SPDX 2.3, section 11). */
interface Relationship {
  readonly spdxElementId: string;
  readonly relationshipType: "DESCRIBES" | "CONTAINS";
  readonly relatedSpdxElement: string;
}

const DOCUMENT = "SPDXRef-DOCUMENT";
const OWN = { version: manifest.version, license: manifest.license } as const;
const TOOLS = { name: manifest.name, ...OWN } as const;
const IMAGE = { name: `${manifest.name}-image`, ...OWN } as const;

/**
 * Returns the list of the software in a release, as a document of SPDX 2.3 in JSON. The document says that the image
 * contains the tools. Equal arguments give equal documents.
 */
export function sbom({ tools, image, time }: ReleaseContents): string {
  const components = [...tools, ...image];
  const body = {
    creationInfo: {
      created: new Date(time * 1000).toISOString().replace(".000", ""),
      creators: [`Tool: ${manifest.name}-release-${manifest.version}`],
    },
    packages: [TOOLS, IMAGE, ...components].flatMap((component) => packagesOf(component)),
    hasExtractedLicensingInfos: components.filter(({ license }) => license === undefined).map(extractedLicense),
    relationships: [
      ...[TOOLS, IMAGE].map((own): Relationship => relationship(DOCUMENT, "DESCRIBES", spdxId(own))),
      relationship(spdxId(IMAGE), "CONTAINS", spdxId(TOOLS)),
      ...tools.flatMap((component) => containment(TOOLS, component)),
      ...image.flatMap((component) => containment(IMAGE, component)),
    ],
  };
  const digest = createHash("sha256").update(JSON.stringify(body)).digest("hex");
  const name = `${manifest.name}-${manifest.version}`;
  const head = {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: DOCUMENT,
    name,
    // Each document needs a unique name (SPDX 2.3, section 6.5).
    documentNamespace: `https://spdx.org/spdxdocs/${name}-${digest}`,
  };
  return `${JSON.stringify({ ...head, ...body }, undefined, 2)}\n`;
}

/** Returns the package of a component (SPDX 2.3, section 7), and the packages of its parts. */
function packagesOf(component: Component | typeof TOOLS | typeof IMAGE): object[] {
  const license = component.license ?? licenseReference(component);
  const urls = "urls" in component ? component.urls : [genericUrl(component)];
  const parts = "parts" in component ? (component.parts ?? []) : [];
  return [
    { ...packageOf(component, spdxId(component), urls), licenseDeclared: license },
    ...parts.map((part) => ({
      ...packageOf(part, partId(component, part), [genericUrl(part)]),
      licenseDeclared: "NOASSERTION",
      licenseComments: `The text of ${licenseReference(component)} contains the license.`,
    })),
  ];
}

function packageOf({ name, version }: Part, SPDXID: string, urls: readonly string[]): object {
  return {
    name,
    SPDXID,
    versionInfo: version,
    downloadLocation: "NOASSERTION",
    filesAnalyzed: false,
    licenseConcluded: "NOASSERTION",
    copyrightText: "NOASSERTION",
    externalRefs: urls.map((referenceLocator) => ({
      referenceCategory: "PACKAGE-MANAGER",
      referenceType: "purl",
      referenceLocator,
    })),
  };
}

/** The text of a license that has no name in the license list of SPDX (SPDX 2.3, section 10). */
function extractedLicense(component: Component): object {
  const name = `Licenses of ${component.name} ${component.version}`;
  return { licenseId: licenseReference(component), name, extractedText: component.text };
}

function containment(owner: Part, component: Component): Relationship[] {
  const parts = component.parts ?? [];
  return [
    relationship(spdxId(owner), "CONTAINS", spdxId(component)),
    ...parts.map((part) => relationship(spdxId(component), "CONTAINS", partId(component, part))),
  ];
}

function relationship(
  spdxElementId: string,
  relationshipType: Relationship["relationshipType"],
  relatedSpdxElement: string,
): Relationship {
  return { spdxElementId, relationshipType, relatedSpdxElement };
}

function genericUrl({ name, version }: Part): string {
  return `pkg:generic/${name}@${version}`;
}

function spdxId(component: Part): string {
  return `SPDXRef-${componentId(component)}`;
}

function partId(component: Part, part: Part): string {
  return `${spdxId(component)}-${componentId(part)}`;
}

function licenseReference(component: Part): string {
  return `LicenseRef-${componentId(component)}`;
}
