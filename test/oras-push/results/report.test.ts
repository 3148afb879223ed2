/** Reports, opened in a real browser. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import { pathToFileURL } from "node:url";
import { ANNOTATIONS } from "oras-push/oci/annotations";
import type { Annotations } from "oras-push/oci/descriptor";
import type { Digest } from "oras-push/oci/digest";
import { buildManifest } from "oras-push/oci/manifest";
import { OCI_MANIFEST } from "oras-push/oci/media-types";
import { digestOf } from "oras-push/oci/meter";
import { html, trusted } from "oras-push/results/report/html";
import { lastLines } from "oras-push/results/report/report-run";
import { shellWord } from "oras-push/results/report/shell-word";
import { type MemoryRegistry, startMemoryRegistry } from "../../../support/registry/memory-registry.ts";
import { runTool } from "../../../support/tools.ts";
import { type Browser, NO_BROWSER, type Page, startBrowser } from "../../support/browser.ts";
import { fillRegistry, runAnnotations, storeResult } from "../../support/results.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** If this text were not escaped, it would run scripts, end the surrounding element, or show a part reversed. */
const HOSTILE = `</script></style><script>hacked=1</script><img src=x onerror="hacked=1">"' onclick='hacked=1' \u202egnp.exe\u0007\`\${1}`;
const LONG = "y".repeat(100_000);

describe("HTML", () => {
  it("escapes every value of a template", () => {
    assert.equal(
      html`<p title="${HOSTILE}">${"a & b"}${1}${undefined}${[html`<b>${"<"}</b>`, ">"]}</p>`.toString(),
      `<p title="&lt;/script&gt;&lt;/style&gt;&lt;script&gt;hacked=1&lt;/script&gt;&lt;img src=x onerror=&quot;hacked=1&quot;&gt;&quot;&#39; onclick=&#39;hacked=1&#39; \\u202egnp.exe\\u0007&#96;\${1}">a &amp; b1<b>&lt;</b>&gt;</p>`,
    );
  });

  it("keeps line breaks and tabs, and shows other controls", () => {
    assert.equal(html`${"a\n\tb\r\nc\rd\u001b[0m"}`.toString(), "a\n\tb\r\nc\\u000dd\\u001b[0m");
  });

  it("contains trusted text as it is", () => assert.equal(html`${trusted("<b>")}`.toString(), "<b>"));

  it("does not take an object that looks like HTML for HTML", () => {
    const fake = { toString: () => "<script>" } as unknown as string;
    assert.equal(html`${fake}`.toString(), "&lt;script&gt;");
  });
});

describe("the end of a log", () => {
  it("has the last lines", () => {
    assert.equal(lastLines("a\nb\r\nc\n", 2, false), "b\nc");
    assert.equal(lastLines("a\nb\n\n", 2, false), "b\n");
    assert.equal(lastLines("", 2, false), "");
  });

  it("omits an incomplete first line, unless there is no other line", () => {
    assert.equal(lastLines("ut\nb\nc", 9, true), "b\nc");
    assert.equal(lastLines("only", 9, true), "only");
  });
});

describe("a shell word", () => {
  it("is quoted if it needs quotes", () => {
    assert.equal(shellWord("localhost:5000/a@sha256:0"), "localhost:5000/a@sha256:0");
    assert.equal(shellWord("it's; rm"), "'it'\\''s; rm'");
    assert.equal(shellWord(""), "''");
  });
});

describe("oras-push report", () => {
  it("writes a report about an OCI layout, with the ends of its logs and commands for layouts", async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, "stdout.log"), "first\nlast\n");
    const run = (...args: string[]) => runTool("oras-push", args, { cwd: folder });
    assert.equal((await run("--oci-layout", "archive:1", "stdout.log")).code, 0);
    const { code, stdout } = await run("report", "--oci-layout", "--log-lines", "1", "archive", "-o", "out.html");
    assert.equal(code, 0);
    assert.equal(stdout, "Wrote out.html: 1 run\n");
    const page = readFileSync(join(folder, "out.html"), "utf8");
    assert.match(page, /<pre tabindex="0">last<\/pre>/);
    assert.match(page, /oras-push pull --oci-layout archive@sha256:[0-9a-f]{64} -o archive-1</);
    assert.match(page, /oras-push lineage --oci-layout archive@sha256:[0-9a-f]{64}</);
    assert.equal((await run("report", "--oci-layout", "archive", "-o", "none/out.html")).code, 73);
  });
});

