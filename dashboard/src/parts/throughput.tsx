// How many tasks ended, over time.

import type { ReactNode } from "react";
import { Bar, BarChart, CartesianGrid, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import { useNow } from "../api/live";
import type { History } from "../api/types";
import { clock, dateTime, plural } from "../lib/format";
import { bars } from "../lib/history";

export default function Throughput({ history, span_ms }: { history: History; span_ms: number }): ReactNode {
  const now = useNow(60_000);
  const rows = bars(history, now - span_ms, now);
  const days = span_ms > 48 * 3_600_000;
  const label = (ms: number) => (days ? dateTime(ms).slice(5, 10) : clock(ms).slice(0, 5));
  const completed = rows.reduce((sum, row) => sum + row.completed, 0);
  const failed = rows.reduce((sum, row) => sum + row.failed, 0);
  return (
    <figure className="chart-figure">
      <div className="chart" aria-hidden="true">
        <ResponsiveContainer width="100%" height="100%">
          <BarChart data={rows} margin={{ top: 4, right: 4, bottom: 0, left: -20 }} barCategoryGap={1}>
            <CartesianGrid vertical={false} stroke="var(--line)" />
            <XAxis
              dataKey="at_ms"
              tickFormatter={label}
              minTickGap={48}
              tickLine={false}
              stroke="var(--line-strong)"
              tick={{ fill: "var(--text-dim)", fontSize: 11 }}
            />
            <YAxis
              allowDecimals={false}
              tickLine={false}
              axisLine={false}
              tick={{ fill: "var(--text-dim)", fontSize: 11 }}
            />
            <Tooltip
              cursor={{ fill: "var(--hover)" }}
              isAnimationActive={false}
              labelFormatter={(ms) => dateTime(Number(ms))}
              contentStyle={{
                background: "var(--raised)",
                border: "1px solid var(--line-strong)",
                borderRadius: 6,
                color: "var(--text)",
                fontSize: 12,
              }}
            />
            <Bar
              dataKey="completed"
              stackId="a"
              fill="var(--good)"
              isAnimationActive={false}
              maxBarSize={28}
            />
            <Bar dataKey="failed" stackId="a" fill="var(--bad)" isAnimationActive={false} maxBarSize={28} />
          </BarChart>
        </ResponsiveContainer>
      </div>
      <figcaption>
        <span className="key good">{plural(completed, "task")} completed</span>
        <span className="key bad">{plural(failed, "attempt")} failed</span>
      </figcaption>
    </figure>
  );
}
