// What a person can do about a task: only what the orchestrator says applies now.

import { type FormEvent, type ReactNode, useId, useState } from "react";
import { useAgents, useIntervene, type Wish } from "../api/queries";
import { Problem } from "./basics";

interface Kind {
  label: string;
  /** What it does, said before it is done. */
  says: string;
  field: "reason" | "text" | "agent";
  fieldLabel: string;
  needed: boolean;
  tone?: "primary" | "danger";
}

const KINDS: Record<string, Kind> = {
  answer: {
    label: "Answer",
    says: "The next attempt is told your answer, and starts as soon as a slot is free.",
    field: "text",
    fieldLabel: "Answer",
    needed: true,
    tone: "primary",
  },
  approve: {
    label: "Approve",
    says: "Your word completes the task; what waits for it is unblocked.",
    field: "reason",
    fieldLabel: "Reason (optional)",
    needed: false,
    tone: "primary",
  },
  retry: {
    label: "Retry",
    says: "The task goes back to pending and is tried anew.",
    field: "reason",
    fieldLabel: "Reason (optional)",
    needed: false,
  },
  assign: {
    label: "Assign agent",
    says: "The next attempt is given to this agent, whatever the matching says.",
    field: "agent",
    fieldLabel: "Agent",
    needed: true,
  },
  skip: {
    label: "Skip",
    says: "The task is left out. What depends on it counts it as met.",
    field: "reason",
    fieldLabel: "Reason (optional)",
    needed: false,
  },
  cancel: {
    label: "Cancel",
    says: "A running attempt is stopped. What depends on the task stays blocked.",
    field: "reason",
    fieldLabel: "Reason (optional)",
    needed: false,
    tone: "danger",
  },
};

export function Actions({ task, actions }: { task: string; actions: string[] }): ReactNode {
  const [open, setOpen] = useState<string | null>(null);
  const known = Object.keys(KINDS).filter((action) => actions.includes(action));
  const intervene = useIntervene(task);
  if (known.length === 0) return null;
  const chosen = open !== null && known.includes(open) ? open : null;
  return (
    <div className="actions">
      <div className="buttons">
        {known.map((action) => (
          <button
            key={action}
            type="button"
            className={`${KINDS[action]?.tone ?? ""} ${chosen === action ? "pressed" : ""}`}
            aria-expanded={chosen === action}
            onClick={() => {
              intervene.reset();
              setOpen(chosen === action ? null : action);
            }}
          >
            {KINDS[action]?.label}
          </button>
        ))}
      </div>
      {chosen && (
        <ActionForm
          key={chosen}
          action={chosen}
          busy={intervene.isPending}
          onSend={(wish) => intervene.mutate(wish, { onSuccess: () => setOpen(null) })}
          onClose={() => setOpen(null)}
        />
      )}
      {intervene.error && <Problem error={intervene.error} what="Not done" />}
    </div>
  );
}

function ActionForm(props: {
  action: string;
  busy: boolean;
  onSend: (wish: Wish) => void;
  onClose: () => void;
}): ReactNode {
  const id = useId();
  const [value, setValue] = useState("");
  const kind = KINDS[props.action] as Kind;
  const agents = useAgents(kind.field === "agent");
  const send = (event: FormEvent) => {
    event.preventDefault();
    const text = value.trim();
    props.onSend({ action: props.action, ...(text ? { [kind.field]: text } : {}) });
  };
  return (
    <form
      className="action-form"
      onSubmit={send}
      onKeyDown={(event) => event.key === "Escape" && props.onClose()}
    >
      <p>{kind.says}</p>
      <label htmlFor={id}>{kind.fieldLabel}</label>
      {kind.field === "text" ? (
        <textarea
          id={id}
          rows={3}
          required
          autoFocus
          value={value}
          onChange={(e) => setValue(e.target.value)}
        />
      ) : (
        <input
          id={id}
          type="text"
          required={kind.needed}
          autoFocus
          list={kind.field === "agent" ? `${id}-agents` : undefined}
          value={value}
          onChange={(e) => setValue(e.target.value)}
        />
      )}
      {kind.field === "agent" && (
        <datalist id={`${id}-agents`}>
          {agents.data?.map((agent) => (
            <option key={agent.name} value={agent.name} />
          ))}
        </datalist>
      )}
      <div className="buttons">
        <button type="submit" className={kind.tone ?? "primary"} disabled={props.busy}>
          {props.busy ? "Sending…" : kind.label}
        </button>
        <button type="button" className="quiet" onClick={props.onClose}>
          Not now
        </button>
      </div>
    </form>
  );
}
