/** The image with the tools: its contents and its three uses. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import manifest from "../../package.json" with { type: "json" };
import { writeOciArchive } from "../../scripts/images/oci-archive.ts";
import { TOOLS_FOLDER } from "../../scripts/images/root.ts";
import { buildImage, imageComponents, SIZE_LIMIT, TOOLS_ARCHIVE, TOOLS_IMAGE } from "../../scripts/images.ts";
import { componentId } from "../../scripts/software/component.ts";
import { toolsComponents } from "../../scripts/software/tools-components.ts";
import { findProgram } from "../../support/debian.ts";
import { ROOT } from "../../support/paths.ts";
import { Podman } from "../../support/podman.ts";
import { startDistribution } from "../../support/registry/process-registry.ts";
import { run } from "../../support/tools.ts";
import { IMAGE_SKIP } from "../support/podman.ts";
import { makeAuthority } from "../support/registry/certificates.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { openArchive, type PlatformImage } from "./archive.ts";

const LOADERS: Readonly<Record<string, string>> = { amd64: "ld-linux-x86-64.so.2", arm64: "ld-linux-aarch64.so.1" };

/** The entries of the image's only layer. Each line contains the mode, the owner, and the name or link of an entry. */
function entries({ layers }: PlatformImage): string[] {
  const [layer] = layers;
  const list = execFileSync("tar", ["--numeric-owner", "-tvzf", layer?.file as string], { encoding: "utf8" });
  return list
    .trim()
    .split("\n")
    .map((line) => {
      const [mode, owner, , , , ...name] = line.split(/ +/);
      return `${mode} ${owner} ${name.join(" ")}`;
    })
    .sort((one, other) => (one.split(" ")[2] as string).localeCompare(other.split(" ")[2] as string));
}

function commit(format: string): string {
  return execFileSync("git", ["log", "-1", `--format=${format}`], { cwd: ROOT, encoding: "utf8" }).trim();
}

