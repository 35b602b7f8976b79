// The drawings that the page brings along, of simple shapes: something to look at before an image is dropped.

export interface Drawing {
  readonly name: string;
  /** Of a canvas of 64 x 64. */
  readonly shapes: string;
}

export const DRAWINGS: readonly Drawing[] = [
  {
    name: 'house',
    shapes:
      '<rect width="64" height="64" fill="#bfe3ff"/><rect y="48" width="64" height="16" fill="#6fae57"/>' +
      '<rect x="14" y="28" width="36" height="26" fill="#e8c9a0"/><path d="M9 30 32 10 55 30Z" fill="#a33b2a"/>' +
      '<rect x="27" y="38" width="10" height="16" fill="#6b4226"/><rect x="18" y="34" width="7" height="7" fill="#5b87b5"/>' +
      '<rect x="40" y="34" width="7" height="7" fill="#5b87b5"/>',
  },
  {
    name: 'fish',
    shapes:
      '<rect width="64" height="64" fill="#1f6f8f"/><ellipse cx="29" cy="32" rx="20" ry="12" fill="#f0913a"/>' +
      '<path d="M46 32 60 20v24Z" fill="#e06c1f"/><path d="M26 21q6-10 14 1Z" fill="#e06c1f"/><circle cx="17" cy="29" r="3" fill="#fff"/>' +
      '<circle cx="16" cy="29" r="1.5"/><path d="M30 24q5 8 0 16" fill="none" stroke="#fff" stroke-width="3"/>',
  },
  {
    name: 'flower',
    shapes:
      '<rect width="64" height="64" fill="#f4f1e4"/><path d="M32 34v28" stroke="#3f7d3a" stroke-width="4"/>' +
      '<path d="M32 52q14-2 16-12-14 0-16 12Z" fill="#4f9a48"/><g fill="#d6409f"><circle cx="32" cy="12" r="8"/>' +
      '<circle cx="44" cy="20" r="8"/><circle cx="40" cy="33" r="8"/><circle cx="24" cy="33" r="8"/><circle cx="20" cy="20" r="8"/></g>' +
      '<circle cx="32" cy="23" r="8" fill="#f7c948"/>',
  },
  {
    name: 'cat',
    shapes:
      '<rect width="64" height="64" fill="#d9e7d3"/><path d="M12 30 14 8l14 10h8L50 8l2 22q4 26-20 26T12 30Z" fill="#6f6a66"/>' +
      '<ellipse cx="23" cy="31" rx="4" ry="5" fill="#d7e84c"/><ellipse cx="41" cy="31" rx="4" ry="5" fill="#d7e84c"/>' +
      '<ellipse cx="23" cy="31" rx="1.3" ry="5"/><ellipse cx="41" cy="31" rx="1.3" ry="5"/><path d="M29 40h6l-3 4Z" fill="#e59aa0"/>' +
      '<path d="M4 40h16M4 46l16-2M60 40H44M60 46l-16-2" stroke="#333" fill="none"/>',
  },
  {
    name: 'boat',
    shapes:
      '<rect width="64" height="64" fill="#f6d9b5"/><circle cx="50" cy="16" r="7" fill="#f2743d"/>' +
      '<rect y="44" width="64" height="20" fill="#2c5f8a"/><path d="M12 42h40l-6 10H18Z" fill="#7a3b1d"/>' +
      '<path d="M31 6v36" stroke="#333" stroke-width="2"/><path d="M33 8 50 38H33Z" fill="#fff"/><path d="M29 14 16 38h13Z" fill="#eee"/>',
  },
  {
    name: 'stripes',
    shapes:
      '<rect width="64" height="64" fill="#fff"/><g stroke="#111" stroke-width="4">' +
      '<path d="M-8 24 24-8M-8 40 40-8M-8 56 56-8M-8 72 72-8M8 72 72 8M24 72 72 24M40 72 72 40"/></g>',
  },
];

/** As an address that an image element reads. */
export function addressOf({ shapes }: Drawing): string {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="256" height="256" viewBox="0 0 64 64">${shapes}</svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
