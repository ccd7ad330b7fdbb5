"""How a peer is timed.  `measure(step, sync)` runs step() to a steady state and prints one JSON line.

step() does one full training step (or forward pass) and returns a handle of its loss (or output);
sync(handle) waits until everything queued so far is done and returns a float.  Time is taken over blocks
of many steps with one sync at the end, and the median block is reported.  A block during which other
processes used the CPUs (by /proc/stat, steal included) is set aside, and replaced while time allows.
"""
import argparse, gc, json, os, resource, statistics, sys, time

_T0 = time.perf_counter()
TICK = os.sysconf("SC_CLK_TCK")
BLOCK, QUIET = 0.4, 0.05          # seconds a block; share of the machine others may use


def args(variants):
    p = argparse.ArgumentParser()
    p.add_argument("--workload", required=True)
    p.add_argument("--variant", default=variants[0], choices=variants)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--seconds", type=float, default=4.0)
    return p.parse_args()


def _busy():
    """CPU seconds: of the whole machine (steal included), and of this process."""
    with open("/proc/stat") as f:
        v = [int(s) for s in f.readline().split()[1:9]]
    r = resource.getrusage(resource.RUSAGE_SELF)
    return (sum(v) - v[3] - v[4]) / TICK, r.ru_utime + r.ru_stime


def measure(a, step, sync, *, steps_per_call=1, check=True, losses=None, max_total=90.0, **extra):
    """check: the losses of steps 1 and 11 are comparable with other peers'.  A peer that makes several steps a call gives
    losses(handle), those of one call."""
    now = time.perf_counter
    import_s = now() - _T0
    start = now()
    h = step()
    values = [sync(h)]
    first_step_s = now() - start
    if not check:
        values = [None, None]
    elif losses:
        values = [losses(h)[0], losses(h)[10]]
    else:
        for _ in range(9):
            step()
        values.append(sync(step()))
    # steady state
    t, n = now(), 0
    while now() - t < 0.7 and n < 200000:
        h = step()
        n += 1
        if n & (n - 1) == 0:
            sync(h)
    sync(h)
    per = (now() - t) / n
    count = max(1, int(BLOCK / per))
    gc.collect()
    gc.freeze()
    blocks, begin = [], now()
    while True:
        all0, own0 = _busy()
        t = now()
        for _ in range(count):
            h = step()
        last = sync(h)
        dt = now() - t
        all1, own1 = _busy()
        foreign = max(0.0, (all1 - all0) - (own1 - own0)) / dt / os.cpu_count()
        blocks.append((dt / count / steps_per_call * 1e6, foreign))
        quiet = [b for b in blocks if b[1] < QUIET]
        spent = now() - begin
        us = sorted(b[0] for b in quiet)
        steady = len(us) >= 5 and us[3 * len(us) // 4] < 1.1 * us[len(us) // 4]
        if len(quiet) >= 5 and spent > a.seconds * (1 if steady else 3):
            break
        if spent > 4 * a.seconds and len(blocks) >= 3 or spent > max_total:
            break
    used = quiet if len(quiet) >= 3 else blocks
    us = sorted(b[0] for b in used)
    q = statistics.quantiles(us, n=4) if len(us) > 2 else [us[0], us[0], us[-1]]
    print(json.dumps({
        "workload": a.workload, "us_per_step": statistics.median(us), "us_min": us[0], "us_q1": q[0], "us_q3": q[2],
        "blocks": len(blocks), "quiet": len(quiet), "steps_per_block": count * steps_per_call,
        "import_s": round(import_s, 3), "first_step_s": round(first_step_s, 4),
        "value0": values[0], "value10": values[1], "value_last": last, **extra}))
    sys.stdout.flush()
