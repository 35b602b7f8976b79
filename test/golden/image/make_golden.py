#!/usr/bin/env python3
"""Makes the golden files of test/image with Pillow, torchvision and littlecms.

    python3 test/golden/image/make_golden.py [FOLDER OF PHOTOS]

Writes beside itself: inputs and expected outputs as PNG, cmyk.jpg, cases.json (the list of cases, and the versions of
what made them) and, given the folder of photos (hymenoptera_data), photos.json: for a few photos, which are
not in the repository, the SHA-256 of their framed pixels. All pictures are drawn here, from formulas and
seeded noise.
"""
import hashlib
import io
import json
import struct
import sys
from pathlib import Path

import numpy as np
import PIL
import torchvision
from PIL import Image, ImageCms, ImageOps, features
from torchvision import transforms

HERE = Path(__file__).resolve().parent


# ---- inputs -------------------------------------------------------------------------------------------------


def noise(width, height, seed):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def extremes(width, height, seed):
    """Only 0 and 255: the sums of the filter reach both ends of the range."""
    return np.where(noise(width, height, seed) > 127, 255, 0).astype(np.uint8)


def scene(width, height, seed):
    """Waves, hard edges and a patch of noise: the mixture of a photo, but small as PNG."""
    y, x = np.mgrid[0:height, 0:width]
    red = (np.hypot(x - width / 3, y - height / 2) * 3) % 256 // 8 * 8
    green = (x // 9 % 2 ^ y // 7 % 2) * 200 + 20
    blue = x * 255 // max(width - 1, 1)
    picture = np.stack([red, green, blue], 2).astype(np.uint8)
    h, w = min(height, 40), min(width, 40)
    top, left = (height - h) // 2, (width - w) // 2
    picture[top : top + h, left : left + w] = noise(w, h, seed)
    return picture


INPUTS = {
    "noise_97x61": noise(97, 61, 1),
    "noise_13x7": noise(13, 7, 2),
    "noise_60x9": noise(60, 9, 3),
    "extremes_400x9": extremes(400, 9, 4),
    "extremes_33x21": extremes(33, 21, 5),
    "pixel_1x1": np.array([[[200, 100, 7]]], dtype=np.uint8),
    "line_1x40": noise(1, 40, 6),
    "white_50x50": np.full((50, 50, 3), 255, dtype=np.uint8),
    "scene_500x375": scene(500, 375, 7),
    "scene_375x500": scene(375, 500, 8),
    "scene_47x30": scene(47, 30, 9),
    "noise_29x24": noise(29, 24, 10),
    "scene_20000x40": scene(20000, 40, 11),
}

# ---- cases --------------------------------------------------------------------------------------------------

# input, width, height
RESIZES = [
    ("noise_97x61", 40, 23),  # smaller, odd sizes
    ("noise_97x61", 96, 60),  # a little smaller: windows of one, two and three samples
    ("noise_13x7", 50, 31),  # larger
    ("noise_60x9", 17, 40),  # one side smaller, the other larger
    ("noise_60x9", 60, 5),  # one side kept
    ("noise_60x9", 60, 9),  # identity
    ("extremes_400x9", 37, 5),  # extreme aspect ratio
    ("extremes_400x9", 1, 64),
    ("extremes_33x21", 1, 1),
    ("pixel_1x1", 5, 3),
    ("line_1x40", 8, 8),
    ("white_50x50", 7, 71),  # white stays white
]

# input, resize, crop (None: no such step)
FRAMINGS = [
    ("scene_500x375", 256, 224),
    ("scene_375x500", 256, 224),
    ("scene_20000x40", 256, 224),  # whole, the resized picture is 128,000 px wide
    ("scene_47x30", 32, 28),
    ("scene_47x30", 37, 32),
    ("scene_47x30", 64, [40, 56]),
    ("extremes_400x9", 20, 16),
    ("pixel_1x1", 8, 8),
    ("line_1x40", 16, 15),  # the long side stays whole: 16 x 640
    ("noise_97x61", 20, None),  # the long side is cut: 31.8 -> 31
    ("noise_29x24", 24, 24),  # short side has the size already; a gap of 5: 2.5 -> 2
    ("noise_29x24", None, [23, 26]),  # gaps of 3 and 1: 1.5 -> 2, 0.5 -> 0
    ("noise_29x24", None, [17, 22]),  # gaps of 7 and 7: 3.5 -> 4
]

# of hymenoptera_data; none carries a colour profile, which Pillow would ignore
PHOTOS = [
    "train/ants/0013035.jpg",
    "train/ants/ant photos.jpg",  # progressive
    "train/ants/imageNotFound.gif",  # palette
    "val/ants/10308379_1b6c72e180.jpg",
    "val/bees/1032546534_06907fe3b3.jpg",
]


def framed(image, resize, crop):
    steps = [transforms.Resize(resize)] if resize else []
    steps += [transforms.CenterCrop(crop)] if crop else []
    return transforms.Compose(steps)(image)


# ---- a picture in a wide colour space -----------------------------------------------------------------------


def icc_profile(name, red, green, blue, gamma):
    """A minimal ICC 2.4 display profile: three primaries (XYZ under D50) and one gamma."""

    def xyz(values):
        return b"XYZ " + bytes(4) + b"".join(struct.pack(">i", round(v * 65536)) for v in values)

    ascii_name = name.encode() + b"\0"
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(ascii_name)) + ascii_name + bytes(78),
        b"cprt": b"text" + bytes(4) + b"no copyright\0",
        b"wtpt": xyz((0.9642, 1.0, 0.8249)),
        b"rXYZ": xyz(red),
        b"gXYZ": xyz(green),
        b"bXYZ": xyz(blue),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for tag, data in tags.items():
        table += tag + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack(">I4xI", start + len(body), 0x02400000) + b"mntrRGB XYZ " + bytes(12) + b"acsp"
    header = header.ljust(68, b"\0") + xyz((0.9642, 1.0, 0.8249))[8:]
    return header.ljust(128, b"\0") + table + body


