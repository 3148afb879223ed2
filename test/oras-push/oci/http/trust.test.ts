import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { getCACertificates } from "node:tls";
import { trustedCertificates } from "oras-push/oci/http/trust";
import { findProgram } from "../../../../support/debian.ts";
import { makeAuthority } from "../../../support/registry/certificates.ts";
import { temporaryFolder } from "../../../support/temporary.ts";

const OWN = getCACertificates("default").map((pem) => pem.trim());
const skip = findProgram("openssl") === undefined && "openssl is not installed";

describe("trusted certificates", { skip }, () => {
  it("are those of Node, of a bundle and of a folder, without duplicates and invalid ones", (t) => {
    const folder = temporaryFolder(t);
    const [one, two] = ["one", "two"].map((name) => makeAuthority(join(folder, name)).certificate);
    const [first, second] = [one, two].map((path) => readFileSync(path as string, "utf8").trim());
    const bundle = join(folder, "bundle.pem");
    const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
    writeFileSync(bundle, `# a comment\n${first}\n${broken}\n${OWN[0]}\n`);
    mkdirSync(join(folder, "certs", "a-folder"), { recursive: true });
    writeFileSync(join(folder, "certs", "a.0"), `${first}\n`);
    writeFileSync(join(folder, "certs", "b.pem"), `${second}\n`);
    writeFileSync(join(folder, "certs", "README"), "no certificate");
    const env = { SSL_CERT_FILE: bundle, SSL_CERT_DIR: `/nowhere:${join(folder, "certs")}` };
    const trusted = trustedCertificates(env);
    const added = trusted.filter((pem) => !OWN.includes(pem));
    assert.deepEqual(added, [first, second]);
    assert.ok(trusted.length === new Set(OWN).size + 2);
  });

  it("are those of Node if the system has none", () => {
    const trusted = trustedCertificates({ SSL_CERT_FILE: "/nowhere", SSL_CERT_DIR: "/nowhere" });
    assert.deepEqual(trusted, [...new Set(OWN)]);
  });
});
