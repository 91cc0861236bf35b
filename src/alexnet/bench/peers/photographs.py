"""From JPEG bytes to a 256 x 256 picture on one core: the shorter side to 256, the central square."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

from alexnet.bench.pixels import SIDE
from alexnet.bench.task import Task, Work


def pillow(task: Task) -> Work:
    """Pillow alone, as torchvision's Resize and CenterCrop do."""
    from PIL import Image

    def picture(data: bytes) -> np.ndarray:
        image = Image.open(io.BytesIO(data)).convert("RGB")
        width, height = image.size
        scale = SIDE / min(width, height)
        image = image.resize((max(SIDE, int(width * scale)), max(SIDE, int(height * scale))), Image.BILINEAR)
        left, top = (image.width - SIDE) // 2, (image.height - SIDE) // 2
        return np.asarray(image.crop((left, top, left + SIDE, top + SIDE)))

    return _packing(task, picture, "Pillow: decode, antialiased bilinear resize, crop")


def simplejpeg(task: Task) -> Work:
    """Decode with simplejpeg, then let Pillow scale the central square alone."""
    from PIL import Image
    from simplejpeg import decode_jpeg

    def picture(data: bytes) -> np.ndarray:
        pixels = decode_jpeg(data)
        height, width = pixels.shape[:2]
        side = min(height, width)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
        return np.asarray(Image.fromarray(pixels).resize((SIDE, SIDE), Image.BILINEAR, box=box))

    return _packing(task, picture, "simplejpeg: decode; Pillow: antialiased bilinear resize of the square")


def opencv(task: Task) -> Work:
    """Decode with simplejpeg, then scale the central square with OpenCV's area average."""
    import cv2
    from simplejpeg import decode_jpeg

    cv2.setNumThreads(1)

    def picture(data: bytes) -> np.ndarray:
        pixels = decode_jpeg(data)
        height, width = pixels.shape[:2]
        side = min(height, width)
        left, top = (width - side) // 2, (height - side) // 2
        square = pixels[top : top + side, left : left + side]
        return cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA)

    return _packing(task, picture, "simplejpeg: decode; OpenCV: area resize of the square")


def read_photographs(folder: str) -> list[bytes]:
    """Return the contents of a folder's JPEG files, in the order of their names."""
    return [p.read_bytes() for p in sorted(Path(folder).rglob("*")) if p.suffix.lower() in (".jpg", ".jpeg")]


def _packing(task: Task, picture: Callable[[bytes], np.ndarray], words: str) -> Work:
    files = read_photographs(task.photographs)
    last: list[np.ndarray] = []

    def run(iterations: int) -> None:
        for _ in range(iterations):
            last[:] = [picture(data) for data in files]

    return Work(run, len(files), f"{words}, 1 thread", lambda: {"mean": float(np.mean(last[-1]))})
