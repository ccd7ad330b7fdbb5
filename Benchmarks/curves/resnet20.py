"""ResNet-20 by the recipe of He et al. 2015 in PyTorch and in Fathom: do their loss curves agree within what the seed does?

Without a warm-up the first weights decide much at this rate, so that both begin with the same ones, Fathom's; the order of the
rows, crops and flips are each one's own. With `--own-weights` the weights are, too.

The recipe: momentum 0.9, rate 0.1, a tenth of it after a half and again after three quarters of the steps, weight decay 1e-4,
batches of 128, crops of the picture padded by 4, flips, He's weights, shortcuts without parameters (option A).

    python curves/resnet20.py --data DIR --fathom ../.build/release/fathom --epochs 20 --seeds 1 2 3

DIR holds CIFAR-10's binary files; of a smaller set all rows are taken. One JSON line a run, then the table of
`Docs/Images.md`. `--only torch` or `--only fathom` runs one of the two, and `--tables RECORDS` prints the table of lines kept.
"""
import argparse, glob, json, os, subprocess, sys, tempfile, time


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data"), p.add_argument("--fathom", default="../.build/release/fathom")
    p.add_argument("--epochs", type=int, default=20), p.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    p.add_argument("--threads", type=int, default=2), p.add_argument("--only", choices=["torch", "fathom"])
    p.add_argument("--own-weights", action="store_true")
    p.add_argument("--tables", metavar="RECORDS")
    return p.parse_args()


def files(folder, kind):
    found = sorted(glob.glob(os.path.join(folder, {"train": "data_batch*.bin", "test": "test_batch*.bin"}[kind])))
    return found or sorted(glob.glob(os.path.join(folder, kind + "*.bin")))


def rows(folder, kind):
    import numpy as np
    rows = np.concatenate([np.fromfile(f, np.uint8) for f in files(folder, kind)]).reshape(-1, 3073)
    return rows[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32), rows[:, 0].astype(np.int64)


def first_weights(a, seed):
    """Fathom's, by an epoch with a rate that moves nothing."""
    import numpy as np, struct
    with tempfile.TemporaryDirectory() as folder:
        command = fathom_command(a, seed, folder + "/run", 1, "1e-30", [])
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        state = open(glob.glob(folder + "/run/checkpoints/step-*/state.safetensors")[0], "rb").read()
    size = struct.unpack("<Q", state[:8])[0]
    found = {}
    for name, entry in json.loads(state[8:8 + size]).items():
        if name.endswith(".weight") and entry["dtype"] == "F32":
            first, last = entry["data_offsets"]
            found[name] = np.frombuffer(state[8 + size + first:8 + size + last], np.float32).reshape(entry["shape"]).copy()
    return found


