"""One picture: a toy in a random pose and paint, in front of clutter, behind sticks, in a light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from alexnet.data.rendering.backgrounds import draw_background
from alexnet.data.rendering.draws import Draws
from alexnet.data.rendering.light import Light, lit
from alexnet.data.rendering.outlines import box_around, cover, ellipse, stroke
from alexnet.data.rendering.palette import contrasting, paint_of, vivid
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


@dataclass(frozen=True)
class Pose:
    """An affine map from object coordinates to pixels: pixel = matrix @ point + center."""

    matrix: np.ndarray
    center: np.ndarray

    @classmethod
    def drawn(cls, draws: Draws, size: tuple[int, int]) -> Pose:
        """Return a pose that keeps the toy in a square in the middle of a picture of (width, height), nearly."""
        short = min(size)
        scale = short * draws.between(0.32, 0.43)
        angle = np.deg2rad(draws.between(-20, 20))
        stretch = draws.between(0.92, 1.08)
        flip = -1 if draws.chance(0.5) else 1
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        shift = draws.points(1, -1, 1)[0] * (short / 2 - 0.95 * scale)
        return cls(scale * turn @ np.diag([flip * stretch, 1 / stretch]), np.array(size) / 2 + shift)

    @property
    def scale(self) -> float:
        """Pixels per object unit."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix))))

    def to_pixels(self, points: np.ndarray) -> np.ndarray:
        """Return object points (n, 2) in pixels."""
        return points @ self.matrix.T + self.center

    def to_object(self, box: tuple[int, int, int, int], step: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the object's x and y at the middle of every `step` x `step` pixels of `box`, float32."""
        inverse = np.linalg.inv(self.matrix).astype(np.float32)
        left, top, right, bottom = box
        x = np.arange(left, right, step, dtype=np.float32)[None] + np.float32(step / 2 - self.center[0])
        y = np.arange(top, bottom, step, dtype=np.float32)[:, None] + np.float32(step / 2 - self.center[1])
        return inverse[0, 0] * x + inverse[0, 1] * y, inverse[1, 0] * x + inverse[1, 1] * y


def _place(picture: Image.Image, toy: Toy, light: Light, draws: Draws) -> None:
    """Paint `toy` onto `picture`, with a shadow and a rounded surface."""
    pose = Pose.drawn(draws, picture.size)
    parts = [[pose.to_pixels(outline) for outline in part] for part in (toy.behind, (toy.body,), toy.front)]
    box = box_around(np.concatenate([outline for part in parts for outline in part]), margin=pose.scale * 0.25)
    behind, body, front = (cover(part, box) for part in parts)
    figure = _figure(toy, pose, box, frequency=draws.between(0.88, 1.12))
    first, second = contrasting(draws)
    plain, detail = contrasting(draws)
    layer = Image.new("RGB", body.size, paint_of(plain))
    layer.paste(paint_of(first), mask=body)
    layer.paste(paint_of(second), mask=ImageChops.multiply(body, figure))
    layer.paste(paint_of(detail), mask=front)
    whole = ImageChops.lighter(ImageChops.lighter(behind, body), front)
    shadow = _blurred(whole, pose.scale * 0.1).point(lambda value: value * 0.45)
    drop = int(pose.scale * 0.09)
    picture.paste((0, 0, 0), (box[0] + drop, box[1] + drop), shadow)
    relief = _relief(whole, body, pose.scale, angle=draws.between(-2.4, -0.7))
    picture.paste(lit(layer, light.on(box, relief.shape) * relief[..., None]), box[:2], whole)
    for middle in toy.eyes:
        for radius, paint in ((0.11, (250, 250, 250)), (0.06, (20, 20, 30))):
            _paint(picture, pose.to_pixels(ellipse(*middle, radius)), paint)


def _figure(toy: Toy, pose: Pose, box: tuple[int, int, int, int], frequency: float) -> Image.Image:
    """Return where the toy's pattern shows its second color; its field is computed at every other pixel."""
    x, y = pose.to_object(box, step=2)
    field = toy.texture(x - np.float32(toy.origin[0]), y - np.float32(toy.origin[1]), frequency)
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
        _paint(picture, stroke(tuple(start), tuple(end), width), paint_of(vivid(draws)))


def _paint(picture: Image.Image, outline: np.ndarray, paint: tuple[int, int, int]) -> None:
    """Fill the part of an outline that is inside `picture`."""
    box = box_around(outline.clip(0, picture.size), margin=1)
    picture.paste(paint, box[:2], cover([outline], box))


def _blurred(mask: Image.Image, radius: float) -> Image.Image:
    """Return `mask` blurred, computed at a quarter of its size."""
    small = mask.reduce(4).filter(ImageFilter.GaussianBlur(radius / 4))
    return small.resize(mask.size, Image.Resampling.BILINEAR)
