import { BlockList, isIP, isIPv6 } from "node:net";
import { ToolError } from "shared/cli/tool-error";

/**
 * Returns the proxy for a URL. The rules are the same as in Go programs such as `oras`. The URL's scheme selects the
 * variable `HTTPS_PROXY` or `HTTP_PROXY`. The name of the variable can also be in lower case. Returns undefined if the
 * variable is not set, if the host of the URL is this machine, or if an entry of `NO_PROXY` matches the host. An entry
 * is a host name, an address, or a network such as `10.0.0.0/8`. The entry `example.com` matches the host `example.com`
 * and its subdomains. The entry `.example.com` matches only the subdomains. The entry `*` matches every host. If a name
 * or an address ends with a port, the entry matches only this port. Throws `usage` if the value of the selected
 * variable is not an HTTP URL. The error does not contain this value.
 */
export function proxyFor(url: URL, env: NodeJS.ProcessEnv): URL | undefined {
  const name = url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const value = variable(env, name);
  if (value === "" || isExempt(url, variable(env, "NO_PROXY"))) return undefined;
  const text = value.includes("://") ? value : `http://${value}`;
  const proxy = URL.canParse(text) ? new URL(text) : undefined;
  if (proxy === undefined || !/^https?:$/.test(proxy.protocol))
    throw new ToolError("usage", `${name} is not a proxy URL`, {
      why: "expected http://[USER:PASSWORD@]HOST:PORT or https://[USER:PASSWORD@]HOST:PORT",
    });
  return proxy;
}

function variable(env: NodeJS.ProcessEnv, name: string): string {
  return env[name] || env[name.toLowerCase()] || "";
}

function isExempt(url: URL, list: string): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
  if (host === "localhost" || isLoopback(host)) return true;
  const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;
  return list
    .split(/[\s,]+/)
    .filter((entry) => entry !== "")
    .some((entry) => matches(entry.toLowerCase(), host, port));
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

function isLoopback(host: string): boolean {
  return isIP(host) !== 0 && LOOPBACK.check(host, isIPv6(host) ? "ipv6" : "ipv4");
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === "*") return true;
  const network = /^([^/]+)\/(\d+)$/.exec(entry);
  if (network !== null) return isInNetwork(host, network[1] as string, Number(network[2]));
  if (isIP(entry) !== 0) return host === entry;
  const [, name = entry, only] = /^(.*?)(?::(\d+))?$/.exec(entry) ?? [];
  if (only !== undefined && only !== port) return false;
  const plain = name.replace(/^\[|\]$/g, "").replace(/^\*(?=\.)/, "");
  return plain.startsWith(".") ? host.endsWith(plain) : host === plain || host.endsWith(`.${plain}`);
}

function isInNetwork(host: string, address: string, bits: number): boolean {
  const family = isIPv6(address) ? "ipv6" : "ipv4";
  if (isIP(host) === 0 || isIP(host) !== isIP(address) || bits > (family === "ipv6" ? 128 : 32)) return false;
  const network = new BlockList();
  network.addSubnet(address, bits, family);
  return network.check(host, family);
}
