"""Samples made from nothing: chart, schematic, user interface, map, letter, logo, badge, CT phantom, noise; all seeds fixed."""

from __future__ import annotations

import math

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from sample_files import jpeg, png, png16

LETTER = """Dear colleague,

the archive now holds 18,402 scans. Of these, 311
were written twice: once in 1987 and again when the
shelf marks changed from B-17/4 to B-171/4.

Please read every number aloud before you sign.
A codec that draws 8 where the page says 3 has not
lost detail. It has told a lie, and told it neatly.

    Shelf     Box    Sheets     Checked
    B-171     0063      418     yes
    B-174     0068      381     no
    C-308     0138      833     yes

Yours sincerely,
the registrar"""

# L. A. Shepp and B. F. Logan, "The Fourier reconstruction of a head section", IEEE Trans. Nucl. Sci. 21 (1974), table 1:
# centre x, centre y, half axis x, half axis y, angle in degrees, added density. Densities as in the paper's head section.
SHEPP_LOGAN = (
    (0.0, 0.0, 0.69, 0.92, 0.0, 2.0),
    (0.0, -0.0184, 0.6624, 0.874, 0.0, -0.98),
    (0.22, 0.0, 0.11, 0.31, -18.0, -0.02),
    (-0.22, 0.0, 0.16, 0.41, 18.0, -0.02),
    (0.0, 0.35, 0.21, 0.25, 0.0, 0.01),
    (0.0, 0.1, 0.046, 0.046, 0.0, 0.01),
    (0.0, -0.1, 0.046, 0.046, 0.0, 0.01),
    (-0.08, -0.605, 0.046, 0.023, 0.0, 0.01),
    (0.0, -0.606, 0.023, 0.023, 0.0, 0.01),
    (0.06, -0.605, 0.023, 0.046, 0.0, 0.01),
)


def _font(size: float) -> ImageFont.FreeTypeFont:
    """Pillow's embedded font (Aileron, CC0): the same on every machine."""
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("this Pillow has no FreeType: the samples would differ")
    return font


def chart() -> bytes:
    """Three curves, a band and a bar inset, 480x360 pixels."""
    with mpl.rc_context({**mpl.rcParamsDefault, "backend": "agg"}):
        figure = Figure(figsize=(4.8, 3.6), dpi=100, layout="tight")
        canvas = FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        rate = np.linspace(0.05, 1.5, 60)
        for name, gain, style in (("JPEG", 15.0, "-"), ("AVIF", 19.5, "--"), ("learned", 21.0, ":")):
            axes.plot(rate, 55 + gain * np.log1p(3 * rate), style, label=name, linewidth=1.6)
        axes.fill_between(rate, 52 + 15 * np.log1p(3 * rate), 58 + 15 * np.log1p(3 * rate), alpha=0.15)
        axes.set(xlabel="rate (bit per pixel)", ylabel="quality", title="Rate and quality")
        axes.grid(visible=True, alpha=0.4)
        axes.legend(loc="lower right")
        inset = axes.inset_axes((0.1, 0.68, 0.26, 0.26))
        inset.bar([1, 2, 3], [3.0, 5.5, 4.2], color=["#4477aa", "#ee6677", "#228833"])
        canvas.draw()
        return png(Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy()))


