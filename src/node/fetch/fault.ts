// Why a download did not succeed, and whether trying again may help.

export interface FaultOptions extends ErrorOptions {
  /** Default: never. `unreachable`: the server cannot even be found, which rarely passes. */
  readonly retry?: 'never' | 'later' | 'unreachable';
  /** Milliseconds that the server asks to wait. */
  readonly wait?: number | undefined;
}

/** A download that did not succeed. The message is a clause without the name of the weights. */
export class DownloadFault extends Error {
  readonly retry: 'never' | 'later' | 'unreachable';
  readonly wait: number | undefined;

  constructor(message: string, { retry = 'never', wait, ...options }: FaultOptions = {}) {
    super(message, options);
    this.retry = retry;
    this.wait = wait;
  }
}

/** Nothing came for so long that the connection was given up. */
export class Stalled extends Error {}

const UNREACHABLE: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its name is not known to DNS',
  EAI_AGAIN: 'DNS does not answer',
  ECONNREFUSED: 'the connection was refused',
  ENETUNREACH: 'there is no way to its network',
  EHOSTUNREACH: 'there is no way to it',
  ENETDOWN: 'the network is down',
  ETIMEDOUT: 'it does not answer',
  UND_ERR_CONNECT_TIMEOUT: 'it does not answer',
};

/** OpenSSL's and Node's names for certificates that nobody should trust. */
const CERTIFICATE = /^(CERT_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_(GET|VERIFY)_|ERR_TLS_CERT)/;

/** Codes of connections that broke. */
const BROKEN = /^(UND_ERR_|HPE_|ECONN|EPIPE|EPROTO|ERR_SSL|ERR_TLS|ERR_STREAM_PREMATURE)/;

/**
 * An error of undici or of the system as a DownloadFault; errors that have nothing to do with the network stay.
 *
 * @param host  of the file
 * @param first  whom the connection goes to: the host itself, or a proxy
 */
export function networkFault(error: unknown, host: string, first = host): unknown {
  if (!(error instanceof Error)) return error;
  const { code = '', message } = error as NodeJS.ErrnoException;
  const fault = (text: string, retry: DownloadFault['retry'] = 'never') =>
    new DownloadFault(text, { retry, cause: error });
  if (error instanceof Stalled) return fault(`${host} ${message}`, 'later');
  const why = UNREACHABLE[code];
  if (why) return fault(`cannot reach ${first}: ${why} (${code})`, 'unreachable');
  if (CERTIFICATE.test(code)) {
    const hint = 'NODE_EXTRA_CA_CERTS names a file of further authorities';
    return fault(`the certificate of ${host} is not trusted (${code}; ${hint})`);
  }
  const refused = /Proxy response \((\d+)\)|Proxy Authentication Required \((407)\)/.exec(message);
  if (refused) return fault(`${first} refuses the way to ${host} (${refused[1] ?? refused[2]})`);
  if (!BROKEN.test(code)) return error;
  return fault(`${host} broke off (${message.split('\n')[0] || code})`, 'later');
}
