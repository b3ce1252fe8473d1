// End to end: a real browser against whatever answers at CODITECT_URL, be it the fixture server or an orchestrator.
//
//   CODITECT_URL=http://127.0.0.1:8080 npm run e2e
//
//   CODITECT_TOKEN   the token, where the orchestrator wants one
//   CHROMIUM         the browser (default /usr/bin/chromium)
//   E2E_CHANGE=1     may pause and resume, and intervene in tasks: never against work that matters
//   E2E_SHOTS=DIR    leaves a picture of every page there
//
// It assumes nothing about the plan: what should be on screen is asked of the API first.

import assert from "node:assert/strict";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import type { Graph, Status, Task, TaskDetail, TaskList } from "../src/api/types";

const BASE = (process.env.CODITECT_URL ?? "http://127.0.0.1:8090").replace(/\/$/, "");
const TOKEN = process.env.CODITECT_TOKEN ?? "";
const CHANGE = process.env.E2E_CHANGE === "1";
const SHOTS = process.env.E2E_SHOTS;

async function api<T>(path: string): Promise<T> {
  const response = await fetch(
    `${BASE}/api/v1${path}`,
    TOKEN ? { headers: { Authorization: `Bearer ${TOKEN}` } } : {},
  );
  assert.ok(response.ok, `${path}: ${response.status}`);
  return (await response.json()) as T;
}

const url = (id: string) => `/task/${encodeURIComponent(id)}`;
const checks: [string, (page: Page) => Promise<void>][] = [];
const check = (name: string, run: (page: Page) => Promise<void>) => checks.push([name, run]);

check("the overview shows the project, is live, and has every figure of the API", async (page) => {
  const status = await api<Status>("/status");
  await page.goto(`${BASE}/`);
  await page.locator('[data-live="live"]').waitFor();
  assert.ok((await page.locator(".brand").innerText()).includes(status.project));
  for (const figure of status.figures ?? []) {
    const tile = page.locator(`[data-figure="${figure.name}"]`);
    await tile.waitFor();
    const text = await tile.innerText();
    assert.ok(text.includes(figure.label), figure.name);
    if (figure.value === null)
      assert.ok(text.includes("not measured yet"), `${figure.name} is not measured yet`);
  }
});

check("the plan has as many tasks as the API, and a search finds one", async (page) => {
  const { tasks, total } = await api<TaskList>("/tasks");
  await page.goto(`${BASE}/plan`);
  await page.locator("[data-count]").waitFor();
  assert.equal(Number(await page.locator("[data-count]").getAttribute("data-count")), total);
  const task = tasks.at(-1);
  if (!task) return;
  await page.getByLabel("Search tasks").fill(task.id);
  await page.waitForURL((at) => at.searchParams.get("q") === task.id);
  await page.locator(".table-body").getByRole("link", { name: task.key, exact: true }).first().waitFor();
  const rows = await page.locator(".table-body .table-row").count();
  assert.ok(rows < 100, `${rows} rows in the page: the table is not virtual`);
});

check("a filter in the address holds after a reload", async (page) => {
  const { tasks } = await api<TaskList>("/tasks");
  // States move while this looks; priorities stay.
  const priority = tasks[0]?.priority;
  if (!priority) return;
  await page.goto(`${BASE}/plan?priority=${priority}`);
  await page.reload();
  await page.locator("[data-count]").waitFor();
  const expected = tasks.filter((task) => task.priority === priority).length;
  assert.equal(Number(await page.locator("[data-count]").getAttribute("data-count")), expected);
});

check("a task's page opens by its address and names the task", async (page) => {
  const { tasks } = await api<TaskList>("/tasks");
  for (const state of new Set(tasks.map((task) => task.state))) {
    const task = tasks.find((t) => t.state === state) as Task;
    await page.goto(BASE + url(task.id));
    await page.getByRole("heading", { level: 1, name: task.title }).waitFor();
    await page.getByRole("heading", { name: "Dependencies" }).waitFor();
    await page.getByRole("heading", { name: "History" }).waitFor();
  }
});

