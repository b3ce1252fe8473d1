// Asks for the token that the orchestrator was started with.

import { type FormEvent, type ReactNode, useState } from "react";
import { ApiError, failure } from "../api/client";
import { Problem } from "../parts/basics";

export function TokenPage({
  rejected,
  onToken,
}: {
  rejected: boolean;
  onToken: (token: string) => void;
}): ReactNode {
  const [value, setValue] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const send = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      const response = await fetch("/api/v1/status", {
        headers: { Authorization: `Bearer ${value.trim()}` },
      });
      if (response.ok) onToken(value.trim());
      else setError(await failure(response));
    } catch (cause) {
      setError(
        cause instanceof TypeError
          ? new ApiError(
              0,
              "unreachable",
              "The orchestrator cannot be reached, or the token has characters no token has.",
              "",
            )
          : cause,
      );
    }
    setBusy(false);
  };
  return (
    <main className="alone">
      <h1>CODITECT</h1>
      <form className="card token" onSubmit={send}>
        <label htmlFor="token">Token</label>
        <input
          id="token"
          type="password"
          autoComplete="current-password"
          required
          autoFocus
          value={value}
          onChange={(e) => setValue(e.target.value)}
        />
        <p className="dim">
          The one the orchestrator was started with. It is kept until this tab is closed, and sent to this
          server only.
        </p>
        <button type="submit" className="primary" disabled={busy}>
          Sign in
        </button>
        {rejected && error === null && <div className="notice">The token is no longer accepted.</div>}
        {error !== null && <Problem error={error} />}
      </form>
    </main>
  );
}