it("a report shows the artifact of an image instead of a command that pulls the image", async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, "a.txt"), "a");
  const run = (...args: string[]) => runTool("oras-push", args, { cwd: folder });
  assert.equal((await run("--oci-layout", "--mountable", "archive:1", "a.txt")).code, 0);
  assert.equal((await run("report", "--oci-layout", "archive", "-o", "out.html")).code, 0);
  const page = readFileSync(join(folder, "out.html"), "utf8");
  assert.deepEqual(
    [...page.matchAll(/<code>oras-push pull .* -o (.*?)</g)].map(([, name]) => name),
    ["archive-1"],
  );
  assert.match(page, /<dt>Image of<\/dt><dd><a href="#run-\d"><code>sha256:[0-9a-f]{64}</);
});

/** Stores a run with logs. */
function put(
  registry: MemoryRegistry,
  name: string,
  minutes: number,
  annotations: Annotations,
  logs: Record<string, string>,
) {
  const [repository = "", tag = ""] = name.split(":");
  const layers = Object.entries(logs).map(([title, text]) => {
    const bytes = Buffer.from(text);
    const digest = digestOf(bytes);
    registry.blobs.set(digest, bytes);
    return { mediaType: "text/plain", digest, size: bytes.length, annotations: { [ANNOTATIONS.title]: title } };
  });
  const { bytes } = buildManifest({ layers, annotations: { ...runAnnotations(minutes), ...annotations } });
  return storeResult(registry, repository, tag, { bytes, mediaType: OCI_MANIFEST });
}

const inputs = (...digests: readonly [string, Digest][]) => ({
  [ANNOTATIONS.inputs]: JSON.stringify(digests.map(([reference, digest]) => ({ reference, digest }))),
});

