// The four classes, and the rule that says which emoji belong to which.
//
// The packages' own categories decide. Where a category is wider than the class (flowers in 'Animals & Nature', clocks
// in 'Travel & Places'), the members that are not meant are left out by what they show, never by how well they are
// recognised.

/** One class: the category of the icon packages that it comes from, and what of it belongs. */
export interface DrawingClass {
  readonly name: ClassName;
  /** Singular, for sentences: "taken for an animal". */
  readonly one: string;
  readonly category: string;
  readonly belongs: (icon: string) => boolean;
}

export type ClassName = 'animals' | 'food' | 'faces' | 'places';

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

/** Plants, fungi, germs, and parts or traces of animals. */
const NATURE_BUT_NO_ANIMAL = words(`
  blossom bouquet cactus cherry-blossom coral deciduous-tree empty-nest evergreen-tree fallen-leaf feather
  four-leaf-clover herb hibiscus hyacinth leaf-fluttering-in-wind leafless-tree lotus maple-leaf microbe mushroom
  nest-with-eggs palm-tree paw-prints pig-nose potted-plant rose rosette seedling shamrock sheaf-of-rice spider-web
  spiral-shell sunflower tulip white-flower wilted-flower wing`);

/** Tableware, vessels, and ice by itself. */
const TABLE_BUT_NO_FOOD = words(`
  amphora baby-bottle chopsticks fork-and-knife fork-and-knife-with-plate ice jar kitchen-knife spoon`);

/**
 * Places one can stand in or before: Unicode's subgroups place-geographic, place-building, place-religious and
 * place-other, less single objects (brick, rock, wood, barber-pole). The rest of the category is vehicles, clocks,
 * weather, moons and maps.
 */
const PLACES = words(`
  bank beach-with-umbrella bridge-at-night building-construction camping carousel-horse castle church circus-tent
  cityscape cityscape-at-dusk classical-building convenience-store department-store derelict-house desert desert-island
  factory ferris-wheel foggy fountain hindu-temple hospital hot-springs hotel house house-with-garden houses hut
  japanese-castle japanese-post-office kaaba landslide love-hotel mosque mount-fuji mountain national-park
  night-with-stars office-building playground-slide post-office roller-coaster school shinto-shrine
  snow-capped-mountain stadium statue-of-liberty sunrise sunrise-over-mountains sunset synagogue tent tokyo-tower
  volcano wedding`);

/** In the order in which they are printed. Labels are positions in this table. */
export const CLASSES: readonly DrawingClass[] = [
  {
    name: 'animals',
    one: 'an animal',
    category: 'Animals & Nature',
    belongs: (icon) => !NATURE_BUT_NO_ANIMAL.has(icon),
  },
  {
    name: 'food',
    one: 'food',
    category: 'Food & Drink',
    belongs: (icon) => !TABLE_BUT_NO_FOOD.has(icon),
  },
  {
    name: 'faces',
    one: 'a face',
    category: 'Smileys & Emotion',
    belongs: (icon) => containsName(icon, 'face'),
  },
  {
    name: 'places',
    one: 'a place',
    category: 'Travel & Places',
    belongs: (icon) => PLACES.has(icon),
  },
];

/** Accuracy of a guess, as long as every class has as many drawings as the others. */
export const CHANCE = 1 / CLASSES.length;

/** Whether `part` stands in `name` as whole words: 'cat' in 'cat-face', not in 'caterpillar'. */
export function containsName(name: string, part: string): boolean {
  return `-${name}-`.includes(`-${part}-`);
}