check("an attempt's log and evidence are shown", async (page) => {
  const { tasks } = await api<TaskList>("/tasks");
  for (const task of tasks.filter((t) => t.state === "completed").slice(0, 20)) {
    const detail = await api<TaskDetail>(`/tasks/${encodeURIComponent(task.id)}`);
    const newest = detail.attempts.toSorted((a, b) => b.assigned_at_ms - a.assigned_at_ms)[0];
    if (!newest?.evidence) continue;
    const evidence = JSON.parse(newest.evidence) as { verify?: { command: string }[] };
    await page.goto(BASE + url(task.id));
    await page.getByRole("log").waitFor();
    const command = evidence.verify?.[0]?.command;
    if (command) await page.locator(".evidence summary code").filter({ hasText: command }).first().waitFor();
    return;
  }
});

check("a task that is not there is an error with a way out", async (page) => {
  await page.goto(BASE + url("no-such-task-anywhere"));
  await page.getByRole("alert").waitFor();
});

check("the graph is laid out, and focuses on a task", async (page) => {
  const graph = await api<Graph>("/graph");
  const node = graph.nodes[0];
  if (!node) return;
  await page.goto(`${BASE}/graph?show=epics`);
  await page.locator('.canvas[data-ready="true"]').waitFor();
  await page.goto(`${BASE}/graph?focus=${encodeURIComponent(node.task)}&depth=1`);
  await page.locator(".task-node.focused").waitFor();
  const near = graph.edges.filter((e) => e.from === node.task || e.to === node.task);
  const expected = new Set([node.task, ...near.flatMap((e) => [e.from, e.to])]).size;
  assert.equal(await page.locator(".task-node").count(), expected);
});

check("agents, accounts and queues are there", async (page) => {
  await page.goto(`${BASE}/agents`);
  await page.getByRole("heading", { name: "Accounts" }).waitFor();
  await page.goto(`${BASE}/queues`);
  await page.getByRole("heading", { name: "Queues", exact: true }).waitFor();
  assert.equal(await page.getByRole("alert").count(), 0);
});

check("a lost connection is said, and the page comes back by itself", async (page) => {
  await page.goto(`${BASE}/`);
  await page.locator('[data-live="live"]').waitFor();
  await page.context().setOffline(true);
  // What is open stays open for a browser that is told it is offline: go to the page anew, without the server.
  await page.route("**/api/v1/events", (route) => route.abort());
  await page.context().setOffline(false);
  await page.reload();
  await page.locator('[data-live="stale"]').waitFor();
  await page.unroute("**/api/v1/events");
  await page.locator('[data-live="live"]').waitFor();
});

check("every page fits a phone", async (page) => {
  const { tasks } = await api<TaskList>("/tasks");
  await page.setViewportSize({ width: 390, height: 844 });
  for (const path of [
    "/",
    "/plan",
    "/graph",
    "/agents",
    "/queues",
    ...tasks.slice(0, 1).map((t) => url(t.id)),
  ]) {
    await page.goto(BASE + path);
    await page.locator('[data-live="live"]').waitFor();
    await page.waitForLoadState("domcontentloaded");
    const beyond = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(beyond <= 0, `${path} is ${beyond} px too wide`);
  }
});