def drawing() -> bytes:
    """A shaft bearing in section, hairlines, hatching and dimensions; anti-aliased black on white, one channel."""
    scale = 4
    image = Image.new("L", (480 * scale, 360 * scale), 255)
    draw = ImageDraw.Draw(image)

    def at(*points: float) -> list[float]:
        return [value * scale for value in points]

    for outer, inner in (((90, 60, 390, 120), (150, 90)), ((90, 240, 390, 300), (150, 270))):
        draw.rectangle(at(*outer), outline=0, width=2 * scale)
        for step in range(int(outer[0]), int(outer[2]), 9):  # 45 degree hatching, cut at the outline
            height = outer[3] - outer[1]
            draw.line(
                at(step, outer[3], min(step + height, outer[2]), outer[3] - min(height, outer[2] - step)),
                fill=0,
                width=scale // 2,
            )
        draw.ellipse(at(inner[0] - 26, inner[1] - 26, inner[0] + 26, inner[1] + 26), fill=255, outline=0, width=2 * scale)
    draw.rectangle(at(40, 140, 440, 220), outline=0, width=2 * scale)
    for x in range(20, 460, 30):  # dash-dotted centre line
        draw.line(at(x, 180, x + 18, 180), fill=0, width=scale // 2)
        draw.line(at(x + 23, 180, x + 25, 180), fill=0, width=scale // 2)
    for angle in range(0, 360, 30):
        turn = math.radians(angle)
        draw.line(at(330, 180, 330 + 34 * math.cos(turn), 180 + 34 * math.sin(turn)), fill=0, width=scale // 2)
    draw.ellipse(at(296, 146, 364, 214), outline=0, width=scale)
    draw.line(at(90, 330, 390, 330), fill=0, width=scale // 2)
    for tip, tail in ((90, 100), (390, 380)):
        draw.polygon(at(tip, 330, tail, 326, tail, 334), fill=0)
        draw.line(at(tip, 304, tip, 338), fill=0, width=scale // 2)
    draw.text(at(212, 312), "300 ±0.05", fill=0, font=_font(14 * scale))
    draw.text(at(58, 148), "D 80 h7", fill=0, font=_font(13 * scale))
    draw.text(at(400, 20), "A - A", fill=0, font=_font(16 * scale))
    return png(image.resize((480, 360), Image.Resampling.BOX))


def screenshot() -> bytes:
    """A window with side bar, table, buttons and a status bar."""
    image = Image.new("RGB", (560, 380), "#f4f5f7")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 560, 30), fill="#2b303b")
    for k, colour in enumerate(("#ff5f57", "#febc2e", "#28c840")):
        draw.ellipse((10 + 20 * k, 9, 22 + 20 * k, 21), fill=colour)
    draw.text((220, 7), "Archive browser", fill="white", font=_font(13))
    draw.rectangle((0, 31, 129, 355), fill="#e4e7ec")
    for k, entry in enumerate(("Inbox", "Scans", "Photographs", "Drawings", "Rejected")):
        if k == 2:
            draw.rounded_rectangle((6, 42 + 28 * k, 123, 64 + 28 * k), 5, fill="#3b6fd4")
        draw.text((14, 45 + 28 * k), entry, fill="white" if k == 2 else "#20242c", font=_font(13))
    columns = (142, 300, 380, 470)
    draw.rectangle((130, 31, 560, 55), fill="#d5d9e0")
    for x, title in zip(columns, ("Name", "Lane", "Bytes", "p-value"), strict=True):
        draw.text((x, 36), title, fill="#20242c", font=_font(12))
    rng = np.random.default_rng(7)
    for row in range(11):
        top = 56 + 24 * row
        draw.rectangle((130, top, 560, top + 23), fill="#ffffff" if row % 2 else "#f0f2f6")
        lane = ("neural", "classical", "lossless")[int(rng.integers(3))]
        cells = (
            f"IMG_{int(rng.integers(1000, 9999))}.jpg",
            lane,
            f"{int(rng.integers(8_000, 220_000)):,}",
            f"{rng.random():.4f}",
        )
        for x, cell in zip(columns, cells, strict=True):
            draw.text((x, top + 5), cell, fill="#20242c", font=_font(12))
    for x, label, fill, ink in ((380, "Cancel", "#ffffff", "#20242c"), (468, "Compress", "#3b6fd4", "#ffffff")):
        draw.rounded_rectangle((x, 325, x + 80, 349), 6, fill=fill, outline="#9aa3b2")
        draw.text((x + 40, 337), label, fill=ink, font=_font(12), anchor="mm")
    draw.rectangle((0, 356, 560, 380), fill="#d5d9e0")
    draw.text((10, 361), "11 items, 3 selected", fill="#20242c", font=_font(12))
    return png(image)


def district_map() -> bytes:
    """Flat districts (nearest-site cells), borders, two roads, a river and names."""
    rng = np.random.default_rng(11)
    width, height, sites = 480, 360, 18
    centres = rng.uniform((10, 10), (width - 10, height - 10), (sites, 2))
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    distance = (x[..., None] - centres[:, 0]) ** 2 + (y[..., None] - centres[:, 1]) ** 2
    district = distance.argmin(axis=-1)
    colours = np.array(
        [(251, 180, 174), (179, 205, 227), (204, 235, 197), (222, 203, 228), (254, 217, 166), (255, 255, 204)], np.uint8
    )
    pixels = colours[np.arange(sites) % len(colours)][district]
    border = np.zeros((height, width), bool)
    border[:, 1:] |= district[:, 1:] != district[:, :-1]
    border[1:, :] |= district[1:, :] != district[:-1, :]
    pixels[border] = (90, 90, 90)
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    river = [(t, 180 + 60 * math.sin(t / 70) + 18 * math.sin(t / 19)) for t in range(0, width + 4, 4)]
    draw.line(river, fill=(70, 130, 200), width=6)
    for road in ([(0, 40), (150, 110), (300, 95), (479, 200)], [(60, 359), (140, 220), (260, 150), (330, 0)]):
        draw.line(road, fill=(60, 60, 60), width=5)
        draw.line(road, fill=(255, 235, 120), width=3)
    for number, (cx, cy) in enumerate(centres):
        draw.text((float(cx), float(cy)), f"D{number:02d}", fill="black", font=_font(12), anchor="mm")
    return png(image)


def letter() -> bytes:
    """A typed page as a flat-bed scanner gives it: slightly turned, uneven light, grain, gray JPEG of quality 75."""
    page = Image.new("L", (440, 560), 248)
    ImageDraw.Draw(page).multiline_text((36, 40), LETTER, fill=28, font=_font(14), spacing=11)
    turned = page.rotate(0.7, Image.Resampling.BICUBIC, fillcolor=240).filter(ImageFilter.GaussianBlur(0.4))
    rows, columns = np.mgrid[0 : turned.height, 0 : turned.width]
    light = 1.0 - 0.10 * (columns / turned.width) ** 2 - 0.05 * rows / turned.height
    grain = np.random.default_rng(3).normal(0.0, 2.5, light.shape)
    return jpeg(Image.fromarray(_uint8(np.asarray(turned, np.float64) * light + grain)), 75)


def logo() -> bytes:
    """A ring that fades out around its circle; under alpha 0 lies colour, which a lossless codec must keep."""
    size = 256
    y, x = (np.mgrid[0:size, 0:size] + 0.5) / size - 0.5
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    colour = np.stack([0.5 + 0.5 * np.cos(angle + phase) for phase in (0.0, 2.1, 4.2)], axis=-1)
    ring = np.clip(1 - np.abs(radius - 0.32) / 0.08, 0, 1) * (0.35 + 0.65 * (0.5 + 0.5 * np.cos(angle)))
    disc = np.clip((0.16 - radius) * size, 0, 1)
    pixels = np.concatenate([colour, np.maximum(ring, disc)[..., None]], axis=-1)
    return png(Image.fromarray(_uint8(255 * pixels), "RGBA"))


def badge() -> bytes:
    """Eight colours, the first of them transparent: an indexed PNG with a tRNS chunk."""
    image = Image.new("P", (160, 120), 0)
    palette = [
        (255, 0, 255),
        (20, 20, 20),
        (250, 250, 250),
        (214, 40, 40),
        (247, 127, 0),
        (252, 191, 73),
        (0, 108, 103),
        (0, 48, 73),
    ]
    image.putpalette([value for colour in palette for value in colour])
    draw = ImageDraw.Draw(image)
    for ring, index in enumerate((7, 6, 5, 4, 3)):
        draw.ellipse((25 + 9 * ring, 5 + 9 * ring, 135 - 9 * ring, 115 - 9 * ring), fill=index)
    draw.rectangle((10, 48, 150, 72), fill=1)
    draw.fontmode = "1"  # an indexed image cannot blend glyph edges
    draw.text((80, 60), "ROUTER", fill=2, font=_font(18), anchor="mm")
    return png(image, transparency=0)


def phantom() -> bytes:
    """A head section as CT values: (density - 1) * 1000 + 1024 in 12 of the 16 bits, with noise of 6 units."""
    size, over = 256, 4
    axis = ((np.arange(size * over) + 0.5) / (size * over) * 2 - 1) * 1.05
    x, y = np.meshgrid(axis, -axis)
    density = np.zeros_like(x)
    for cx, cy, half_x, half_y, degrees, added in SHEPP_LOGAN:
        turn = math.radians(degrees)
        u = (x - cx) * math.cos(turn) + (y - cy) * math.sin(turn)
        v = (y - cy) * math.cos(turn) - (x - cx) * math.sin(turn)
        density[(u / half_x) ** 2 + (v / half_y) ** 2 <= 1] += added
    sampled = density.reshape(size, over, size, over).mean(axis=(1, 3))
    values = (sampled - 1) * 1000 + 1024 + np.random.default_rng(5).normal(0, 6, sampled.shape)
    return png16(np.clip(np.rint(values), 0, 4095).astype(np.uint16))


def noise() -> bytes:
    """Independent uniform bytes: nothing compresses it."""
    return png(Image.fromarray(np.random.default_rng(1).integers(0, 256, (96, 96, 3), np.uint8)))


def _uint8(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