describe("image with the tools", { skip: IMAGE_SKIP, timeout: 300_000 }, () => {
  after(() => podman[Symbol.asyncDispose]());
  const folder = temporaryFolder({ after });
  const podman = new Podman(join(folder, "podman"));
  let images: readonly PlatformImage[];

  before(async () => {
    const archive = openArchive(TOOLS_ARCHIVE, join(folder, "layout"));
    assert.deepEqual(archive.names, [TOOLS_IMAGE]);
    images = archive.images;
    await podman.run("load", "--input", TOOLS_ARCHIVE);
    await buildApplicationImage("localhost/busybox", ["sh", "cat", "id"]);
    await buildApplicationImage("localhost/static", []);
  });

  /**
   * Builds an image with busybox as its only program. The applets are links to busybox. If `applets` is empty, the
   * program is `/seq`.
   */
  async function buildApplicationImage(name: string, applets: readonly string[]): Promise<void> {
    const context = join(folder, name);
    const bin = applets.length > 0 ? join(context, "bin") : context;
    mkdirSync(bin, { recursive: true });
    copyFileSync(findProgram("busybox") as string, join(bin, applets.length > 0 ? "busybox" : "seq"));
    for (const applet of applets) symlinkSync("busybox", join(bin, applet));
    const file = join(folder, "Containerfile");
    writeFileSync(file, "FROM scratch\nCOPY . /\n");
    await podman.run("build", "--quiet", "--tag", name, "--file", file, context);
  }

  it("supports amd64 and arm64", () => {
    assert.deepEqual(images.map(({ architecture }) => architecture).sort(), ["amd64", "arm64"]);
  });

  it("contains only the executable, its loader and libraries, the certificate authorities, and licenses", () => {
    for (const image of images) {
      const loader = LOADERS[image.architecture] as string;
      const libraries = ["libatomic.so.1", "libc.so.6", "libdl.so.2", "libgcc_s.so.1", "libm.so.6", "libpthread.so.0"];
      const lib = [loader, ...libraries, "libstdc++.so.6"].map((name) => `-rwxr-xr-x 0/0 lib/${name}`);
      const found = entries(image).filter((entry) => !/ licenses\/./.test(entry));
      assert.deepEqual(found, [
        "drwxr-xr-x 0/0 etc/",
        "drwxr-xr-x 0/0 etc/ssl/",
        "drwxr-xr-x 0/0 etc/ssl/certs/",
        "-rw-r--r-- 0/0 etc/ssl/certs/ca-certificates.crt",
        "-rwxr-xr-x 0/0 launcher",
        "drwxr-xr-x 0/0 lib/",
        ...lib,
        "drwxr-xr-x 0/0 licenses/",
        "drwxr-xr-x 0/0 mnt/",
        "drwxrwxrwx 0/0 mnt/oras/",
        "drwxr-xr-x 0/0 opt/",
        "lrwxrwxrwx 0/0 opt/oras-pod-tools -> ..",
        "hrwxr-xr-x 0/0 oras-push link to launcher",
        "hrwxr-xr-x 0/0 wait-fs link to launcher",
      ]);
    }
  });

  it("contains the licenses of the tools, of the software in them, and of its libraries", async () => {
    const tools = await toolsComponents();
    for (const image of images) {
      const arch = image.architecture === "amd64" ? "x64" : "arm64";
      const ids = [...tools, ...imageComponents([arch])].map(componentId);
      const found = entries(image).flatMap((entry) => / licenses\/(.+)$/.exec(entry)?.[1] ?? []);
      assert.deepEqual(found.sort(), ["oras-pod-tools", ...ids].map((id) => `${id}.txt`).sort());
    }
  });

  it("runs as a user other than root, with the tools on PATH", () => {
    for (const { config } of images) {
      assert.equal(config.config.User, "65532:65532");
      assert.ok(config.config.Env.includes("PATH=/"));
      assert.deepEqual([config.config.Entrypoint, config.config.Cmd], [undefined, undefined]);
    }
  });

  it("has labels with its name, description, version and commit", () => {
    for (const { config } of images) {
      const { Labels: labels } = config.config;
      const label = (name: string) => labels[`org.opencontainers.image.${name}`];
      assert.equal(label("title"), "oras-pod-tools");
      assert.equal(label("description"), manifest.description);
      assert.equal(label("licenses"), manifest.license);
      assert.equal(label("version"), manifest.version);
      assert.equal(label("revision")?.replace(/-changed$/, ""), commit("%H"));
      assert.equal(Date.parse(label("created") as string), Number(commit("%ct")) * 1000);
      assert.equal(Date.parse(config.created), Number(commit("%ct")) * 1000);
    }
  });

  it("has less than 45 MB of compressed layers for each architecture", (t) => {
    for (const { architecture, layers } of images) {
      const size = layers.reduce((sum, layer) => sum + layer.size, 0);
      t.diagnostic(`${architecture}: ${(size / 1e6).toFixed(1)} MB`);
      assert.ok(size < SIZE_LIMIT);
    }
  });

  it("has the same bytes after a second build", async () => {
    const again = new Podman(join(folder, "again"));
    await using _cleaned = again;
    await buildImage(again, join(folder, "exported"));
    const archive = join(folder, "again.tar");
    await writeOciArchive(join(folder, "exported"), archive, TOOLS_IMAGE);
    assert.ok(readFileSync(archive).equals(readFileSync(TOOLS_ARCHIVE)));
  });

  it("runs the tools by their names, on a read-only root, as any user", async () => {
    for (const user of ["65532:65532", "1000:1000", "0:0"])
      for (const tool of ["oras-push", "launcher", "wait-fs"]) {
        const options = ["--rm", "--network=none", "--read-only", "--read-only-tmpfs=false", "--user", user];
        const output = await podman.run("run", ...options, "--cap-drop=all", TOOLS_IMAGE, tool, "--version");
        assert.match(output, new RegExp(`^${tool} \\d`));
      }
  });

  /** Runs a command with the launcher, in the image of an application. Returns the output. */
  const launch = (image: string, launcher: string, mounts: readonly string[], command: readonly string[]) => {
    const confined = ["--read-only", "--read-only-tmpfs=false", "--user=1000:1000", "--cap-drop=all"];
    const options = ["--rm", "--network=none", ...confined, ...mounts.flatMap((mount) => ["--mount", mount])];
    return podman.runCombined("run", ...options, image, launcher, ...command);
  };

  /** Creates a volume with the mode that the kubelet uses. */
  const createVolume = (name: string) => {
    const path = join(folder, name);
    mkdirSync(path);
    chmodSync(path, 0o777);
    return { path, mount: `type=bind,src=${path},dst=/mnt/oras` };
  };

  it("installs the launcher on a volume; from there it runs in any image", async () => {
    const { path, mount } = createVolume("installed");
    const options = ["--rm", "--network=none", "--read-only", "--mount", mount];
    await podman.run("run", ...options, TOOLS_IMAGE, "launcher", "--install", "/mnt/oras/bin");
    const shell = ["--quiet", "--", "sh", "-c", "id -u > /mnt/oras/out"];
    await launch("localhost/busybox", "/mnt/oras/bin/launcher", [mount], shell);
    assert.equal(readFileSync(join(path, "out"), "utf8"), "1000\n");
    const alone = ["--quiet", "--", "/seq", "3"];
    assert.equal(await launch("localhost/static", "/mnt/oras/bin/launcher", [mount], alone), "1\n2\n3\n");
  });

  it("is a volume in the application's container; from there the launcher runs in any image", async () => {
    const image = `type=image,src=${TOOLS_IMAGE},dst=${TOOLS_FOLDER}`;
    const launcher = `${TOOLS_FOLDER}/launcher`;
    const { path, mount } = createVolume("mounted");
    const shell = ["--quiet", "--output", "/mnt/oras/out", "--", "sh", "-c", "id -u > /mnt/oras/out"];
    await launch("localhost/busybox", launcher, [image, mount], shell);
    const { outputs } = JSON.parse(readFileSync(join(path, "oras-operator-done.txt"), "utf8"));
    assert.deepEqual(outputs, [{ path: "out", files: 1, bytes: 5 }]);
    const output = await launch("localhost/static", launcher, [image, mount], ["--", "/seq", "3"]);
    assert.match(output, /^1\n2\n3\n/);
  });

  it("trusts the certificate authorities in a file that replaces its own", {
    skip:
      ["docker-registry", "openssl"].some((name) => findProgram(name) === undefined) &&
      "docker-registry or openssl is not installed",
  }, async () => {
    const authority = makeAuthority(join(folder, "tls"));
    const { certificate, key } = authority.issue("registry");
    const tls = { REGISTRY_HTTP_TLS_CERTIFICATE: certificate, REGISTRY_HTTP_TLS_KEY: key };
    const registry = await startDistribution(findProgram("docker-registry") as string, join(folder, "registry"), tls);
    try {
      const push = (...mounts: readonly string[]) => {
        const options = ["--rm", "--network=host", "--add-host=registry.example:127.0.0.1", ...mounts];
        const reference = `registry.example:${registry.address.split(":")[1]}/test/tls:1`;
        return podman.run("run", ...options, TOOLS_IMAGE, "oras-push", reference, "/lib/libdl.so.2");
      };
      await assert.rejects(push("--env=ORAS_RETRY_FOR=0"), /certificate/);
      const mount = `type=bind,src=${authority.certificate},dst=/etc/ssl/certs/ca-certificates.crt,ro`;
      assert.match(await push("--mount", mount), /sha256:/);
    } finally {
      await registry.close();
    }
  });

  it("runs on arm64", { skip: emulatorSkip() }, async () => {
    const image = images.find(({ architecture }) => architecture === "arm64") as PlatformImage;
    const root = join(folder, "arm64");
    mkdirSync(root);
    execFileSync("tar", ["-xzf", image.layers[0]?.file as string, "-C", root]);
    for (const tool of ["wait-fs", "oras-push"]) {
      const { stdout } = await run("qemu-aarch64-static", ["-L", root, join(root, tool), "--version"], { env: {} });
      assert.match(stdout, new RegExp(`^${tool} \\d`));
    }
  });
});

function emulatorSkip(): string | false {
  return findProgram("qemu-aarch64-static") === undefined && "qemu-aarch64-static is not installed";
}