def run_torch(a, seed):
    import torch
    from torch import nn
    import torch.nn.functional as F
    torch.set_num_threads(a.threads)
    torch.manual_seed(seed)

    def conv(i, o, stride=1):
        c = nn.Conv2d(i, o, 3, stride, 1, bias=False)
        nn.init.kaiming_uniform_(c.weight, nonlinearity="relu")
        return c

    class Block(nn.Module):
        def __init__(self, i, o, stride):
            super().__init__()
            self.c0, self.n0, self.c1, self.n1 = conv(i, o, stride), nn.BatchNorm2d(o), conv(o, o), nn.BatchNorm2d(o)
            self.more, self.stride = o - i, stride

        def forward(self, x):
            h = self.n1(self.c1(F.relu(self.n0(self.c0(x)))))
            if self.more:                                      # option A: every second place, zeros for new channels
                x = F.pad(x[:, :, ::self.stride, ::self.stride], (0, 0, 0, 0, 0, self.more))
            return F.relu(h + x)

    sizes = [16] * 4 + [32] * 3 + [64] * 3
    blocks = [Block(i, o, 1 if i == o else 2) for i, o in zip(sizes, sizes[1:])]
    head = nn.Linear(64, 10)
    nn.init.xavier_uniform_(head.weight), nn.init.zeros_(head.bias)
    net = nn.Sequential(conv(3, 16), nn.BatchNorm2d(16), nn.ReLU(), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
    if not a.own_weights:
        weights = first_weights(a, seed)

        def take(layer, name):
            value = torch.from_numpy(weights[name + ".weight"])
            layer.weight.data.copy_(value.t() if value.ndim == 2 else value.permute(3, 2, 0, 1))

        take(net[0], "convolution1"), take(head, "dense1")
        for i, block in enumerate(blocks):
            take(block.c0, f"residual{i + 1}.convolution1"), take(block.c1, f"residual{i + 1}.convolution2")
    net = net.to(memory_format=torch.channels_last)

    (x, y), (tx, ty) = rows(a.data, "train"), rows(a.data, "test")
    mean, sd = x.mean((0, 2, 3), keepdims=True), x.std((0, 2, 3), keepdims=True)
    x, tx, y, ty = (torch.from_numpy(v) for v in ((x - mean) / sd, (tx - mean) / sd, y, ty))
    batch, n = 128, len(x)
    steps = a.epochs * -(-n // batch)
    sgd = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.MultiStepLR(sgd, [steps // 2, steps * 3 // 4])
    curve = []
    for _ in range(a.epochs):
        net.train()
        total, order = 0.0, torch.randperm(n)
        for at in range(0, n, batch):
            k = order[at:at + batch]
            b, m = F.pad(x[k], (4, 4, 4, 4)), len(k)
            up, left = torch.randint(0, 9, (m, 1)), torch.randint(0, 9, (m, 1))
            across = torch.arange(32).expand(m, 32).clone()
            flipped = torch.rand(m) < 0.5
            across[flipped] = across[flipped].flip(1)
            b = b[torch.arange(m)[:, None, None], :, (up + torch.arange(32))[:, :, None], (left + across)[:, None, :]]
            b = b.permute(0, 3, 1, 2)                          # the channels last, as the convolutions want them
            loss = F.cross_entropy(net(b), y[k])
            sgd.zero_grad(set_to_none=True)
            loss.backward()
            sgd.step(), schedule.step()
            total += float(loss.detach()) * m
        curve.append(total / n)
        print(f"torch {seed}: epoch {len(curve)}, loss {curve[-1]:.4f}", file=sys.stderr)
    net.eval()
    with torch.no_grad():
        right = sum(int((net(tx[i:i + 500]).argmax(1) == ty[i:i + 500]).sum()) for i in range(0, len(tx), 500))
    return curve, right / len(tx)


def fathom_command(a, seed, out, epochs, rate, settings):
    settings = [f"data.folder={os.path.abspath(a.data)}", "data.scaling=channels", "data.validation=0"] + settings
    command = [a.fathom, "train", "--data", "cifar10", "--model", "resNet 20", "--optimizer", "sgd", "--lr", rate,
               "--batch", "128", "--json", "--epochs", str(epochs), "--seed", str(seed), "--threads", str(a.threads), "--out", out]
    return command + [word for s in settings for word in ("--set", s)]


def run_fathom(a, seed):
    count = sum(os.path.getsize(f) for f in files(a.data, "train")) // 3073
    steps = a.epochs * -(-count // 128)
    settings = ["data.augment.crop=4", "data.augment.flip=true", "optimizer.momentum=0.9", "optimizer.weightDecay=0.0001",
                "schedule.name=milestones", f"schedule.steps=[{steps // 2}, {steps * 3 // 4}]"]
    curve, test = [], None
    with tempfile.TemporaryDirectory() as folder:
        command = fathom_command(a, seed, folder + "/run", a.epochs, "0.1", settings)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as p:
            for line in p.stdout:
                r = json.loads(line)
                if r.get("event") == "epoch":
                    curve.append(r["trainLoss"])
                    test = r["test"]["accuracy"]
                    print(f"fathom {seed}: epoch {len(curve)}, loss {curve[-1]:.4f}", file=sys.stderr)
    if p.returncode:
        sys.exit(p.returncode)
    return curve, test


def table(records):
    peers = {}
    for r in sorted(records, key=lambda r: r["seed"]):
        peers.setdefault(r["peer"], []).append(r)
    epochs = len(records[0]["curve"])
    marks = sorted({1, epochs // 4, epochs // 2, epochs // 2 + 1, epochs * 3 // 4, epochs})
    print("| epoch | " + " | ".join(peers) + " |\n|---:|" + "---|" * len(peers))
    for m in marks:
        print(f"| {m} | " + " | ".join(", ".join(f"{r['curve'][m - 1]:.3f}" for r in rs) for rs in peers.values()) + " |")
    print("| test accuracy, % | " + " | ".join(", ".join(f"{100 * r['test']:.1f}" for r in rs) for rs in peers.values()) + " |")


def main():
    a = arguments()
    if a.tables:
        return table([json.loads(line) for line in open(a.tables)])
    records = []
    for seed in a.seeds:
        for peer, run in (("torch", run_torch), ("fathom", run_fathom)):
            if a.only in (None, peer):
                start = time.time()
                curve, test = run(a, seed)
                records.append({"peer": peer, "seed": seed, "epochs": a.epochs, "curve": curve, "test": test,
                                "seconds": round(time.time() - start, 1)})
                print(json.dumps(records[-1]), flush=True)
    table(records)


if __name__ == "__main__":
    main()