if (CHANGE) {
  check("pausing and resuming is seen at once", async (page) => {
    await page.goto(`${BASE}/`);
    await page.locator('[data-live="live"]').waitFor();
    const top = page.locator(".top-state");
    if ((await api<Status>("/status")).paused) await top.getByRole("button", { name: "Resume" }).click();
    await top.getByRole("button", { name: "Pause" }).click();
    await top.getByRole("button", { name: "Resume" }).waitFor();
    assert.equal((await api<Status>("/status")).paused, true);
    await top.getByRole("button", { name: "Resume" }).click();
    await top.getByRole("button", { name: "Pause" }).waitFor();
    assert.equal((await api<Status>("/status")).paused, false);
  });

  check("a person's answer reaches the task", async (page) => {
    const { tasks } = await api<TaskList>("/tasks?state=needs_human");
    for (const task of tasks.filter((t) => t.state === "needs_human")) {
      const path = `/tasks/${encodeURIComponent(task.id)}`;
      if (!(await api<TaskDetail>(path)).actions?.includes("answer")) continue;
      await page.goto(BASE + url(task.id));
      await page.getByRole("button", { name: "Answer" }).click();
      await page.getByLabel("Answer", { exact: true }).fill("Use the newer one.");
      await page.locator(".action-form").getByRole("button", { name: "Answer" }).click();
      await page.locator(".action-form").waitFor({ state: "detached" });
      assert.notEqual((await api<TaskDetail>(path)).task.state, "needs_human");
      return;
    }
    console.log("         (no task needs a person: not tried)");
  });
}

/** With a token, the way in is the token page. */
async function signIn(context: BrowserContext): Promise<void> {
  const { auth_required } = await api<{ auth_required: boolean }>("/session");
  if (!auth_required) return;
  const page = await context.newPage();
  await page.goto(`${BASE}/`);
  await page.getByLabel("Token").fill("certainly-wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Token").fill(TOKEN);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.locator('[data-live="live"]').waitFor();
  await page.close();
  // The token is kept for one tab; the others are given it here.
  await context.addInitScript((token) => sessionStorage.setItem("coditect.token", token), TOKEN);
  console.log("ok       a wrong token is refused, the right one lets in");
}

async function shots(browser: Browser, dir: string): Promise<void> {
  const { tasks } = await api<TaskList>("/tasks");
  const task =
    tasks.find((t) => t.state === "needs_human") ?? tasks.find((t) => t.state === "running") ?? tasks[0];
  const pages = {
    overview: "/",
    plan: "/plan",
    graph: "/graph",
    task: url(task?.id ?? ""),
    agents: "/agents",
    queues: "/queues",
  };
  for (const colorScheme of ["light", "dark"] as const) {
    for (const width of [1280, 390]) {
      const context = await browser.newContext({ colorScheme, viewport: { width, height: 860 } });
      if (TOKEN)
        await context.addInitScript((token) => sessionStorage.setItem("coditect.token", token), TOKEN);
      const page = await context.newPage();
      for (const [name, path] of Object.entries(pages)) {
        await page.goto(BASE + path);
        await page.locator('[data-live="live"]').waitFor();
        if (name === "graph") await page.locator('.canvas[data-ready="true"]').waitFor();
        if (name === "overview") await page.locator(".recharts-surface").first().waitFor();
        await page.screenshot({
          path: `${dir}/${name}-${colorScheme}-${width}.png`,
          fullPage: !["plan", "graph"].includes(name),
        });
      }
      await context.close();
    }
  }
}

async function main(): Promise<boolean> {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  let failed = 0;
  try {
    const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
    context.setDefaultTimeout(20_000);
    await signIn(context);
    for (const [name, run] of checks) {
      const page = await context.newPage();
      const said: string[] = [];
      page.on("pageerror", (error) => said.push(String(error)));
      page.on("console", (message) => {
        if (message.type() === "error" && /Content Security Policy/.test(message.text()))
          said.push(message.text());
      });
      try {
        await run(page);
        assert.deepEqual(said, []);
        console.log(`ok       ${name}`);
      } catch (error) {
        failed += 1;
        console.log(`FAILED   ${name}\n${String(error)}`);
      }
      await page.close();
    }
    if (SHOTS) await shots(browser, SHOTS);
  } finally {
    await browser.close();
  }
  console.log(`${checks.length - failed} passed, ${failed} failed`);
  return failed === 0;
}

process.exitCode = (await main()) ? 0 : 1;
