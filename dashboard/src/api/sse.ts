// Server-sent events over fetch: EventSource cannot send the token's header.

import { failure, headers } from "./client";

export interface Message {
  event: string;
  data: string;
  id: string | null;
}

/** Takes the stream apart. Text may be cut anywhere, also within a line ending. */
export class Parser {
  private rest = "";
  private event = "";
  private data: string[] = [];
  private id: string | null = null;

  push(text: string): Message[] {
    const messages: Message[] = [];
    this.rest += text;
    for (;;) {
      const end = this.rest.search(/[\r\n]/);
      if (end < 0) return messages;
      // A carriage return at the very end may be the first half of a line ending.
      if (this.rest[end] === "\r" && end === this.rest.length - 1) return messages;
      const line = this.rest.slice(0, end);
      const width = this.rest.startsWith("\r\n", end) ? 2 : 1;
      this.rest = this.rest.slice(end + width);
      const message = this.line(line);
      if (message) messages.push(message);
    }
  }

  private line(line: string): Message | null {
    if (line === "") {
      const message = this.data.length
        ? { event: this.event || "message", data: this.data.join("\n"), id: this.id }
        : null;
      this.event = "";
      this.data = [];
      return message;
    }
    if (line.startsWith(":")) return null;
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.event = value;
    else if (field === "data") this.data.push(value);
    else if (field === "id" && !value.includes("\0")) this.id = value;
    return null;
  }
}

/** The pause before the next try: doubling from half a second to ten, of which a part is left to chance. */
export function pause(failures: number, chance: number): number {
  const full = Math.min(500 * 2 ** Math.max(0, failures - 1), 10_000);
  return Math.round(full * (0.6 + 0.4 * chance));
}

export interface Handlers {
  /** The stream is open. */
  open?: () => void;
  message: (message: Message) => void;
  /** Something came, be it a comment: the connection lives. */
  alive?: () => void;
  /** The stream broke, or could not be opened; it is tried again. */
  lost?: (failures: number, error: unknown) => void;
}

/** A server says something every 15 s; after this long the connection counts as dead. */
const SILENCE_MS = 40_000;

/**
 * Follows a stream until told to stop, opening it anew whenever it breaks.
 * `url` is asked for each time, so that it can name the place to go on from.
 */
export function follow(url: () => string, handlers: Handlers): () => void {
  const stop = new AbortController();
  let last: string | null = null;
  const run = async () => {
    let failures = 0;
    while (!stop.signal.aborted) {
      try {
        await once(
          url(),
          last,
          stop.signal,
          {
            ...handlers,
            open: () => {
              failures = 0;
              handlers.open?.();
            },
          },
          (id) => {
            last = id;
          },
        );
        failures += 1;
        if (!stop.signal.aborted) handlers.lost?.(failures, null);
      } catch (error) {
        if (stop.signal.aborted) return;
        failures += 1;
        handlers.lost?.(failures, error);
      }
      await sleep(pause(failures, Math.random()), stop.signal);
    }
  };
  void run();
  return () => stop.abort();
}

async function once(
  url: string,
  last: string | null,
  stop: AbortSignal,
  handlers: Handlers,
  seen: (id: string) => void,
): Promise<void> {
  const connection = new AbortController();
  const end = () => connection.abort();
  stop.addEventListener("abort", end, { once: true });
  let watch = setTimeout(end, SILENCE_MS);
  try {
    const extra: Record<string, string> = { Accept: "text/event-stream" };
    if (last) extra["Last-Event-ID"] = last;
    const response = await fetch(url, {
      headers: headers(extra),
      cache: "no-store",
      signal: connection.signal,
    });
    if (!response.ok || !response.body) throw await failure(response);
    handlers.open?.();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const parser = new Parser();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      clearTimeout(watch);
      watch = setTimeout(end, SILENCE_MS);
      handlers.alive?.();
      for (const message of parser.push(value)) {
        if (message.id) seen(message.id);
        handlers.message(message);
      }
    }
  } finally {
    clearTimeout(watch);
    stop.removeEventListener("abort", end);
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
