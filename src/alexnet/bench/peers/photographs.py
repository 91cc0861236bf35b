"""From JPEG bytes to a 256 x 256 picture in one thread: the shorter side to 256, the central square."""

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
        return cv2.resize(_square(decode_jpeg(data)), (SIDE, SIDE), interpolation=cv2.INTER_AREA)

    return _packing(task, picture, "simplejpeg: decode; OpenCV: area resize of the square")


def opencv_alone(task: Task) -> Work:
    """OpenCV alone: its decoder, then its area average of the central square."""
    import cv2

    cv2.setNumThreads(1)

    def picture(data: bytes) -> np.ndarray:
        square = _square(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))
        small = cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        return cv2.cvtColor(small, cv2.COLOR_BGR2RGB)

    return _packing(task, picture, "OpenCV: decode, area resize of the square")


def read_photographs(task: Task) -> list[bytes]:
    """Return the contents of a folder's JPEG files, in the order of their names: those of this process's share."""
    files = [p for p in sorted(Path(task.photographs).rglob("*")) if p.suffix.lower() in (".jpg", ".jpeg")]
    return [path.read_bytes() for path in files[task.share :: task.processes]]


def _square(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    return pixels[top : top + side, left : left + side]


def _packing(task: Task, picture: Callable[[bytes], np.ndarray], words: str) -> Work:
    files = read_photographs(task)
    last: list[np.ndarray] = []

    def run(iterations: int) -> None:
        for _ in range(iterations):
            last[:] = [picture(data) for data in files]

    return Work(run, len(files), f"{words}, 1 thread", lambda: {"mean": float(np.mean(last[-1]))})
