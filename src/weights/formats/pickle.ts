// Reads a Python pickle, the way PyTorch writes them (protocols 2 to 5), and executes nothing.
//
// A pickle is a program for a stack machine. Its dangerous instructions name a Python function (GLOBAL) and call it
// (REDUCE). Here names are looked up in a list of the caller's; whatever is not in it ends the reading. What is called
// are functions of this repository that put values together.
//
//   Python                     here
//   None, bool, float, str     null, boolean, number, string (bytes of Python 2, too)
//   int                        number; bigint from 2^53 on
//   bytes, bytearray           Uint8Array
//   list, tuple, set           array
//   dict                       Map
//   objects of other classes   OpaqueObject
//
// Source   https://github.com/python/cpython, Lib/pickletools.py, which describes each opcode

import { FileFault } from '../file.js';
import { quote } from '../text.js';
import { PickleBytes, PickleFault } from './pickle_bytes.js';
import { checkedKey, PickleMachine } from './pickle_machine.js';

/** What stands for a function or class that a pickle names. */
export interface PickleGlobal {
  /** `collections.OrderedDict` */
  readonly name: string;
  /** What it makes when it is called; without it, it is only ever handed on. */
  readonly call?: ((args: readonly unknown[]) => unknown) | undefined;
}

/** An object of a class that is not known: what the pickle says of it, and nothing that its class would make of it. */
export class OpaqueObject {
  /** Its attributes: a Map, or whatever else its class is given to restore itself from. */
  state: unknown;
  /** What is appended to it, as to a list. */
  readonly items: unknown[] = [];
  /** What is set in it, as in a dictionary. */
  readonly entries = new Map<unknown, unknown>();

  /** @param className  `argparse.Namespace` */
  constructor(readonly className: string) {}
}

export interface PickleOptions {
  /** What a name stands for; undefined where it is not known. */
  readonly globalNamed: (name: string) => PickleGlobal | undefined;
  /** What an object stands for that is kept outside the pickle. */
  readonly persistent: (id: unknown) => unknown;
}

/** The value and where the pickle ends. */
export interface Unpickled {
  readonly value: unknown;
  readonly end: number;
}

const MOST_INSTRUCTIONS = 500_000;
const NEWEST_PROTOCOL = 5;

/**
 * @param bytes  may hold more behind the pickle
 * @param start  where the pickle begins
 * @throws PickleEnd where `bytes` end within the pickle
 * @throws FileFault for whatever is damaged, unknown or not allowed, with the byte
 */
export function readPickle(bytes: Uint8Array, start: number, options: PickleOptions): Unpickled {
  const operands = new PickleBytes(bytes, start);
  const machine = new PickleMachine();
  for (let count = 0; count < MOST_INSTRUCTIONS; count++) {
    const at = operands.position;
    const opcode = operands.uint8();
    try {
      if (opcode === STOP) return { value: machine.pop(), end: operands.position };
      const execute = INSTRUCTIONS.get(opcode);
      if (!execute) {
        throw new PickleFault(
          `instruction 0x${opcode.toString(16).padStart(2, '0')} is none that PyTorch writes`,
        );
      }
      execute(machine, operands, options);
    } catch (error) {
      if (!(error instanceof PickleFault)) throw error;
      throw new FileFault(`pickle, byte ${at}: ${error.message}`, { cause: error });
    }
  }
  throw new FileFault(`the pickle has more than ${MOST_INSTRUCTIONS} instructions`);
}

type Instruction = (machine: PickleMachine, bytes: PickleBytes, options: PickleOptions) => void;

const STOP = opcodeOf('.');

