/**
 * Runs natsts and the Go server in turn under `nats bench` and prints the ratio of each case:
 * median, lowest and highest over the rounds. More than 1 means natsts is faster.
 *
 * ```sh
 * deno task bench [--rounds=5] [--case=name]
 * ```
 *
 * Needs `nats-server` and `nats` on the path. Nothing else should run on the machine.
 *
 * @module
 */
import { ACCOUNT_CASES } from "./account_cases.ts";
import { CORE_CASES } from "./core_cases.ts";
import { type Kind, measure, type Measured, median, option } from "./harness.ts";
import { JETSTREAM_CASES } from "./jetstream_cases.ts";

const rounds = Number(option("rounds", "5"));
const wanted = option("case", "");
const starts: Record<Kind, number[]> = { natsts: [], go: [] };
console.log("case;natsts msgs/s;go msgs/s;ratio median;ratio min;ratio max;cpu natsts/go;goal");
for (
  const benchmark of [...CORE_CASES, ...ACCOUNT_CASES, ...JETSTREAM_CASES].filter(({ name }) =>
    name.includes(wanted)
  )
) {
  const own: Measured[] = [];
  const go: Measured[] = [];
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? (["natsts", "go"] as const) : (["go", "natsts"] as const);
    for (const kind of order) {
      const measured = await measure(kind, benchmark);
      (kind === "go" ? go : own).push(measured);
      starts[kind].push(measured.startMs);
    }
  }
  const ratios = own.map(({ rate }, i) => rate / go[i]!.rate);
  const cpu = own.map(({ cpuMs }, i) => cpuMs / go[i]!.cpuMs);
  console.log(
    [
      benchmark.name,
      median(own.map(({ rate }) => rate)),
      median(go.map(({ rate }) => rate)),
      median(ratios).toFixed(2),
      Math.min(...ratios).toFixed(2),
      Math.max(...ratios).toFixed(2),
      median(cpu).toFixed(2),
      benchmark.goal ?? "",
    ].join(";"),
  );
}
console.log(
  `start to first connection, ms: natsts ${median(starts.natsts).toFixed(0)}, ` +
    `go ${median(starts.go).toFixed(0)}`,
);
