// Whose network a VGG16 began as, told by its first convolution: 1,728 numbers that training hardly changes and that no two
// trainings have in common. Names and formats prove less: weights wander from one tool to another.

import type { FoundLayer, Preprocess } from './archive.js';
import { decodeFloats } from './floats.js';
import { gather } from './gather.js';

/** Whose first convolution it is, and how its numbers lie. */
export interface Ancestor {
  /** What the network was first trained on. */
  readonly preprocess: Extract<Preprocess, 'torchvision' | 'caffe'>;
  /** Whether its input channels are in the opposite order of that: RGB for Caffe's, BGR for torchvision's. */
  readonly isReversed: boolean;
  /** Whether kernels are rotated by 180 degrees, as Theano has them. */
  readonly isRotated: boolean;
}

/** (64,3,3,3) */
const SHAPE = [64, 3, 3, 3] as const;
const PLACES = 9;
const COLOURS = 3;
/** Numbers of one output: (3,3,3). */
export const FILTER = COLOURS * PLACES;

/**
 * The largest relative distance, as the root of sum (a-b)^2 / sum b^2, at which two layers are taken for the same. 16-bit
 * floats are within 0.005, 8-bit quantisation within 0.03, fine-tuning mostly below that; another training is beyond 1,
 * another order of the same numbers beyond 0.3.
 */
const NEAR = 0.05;

/** What is known of a network's first convolution: the biases, and the kernels of the first outputs, or of all. */
interface Known {
  readonly preprocess: Ancestor['preprocess'];
  readonly kernel: ArrayLike<number>;
  readonly bias: ArrayLike<number>;
}

/**
 * torchvision's vgg16-397923af.pth, to the four digits in which PyTorch prints numbers: all biases of features.0 and the
 * kernel of its first output. Two public print-outs of `torchvision.models.vgg16(pretrained=True)` agree in them.
 */
const TORCHVISION: Known = {
  preprocess: 'torchvision',
  // biome-ignore format: as PyTorch prints them, a row of a colour's kernel a line
  kernel: [
    -0.5537, 0.1427, 0.529,
    -0.5831, 0.3566, 0.7657,
    -0.6902, -0.048, 0.4841,

    0.1755, 0.0099, -0.0814,
    0.0441, -0.0703, -0.2604,
    0.1324, -0.1728, -0.1323,

    0.313, -0.1659, -0.4275,
    0.4752, -0.0827, -0.487,
    0.632, 0.0193, -0.2775,
  ],
  // biome-ignore format: eight per line
  bias: [
    0.4034, 0.3778, 0.4644, -0.3228, 0.394, -0.3953, 0.3951, -0.5496,
    0.2693, -0.7602, -0.3508, 0.2334, -1.3239, -0.1694, 0.3938, -0.1026,
    0.046, -0.6995, 0.1549, 0.5628, 0.3011, 0.3425, 0.1073, 0.4651,
    0.1295, 0.0788, -0.0492, -0.5638, 0.1465, -0.389, -0.0715, 0.0649,
    0.2768, 0.3279, 0.5682, -1.264, -0.8368, -0.9485, 0.1358, 0.2727,
    0.1841, -0.5325, 0.3507, -0.0827, -1.0248, -0.6912, -0.7711, 0.2612,
    0.4033, -0.4802, -0.3066, 0.5807, -1.3325, 0.4844, -0.816, 0.2386,
    0.23, 0.4979, 0.5553, 0.523, -0.2182, 0.0117, -0.5516, 0.2108,
  ],
};

/**
 * @param layer  of any VGG16; kernel (O,I,3,3), bias (O)
 * @returns undefined for a network of which nothing is known
 * @throws WeightsError where the layer's numbers cannot be read
 */
export async function ancestorOf({ kernel, bias }: FoundLayer): Promise<Ancestor | undefined> {
  if (kernel.shape.join() !== SHAPE.join() || bias.shape.join() !== String(SHAPE[0])) return undefined;
  const values = new Float32Array(SHAPE[0] * FILTER);
  await gather(kernel, values.length).read(0, values);
  const biases = new Float32Array(SHAPE[0]);
  await gather(bias, biases.length).read(0, biases);
  for (const known of [ofOxford(), TORCHVISION]) {
    if (!isNear(known.bias, (i) => biases[i]!)) continue;
    for (const isReversed of [false, true]) {
      for (const isRotated of [false, true]) {
        const places = placesIn(isReversed, isRotated);
        const at = (i: number) => values[i - (i % FILTER) + places[i % FILTER]!]!;
        if (isNear(known.kernel, at)) return { preprocess: known.preprocess, isReversed, isRotated };
      }
    }
  }
  return undefined;
}

