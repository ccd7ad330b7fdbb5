#!/usr/bin/env python3
"""Runs peers side by side and writes results.json and results.md.  See README.md.

Every (peer, workload, threads) cell is a process of its own, run alone under a lock, on as many cores as
threads, after the machine has gone quiet; cells are interleaved (all peers of a workload, then the next
workload) and the whole is repeated `--rounds` times.  A round's number is the median of its timed blocks, a cell's
number that of its best round: neighbours of a virtual machine only ever add time.  In the tables "~" marks rounds
that differ by more than a quarter, "?" a cell that was never undisturbed.
"""
import argparse, fcntl, json, os, platform, resource, shlex, signal, statistics, subprocess, sys, tempfile, threading, time
from dataclasses import dataclass, field

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
DUMP = os.path.join(HERE, "dump")
TICK = os.sysconf("SC_CLK_TCK")

TRAIN, INFER, DIAG, COLD = [f"T{i}" for i in range(1, 8)], ["I1", "I2", "I3"], ["D2", "D3", "D7"], ["C1"]
ORDER = TRAIN + INFER + DIAG + COLD
# what ten steps may differ by between honest peers (T2's net amplifies rounding: gradient norm 347 at the start)
TOLERANCE = {"T2": 0.05, "D2": 0.05}
UNSET = ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "NVPL_BLAS_DEBUG_CPU_TYPE", "PYTHONDONTWRITEBYTECODE", "LD_PRELOAD"]


@dataclass
class Peer:
    name: str
    script: str = ""
    variant: str = ""
    python: str = "py"
    workloads: list = field(default_factory=lambda: TRAIN + INFER)
    env: dict = field(default_factory=dict)
    cold: str = ""                 # script of the cold start
    command: str = ""              # an extra peer: a command line, {workload} {threads} {seconds} {dump} substituted
    rounds: int = 99               # at most so many rounds


