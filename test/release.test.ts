/** A release: its archives, licenses, list of software, manifest and checksums. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { parse, parseAllDocuments } from "yaml";
import manifest from "../package.json" with { type: "json" };
import { sha256 } from "../scripts/build/sha256.ts";
import { TOOLS_IMAGE } from "../scripts/images.ts";
import { installYaml } from "../scripts/release/install-yaml.ts";
import { type ReleaseContents, sbom } from "../scripts/release/sbom.ts";
import { CHECKSUMS, RELEASE_NAME, releaseContents, writeRelease } from "../scripts/release.ts";
import { componentId } from "../scripts/software/component.ts";
import { debianComponents } from "../scripts/software/debian-components.ts";
import { npmComponent, npmComponents } from "../scripts/software/npm-components.ts";
import { DIST, ROOT } from "../support/paths.ts";
import { run } from "../support/tools.ts";
import { findBuiltProgram } from "./support/clients.ts";
import { KUBERNETES_SKIP, kustomize } from "./support/kubernetes.ts";
import { IMAGE_SKIP } from "./support/podman.ts";
import { temporaryFolder } from "./support/temporary.ts";

const ARCHITECTURES = ["amd64", "arm64"];

/** The npm packages that the tools import, and the dependencies of these packages. */
const NPM = ["chokidar", "diff", "readdirp", "undici", "yaml", "yargs", "yargs-parser"];

/** The Debian packages of the libraries and certificate authorities in the image. */
const DEBIAN = ["ca-certificates", "libatomic1", "libc6", "libgcc-s1", "libstdc++6"];

const SKIP = IMAGE_SKIP || (!existsSync(join(DIST, "arm64", "launcher")) && "the tools for arm64 are not built");

