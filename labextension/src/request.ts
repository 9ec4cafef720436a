import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

/** Where the server extension answers, below the server's base URL. */
const NAMESPACE = 'spicelab-nb';

/** The server has no such route: its extension is disabled or not installed. */
export class ExtensionMissingError extends Error {}

/** The server refused or could not do what was asked; the message is for people. */
export class RefusedError extends Error {
  constructor(
    readonly status: number,
    message: string
  ) {
    super(message);
  }
}

/**
 * Ask the server extension.
 *
 * @param path - below the extension's namespace, e.g. `clusters`
 * @param body - sent as JSON; without one it is a GET
 * @param method - how it is sent, where that is not POST with a body and GET without
 * @throws ServerConnection.NetworkError where the server does not answer
 */
export async function request<T>(
  path: string,
  settings: ServerConnection.ISettings,
  body?: unknown,
  method: 'GET' | 'POST' | 'PUT' | 'DELETE' = body === undefined ? 'GET' : 'POST'
): Promise<T> {
  const url = URLExt.join(settings.baseUrl, NAMESPACE, path);
  const init: RequestInit =
    body === undefined ? { method } : { method, body: JSON.stringify(body) };
  const response = await ServerConnection.makeRequest(url, init, settings);
  const text = await response.text();
  let data: unknown = null;
  try {
    data = JSON.parse(text);
  } catch {
    // A proxy's page, or Jupyter's own for a route that nobody has.
  }
  if (response.status === 404 && !isRefusal(data)) {
    throw new ExtensionMissingError(response.statusText);
  }
  if (!response.ok) {
    const message = (data as { message?: string } | null)?.message;
    throw new RefusedError(response.status, message || response.statusText);
  }
  return data as T;
}

/** Whether a 404 comes from our own handler: a cluster that has gone, not a missing route. */
function isRefusal(data: unknown): boolean {
  return (data as { source?: string } | null)?.source === NAMESPACE;
}
