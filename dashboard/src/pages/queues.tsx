// Work in flight, and the backups of what must not be lost.

import type { ReactNode } from "react";
import { useBackups, useQueues } from "../api/queries";
import { bytes, count, duration } from "../lib/format";
import { Ago, Answered, Card, Empty } from "../parts/basics";

const some = (n: number | null | undefined): string => (n == null ? "–" : count(n));

export function Queues(): ReactNode {
  const queues = useQueues();
  const backups = useBackups();
  return (
    <div className="page stack">
      <h1 className="sr">Queues and backups</h1>
      <Card
        title="Queues"
        aside={<span className="dim">wake-ups only: the database has what counts</span>}
        flush
      >
        <Answered query={queues} what="The queues">
          {(list) =>
            list.length === 0 ? (
              <Empty>No stream has been used yet.</Empty>
            ) : (
              <div className="scroll">
                <table>
                  <thead>
                    <tr>
                      <th>Stream</th>
                      <th>Group</th>
                      <th className="num">Depth</th>
                      <th className="num">Lag</th>
                      <th className="num">Pending</th>
                      <th className="num">Oldest</th>
                    </tr>
                  </thead>
                  <tbody>
                    {list.map((queue) => {
                      const dead = queue.stream.startsWith("dead") && queue.depth > 0;
                      return (
                        <tr key={`${queue.stream} ${queue.group}`} className={dead ? "alarm" : ""}>
                          <th scope="row">
                            <code>{queue.stream}</code>
                            {dead && (
                              <span className="description-line">entries that nobody could handle</span>
                            )}
                          </th>
                          <td>{queue.group || <span className="dim">–</span>}</td>
                          <td className="num">{count(queue.depth)}</td>
                          <td className="num">{some(queue.lag)}</td>
                          <td className="num">{some(queue.pending)}</td>
                          <td className="num">{queue.oldest_ms == null ? "–" : duration(queue.oldest_ms)}</td>
                        </tr>
                      );
                    })}
                  </tbody>
                </table>
              </div>
            )
          }
        </Answered>
      </Card>
      <Card title="Backups" aside={<code>coditect backup create</code>} flush>
        <Answered query={backups} what="The backups">
          {(list) =>
            list.length === 0 ? (
              <Empty>There is no backup yet.</Empty>
            ) : (
              <div className="scroll">
                <table>
                  <thead>
                    <tr>
                      <th>File</th>
                      <th className="num">Size</th>
                      <th className="num">Tasks</th>
                      <th className="num">Events</th>
                      <th className="num">Made</th>
                    </tr>
                  </thead>
                  <tbody>
                    {list.map((backup) => (
                      <tr key={backup.file}>
                        <th scope="row">
                          <code>{backup.file}</code>
                        </th>
                        <td className="num">{bytes(backup.bytes)}</td>
                        <td className="num">{some(backup.tasks)}</td>
                        <td className="num">{some(backup.events)}</td>
                        <td className="num">
                          <Ago at={backup.at_ms} />
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            )
          }
        </Answered>
      </Card>
    </div>
  );
}
