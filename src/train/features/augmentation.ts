// Ways to vary a picture of which it stays a picture of the same thing.

export const AUGMENTATIONS = ['flip', 'crop', 'rotate', 'color'] as const;
export type AugmentationName = (typeof AUGMENTATIONS)[number];