describe("a report in a browser", { skip: NO_BROWSER, timeout: 240_000 }, () => {
  let registry: MemoryRegistry;
  let browser: Browser;
  let file: string;
  const folder = temporaryFolder({ after });

  before(async () => {
    registry = await startMemoryRegistry();
    fillRegistry(registry, 2, 20);
    const big = Array.from({ length: 5000 }, (_, line) => `line ${line} of a long log`).join("\n");
    const even = put(
      registry,
      "flow/even:1",
      100,
      {},
      { "stdout.log": big, "stderr.log": `${HOSTILE}\nsecond line\n` },
    );
    const outside = digestOf(Buffer.from("outside"));
    const hostile = {
      ...inputs([`r.io/x:${HOSTILE}`, outside], ["localhost:5000/flow/even:1", even]),
      [ANNOTATIONS.pod]: HOSTILE,
      [ANNOTATIONS.node]: LONG,
      [ANNOTATIONS.reason]: `${HOSTILE}${LONG}`,
      [ANNOTATIONS.exitCode]: "1",
    };
    put(registry, "flow/all:1", 120, hostile, {});
    file = join(folder, "report.html");
    browser = startBrowser(join(folder, "browser"));
    const { code, stdout, stderr } = await runTool("oras-push", ["report", registry.address, "-o", file]);
    assert.equal(code, 76, "the registry has broken manifests");
    assert.equal(stdout, `Wrote ${file}: 37 runs\n`);
    assert.match(stderr, /5 artifacts or repositories could not be read/);
  });
  after(async () => {
    await browser?.close();
    await registry?.close();
  });

  /** Opens the report. Records all requests, and all messages of the console. */
  async function open(t: TestContext, width = 1440, scheme = "light") {
    const page = await browser.page();
    const problems: string[] = [];
    const requests: string[] = [];
    page.on("Runtime.consoleAPICalled", ({ args }) => problems.push(JSON.stringify(args)));
    page.on("Runtime.exceptionThrown", ({ exceptionDetails }) => problems.push(JSON.stringify(exceptionDetails)));
    page.on("Log.entryAdded", ({ entry }) => problems.push(JSON.stringify(entry)));
    page.on("Network.requestWillBeSent", ({ request }) => requests.push((request as { url: string }).url));
    await page.send("Emulation.setDeviceMetricsOverride", {
      width,
      height: 900,
      deviceScaleFactor: 1,
      mobile: width < 500,
    });
    await page.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
    await page.open(pathToFileURL(file).href);
    t.after(() => {
      assert.deepEqual(problems, [], "the console is empty");
      assert.deepEqual([...new Set(requests)], [pathToFileURL(file).href], "the page loads nothing else");
    });
    return page;
  }

  const visibleTags = (page: Page) =>
    page.evaluate<string[]>(
      `[...document.querySelectorAll("#runs tbody tr")].filter((row) => row.checkVisibility()).map((row) => row.querySelector("summary").textContent.replace(/^[^/]*\\//, ""))`,
    );

  it("has a row for each run, and names what cannot be read", async (t) => {
    const page = await open(t);
    const tags = await visibleTags(page);
    assert.equal(tags.length, 37);
    assert.ok(tags.includes("flow/all:1"));
    assert.equal(await page.evaluate("document.getElementById('count').textContent"), "37 of 37 runs");
    assert.equal(await page.evaluate("document.querySelectorAll('#unreadable li').length"), 5);
    assert.equal(await page.evaluate("document.querySelectorAll('#timeline rect').length"), 22);
    assert.equal(await page.evaluate("document.querySelectorAll('#lineage .box').length"), 3);
    assert.equal(await page.evaluate("document.querySelectorAll('#lineage .edge').length"), 2);
  });

  it("shows hostile annotations and logs as text", async (t) => {
    const page = await open(t);
    assert.equal(await page.evaluate("typeof hacked"), "undefined");
    assert.equal(await page.evaluate("document.querySelectorAll('img, main script, main style, [onclick]').length"), 0);
    const pod = await page.evaluate<string>(
      `document.querySelector('td[data-title=Pod][data-sort*="gnp"]').textContent`,
    );
    assert.equal(pod, HOSTILE.replace("\u202e", "\\u202e").replace("\u0007", "\\u0007"));
    const logs = await page.evaluate<string[]>("[...document.querySelectorAll('pre')].map((log) => log.textContent)");
    assert.equal(logs.length, 2);
    assert.match(logs[0] ?? "", /^line 4980 of a long log\n(?:line .*\n)*line 4999 of a long log$/);
    assert.ok(logs[1]?.endsWith("\nsecond line") && logs[1].startsWith("</script>"));
    const bytes = readFileSync(file);
    assert.ok(bytes.length < 300_000, `${bytes.length} bytes`);
    assert.ok(!bytes.includes("\u202e"));
  });

  it("is sorted by a click on a title, and by keyboard, with unknown values at the end", async (t) => {
    const page = await open(t);
    const sizes = (order: string) =>
      page.evaluate<string[]>(
        `(() => { ${order}; return [...document.querySelectorAll("td[data-title=Size]")].map((cell) => cell.dataset.sort); })()`,
      );
    const button = "[...document.querySelectorAll('th button')].find((one) => one.textContent === 'Size')";
    const known = (texts: readonly string[]) => texts.filter((text) => text !== "").map(Number);
    const up = await sizes(`${button}.click()`);
    assert.deepEqual(
      known(up),
      known(up).toSorted((a, b) => a - b),
    );
    assert.deepEqual(up.slice(-5), ["", "", "", "", ""], "indexes have no size");
    assert.equal(await page.evaluate(`${button}.parentElement.getAttribute("aria-sort")`), "ascending");
    await page.evaluate(`${button}.focus()`);
    for (const type of ["keyDown", "keyUp"])
      await page.send("Input.dispatchKeyEvent", {
        type,
        key: "Enter",
        code: "Enter",
        windowsVirtualKeyCode: 13,
        text: "\r",
      });
    const down = await sizes("");
    assert.deepEqual(
      known(down),
      known(down).toSorted((a, b) => b - a),
    );
    assert.deepEqual(down.slice(-5), ["", "", "", "", ""]);
  });

  it("is filtered by state and words, and a link shows a filtered run again", async (t) => {
    const page = await open(t);
    const set = (id: string, value: string) =>
      page.evaluate(
        `(() => { const field = document.getElementById("${id}"); field.value = "${value}"; field.dispatchEvent(new Event("input")); })()`,
      );
    await set("state", "checkpoint");
    assert.equal((await visibleTags(page)).length, 5);
    await set("state", "");
    await set("search", "FLOW even");
    // The run flow/all:1 matches because its details contain the name of its input, flow/even:1.
    assert.deepEqual(await visibleTags(page), ["flow/even:1", "flow/all:1"]);
    assert.equal(await page.evaluate("document.getElementById('count').textContent"), "2 of 37 runs");
    await page.evaluate(`location.hash = document.querySelector("#timeline a").getAttribute("href")`);
    await page.evaluate("new Promise((done) => setTimeout(done, 100))");
    assert.equal((await visibleTags(page)).length, 37);
    assert.equal(await page.evaluate("document.activeElement.tagName"), "TR");
    assert.equal(await page.evaluate("document.activeElement.querySelector('details').open"), true);
  });

  it("has commands that a button copies or selects", async (t) => {
    const page = await open(t);
    const shown = await page.evaluate<string>(`(async () => {
      const details = [...document.querySelectorAll("details")].find((one) => one.textContent.includes("flow/even"));
      details.open = true;
      const button = details.querySelector(".copy");
      button.click();
      await new Promise((done) => setTimeout(done, 200));
      return button.textContent + " " + details.querySelector(".command code").textContent;
    })()`);
    assert.match(
      shown,
      new RegExp(`^(Copied|Selected) oras-push pull ${registry.address}/flow/even@sha256:[0-9a-f]{64} -o flow-even-1$`),
    );
  });

  it("shows each state on one line, and the last lines of a log", async (t) => {
    const page = await open(t, 1200);
    const heights = "[...document.querySelectorAll('td .state')].map((one) => one.getClientRects().length)";
    assert.deepEqual([...new Set(await page.evaluate<number[]>(heights))], [1]);
    const [hidden, above] = await page.evaluate<[number, number]>(`(async () => {
      const details = [...document.querySelectorAll("details")].find((one) => one.textContent.includes("line 4999"));
      const log = details.querySelector("pre");
      log.style.maxHeight = "5rem";
      details.open = true;
      await new Promise((done) => setTimeout(done, 200));
      return [log.scrollHeight - log.clientHeight - log.scrollTop, log.scrollTop];
    })()`);
    assert.ok(hidden < 2, `${hidden} px are hidden below`);
    assert.ok(above > 50, `${above} px are hidden above`);
  });

  for (const [width, scheme] of [
    [390, "light"],
    [390, "dark"],
    [1440, "light"],
    [1440, "dark"],
  ] as const)
    it(`fits into ${width} px in ${scheme} mode, and axe finds no serious fault`, async (t) => {
      const page = await open(t, width, scheme);
      await page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true");
      assert.ok((await page.evaluate<number>("document.documentElement.scrollWidth")) <= width);
      const dark = await page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
      assert.equal(dark, scheme === "dark" ? "rgb(13, 17, 23)" : "rgb(255, 255, 255)");
      await page.evaluate(`${AXE}; 0`);
      const found = await page.evaluate<{ id: string; impact: string; nodes: string[] }[]>(
        "axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations.map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.slice(0, 3).map(({ html, failureSummary }) => html.slice(0, 200) + ' ' + failureSummary) })))",
      );
      t.diagnostic(`minor faults: ${found.map(({ id }) => id).join(", ") || "none"}`);
      assert.deepEqual(
        found.filter(({ impact }) => impact === "serious" || impact === "critical"),
        [],
      );
      if (process.env.REPORT_PICTURES === undefined) return;
      const { data } = await page.send("Page.captureScreenshot", { captureBeyondViewport: false });
      writeFileSync(
        join(process.env.REPORT_PICTURES, `report-${width}-${scheme}.png`),
        Buffer.from(data as string, "base64"),
      );
    });
});