# primaries of Adobe RGB (1998) and, with a plain gamma, of Display P3
PROFILES = {
    "adobe_rgb": ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457), 2.19921875),
    "display_p3": ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407), 2.2),
}


def colour_chart():
    y, x = np.mgrid[0:16, 0:16]
    return np.stack([x * 17, y * 17, (x * 7 + y * 9) % 256], 2).astype(np.uint8)


# ---- a picture for print -------------------------------------------------------------------------------------

# cyan, magenta, yellow, black: paper, black, half black, red, cyan
INKS = [(0, 0, 0, 0), (0, 0, 0, 255), (0, 0, 0, 128), (0, 255, 255, 0), (255, 0, 0, 0)]
BLOCK = 16


def ink_patches():
    row = np.repeat(np.array(INKS, dtype=np.uint8), BLOCK, axis=0)
    return Image.fromarray(np.repeat(row[None], BLOCK, axis=0), "CMYK")


# ---- writing ------------------------------------------------------------------------------------------------


def save(image, name, **options):
    image.save(HERE / name, optimize=True, **options)
    return name


def main():
    for name, pixels in INPUTS.items():
        save(Image.fromarray(pixels), f"{name}.png")

    cases = {"resize": [], "frame": [], "profile": []}
    for name, width, height in RESIZES:
        image = Image.fromarray(INPUTS[name]).resize((width, height), Image.Resampling.BILINEAR)
        output = save(image, f"resize_{name}_to_{width}x{height}.png")
        cases["resize"].append({"input": f"{name}.png", "width": width, "height": height, "output": output})

    for name, resize, crop in FRAMINGS:
        image = framed(Image.fromarray(INPUTS[name]), resize, crop)
        sides = "none" if crop is None else f"{crop[0]}x{crop[1]}" if isinstance(crop, list) else str(crop)
        output = save(image, f"frame_{name}_to_{resize or 'none'}_{sides}.png")
        case = {"input": f"{name}.png", "resize": resize or "none", "crop": crop or "none", "output": output}
        cases["frame"].append(case)

    chart = Image.fromarray(colour_chart())
    for name, primaries in PROFILES.items():
        profile = icc_profile(name, *primaries)
        embedded = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.profileToProfile(chart, embedded, ImageCms.createProfile("sRGB"))
        srgb.info.pop("icc_profile", None)
        case = {"input": save(chart, f"{name}.png", icc_profile=profile), "output": save(srgb, f"{name}_as_srgb.png")}
        cases["profile"].append(case)

    save(ink_patches(), "cmyk.jpg", quality=100)

    versions = {
        "Pillow": PIL.__version__,
        "torchvision": torchvision.__version__,
        "numpy": np.__version__,
        "littlecms": features.version("littlecms2"),
    }
    (HERE / "cases.json").write_text(json.dumps({"versions": versions, **cases}, indent=1) + "\n")

    if len(sys.argv) > 1:
        hashes = {}
        for photo in PHOTOS:
            image = ImageOps.exif_transpose(Image.open(Path(sys.argv[1]) / photo)).convert("RGB")
            hashes[photo] = hashlib.sha256(framed(image, 256, 224).tobytes()).hexdigest()
        (HERE / "photos.json").write_text(json.dumps(hashes, indent=1) + "\n")


if __name__ == "__main__":
    main()