# Tuning an expert may do outside a program.  SHIM: MKL keeps AMD processors on its AVX2 code unless told
# otherwise.  HEAP: stop glibc from returning and re-faulting the memory of large tensors at every step.
SHIM = {"LD_PRELOAD": os.path.join(HERE, "build", "libmklintel.so")}
HEAP = {"MALLOC_TRIM_THRESHOLD_": "8000000000", "MALLOC_MMAP_THRESHOLD_": "8000000000",
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
BLAS = {"LD_PRELOAD": "/usr/lib/x86_64-linux-gnu/libopenblas.so.0"}

PEERS = [
    Peer("torch", "torch_peer", "eager", workloads=TRAIN + INFER + DIAG + COLD, cold="torch"),
    Peer("torch-tuned", "torch_peer", "eager", workloads=TRAIN + INFER + DIAG, env={**SHIM, **HEAP}),
    Peer("torch-tuned-plainstats", "torch_peer", "eager", workloads=DIAG, env={**SHIM, **HEAP, "STATS": "plain"}),
    Peer("torch-compile", "torch_peer", "compile", workloads=TRAIN + INFER + COLD, cold="torch_compile"),
    Peer("torch-compile-tuned", "torch_peer", "compile", env={**SHIM, **HEAP}),
    Peer("torch-max-tuned", "torch_peer", "compile-max", env={**SHIM, **HEAP}, rounds=1),
    Peer("jax", "jax_peer", "jit", workloads=TRAIN + INFER + COLD, cold="jax"),
    Peer("jax-512", "jax_peer", "jit", env={"XLA_FLAGS": "--xla_cpu_prefer_vector_width=512"}),
    Peer("jax-scan", "jax_peer", "scan", workloads=["T1", "T2", "T5"]),
    Peer("tf", "tf_peer", "graph", "pytf", workloads=TRAIN + INFER + COLD, cold="tf"),
    Peer("tf-xla", "tf_peer", "xla", "pytf"),
    Peer("keras", "tf_peer", "keras", "pytf", ["T1", "T3"] + COLD, cold="keras"),
    Peer("mlx", "mlx_peer", "compile", workloads=["T1", "T2", "T3", "T5"] + INFER + COLD, cold="mlx"),
    Peer("mlx-openblas", "mlx_peer", "compile", env=BLAS),
    Peer("tinygrad", "tinygrad_peer", "jit", workloads=TRAIN + INFER + COLD, cold="tinygrad"),
    Peer("sklearn", "sklearn_peer", "default", workloads=["T1", "T3", "I1", "I2"] + COLD, cold="sklearn"),
    Peer("onnxruntime", "ort_peer", "default", workloads=INFER),
    Peer("cockpit", "cockpit_peer", "economy", workloads=["D2"], env={**SHIM, **HEAP, "PYTHONPATH": os.environ.get("COCKPIT_SITE", "")}, rounds=1),
    Peer("numpy", workloads=COLD, cold="numpy"),
]


def machine_busy():
    v = [int(s) for s in open("/proc/stat").readline().split()[1:9]]
    return (sum(v) - v[3] - v[4]) / TICK


def wait_quiet(limit):
    """Waits until nobody else uses the CPUs; returns the seconds waited."""
    t = time.monotonic()
    while time.monotonic() - t < limit:
        b = machine_busy()
        time.sleep(0.3)
        if (machine_busy() - b) / 0.3 < 0.07 * os.cpu_count():
            break
    return time.monotonic() - t


def prepare(cores, memory_gb):
    """In the child: its cores; and, memory short, it and nobody else is to die."""
    os.sched_setaffinity(0, cores)
    with open("/proc/self/oom_score_adj", "w") as f:
        f.write("1000")
    resource.setrlimit(resource.RLIMIT_DATA, (int(memory_gb * 2**30),) * 2)


def spawn(argv, env, cores, timeout, memory_gb=16):
    """Runs argv alone; returns (exit status, stdout, stderr tail, wall seconds, rusage, foreign CPU share)."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        b, t = machine_busy(), time.perf_counter()
        p = subprocess.Popen(argv, stdout=out, stderr=err, stdin=subprocess.DEVNULL, env=env, cwd=HERE,
                             start_new_session=True, preexec_fn=lambda: prepare(cores, memory_gb))
        late = threading.Timer(timeout, lambda: os.killpg(p.pid, signal.SIGKILL))     # the session this call started
        late.start()
        _, status, ru = os.wait4(p.pid, 0)                  # no polling: wakeups would disturb the peer
        late.cancel()
        p.returncode = 0
        wall = time.perf_counter() - t
        foreign = max(0.0, machine_busy() - b - ru.ru_utime - ru.ru_stime) / wall / os.cpu_count()
        out.seek(0), err.seek(0)
        code = os.waitstatus_to_exitcode(status)
        return code, out.read(), err.read()[-2000:], wall, ru, foreign


def environment(peer, threads, cache):
    env = {k: v for k, v in os.environ.items() if k not in UNSET}
    for k in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUM_CPU_THREADS"):
        env[k] = str(threads)
    env.update(BENCH_THREADS=str(threads), TF_CPP_MIN_LOG_LEVEL="3", TORCHINDUCTOR_CACHE_DIR=os.path.join(cache, "inductor"),
               XDG_CACHE_HOME=cache)
    env.update(peer.env)
    return env


def cell(o, peer, workload, threads, rnd):
    """One process, retried once when others disturbed it.  Yields result records."""
    lost = [f for f in peer.env.get("LD_PRELOAD", "").split(":") if f and not os.path.exists(f)]
    if lost:                                                # the loader would only warn, and the row would lie
        yield {"peer_key": peer.name, "threads": threads, "round": rnd, "workload": workload, "error": f"no {lost[0]}"}
        return
    cores = set(sorted(os.sched_getaffinity(0))[-threads:])
    cache = os.path.join(o.out, "cache", f"{peer.name}-{workload}-{threads}")
    cold_cache = not os.path.exists(cache)
    os.makedirs(cache, exist_ok=True)
    env = environment(peer, threads, cache)
    cold = workload == "C1"
    if peer.command:
        argv = shlex.split(peer.command.format(workload=workload, threads=threads, seconds=o.seconds, dump=DUMP))
    elif cold:
        argv = [o.pythons[peer.python], f"cold/{peer.cold}.py"]
    else:
        argv = [o.pythons[peer.python], f"peers/{peer.script}.py", "--workload", workload, "--variant", peer.variant,
                "--threads", str(threads), "--seconds", str(o.seconds)]
    for attempt in range(2):
        with open(o.lock, "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if cold:
                walls = []
                for _ in range(o.cold_runs + 1):           # the first fills the page cache and is dropped
                    for _ in range(4):
                        wait_quiet(o.quiet)
                        code, out, err, wall, ru, foreign = spawn(argv, env, cores, o.timeout)
                        if foreign < 0.06 or code != 0:
                            break
                    walls.append(wall)
                    if code != 0:
                        break
                lines = [{"workload": "C1", "us_per_step": statistics.median(walls[1:] or walls) * 1e6,
                          "us_min": min(walls) * 1e6, "first_wall_s": walls[0], "quiet": 5, "output": out.strip()[-200:]}]
            else:
                wait_quiet(o.quiet)
                code, out, err, wall, ru, foreign = spawn(argv, env, cores, o.timeout)
                lines = [json.loads(l) for l in out.splitlines() if l.startswith("{")]
        if code == 3:
            return                                          # the peer does not do this one
        base = {"peer_key": peer.name, "threads": threads, "round": rnd, "process_s": round(wall, 3),
                "rss_mb": round(ru.ru_maxrss / 1024, 1), "foreign": round(foreign, 4), "cold_cache": cold_cache,
                "peer": lines[0].get("peer", peer.name) if lines else peer.name}
        if code != 0 or not lines:
            yield {**base, "workload": workload, "error": f"exit {code}" if wall < o.timeout else f"over {o.timeout:.0f} s",
                   "stderr": err}
            return
        if attempt == 0 and any(l.get("quiet", 5) < 3 and l["us_per_step"] < 2e6 for l in lines):
            continue
        for l in lines:
            yield {**base, **l}
        return


def collect(records):
    """(threads, workload, peer) -> summary over the rounds."""
    cells = {}
    for r in records:
        cells.setdefault((r["threads"], r["workload"], r["peer_key"]), []).append(r)
    out = {}
    for key, rs in cells.items():
        good = [r for r in rs if "us_per_step" in r]
        if not good:
            out[key] = {"error": rs[-1]["error"]}
            continue
        first = [r["first_step_s"] for r in good if r.get("first_step_s") is not None]
        us = [r["us_per_step"] for r in good]
        out[key] = {"us": min(us), "spread": max(us) / min(us), "best_block": min(r.get("us_min", r["us_per_step"]) for r in good),
                    "rounds": [round(u, 3) for u in us], "first_step_s": first[0] if first else None,
                    "rss_mb": max(r["rss_mb"] for r in good), "quiet": min(r.get("quiet", 5) for r in good),
                    "value0": good[0].get("value0"), "value10": good[0].get("value10"), "flush": good[0].get("flush_denormals")}
    return out


def disagreement(cells, threads, workload):
    """Peers whose first or tenth value differs from the median peer's."""
    bad = []
    for which in ("value0", "value10"):
        vs = {p: c[which] for (t, w, p), c in cells.items() if (t, w) == (threads, workload) and c.get(which) is not None}
        if len(vs) > 2:
            mid = statistics.median(vs.values())
            bad += [(p, which, v, mid) for p, v in vs.items()
                    if abs(v - mid) > (TOLERANCE.get(workload, 2e-3) if which == "value10" else 1e-3) * abs(mid)]
    return bad


def human(us):
    return f"{us:.1f}" if us < 100 else f"{us:,.0f}"


def tables(o, records):
    import workloads as W
    cells, text = collect(records), []
    peers = [p.name for p in o.peers]
    for threads in o.threads:
        ws = [w for w in ORDER if any(k[:2] == (threads, w) for k in cells)]
        get = lambda w, p: cells.get((threads, w, p))
        best = {w: min((c["us"] for p in peers if (c := get(w, p)) and "us" in c), default=None) for w in ws}

        def table(title, fmt):
            rows = [[p] + [(fmt(w, p, c) if (c := get(w, p)) and "us" in c else (c or {}).get("error", "")) for w in ws] for p in peers]
            rows = [r for r in rows if any(r[1:])]
            text.append(f"\n### {title}, {threads} thread{'s' * (threads > 1)}\n")
            text.append("| peer | " + " | ".join(ws) + " |\n|---" + "|---:" * len(ws) + "|")
            text.extend("| " + " | ".join(r) + " |" for r in rows)

        def us(w, p, c):
            s = human(c["us"]) + ("?" if c["quiet"] < 3 else "~" if c["spread"] > 1.25 else "")
            return f"**{s}**" if c["us"] == best[w] else s

        def gflops(w, p, c):
            k = w.replace("D", "T") if w in DIAG else w
            if k not in W.ALL:
                return ""
            f = facts.setdefault(k, W.facts(k))
            return f"{f.gflop / c['us'] * 1e6:.1f}"
        facts = {}
        table("Median µs per step (C1: per process)", us)
        table("Achieved GFLOP/s", gflops)
        table("First step, seconds (tracing and compiling included, caches cold)", lambda w, p, c: f"{c['first_step_s']:.2f}" if c["first_step_s"] is not None else "")
        table("Peak RSS, MB", lambda w, p, c: f"{c['rss_mb']:.0f}")
        for w in ws:
            for p, which, v, mid in disagreement(cells, threads, w):
                text.append(f"\nDISAGREES: {p} on {w} ({threads} threads): {which} {v:.6g}, median peer {mid:.6g}")
    return "\n".join(text) + "\n"


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--threads", type=int, nargs="+", default=[2, 1])
    a.add_argument("--only", nargs="+", default=[], help="peers to run (default all): " + " ".join(p.name for p in PEERS))
    a.add_argument("--workloads", nargs="+", default=ORDER)
    a.add_argument("--extra", action="append", default=[], metavar="NAME=COMMAND",
                   help="a peer given as a command that prints JSON lines; {workload} {threads} {seconds} {dump} are substituted")
    a.add_argument("--extra-workloads", nargs="+", default=ORDER, help="what the extra peers can do")
    a.add_argument("--rounds", type=int, default=2)
    a.add_argument("--seconds", type=float, default=3.0, help="timed seconds per cell")
    a.add_argument("--cold-runs", type=int, default=5)
    a.add_argument("--timeout", type=float, default=600)
    a.add_argument("--quiet", type=float, default=120, help="seconds to wait for a quiet machine")
    a.add_argument("--out", default=os.path.join(HERE, "results"))
    a.add_argument("--lock", default=os.environ.get("BENCH_LOCK", os.path.join(tempfile.gettempdir(), "bench.lock")))
    a.add_argument("--py", default=os.environ.get("BENCH_PY", sys.executable))
    a.add_argument("--pytf", default=os.environ.get("BENCH_PYTF", sys.executable))
    a.add_argument("--append", action="store_true", help="add rounds to the records already there")
    a.add_argument("--tables-only", action="store_true", help="only rewrite results.md from the records")
    o = a.parse_args()
    o.pythons = {"py": o.py, "pytf": o.pytf}
    o.out = os.path.abspath(o.out)
    os.makedirs(o.out, exist_ok=True)
    os.makedirs(os.path.join(HERE, "build"), exist_ok=True)
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", SHIM["LD_PRELOAD"], os.path.join(HERE, "mkl_intel.c")], check=True)
    if not os.path.exists(os.path.join(DUMP, "digits", "y.i32")):
        subprocess.run([o.py, os.path.join(HERE, "workloads.py"), "--dump", DUMP], check=True, stdout=subprocess.DEVNULL)
    extras = [Peer(n, command=c, workloads=o.extra_workloads) for n, c in (e.split("=", 1) for e in o.extra)]
    o.peers = [p for p in PEERS if not o.only or p.name in o.only] + extras
    path = os.path.join(o.out, "records.jsonl")
    if not o.tables_only:
        if os.path.exists(path) and not o.append:
            os.rename(path, path + time.strftime(".%Y%m%d-%H%M%S"))
        once, slow = set(), set()              # slow: half a second a step and more needs no second round
        for rnd in range(o.rounds):
            for threads in o.threads:
                for w in [w for w in ORDER if w in o.workloads]:
                    turn = o.peers[rnd % max(1, len(o.peers)):] + o.peers[:rnd % max(1, len(o.peers))]
                    for p in turn:
                        if w not in p.workloads or rnd >= p.rounds or (p.name, w, threads) in slow:
                            continue
                        if p.command and "{workload}" not in p.command:        # prints all its workloads at once
                            if (p.name, rnd, threads) in once:
                                continue
                            once.add((p.name, rnd, threads))
                        for r in cell(o, p, w, threads, rnd):
                            with open(path, "a") as f:
                                f.write(json.dumps(r) + "\n")
                            if r.get("us_per_step", 0) > 5e5 and w != "C1" or "error" in r:
                                slow.add((p.name, w, threads))
                            print(f"{time.strftime('%H:%M:%S')} round {rnd} {threads}t {r['workload']} {p.name:22s} " +
                                  (f"{human(r['us_per_step'])} us" if "us_per_step" in r else r["error"]), flush=True)
    records = [json.loads(l) for l in open(path)]
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "")
    summary = [{"threads": t, "workload": w, "peer": p, **c} for (t, w, p), c in sorted(collect(records).items())]
    with open(os.path.join(o.out, "results.json"), "w") as f:
        json.dump({"machine": {"cpu": cpu, "cores": os.cpu_count(), "kernel": platform.release()},
                   "when": time.strftime("%Y-%m-%d %H:%M"), "options": {k: v for k, v in vars(o).items() if k not in ("peers", "pythons")},
                   "cells": summary, "records": records}, f, indent=1)
    names = {r["peer_key"]: r["peer"] for r in records if "peer" in r and r["workload"] != "C1"}     # C1 prints no version
    head = f"{cpu}, {os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}; " + "; ".join(sorted(set(names.values()))) + "\n"
    with open(os.path.join(o.out, "results.md"), "w") as f:
        f.write(head + tables(o, records))
    print(f"wrote {o.out}/results.json and results.md")


if __name__ == "__main__":
    main()
