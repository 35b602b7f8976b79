// The stack machine that a pickle is a program for: its stack with marks, its memory, and their bounds.

import { PickleFault } from './pickle_bytes.js';

/** Bounds what an instruction of a byte may cost: a state dict of VGG16 has some hundred containers. */
const MOST_CONTAINERS = 100_000;

/** Equal keys are compared to their last letter, and a long one may be set again and again. */
const LONGEST_KEY = 1000;

/** A dictionary's key, or a storage's. @throws PickleFault where it is a text of absurd length */
export function checkedKey(key: unknown): unknown {
  if (typeof key !== 'string' || key.length <= LONGEST_KEY) return key;
  throw new PickleFault(`a key of ${key.length} letters`);
}

/** Every method throws PickleFault where the stack does not hold what is asked of it. */
export class PickleMachine {
  readonly #stack: unknown[] = [];
  /** Lengths of the stack where a mark was set. */
  readonly #marks: number[] = [];
  readonly #memory = new Map<number, unknown>();
  #containers = 0;

  push(value: unknown): void {
    this.#stack.push(value);
  }

  /** A list, a dictionary, or whatever a call made. */
  pushContainer(value: unknown): void {
    if (++this.#containers > MOST_CONTAINERS) {
      throw new PickleFault(`more than ${MOST_CONTAINERS} lists, dictionaries and tensors`);
    }
    this.#stack.push(value);
  }

  mark(): void {
    this.#marks.push(this.#stack.length);
  }

  /** Values may only be taken from above the last mark. */
  popMany(count: number): unknown[] {
    if (this.#stack.length - (this.#marks.at(-1) ?? 0) < count) throw new PickleFault('the stack is empty');
    return this.#stack.splice(this.#stack.length - count, count);
  }

  pop(): unknown {
    return this.popMany(1)[0];
  }

  popMarked(): unknown[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw new PickleFault('there is no mark on the stack');
    return this.#stack.splice(mark);
  }

  top(): unknown {
    const value = this.pop();
    this.#stack.push(value);
    return value;
  }

  /** The topmost value, where it is a list. */
  list(): unknown[] {
    const list = this.top();
    if (!Array.isArray(list)) throw new PickleFault('appends to what is no list');
    return list;
  }

  /** The topmost value, where it is a dictionary. */
  dict(): Map<unknown, unknown> {
    const dict = this.top();
    if (!(dict instanceof Map)) throw new PickleFault('sets an item of what is no dictionary');
    return dict;
  }

  /** Remembers the topmost value, by the count of what is remembered where no number is given. */
  remember(id = this.#memory.size): void {
    this.#memory.set(id, this.top());
  }

  remembered(id: number): unknown {
    if (!this.#memory.has(id)) throw new PickleFault(`nothing was remembered as number ${id}`);
    return this.#memory.get(id);
  }
}
