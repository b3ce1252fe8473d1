// Numbers and times as people read them.

export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return "–";
  const s = Math.max(0, ms) / 1_000;
  if (ms > 0 && ms < 1_000) return `${Math.round(ms)} ms`;
  if (s < 10) return `${Number(s.toFixed(1))} s`;
  if (s < 60) return `${Math.floor(s)} s`;
  const minutes = Math.floor(s / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.floor(s % 60)).padStart(2, "0")} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** An age that ticks by the second at most. */
export function age(ms: number): string {
  const s = Math.floor(Math.max(0, ms) / 1_000);
  return s < 60 ? `${s} s` : duration(s * 1_000);
}

export function ago(ms: number): string {
  if (ms < 5_000) return "just now";
  if (ms < 60_000) return `${Math.floor(ms / 1_000)} s ago`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ago`;
  if (ms < 48 * 3_600_000) return `${Math.floor(ms / 3_600_000)} h ago`;
  return `${Math.floor(ms / 86_400_000)} d ago`;
}

const pad = (n: number) => String(n).padStart(2, "0");

export function clock(ms: number): string {
  const d = new Date(ms);
  return `${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}`;
}

export function dateTime(ms: number): string {
  const d = new Date(ms);
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())} ${clock(ms)}`;
}

export function count(n: number): string {
  return n.toLocaleString("en-US");
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

export function usd(n: number): string {
  return `$${n.toFixed(2)}`;
}

export function bytes(n: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  let value = n;
  while (value >= 1_024 && at < units.length - 1) {
    value /= 1_024;
    at += 1;
  }
  return `${at === 0 ? value : value.toFixed(1)} ${units[at]}`;
}

/** A share, never rounded up to what it is not: 99.97 % is not 100 %. */
export function percent(share: number): string {
  const value = Math.floor(share * 1_000 + 1e-9) / 10;
  return `${Number.isInteger(value) ? value : value.toFixed(1)} %`;
}

export function measure(value: number, unit: string): string {
  switch (unit) {
    case "ratio":
      return percent(value);
    case "ms":
      return duration(value);
    case "%":
      return `${Number(value.toFixed(1))} %`;
    case "usd":
      return usd(value);
    case "tasks":
      return plural(value, "task");
    default:
      return `${count(Number(value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)))}${unit ? ` ${unit.replaceAll("_", " ")}` : ""}`;
  }
}
