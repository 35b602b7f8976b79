// PyTorch training the same layers, in a process of its own: on its CUDA device where it has one, else on the CPU.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { GpuError, UsageError } from '../../errors.js';
import type { Batch, SgdOptions, TrainedLayers } from './tfjs_training.js';

/**
 * Reads the task as a line of JSON, and then a line for each turn: numbers of batches, each to take a step on. It answers each line with the last
 * loss, when all is done. Matrices are multiplied in full f32, as ours are.
 */
const PROGRAM = `
import json, sys, torch
from torch import nn

task = json.loads(sys.stdin.readline())
device = "cuda" if torch.cuda.is_available() else "cpu"
torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False

def numbers(name, dtype=torch.float32):
    with open(task["folder"] + "/" + name, "rb") as file:
        return torch.frombuffer(bytearray(file.read()), dtype=dtype)

modules = []
for i, conv in enumerate(task["convs"]):
    C, O = conv["C"], conv["O"]
    layer = nn.Conv2d(C, O, 3, padding=1)
    layer.weight.data = numbers(f"conv{i}.kernel").reshape(3, 3, C, O).permute(3, 2, 0, 1).contiguous()
    layer.bias.data = numbers(f"conv{i}.bias")
    modules += [layer, nn.ReLU()] + ([nn.MaxPool2d(2)] if conv["pooled"] else [])
if modules:
    modules += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
for i, dense in enumerate(task["dense"]):
    layer = nn.Linear(dense["inputs"], dense["outputs"])
    layer.weight.data = numbers(f"dense{i}.kernel").reshape(dense["inputs"], dense["outputs"]).T.contiguous()
    layer.bias.data = numbers(f"dense{i}.bias")
    modules += [layer] + ([nn.ReLU()] if i < len(task["dense"]) - 1 else [])
model = nn.Sequential(*modules).to(device)
optimiser = torch.optim.SGD(model.parameters(), lr=task["lr"], momentum=task["momentum"])
criterion = nn.CrossEntropyLoss()
batches = []
for i in range(task["batches"]):
    x = numbers(f"batch{i}.x").reshape(-1, *task["given"])
    x = x.permute(0, 3, 1, 2).contiguous() if len(task["given"]) == 3 else x
    batches.append((x, numbers(f"batch{i}.labels", torch.int32).long()))
print(json.dumps({"device": device, "version": torch.__version__}), flush=True)

for line in sys.stdin:
    for i in json.loads(line):
        x, labels = batches[i]
        loss = criterion(model(x.to(device)), labels.to(device))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    print(json.dumps(loss.item()), flush=True)
`;

/** SGD with momentum on the mean softmax cross-entropy. Batches are given beforehand, and named by their place. */
export class TorchTraining {
  private constructor(
    readonly name: string,
    private readonly batches: readonly Batch[],
    private readonly child: ChildProcessByStdio<Writable, Readable, Readable>,
    private readonly answers: AsyncIterator<string>,
    private readonly folder: string,
    private readonly complaint: () => string,
  ) {}

  /** @throws UsageError where there is no Python with PyTorch; GpuError where it fails */
  static async create(
    { convs, dense, given }: TrainedLayers,
    batches: readonly Batch[],
    options: SgdOptions,
  ): Promise<TorchTraining> {
    const folder = await mkdtemp(join(tmpdir(), 'vgg16-torch-'));
    for (const [kind, layers] of [
      ['conv', convs],
      ['dense', dense],
    ] as const) {
      for (const [i, { kernel, bias }] of layers.entries()) {
        await writeFile(join(folder, `${kind}${i}.kernel`), kernel);
        await writeFile(join(folder, `${kind}${i}.bias`), bias);
      }
    }
    for (const [i, { x, labels }] of batches.entries()) {
      await writeFile(join(folder, `batch${i}.x`), x);
      await writeFile(join(folder, `batch${i}.labels`), labels);
    }
    const child = spawn('python3', ['-c', PROGRAM], { stdio: ['pipe', 'pipe', 'pipe'] });
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    const complaint = () => errors.trim().split('\n').at(-1) ?? '';
    // What is wrong is told by the missing answer.
    child.stdin.on('error', () => {});
    child.on('error', (error) => {
      errors += error.message;
    });
    const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const task = {
      ...{ folder, given, batches: batches.length, ...options },
      convs: convs.map(({ C, O, pooled }) => ({ C, O, pooled })),
      dense: dense.map(({ inputs, outputs }) => ({ inputs, outputs })),
    };
    child.stdin.write(`${JSON.stringify(task)}\n`);
    const { value, done } = await answers.next();
    if (done || value === undefined) {
      child.kill();
      await rm(folder, { recursive: true, force: true });
      throw new UsageError(`PyTorch is not to be had by python3 (${complaint()}): pip install torch`);
    }
    const { device } = JSON.parse(value) as { device: string };
    return new TorchTraining(`pytorch-${device}`, batches, child, answers, folder, complaint);
  }

  /** A step for each of the batches, which are some of those given. @returns the mean loss of the last before its step @throws GpuError */
  async train(batches: readonly Batch[]): Promise<number> {
    const places = batches.map((batch) => this.batches.indexOf(batch));
    this.child.stdin.write(`${JSON.stringify(places)}\n`);
    const { value, done } = await this.answers.next();
    if (done || value === undefined) throw new GpuError(`${this.name} failed: ${this.complaint()}`);
    return JSON.parse(value) as number;
  }

  async dispose(): Promise<void> {
    this.child.stdin.end();
    this.child.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}
