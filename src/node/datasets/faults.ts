// What in a data set's structure leaves nothing to learn, or nothing right.

import { listed, pictures } from '../../text.js';
import { PICTURE_EXTENSIONS } from '../image/decode.js';
import { foreignPictures, foreignText } from '../image/foreign.js';
import { byCodePoints } from '../image/walk.js';
import { countFiles, type Survey } from './found.js';

/** The classes of the training part, in the order that torchvision's ImageFolder gives them. */
export function classesOf({ parts }: Survey): string[] {
  return [...(parts.train?.keys() ?? [])].sort(byCodePoints);
}

/** A line each, without the data set's name: what must be mended before training, the most basic first. */
export function structureFaults(survey: Survey): string[] {
  const { parts, isDivided } = survey;
  const classes = classesOf(survey);
  if (!parts.train) return ['it has a part called val or test, but none called train'];
  const total = countFiles(parts.train);
  if (total === 0) return [nothingFound(survey)];
  const faults = classes
    .filter((name) => parts.train!.get(name)!.length === 0)
    .map(
      (name) =>
        `the class ${name} has no picture${isDivided ? ' in train' : ''}; add some or remove its folder`,
    );
  if (classes.length === 1) faults.push(oneClassOnly(survey, classes[0]!));
  faults.push(...classesThatTrainLacks(survey, classes));
  if (parts.val && countFiles(parts.val) === 0) {
    faults.push('val has no picture; add some, or remove it, and a share of train is taken');
  } else if (
    !parts.val &&
    classes.length > 1 &&
    [...parts.train.values()].every(({ length }) => length < 2)
  ) {
    faults.push(
      'no class has two pictures, so that one could be kept from training to validate with; add some',
    );
  }
  return faults;
}

function oneClassOnly({ name, isTable, parts, isDivided }: Survey, only: string): string {
  const files = parts.train!.get(only)!;
  const fault = `there is one class only, ${only} (${pictures(files.length)}); it takes two to tell apart`;
  if (isTable) return fault;
  // What an archive unpacks to often has one folder too many around it.
  const isWrapped = !isDivided && files.length > 0 && files.every((file) => file.split('/').length > 2);
  return isWrapped ? `${fault}; did you mean ${name}/${only}?` : `${fault}, a folder each`;
}

/** Were it let pass, the labels of all classes behind it would be shifted. */
function classesThatTrainLacks({ parts }: Survey, classes: readonly string[]): string[] {
  return (['val', 'test'] as const).flatMap((part) => {
    const unknown = [...(parts[part]?.keys() ?? [])].filter((name) => !parts.train!.has(name));
    if (unknown.length === 0) return [];
    return [
      `${part} has what train lacks: ${listed(unknown)} (train has ${listed(classes)}); ` +
        'give it pictures in train or the name that it has there',
    ];
  });
}

function nothingFound({ name, isDivided, strays, others }: Survey): string {
  const root = isDivided ? `${name}/train` : name;
  const layout = `one folder a class, as ${root}/cats/1.jpg and ${root}/dogs/2.jpg`;
  if (strays.length > 0) {
    const lie = strays.length === 1 ? 'lies' : 'lie';
    const told = classesInNames(strays);
    const way = told
      ? `their names tell the classes ${listed(told.classes)}: make a folder of each and move its pictures there, ` +
        `as ${root}/${told.classes[0]}/${told.example}, or write a CSV with the lines "file,label" and ` +
        `"${told.example},${told.classes[0]}" and so on`
      : `what is needed is ${layout}`;
    return `its ${pictures(strays.length)} ${lie} in no class folder (${listed(strays)}); ${way}`;
  }
  const extensions = [...PICTURE_EXTENSIONS].map((extension) => `.${extension}`).join(' ');
  const foreign = foreignPictures(others);
  const instead = foreign.length > 0 ? `, only ${foreignText(foreign)}` : '';
  return `there is no picture (looked for ${extensions})${instead}; what is needed is ${layout}`;
}

/** `cat.0.jpg`, `dog_12.png`: a word and a number. */
const WORD_AND_NUMBER = /^([\p{L}][\p{L} _-]*?)[ ._-]?\d+\.\w+$/u;

/** The classes that the names of files tell, where all of them do and there are several pictures of each. */
function classesInNames(files: readonly string[]): { classes: string[]; example: string } | undefined {
  const names = files.map((file) => file.slice(file.lastIndexOf('/') + 1));
  const words = names.map((name) => WORD_AND_NUMBER.exec(name)?.[1]);
  const classes = [...new Set(words)].sort();
  if (classes.length < 2 || 2 * classes.length > files.length || words.includes(undefined)) return undefined;
  const [first] = classes as string[];
  return { classes: classes as string[], example: names[words.indexOf(first)]! };
}
