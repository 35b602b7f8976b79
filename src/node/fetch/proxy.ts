// Which way a request takes: straight, or through the proxy that the environment names.
//
// undici's own EnvHttpProxyAgent prints a warning that it is experimental, and tunnels plain http, which many proxies
// refuse; the rules here are those of curl: HTTP_PROXY for http, HTTPS_PROXY for https, NO_PROXY for neither.

import querystring from 'node:querystring';
import type { Dispatcher } from 'undici';
import { UsageError } from '../../errors.js';

/** Ways to servers, made when they are needed. Whoever made it closes it. */
export interface Ways {
  to(url: URL): Dispatcher;
  /** For messages: whom a request for the URL is sent to first. */
  first(url: URL): string;
  close(): Promise<void>;
}

export async function openWays(): Promise<Ways> {
  const { Agent, ProxyAgent } = await import('undici');
  // Whoever asks keeps the time, because a slow disk is no slow server.
  const patient = { headersTimeout: 0, bodyTimeout: 0 };
  const open = new Map<string, Dispatcher>();
  return {
    to(url) {
      const proxy = proxyFor(url) ?? '';
      let way = open.get(proxy);
      if (!way) {
        way = proxy
          ? new ProxyAgent({ ...patient, ...address(proxy), proxyTunnel: false })
          : new Agent(patient);
        open.set(proxy, way);
      }
      return way;
    },
    first(url) {
      const proxy = proxyFor(url);
      return proxy ? `the proxy ${new URL(proxy).host}` : url.host;
    },
    async close() {
      await Promise.all([...open.values()].map((way) => way.destroy()));
    },
  };
}

/** Of a proxy: its address, and what it wants to know about us. */
function address(proxy: string): { uri: string; token?: string } {
  const url = new URL(proxy);
  const token = credentials(url);
  return { uri: url.origin, ...(token !== undefined && { token }) };
}

/** User and password in a URL as a header says them (RFC 7617); undefined where it has none. */
export function credentials({ username, password }: URL): string | undefined {
  if (!username && !password) return undefined;
  // Unlike decodeURIComponent, it takes a lone % for what it is.
  const text = `${querystring.unescape(username)}:${querystring.unescape(password)}`;
  return `Basic ${Buffer.from(text).toString('base64')}`;
}

/**
 * The proxy for a URL, as HTTP_PROXY, HTTPS_PROXY and NO_PROXY (or in lower case, which counts first) say.
 *
 * @throws UsageError for a proxy that is no http or https address
 */
export function proxyFor(url: URL, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const name = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const proxy = variable(name, env);
  if (!proxy || isExcepted(url, variable('NO_PROXY', env) ?? '')) return undefined;
  const address = proxy.includes('://') ? proxy : `http://${proxy}`;
  if (/^https?:/i.test(address) && URL.canParse(address)) return address;
  throw new UsageError(`${name} is no http or https address`);
}

function variable(name: string, env: NodeJS.ProcessEnv): string | undefined {
  return env[name.toLowerCase()] ?? env[name];
}

/** `example.org`, `.example.org` and `*.example.org` mean the host and all below it; `host:8080` one port; `*` all. */
function isExcepted(url: URL, exceptions: string): boolean {
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return exceptions.split(/[\s,]+/).some((entry) => {
    const [, pattern, itsPort] = /^(.+?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
    if (!pattern || (itsPort !== undefined && itsPort !== port)) return false;
    const host = pattern.replace(/^\*?\./, '');
    return pattern === '*' || url.hostname === host || url.hostname.endsWith(`.${host}`);
  });
}
