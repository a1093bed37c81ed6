"""Pictures and videos: small real files of every kind, as OpenCV writes them, with damage in their parts."""

from __future__ import annotations

import cv2
import mutate
import numpy as np
from target import REFUSED, Target

from facelite.image import decode_image, read_image


class Pictures(Target):
    """Small real files of every kind, as OpenCV writes them."""

    def __init__(self, folder, bundle):
        super().__init__(folder, bundle)
        cv2.setRNGSeed(1)
        pixels = np.random.default_rng(1).integers(0, 256, (24, 40, 3), np.uint8)
        smooth = cv2.resize(pixels, (61, 37), interpolation=cv2.INTER_CUBIC)
        alpha, deep = np.dstack([smooth, smooth[..., 0]]), smooth.astype(np.uint16) * 257
        progressive, restarts = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1], [cv2.IMWRITE_JPEG_RST_INTERVAL, 2]
        made = [
            *((".jpg", image, flags) for image in (smooth, smooth[..., 0]) for flags in ([], progressive, restarts)),
            (".jpg", smooth, [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]),
            *((".png", image, []) for image in (smooth, smooth[..., 0], alpha, deep, deep[..., 0])),
            (".png", smooth[..., 0], [cv2.IMWRITE_PNG_BILEVEL, 1]),
            *((".webp", image, [cv2.IMWRITE_WEBP_QUALITY, quality]) for image in (smooth, alpha) for quality in (60, 101)),
            *((".bmp", image, []) for image in (smooth, smooth[..., 0], alpha)),
        ]
        self.files = [cv2.imencode(suffix, np.ascontiguousarray(image), flags)[1].tobytes() for suffix, image, flags in made]

    def make(self, random):
        data = random.choice(self.files)
        if data.startswith(b"\xff\xd8") and random.random() < 0.3:
            data = mutate.with_exif(data, random)
            if random.random() < 0.3:
                return data
        damaged = mutate.mutate(mutate.split_picture(data), random)
        if damaged.startswith(b"\x89PNG") and random.random() < 0.8:
            return mutate.mend_png(damaged)
        if damaged.startswith(b"RIFF") and random.random() < 0.6:
            return mutate.mend_riff(damaged)
        return damaged

    def use(self, data):
        return self.checked(decode_image(data))

    @staticmethod
    def checked(pixels):
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3
        assert pixels.shape[2] == 3
        assert pixels.size > 0
        return pixels


class PictureFiles(Pictures):
    def use(self, data):
        return self.checked(read_image(self.written(data)))


class Videos(Target):
    """Files of a camera's frames. OpenCV decides by content and not by name what they are."""

    def __init__(self, folder, bundle):
        super().__init__(folder, bundle)
        self.files = []
        for suffix, code in ((".avi", "MJPG"), (".mp4", "mp4v")):
            path = folder / f"video{suffix}"
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), 10, (48, 32))
            for seed in range(4):
                writer.write(np.random.default_rng(seed).integers(0, 256, (32, 48, 3), np.uint8))
            writer.release()
            self.files.append((suffix, path.read_bytes()))

    def make(self, random):
        suffix, data = random.choice(self.files)
        parts = [data[at : at + 256] for at in range(0, len(data), 256)]
        return suffix.encode() + mutate.mutate(parts, random)

    def use(self, data):
        from facelite.frames import timed_frames

        count = 0
        for frame, at in timed_frames(self.written(data[4:], "video" + data[:4].decode())):
            Pictures.checked(frame)
            assert at >= 0
            if (count := count + 1) == 50:
                break
        return count or REFUSED