/** For each number of a filter (3,3,3), its place in one whose colours are reversed, whose kernels are rotated, or both. */
export function placesIn(isReversed: boolean, isRotated: boolean): number[] {
  return Array.from({ length: FILTER }, (_, i) => {
    const [colour, place] = [Math.floor(i / PLACES), i % PLACES];
    return (isReversed ? COLOURS - 1 - colour : colour) * PLACES + (isRotated ? PLACES - 1 - place : place);
  });
}

function isNear(known: ArrayLike<number>, at: (index: number) => number): boolean {
  let distance = 0;
  let size = 0;
  for (let i = 0; i < known.length; i++) {
    distance += (at(i) - known[i]!) ** 2;
    size += known[i]! ** 2;
  }
  return distance <= NEAR ** 2 * size; // false for a distance that is not a number
}

let oxfords: Known | undefined;

/** The original network's, decoded when it is first asked for. */
function ofOxford(): Known {
  oxfords ??= { preprocess: 'caffe', ...oxfordsFirstLayer() };
  return oxfords;
}

// The first convolution of the original network, which Oxford trained in Caffe and Keras distributes: kernel (64,3,3,3),
// then bias (64), as little-endian F16 in base64. The same numbers as in the embedded base (weights/README.md has source and
// licence); a test compares the two.

const KERNEL_LENGTH = 64 * 27;

/** Kernel and bias as 32-bit floats. */
export function oxfordsFirstLayer(): { readonly kernel: Float32Array; readonly bias: Float32Array } {
  const values = decodeFloats(
    Uint8Array.from(atob(NUMBERS), (character) => character.charCodeAt(0)),
    'F16',
  );
  return { kernel: values.subarray(0, KERNEL_LENGTH), bias: values.subarray(KERNEL_LENGTH) };
}