describe("a release", { skip: SKIP, timeout: 300_000 }, () => {
  const folder = temporaryFolder({ after });
  const [release, second] = [join(folder, "release"), join(folder, "second")];
  const image = "registry.example.org/tools:1";
  let contents: ReleaseContents;

  before(async () => {
    contents = await releaseContents();
    // The new release must not contain files of an older release.
    mkdirSync(release);
    writeFileSync(join(release, "old"), "");
    await writeRelease(release, image);
  });

  /** Returns the sorted names of the software in one part of the release: the tools or the image. */
  const names = (part: "tools" | "image") => contents[part].map(({ name }) => name).sort();

  const entries = (archive: string) =>
    execFileSync("tar", ["-tzf", join(release, archive)], { encoding: "utf8" })
      .trimEnd()
      .split("\n");

  it("contains archives of the tools, the image, the licenses, a list of software, a manifest and checksums", () => {
    const archives = [...ARCHITECTURES.map((arch) => `linux-${arch}`), "licenses"].map((name) => `-${name}.tar.gz`);
    const own = ["-image.tar", ".spdx.json", ...archives].map((end) => RELEASE_NAME + end);
    assert.deepEqual(readdirSync(release), [CHECKSUMS, "install.yaml", ...own].sort());
  });

  it("has checksums that sha256sum accepts, for all other files", async () => {
    const check = () => run("sha256sum", ["--check", "--strict", CHECKSUMS], { cwd: release });
    const { code, stdout } = await check();
    assert.equal(code, 0);
    const files = readdirSync(release).filter((name) => name !== CHECKSUMS);
    assert.deepEqual(stdout.trimEnd().split("\n").sort(), files.map((name) => `${name}: OK`).sort());
  });

  it("has the same bytes in a second run", async () => {
    await writeRelease(second, image);
    assert.equal(readFileSync(join(second, CHECKSUMS), "utf8"), readFileSync(join(release, CHECKSUMS), "utf8"));
    for (const name of readdirSync(release))
      assert.equal(sha256(join(second, name)), sha256(join(release, name)), name);
  });

  for (const arch of ARCHITECTURES)
    it(`has the tools, their files and their licenses in the archive for ${arch}`, () => {
      const found = entries(`${RELEASE_NAME}-linux-${arch}.tar.gz`);
      const paths = [
        ...["launcher", "oras-push", "wait-fs", "licenses/oras-pod-tools.txt", "share/man/man1/launcher.1"],
        ...["share/bash-completion/completions/oras-push", `licenses/node-${process.versions.node}.txt`],
      ];
      for (const path of paths) assert.ok(found.includes(`${RELEASE_NAME}-linux-${arch}/${path}`), path);
      const licenses = found.filter((path) => path.includes("/licenses/") && path.endsWith(".txt"));
      assert.equal(licenses.length, NPM.length + 2);
    });

  it("has tools that run, as one file with three names", async () => {
    const arch = process.arch === "x64" ? "amd64" : "arm64";
    const name = `${RELEASE_NAME}-linux-${arch}`;
    execFileSync("tar", ["-xzf", join(release, `${name}.tar.gz`), "-C", folder]);
    for (const tool of ["launcher", "oras-push", "wait-fs"]) {
      const { stdout } = await run(join(folder, name, tool), ["--version"], { env: {} });
      assert.equal(stdout, `${tool} ${manifest.version}\n`);
      assert.equal(sha256(join(folder, name, tool)), sha256(join(DIST, tool)));
    }
    const list = execFileSync("tar", ["-tvzf", join(release, `${name}.tar.gz`)], { encoding: "utf8" });
    assert.equal(list.match(/ link to /g)?.length, 2);
  });

  it("has the license of each npm package, of Node and of each Debian package", () => {
    const found = entries(`${RELEASE_NAME}-licenses.tar.gz`);
    assert.deepEqual(names("tools"), [...NPM, "node"].sort());
    assert.deepEqual(names("image"), DEBIAN);
    for (const component of [...contents.tools, ...contents.image])
      assert.ok(found.includes(`${RELEASE_NAME}-licenses/${componentId(component)}.txt`), component.name);
  });

  it("has whole texts of licenses, also of those that Debian only names", () => {
    const text = (name: string) =>
      [...contents.tools, ...contents.image].find((component) => component.name === name)?.text ?? "";
    assert.match(text("undici"), /Permission is hereby granted/);
    assert.match(text("node"), /OpenSSL/);
    assert.match(text("libc6"), /GNU LESSER GENERAL PUBLIC LICENSE\s+Version 2.1/);
    assert.match(text("libstdc++6"), /GCC RUNTIME LIBRARY EXCEPTION[\s\S]*GNU GENERAL PUBLIC LICENSE\s+Version 3/);
  });

  it("uses the given image in the manifest, and by default the name of the image in the archive", () => {
    assert.equal(readFileSync(join(release, "install.yaml"), "utf8"), installYaml(image));
    const archived = execFileSync("tar", ["-xOf", join(release, `${RELEASE_NAME}-image.tar`), "index.json"]);
    const { annotations } = JSON.parse(archived.toString()).manifests[0];
    assert.equal(annotations["org.opencontainers.image.ref.name"], TOOLS_IMAGE);
  });

  describe("list of software", () => {
    interface Package {
      readonly name: string;
      readonly SPDXID: string;
      readonly versionInfo: string;
      readonly licenseDeclared: string;
      readonly externalRefs: readonly { readonly referenceLocator: string }[];
    }
    let document: Record<string, string> & {
      readonly packages: readonly Package[];
      readonly relationships: readonly Record<string, string>[];
      readonly hasExtractedLicensingInfos: readonly Record<string, string>[];
      readonly creationInfo: { readonly created: string; readonly creators: readonly string[] };
    };

    before(() => {
      document = JSON.parse(readFileSync(join(release, `${RELEASE_NAME}.spdx.json`), "utf8"));
    });

    it("has the required fields of SPDX 2.3", () => {
      assert.equal(document.spdxVersion, "SPDX-2.3");
      assert.equal(document.dataLicense, "CC0-1.0");
      assert.equal(document.SPDXID, "SPDXRef-DOCUMENT");
      assert.equal(document.name, RELEASE_NAME);
      assert.match(document.documentNamespace ?? "", /^https:\/\/[^#]+-[0-9a-f]{64}$/);
      assert.equal(Date.parse(document.creationInfo.created), contents.time * 1000);
      assert.match(document.creationInfo.created, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      assert.match(document.creationInfo.creators[0] ?? "", /^Tool: /);
      for (const found of document.packages) {
        assert.match(found.SPDXID, /^SPDXRef-[A-Za-z0-9.-]+$/);
        for (const field of ["name", "versionInfo", "downloadLocation", "licenseConcluded", "copyrightText"])
          assert.ok((found as unknown as Record<string, string>)[field], `${found.SPDXID}: ${field}`);
      }
    });

    it("has one package for each bundled npm package, each Debian package, Node, and each part of Node", () => {
      const found = document.packages.map(({ name }) => name);
      const parts = contents.tools.flatMap((component) => component.parts ?? []).map(({ name }) => name);
      assert.ok(["v8", "openssl", "sqlite", "uv"].every((name) => parts.includes(name)));
      const own = ["oras-pod-tools", "oras-pod-tools-image"];
      assert.deepEqual(found.sort(), [...own, ...NPM, "node", ...parts, ...DEBIAN].sort());
    });

    it("has each Debian package for both architectures", () => {
      const urls = document.packages.find(({ name }) => name === "libstdc++6")?.externalRefs;
      assert.deepEqual(
        urls?.map(({ referenceLocator }) => referenceLocator.replace(/@.*\?/, "?")),
        ARCHITECTURES.map((arch) => `pkg:deb/debian/libstdc%2B%2B6?arch=${arch}`),
      );
    });

    it("has unique identifiers, and each relationship and license refers to one", () => {
      const ids = ["SPDXRef-DOCUMENT", ...document.packages.map(({ SPDXID }) => SPDXID)];
      assert.equal(new Set(ids).size, ids.length);
      const licenses = document.hasExtractedLicensingInfos.map(({ licenseId }) => licenseId);
      assert.equal(new Set(licenses).size, licenses.length);
      for (const { licenseDeclared } of document.packages)
        if (licenseDeclared.startsWith("LicenseRef-")) assert.ok(licenses.includes(licenseDeclared), licenseDeclared);
      const related = document.relationships.map(({ relatedSpdxElement }) => relatedSpdxElement as string);
      for (const id of ids.slice(1)) assert.ok(related.includes(id), `${id} is in no relationship`);
      for (const id of related) assert.ok(ids.includes(id), id);
    });

    it("has another name if its contents differ", () => {
      const other = { ...contents, time: contents.time + 1 };
      const namespace = (text: string) => JSON.parse(text).documentNamespace;
      assert.notEqual(namespace(sbom(other)), namespace(sbom(contents)));
    });
  });
});

describe("the software in a release", () => {
  /** A package of npm with these files. */
  const packageWith = (t: { after: (action: () => void) => void }, files: Readonly<Record<string, string>>) => {
    const folder = temporaryFolder(t);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    return folder;
  };

  it("is read from the paths of the bundled files", () => {
    const inputs = {
      "packages/oras-push/src/main.ts": { bytesInOutput: 1 },
      "node_modules/yaml/dist/index.js": { bytesInOutput: 1 },
      "node_modules/esbuild/lib/main.js": { bytesInOutput: 0 },
    };
    const output = { bytes: 1, inputs, imports: [], exports: [] };
    const found = npmComponents([{ inputs: {}, outputs: { tool: output } }]);
    assert.deepEqual(
      found.map(({ name, urls }) => [name, urls[0]?.replace(/@.*/, "")]),
      [
        ["esbuild", "pkg:npm/esbuild"],
        ["yaml", "pkg:npm/yaml"],
      ],
    );
  });

  it("needs a license and its text", (t) => {
    const description = { name: "@a/b", version: "1.0.0" };
    const licensed = JSON.stringify({ ...description, license: "MIT" });
    assert.throws(
      () => npmComponent(packageWith(t, { "package.json": JSON.stringify(description), LICENSE: "text" })),
      /package\.json names no license$/,
    );
    assert.throws(
      () => npmComponent(packageWith(t, { "package.json": licensed, "README.md": "" })),
      /no file contains the text of the license$/,
    );
    assert.deepEqual(npmComponent(packageWith(t, { "package.json": licensed, "LICENCE.md": "text" })), {
      ...description,
      urls: ["pkg:npm/%40a/b@1.0.0"],
      license: "MIT",
      text: "text",
    });
  });

  it("includes the Debian packages of the libraries that an executable needs", { skip: SKIP }, () => {
    const launchers = new Map([[process.arch as "x64" | "arm64", join(DIST, "launcher")]]);
    assert.deepEqual(
      debianComponents(launchers).map(({ name }) => name),
      DEBIAN,
    );
  });
});

describe("the manifest of a release", () => {
  const image = "registry.example.org/a/tools@sha256:0123";

  it("has the same objects as the folders of the policies and the registry", { skip: KUBERNETES_SKIP }, async () => {
    const folders = await Promise.all(["injection", "registry"].map((name) => kustomize(name)));
    const objects = (text: string) =>
      parseAllDocuments(text)
        .map((document) => document.toJS())
        .filter((object) => object !== null)
        .map((object) => [`${object.kind} ${object.metadata.name}`, object] as const)
        .sort(([one], [other]) => one.localeCompare(other));
    const text = installYaml(image).replace(image, `oras-pod-tools:${manifest.version}`);
    const expected = folders.map((folder) => folder.text).join("---\n");
    assert.deepEqual(objects(text.replace(image, `oras-pod-tools:${manifest.version}`)), objects(expected));
  });

  it("does not refer to files of the repository", () => {
    assert.doesNotMatch(installYaml(image), /\.\.\/|README|write-docs|kubectl \w+ -k/);
  });

  it("refuses a text that is no name of an image", () => {
    for (const name of ["", 'a"', "a b", "a'b", "-a"])
      assert.throws(() => installYaml(name), /invalid name of an image/);
  });
});

describe("the workflow of a release", () => {
  const WORKFLOW = join(ROOT, ".github", "workflows", "release.yml");
  const folder = temporaryFolder({ after });
  const temporaryFile = (text: string) => {
    const file = join(folder, "release.yml");
    writeFileSync(file, text);
    return file;
  };

  it("runs the same command as a person does", () => {
    const workflow = parse(readFileSync(WORKFLOW, "utf8"));
    const steps: { run?: string }[] = workflow.jobs.build.steps;
    assert.ok(steps.some((step) => step.run === "npx -y pnpm@12.21.0 release"));
    assert.deepEqual(workflow.on.push.tags, ["v*"]);
  });

  const linter = findBuiltProgram("actionlint");
  it("has no faults that actionlint finds", { skip: linter === undefined && "actionlint is not built" }, async () => {
    // Without shellcheck and pyflakes, the result of actionlint is the same on each machine.
    const options = ["-shellcheck=", "-pyflakes="];
    const check = (text: string) => {
      const file = temporaryFile(text);
      return run(linter as string, [...options, file]);
    };
    const text = readFileSync(WORKFLOW, "utf8");
    const { code, stdout } = await check(text);
    assert.equal(code, 0, stdout);
    const broken = await check(text.replace("needs: build", "needs: test"));
    assert.match(broken.stdout, /job "publish" needs job "test" which does not exist/);
  });
});
