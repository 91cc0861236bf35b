"""One picture: a toy in a random pose and paint, in front of clutter, behind sticks, in a light."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from alexnet.data.rendering.backgrounds import draw_background
from alexnet.data.rendering.draws import Draws
from alexnet.data.rendering.light import Light, lit
from alexnet.data.rendering.outlines import box_around, cover, ellipse, stroke
from alexnet.data.rendering.palette import contrasting, paint_of, vivid
from alexnet.data.rendering.pose import Pose
from alexnet.data.rendering.toys import Toy

SHORTEST, LONGEST = 256, 352
"""The shorter side of a picture is between these, in pixels."""


def render(toy: Toy, draws: Draws) -> np.ndarray:
    """Return a picture of `toy`, uint8 (H, W, 3), of a random size and aspect ratio."""
    short = draws.whole(SHORTEST, LONGEST + 1)
    long = int(short * draws.between(1.0, 1.35))
    light = Light.drawn(draws, (long, short) if draws.chance(0.75) else (short, long))
    picture = draw_background(draws, light)
    _place(picture, toy, light, draws)
    _drop_sticks(picture, draws)
    return np.asarray(picture)


def _place(picture: Image.Image, toy: Toy, light: Light, draws: Draws) -> None:
    """Paint `toy` onto `picture`, with a shadow and a rounded surface."""
    pose = Pose.drawn(draws, picture.size)
    parts = [[pose.to_pixels(outline) for outline in part] for part in (toy.behind, (toy.body,), toy.front)]
    box = box_around(np.concatenate([outline for part in parts for outline in part]), margin=pose.scale * 0.25)
    behind, body, front = (cover(part, box) for part in parts)
    figure = _figure(toy, pose, box, frequency=draws.between(0.88, 1.12))
    paint = _painted(body, figure, front, draws)
    whole = ImageChops.lighter(ImageChops.lighter(behind, body), front)
    shadow = _blurred(whole, pose.scale * 0.1).point(lambda value: value * 0.45)
    drop = int(pose.scale * 0.09)
    picture.paste((0, 0, 0), (box[0] + drop, box[1] + drop), shadow)
    relief = _relief(whole, body, pose.scale, angle=draws.between(-2.4, -0.7))
    picture.paste(lit(paint, light.on(box, relief.shape) * relief[..., None]), box[:2], whole)
    for middle in toy.eyes:
        for radius, color in ((0.11, (250, 250, 250)), (0.06, (20, 20, 30))):
            _fill(picture, pose.to_pixels(ellipse(*middle, radius)), color)


def _painted(body: Image.Image, figure: Image.Image, front: Image.Image, draws: Draws) -> Image.Image:
    """Return the toy's colors: its pattern in one pair of paints, its plain parts in another."""
    first, second = (paint_of(color) for color in contrasting(draws))
    plain, detail = (paint_of(color) for color in contrasting(draws))
    paint = Image.new("RGB", body.size, plain)
    paint.paste(first, mask=body)
    paint.paste(second, mask=ImageChops.multiply(body, figure))
    paint.paste(detail, mask=front)
    return paint


def _figure(toy: Toy, pose: Pose, box: tuple[int, int, int, int], frequency: float) -> Image.Image:
    """Return where the toy's pattern shows its second color, as a mask.

    The field is computed at every other pixel and interpolated, which keeps straight edges straight.
    """
    x, y = pose.to_object(box, step=2)
    field = toy.texture(x - np.float32(toy.origin[0]), y - np.float32(toy.origin[1]), frequency)
    # Where a pattern's field jumps, equal heights on both sides put the interpolated edge between them.
    near = field.clip(-2 / pose.scale, 2 / pose.scale)
    fine = Image.fromarray(near).resize((box[2] - box[0], box[3] - box[1]), Image.Resampling.BILINEAR)
    edge = np.asarray(fine) * np.float32(255 * pose.scale) + np.float32(128)
    return Image.fromarray(edge.clip(0, 255).astype(np.uint8))


def _relief(whole: Image.Image, body: Image.Image, scale: float, angle: float) -> np.ndarray:
    """Return the brightness, about 1, of a cushion of the mask's outline under light from `angle`."""
    height = np.asarray(_blurred(whole, scale * 0.25), np.float32) + np.asarray(_blurred(body, scale * 0.12))
    step = max(2.0, scale * 0.06)
    down, right = int(step * np.sin(angle)), int(step * np.cos(angle))
    slope = np.roll(height, (-down, -right), (0, 1)) - height
    return (1 - slope * np.float32(1.4 / 255)).clip(0.55, 1.4)


def _drop_sticks(picture: Image.Image, draws: Draws) -> None:
    """Let up to two sticks lie across `picture`, in front of the toy."""
    for _ in range(draws.whole(0, 3)):
        start, end = draws.points(2, -0.2, 1.2) * picture.size
        width = min(picture.size) * draws.between(0.015, 0.045)
        _fill(picture, stroke(tuple(start), tuple(end), width), paint_of(vivid(draws)))


def _fill(picture: Image.Image, outline: np.ndarray, color: tuple[int, int, int]) -> None:
    """Fill the part of an outline that is inside `picture`."""
    box = box_around(outline.clip(0, picture.size), margin=1)
    picture.paste(color, box[:2], cover([outline], box))


def _blurred(mask: Image.Image, radius: float) -> Image.Image:
    """Return `mask` blurred, computed at a quarter of its size."""
    small = mask.reduce(4).filter(ImageFilter.GaussianBlur(radius / 4))
    return small.resize(mask.size, Image.Resampling.BILINEAR)