// biome-ignore format: a line for each 75 bytes
const NUMBERS =
  '3zb6NdurZTTzKOC1W6sytJq1ZzgLNzWtiDUzKUK3gatKtcO3rjeJNius+DRtKnS2g6qQtLK2gS8wMVgwvzB5Mi0xJDB+MXAwWCUP' +
  'Klsp8yc2LOwpDigBK2sph7F0sfCwAbKvsZWxULFVsQexWygAF2ivKzEBMcKtmyKSAwOwUy6UKoOutDMNM0as3Sw7KiyvzygVnWuw' +
  'VTHXMAivACQUoMawqzV1NNQ0Qi7Mteap9JNztrOw/jYqNZ41MS7LtrGtKqoguIazijYINYM1WS5QtuirBad+tyyyi60bMmQx+LGj' +
  'MfAwq7OIsJKuCK+uM6IzfbOWMrsyZLWssQOvQK0ENGEzzrHNM04zcrSIr1ysWjOpM3AzBjRINJgzNDMoNA4zKLIos/+xu7KOsxiz' +
  'KrJRsjeyLqqCrZCplqycrket36kyq+apRywsr1SxtjC+qvuw3TBJLpMfRC4FsLGybDKFqcGxVDOHMDQlMyy0sMiy+jDarCGy4jGu' +
  'LiocSyl2L5ouzrLFsOUo07LxsbKWFC3PMoMzd7PerkkwhbRdsmEpjS8WNDc0YbF/qPMxFLMdsPktKzAjLgswIS/xLFcuzi5CLwsu' +
  'Z7QZtWW0sbRetc60grR9tJ20QjFrMWsxSjKMMi8yfzEJM2kxNii+qhIk5TBFLsYwajPDM1IzjrAFtCexAaThrU+luy5NLn8uHbF6' +
  'tMGxOKuisAesXSwOKg4sJy4AOOMp4hvWN1OpIbYEtTC2izHeOEIvLSI6OIWp1LeCtgK4rTCFOFwuPRoLOOSoQLfctUK3562uLmQp' +
  'HbGbLfcoM7PgsISvQSm4NNcztKoSNCEzRbHAqYQhyK1EMJ0tB7KrLbMra7TCsdOv/bCesLuwhbDLruyvfLEWsRGxrjSRNes0ujUB' +
  'NxI20DSrNQY1ArNRsrayCbKhsI+xz7IuspqysioOoyWvgDKAMQuldjJUMnUpLCQIrQCyrzGVL6KtaTKDMRMbCrA/s+K0WByzq26z' +
  '4igdGjewVK0ZtiarjaljtgYiVDMVMTc0CbBYt36tVar+tq4l8zQwM7s1XK6stuar5ad4toEoxDQaM3M1CTF4MCYwdC5tJ7Ut7S+t' +
  'Licw+rAssg2yj7NHtQa0drKrs0yyIzHUMAowhS7NKGYtpy7xLcIudCc4qJ4ouqktr3qofqk+rYOozqq2rgGrB67CsNytV67dryau' +
  'CjLNMbExajM4MzUz1jKcM6wyhSpcLfitjSynLqawUq04rt+xzTFZMoWmKDKaMvStLpJ7qC6x/C0LL7ytUi44LyaxqqzWruCyGTJV' +
  'MV8yczInL8MyLjK4MBsyprIhtECy/bJetYGyZbJStEayzCxbKcotAi0PpR4ufS1AKOAtmamrrgiqbK38sMytBax/ro+scrAgsqew' +
  'r7Cgsuuw2q+4sDGwCzAWMGsvMjIWMtkx0THDMnMxyjXwNH8waTTLLeOsUjCOpoiwFjQEMSalty+Nr7W0u6fMs9a1ojOIMM6dcC4y' +
  'sHK0k6Z6s0a1pjP1NCUsxC3frBe01JGUsgC0szUUNlErvDBprXy1mKGTtFW2sjVeNokt1TF5pni0fCjxsky1VTF5MWYxuzG9MXMx' +
  'IzEgMmcx2xSkpjAW46Scqsan56BWocKbtq94sfCvPbEFs7GxSbAIsS+wxrGBr88xHa28jXE15zFxNHo2y7eNtoapA7ZvtCwwKqoH' +
  'LM0z77Sds/EuhLKAr0M02i6EMuc1oynzIOGpxSwHJ4mrJynJI+OpYi9KLA6ZtjBxLVikVi/bLMMNVaWUrNOvQJAfrK+wnqULrKmv' +
  'JC77L4Mu1C/kMCYwFS1hL3gtcy92MAswZTApMbcwvC5HMDAvFLE5seGwW7GFsSixkLGMsXaxnKlCtpK08TGrrqStWjT4M5Mx76zs' +
  't6e2uDP9riWwijaHNW4zk6yCtzW2SzNyrmKv/jUyNRYzCLKysdux6rEgsHKxMLLzsR+yoy6TMXownTA7NBkyWi2+MEEvdar8Jq+d' +
  'AJ3PL4QqLqxIH8Omoqm4qH80ibXtto8yVKwHrbQzmazTpTI2wrZxt5A0oK6brG41Vaiwl+c17bXktmI0ZKwXqxI1E7KlsSOxNLK1' +
  'sXixGLHosfev9ZvPJW6nR6M4IhqqOKxkrR6tBzNWNKUwTTN2NJgwfC6/LqEofLNfsU6u/K5uMTQwKqnDMawvN7RNsZ2sVK4WM3oy' +
  'eRkvNOUyrLTksuGv0bB+MM8vbqq/MWUwHDB7LcUvFS93oxsvHTEULu0w9y8ZLiEveC97HQ0vjDDHLSIwxDAsMEswiTBmKUIw5DAj' +
  'L2cwFK/qr9iu6q0QrMmula6EruKux6wDrZCsFKp0n9mrpKzBq+WsyiI3KNkkoSvjLyIqkyG/KS4g2h2npM2vLjKJNIKleC+YMpmg' +
  '/7BSsve0KilkL4GyQqanKpWxKJ3MqMaw5TE/NGupny9aMvik1bM0tGK1HS78NZet/C3YNVSapLQotde2EjBtNtauWzEHN9cmUrTd' +
  'tGC2WC8NNqCuyDCENvkl47RcsVkourOOMII1sq47LvUx67aestosL7U6MR03oLDDMNo0dLY6skss37TwMIw2arAtMEA0zSttLLMr' +
  'ryy1Lb8s6yvTLEIseyo8KagqVin6KK4pTirDKQIrfrGGsoqxgLJQs32yk7FlsnOxQLV6tL20Ya5ZNaUctSlaN08w5raatcy1tq/K' +
  'Nfol4CxROHUy57WKtMG0ma0YNr8q0ywmOEYyejHvMjsrNiRmHGKtsK0ksEmwtjRENdAwei65LPenyKggrh2vMDDyMHSVAKxQrt2x' +
  'crGMs4Gzki7iKc4twi/UJHkuiy45KiQtCa9TsgOwQa/3s12wqq73sRiwmKitr/KpX6mLsaOrLKgcr46qFa8yr/uws6RAJrCuPKkr' +
  'pNWuPSw3LBucOTKwMwYtjDFwMg0tza5Urz2xDJWPKJWuKKNhHROuSDW+NVc2k5xrsfYyTK+TtIItxTGCMok0bLOFtv0o2rVquG+v' +
  'qTT9NAo2OK5TtOIwIrN5tt0fg6toMBYzFrIbJT4yILIisMUPg6xoMZE0YbN0JrMz/rPisPsjCqzQMAs0/7KsIsIyW7PHsBce6jHb' +
  'MdMyJKxPtUajDa8Utrqt7DTGNHY1E6gptcEmmrAZt3mvlTR0NO80x6XqtEYmpK+YtpeuYSEQq6SxeDFxMESwYyxdK1ivMC7KHNCw' +
  'eTQWM9ut4DHIMJurcqk/sBq0fC/bK+CyjSjEFZOx1C6UNM02Cbbds+o0c7W7tDswUy6zNZo4sLc9tFw2x7fktVwxny5KNRs4ELcD' +
  'tNM1ArdqtQIxMLD6sQ602yqBL8KxY6TEKaawTqxUsCO0+DHNMwCway+cMSmtS6fdrHSyNzPVNLKrmjAJMw2ozrUftrSs7rEsoLoy' +
  'Xi+DNTc1v7dzt8+ti7MRnVE07TD6Nkc3ObcZt5StGLO6ocwzlDBhNoM2Hyyiri+0LzGqp0m1+yw5Kw+vXTHrrbq17jR4JWG2gjNf' +
  'MFCwRzK8qNS0czVgLUu1GTTFMZ6t+i0wNFk2LLHqJWk1YrCWI1UzEqtQMFU11rX4sHkzTbUcsf4vv62DKw00d7aOs5Qwm7Xysssr' +
  'HRxHITccSSVqKYYlGh0lJF8hBTBOMD4wcjA0Magw+i9gMEcw1rAwsbKwEbH1sPCw8LAqsbWwDTbMMFyuVDUPsya4VjQAoiSzATgO' +
  'MQiyzDZDtF+5vTXBqZy1azdQMbKwXzazs+a4PjUaqPG0viqBJqUtIq3RsE8pBxgRqjorw6z3rMgjdbNztOOpBbHZsXOpEDBoMZ4z' +
  'B5WsEZAylCjtKm4xVbQJtcOdFrFYsIkwip0LKCMva7VGtfgomLBJq100myxxMYc0YrQ3tGosj6yZIt002i/4Ms00FC+dsGSxDjRi' +
  'qDOtOzWLM+8wsKZTteK1UjCBsj207DOFL6klyCnbs1+0RTLmr5mxzzTdMWYuka8Kqi0rUq4eI5Uwa6iGKuIvtaxVJecwi6kZLg80' +
  'WSnOMOMzorOZsWOpSrPWr3soSLBYqykpgSlOLlczELCiru8xCqRYHBYxYq8uqSYw8rQ7tKEs3LGisJQqrCCVLXIzR7FlryMyu6px' +
  'oDcxpzWGL0MlyDQesPmxMzUlMOUqdjFDsPuz7y2Ytta3sjBHr5WyyzQeJlitYDO+s/u0aTREKYupjrSvqSovk7RgNB030bT8pYgv' +
  '4bU9qY4xy7XDNDw4RbYFp3kxH7Vrp9QwE7WxNMg3qbUdppYwfrLVszCy5rOXtI6z2bIYtJiyRTCWMEgwIDGiMS8xizDuMIowli0B' +
  'MHktzDA9MswwLi/sMA8vj7TLsQclVLOMMOk1M7EZLbQy37WBsqsqarRlMTA307ECMMw0arV2skUoKrSdMGQ2e7F4Lhw0O7C+sHyw' +
  'Ua+oqqywh7Dbr+awbq1UrgmucKzDm6Cuua5OrZKvEbDVrySwU640owawy7AHrwWx1KqIswu22TUdNFm0tzPUM3qwjKq9tAy4/jZQ' +
  'NIi1bzW6NFmxcKpstGW3dzYmNAa16TR4NJKwwh8JrM+0cDXyNayz1SnSKj60zSiCrCS2nDaNNq60UC7ELCi1dygBqS+1SDbINnOz' +
  'pi0PLlG04Dn6LVYsFzspNFA5DaQzNX05/yunOI8zkzk5MsY3IjcXOK0ymzhQNf83sjnYNKs50yn1OcY0tzeIOgI5BzYhQC86iTXo' +
  'OD05PzYSODM0kzMaLXk8LjT1OuUyPjrsNa435zYROGAzHDqrNVQ3djdOLhY2WjltNj476DY1PT841zc=';
