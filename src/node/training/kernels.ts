// Which tuned kernels a run's features are computed with. args.json keeps them: who tunes while a run rests must not change what
// it goes on with.

import { convShapeOf } from '../../model/launches.js';
import { type ChoicesRecord, choicesKeyOf, recordOf } from '../choices_file.js';
import { featureMapOf, type Session } from './session.js';

/** What was chosen for the layers below the head; undefined where nothing was. */
export function tunedKernelsOf({
  model,
  options,
}: Pick<Session, 'model' | 'options'>): ChoicesRecord | undefined {
  const { layer } = featureMapOf({ model, options });
  const convs = model
    .layers(options.size, options.size, layer)
    .filter(({ operation }) => operation === 'conv3x3')
    .map((conv) => convShapeOf(conv, 1));
  const choices = model.choices.forConvs(convs);
  return choices.isEmpty ? undefined : recordOf(choicesKeyOf(model.gpu, model.dtype), choices);
}

/** Whether the same kernels are meant, however fast they were. */
export function areSameKernels(a: ChoicesRecord | undefined, b: ChoicesRecord | undefined): boolean {
  const text = (record: ChoicesRecord | undefined) =>
    JSON.stringify(record?.conv3x3.map(({ shape, choice }) => [shape, choice]) ?? []);
  return text(a) === text(b);
}
