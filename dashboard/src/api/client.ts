// One place that talks to the orchestrator: the token, errors with their cure, and nothing cached.

const TOKEN = "coditect.token";

/** An answer that is not the one asked for. `help` says what to do about it. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly help: string,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

export function token(): string | null {
  return sessionStorage.getItem(TOKEN);
}

export function setToken(value: string | null): void {
  if (value === null) sessionStorage.removeItem(TOKEN);
  else sessionStorage.setItem(TOKEN, value);
}

type Refused = () => void;
let refused: Refused = () => {};

/** What to do when the orchestrator wants a token, or another one. */
export function onRefused(then: Refused): void {
  refused = then;
}

export function headers(extra: Record<string, string> = {}): Record<string, string> {
  const known = token();
  return known === null ? extra : { ...extra, Authorization: `Bearer ${known}` };
}

/** Turns an answer that is not a success into an [`ApiError`]. */
export async function failure(response: Response): Promise<ApiError> {
  if (response.status === 401) refused();
  const text = await response.text().catch(() => "");
  try {
    const { error } = JSON.parse(text) as { error?: { code?: string; message?: string; help?: string } };
    if (error?.message) {
      return new ApiError(response.status, error.code ?? "error", error.message, error.help ?? "");
    }
  } catch {
    // Not ours: a proxy's page, or nothing at all.
  }
  return new ApiError(
    response.status,
    "unexpected",
    `The server answered ${response.status} ${response.statusText}`.trimEnd(),
    "The answer is not the orchestrator's own: look at what stands between it and this browser.",
  );
}

const UNREACHABLE =
  "Is it running? On this machine: coditect up. Elsewhere: check the address, the port-forward or the proxy.";

export async function request<T>(path: string, init: RequestInit = {}): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, {
      cache: "no-store",
      ...init,
      headers: headers(init.body ? { "Content-Type": "application/json" } : {}),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "The orchestrator cannot be reached.", UNREACHABLE);
  }
  if (!response.ok) throw await failure(response);
  const type = response.headers.get("content-type") ?? "";
  if (!type.includes("json")) {
    throw new ApiError(
      response.status,
      "not_json",
      `/api/v1${path} answered something that is not JSON.`,
      "This orchestrator may be older than the dashboard: use the two from one build.",
    );
  }
  return (await response.json()) as T;
}

export function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return request<T>(path, signal ? { signal } : {});
}

export function post<T>(path: string, body: unknown): Promise<T> {
  return request<T>(path, { method: "POST", body: JSON.stringify(body) });
}

/** The path of a task: ids hold slashes. */
export function taskPath(id: string): string {
  return `/tasks/${encodeURIComponent(id)}`;
}
