// The throughput chart: buckets of the API, put together so that a bar stays wide enough to see.

import type { Bucket, History } from "../api/types";

export function bars(history: History, from_ms: number, to_ms: number, most = 96): Bucket[] {
  const { bucket_ms, buckets } = history;
  if (!(bucket_ms > 0)) return [];
  const width = bucket_ms * Math.max(1, Math.ceil((to_ms - from_ms) / bucket_ms / most));
  const first = Math.floor(from_ms / width) * width;
  const rows: Bucket[] = [];
  for (let at = first; at <= to_ms; at += width) rows.push({ at_ms: at, completed: 0, failed: 0 });
  for (const bucket of buckets) {
    const row = rows[Math.floor((bucket.at_ms - first) / width)];
    if (!row) continue;
    row.completed += bucket.completed;
    row.failed += bucket.failed;
  }
  return rows;
}