/** By opcode, a letter where it is one. Those of protocols 0 and 1 that protocol 2 replaced are left out. */
const INSTRUCTIONS: ReadonlyMap<number, Instruction> = new Map(
  (
    [
      [0x80, checkProtocol],
      [0x95, (_, bytes) => bytes.skip(8)], // FRAME, whose length a reader need not know

      ['N', (machine) => machine.push(null)],
      [0x88, (machine) => machine.push(true)],
      [0x89, (machine) => machine.push(false)],
      ['K', (machine, bytes) => machine.push(bytes.uint8())],
      ['M', (machine, bytes) => machine.push(bytes.uint16())],
      ['J', (machine, bytes) => machine.push(bytes.int32())],
      [0x8a, (machine, bytes) => machine.push(bytes.long(bytes.uint8()))],
      [0x8b, (machine, bytes) => machine.push(bytes.long(bytes.uint32()))],
      ['G', (machine, bytes) => machine.push(bytes.float64())],
      ['U', (machine, bytes) => machine.push(bytes.latin1(bytes.uint8()))],
      ['T', (machine, bytes) => machine.push(bytes.latin1(bytes.uint32()))],
      [0x8c, (machine, bytes) => machine.push(bytes.utf8(bytes.uint8()))],
      ['X', (machine, bytes) => machine.push(bytes.utf8(bytes.uint32()))],
      [0x8d, (machine, bytes) => machine.push(bytes.utf8(bytes.uint64()))],
      ['C', (machine, bytes) => machine.push(bytes.raw(bytes.uint8()))],
      ['B', (machine, bytes) => machine.push(bytes.raw(bytes.uint32()))],
      [0x8e, (machine, bytes) => machine.push(bytes.raw(bytes.uint64()))],
      [0x96, (machine, bytes) => machine.push(bytes.raw(bytes.uint64()))],

      ['(', (machine) => machine.mark()],
      ['0', (machine) => machine.pop()],
      ['1', (machine) => machine.popMarked()],
      ['2', (machine) => machine.push(machine.top())],

      [')', (machine) => machine.pushContainer([])],
      [']', (machine) => machine.pushContainer([])],
      [0x8f, (machine) => machine.pushContainer([])], // an empty set
      [0x85, (machine) => machine.pushContainer(machine.popMany(1))], // tuples
      [0x86, (machine) => machine.pushContainer(machine.popMany(2))],
      [0x87, (machine) => machine.pushContainer(machine.popMany(3))],
      ['t', (machine) => machine.pushContainer(machine.popMarked())],
      ['l', (machine) => machine.pushContainer(machine.popMarked())],
      [0x91, (machine) => machine.pushContainer(machine.popMarked())], // a frozen set
      ['a', (machine) => append(machine, machine.popMany(1))],
      ['e', (machine) => append(machine, machine.popMarked())],
      [0x90, (machine) => append(machine, machine.popMarked())],
      ['}', (machine) => machine.pushContainer(new Map())],
      ['s', (machine) => setItems(machine, machine.popMany(2))],
      ['u', (machine) => setItems(machine, machine.popMarked())],

      ['q', (machine, bytes) => machine.remember(bytes.uint8())],
      ['r', (machine, bytes) => machine.remember(bytes.uint32())],
      [0x94, (machine) => machine.remember()],
      ['h', (machine, bytes) => machine.push(machine.remembered(bytes.uint8()))],
      ['j', (machine, bytes) => machine.push(machine.remembered(bytes.uint32()))],

      ['c', (machine, bytes, options) => machine.push(globalNamed([bytes.line(), bytes.line()], options))],
      [0x93, (machine, _, options) => machine.push(globalNamed(machine.popMany(2), options))],
      ['Q', (machine, _, options) => machine.pushContainer(options.persistent(machine.pop()))],
      ['R', (machine) => machine.pushContainer(called(machine.popMany(2)))],
      [0x81, (machine) => machine.pushContainer(called(machine.popMany(2)))], // a new object of a class
      [0x92, (machine) => machine.pushContainer(called(machine.popMany(3)))], // the same, with arguments by name
      ['b', setState],
    ] as const satisfies readonly (readonly [string | number, Instruction])[]
  ).map(([opcode, execute]) => [typeof opcode === 'string' ? opcodeOf(opcode) : opcode, execute]),
);

function opcodeOf(letter: string): number {
  return letter.charCodeAt(0);
}

function checkProtocol(_: PickleMachine, bytes: PickleBytes): void {
  const protocol = bytes.uint8();
  if (protocol > NEWEST_PROTOCOL) throw new PickleFault(`protocol ${protocol} is not known`);
}

function append(machine: PickleMachine, values: readonly unknown[]): void {
  const top = machine.top();
  const list = top instanceof OpaqueObject ? top.items : machine.list();
  for (const value of values) list.push(value);
}

function setItems(machine: PickleMachine, values: readonly unknown[]): void {
  if (values.length % 2 !== 0) throw new PickleFault('a key without a value');
  const top = machine.top();
  const dict = top instanceof OpaqueObject ? top.entries : machine.dict();
  for (let i = 0; i < values.length; i += 2) dict.set(checkedKey(values[i]), values[i + 1]);
}

/** Attributes matter where an object may hold tensors; a state dict's say nothing of it. */
function setState(machine: PickleMachine): void {
  const state = machine.pop();
  const target = machine.top();
  if (target instanceof OpaqueObject) target.state = state;
}

function globalNamed([module, name]: readonly unknown[], options: PickleOptions): PickleGlobal {
  if (typeof module !== 'string' || typeof name !== 'string') throw new PickleFault('a name is no string');
  const found = options.globalNamed(`${module}.${name}`);
  if (found) return found;
  if (/(\b|_)q(u?int\d|tensor)|\.quantized\b/i.test(name + module)) {
    throw new PickleFault(
      `names ${quote(`${module}.${name}`)}: a quantised network is not supported; save the model as it was before`,
    );
  }
  const className = `${module}.${name}`;
  return { name: className, call: () => new OpaqueObject(className) };
}

/** None of ours takes arguments by name, which would be a third. */
function called([callee, args]: readonly unknown[]): unknown {
  if (callee instanceof OpaqueObject) return new OpaqueObject(callee.className); // a function that a call made
  const { name, call } = (callee ?? {}) as Partial<PickleGlobal>;
  if (typeof call !== 'function' || !Array.isArray(args)) {
    throw new PickleFault(`calls ${name === undefined ? 'what is no function' : quote(name)}`);
  }
  return call(args);
}
