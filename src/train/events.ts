// What training tells while it runs: plain data, which a terminal, a page or a log shows as it likes.

import type { Part } from './dataset.js';
import type { EpochRow } from './epoch_row.js';

/** Features of a part's pictures are there: computed, or found in the cache. */
export interface FeaturesEvent {
  readonly type: 'features';
  readonly part: Part;
  readonly done: number;
  readonly total: number;
  /** Of those done, how many were in the cache. */
  readonly cached: number;
  /** The same of all parts together: those before this one are done. */
  readonly overall: { readonly done: number; readonly total: number };
}

/** A picture that cannot be used is left out. */
export interface SkippedEvent {
  readonly type: 'skipped';
  readonly part: Part;
  readonly name: string;
  /** What is wrong with it, as a line that names it. */
  readonly reason: string;
}

/** A step of the search for a learning rate is done. */
export interface SearchEvent {
  readonly type: 'lr-find';
  readonly step: number;
  readonly steps: number;
  readonly lr: number;
  /** Smoothed. */
  readonly loss: number;
}

/** A step of training is done. */
export interface StepEvent {
  readonly type: 'step';
  /** From 1. */
  readonly epoch: number;
  readonly epochs: number;
  /** Within the epoch, from 1. */
  readonly step: number;
  readonly steps: number;
  readonly lr: number;
  /** Training pictures seen a second in this epoch so far. */
  readonly imagesPerSecond: number;
  /** Means over this epoch's pictures up to the last reading; undefined before the first. */
  readonly loss: number | undefined;
  readonly accuracy: number | undefined;
}

/** An epoch is trained, validated and, with a run folder, saved. */
export interface EpochEvent {
  readonly type: 'epoch';
  readonly row: EpochRow;
  readonly epochs: number;
  /** Whether it is the best so far. */
  readonly isBest: boolean;
}

/** Another part of a training begins: the head alone, or its base with it. Epochs are counted anew. */
export interface PhaseEvent {
  readonly type: 'phase';
  /** The lowest block that is trained from now on; undefined for the head alone. */
  readonly unfrozen: string | undefined;
  readonly text: string;
}

/** A file of the run folder is complete on the disk. */
export interface SavedEvent {
  readonly type: 'saved';
  readonly what: 'head' | 'best' | 'last' | 'report';
  readonly path: string;
}

/** Something that the owner of the run should know, a line. */
export interface NoteEvent {
  readonly type: 'note';
  readonly text: string;
}

/** Training ends before it is finished; the error that follows says why. */
export interface StoppedEvent {
  readonly type: 'stopped';
  /** The last complete epoch, with which a resumed run goes on; 0 if there is none. */
  readonly epoch: number;
  /** The run folder that can be resumed; undefined without one. */
  readonly folder: string | undefined;
  /** What is kept and how to go on, a line. */
  readonly text: string;
}

/** All is done and, with a run folder, written. */
export interface FinishedEvent {
  readonly type: 'finished';
  /** Whether training ended because `patience` epochs had brought nothing better. */
  readonly early: boolean;
  readonly best: EpochRow;
  readonly folder: string | undefined;
}

export type TrainEvent =
  | FeaturesEvent
  | SkippedEvent
  | SearchEvent
  | StepEvent
  | EpochEvent
  | PhaseEvent
  | SavedEvent
  | NoteEvent
  | StoppedEvent
  | FinishedEvent;

export type OnEvent = (event: TrainEvent) => void;
