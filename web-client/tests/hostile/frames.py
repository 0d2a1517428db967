"""FFmpeg over frames without a container.

`decode` reads a JSON object a line, {"codec", "frames"} with frames in base64,
and answers each with what came out: of VP8 every picture as WIDTH x HEIGHT
pixels of RGB, of Opus, be it plain or the newest block of RED, 16-bit mono PCM
at 48 kHz, in base64. Frames that do not decode are passed over. `encode` writes
plain frames of both: a key frame of one colour, and a tone.
"""

import array
import base64
import json
import math
import sys
from fractions import Fraction

import av

WIDTH, HEIGHT = 16, 16
RATE = 48_000


def decode_vp8(frames):
    decoder = av.CodecContext.create("vp8", "r")
    pictures = []
    for frame in frames:
        try:
            for picture in decoder.decode(av.Packet(frame)):
                plane = picture.reformat(WIDTH, HEIGHT, "rgb24", interpolation="AREA").planes[0]
                rows = bytes(plane)
                starts = range(0, HEIGHT * plane.line_size, plane.line_size)
                pictures.append(b"".join(rows[start : start + 3 * WIDTH] for start in starts))
        except av.FFmpegError:
            pass
    return {"pictures": [base64.b64encode(picture).decode() for picture in pictures]}


def decode_opus(frames):
    decoder = av.CodecContext.create("libopus", "r")
    decoder.sample_rate = RATE
    decoder.layout = "stereo"
    resampler = av.AudioResampler("s16", "mono", RATE)
    sound = bytearray()
    for frame in frames:
        try:
            for decoded in decoder.decode(av.Packet(frame)):
                for part in resampler.resample(decoded):
                    sound += bytes(part.planes[0])[: 2 * part.samples]
        except av.FFmpegError:
            pass
    return {"sound": base64.b64encode(bytes(sound)).decode()}


def newest_block(frame):
    """The last block of a RED payload (RFC 2198 section 3), or nothing."""
    at = skipped = 0
    while at < len(frame) and frame[at] & 0x80:
        skipped += int.from_bytes(frame[at + 2 : at + 4], "big") & 0x3FF
        at += 4
    return frame[at + 1 + skipped :]


def decode_red(frames):
    return decode_opus([block for block in map(newest_block, frames) if block])


def encode_vp8(red, green, blue):
    picture = av.VideoFrame(320, 180, "rgb24")
    plane = picture.planes[0]
    row = bytes([red, green, blue]) * 320
    plane.update((row + bytes(plane.line_size - len(row))) * 180)
    encoder = av.CodecContext.create("libvpx", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 320, 180, "yuv420p"
    encoder.time_base, encoder.bit_rate = Fraction(1, 15), 200_000
    encoder.options = {"lag-in-frames": "0"}
    return [bytes(packet) for packet in encoder.encode(picture.reformat(format="yuv420p"))]


def encode_opus(frequency, seconds):
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.format, encoder.layout = RATE, "s16", "mono"
    encoder.bit_rate = 32_000
    encoder.options = {"frame_duration": "20", "vbr": "off"}
    encoder.open()
    packets = []
    for start in range(0, RATE * seconds, 960):
        wave = (math.sin(2 * math.pi * frequency * at / RATE) for at in range(start, start + 960))
        part = av.AudioFrame("s16", "mono", 960)
        part.planes[0].update(array.array("h", (int(16_000 * value) for value in wave)).tobytes())
        part.sample_rate, part.pts, part.time_base = RATE, start, Fraction(1, RATE)
        packets += [bytes(packet) for packet in encoder.encode(part)]
    return packets


def main():
    av.logging.set_level(av.logging.PANIC)
    if sys.argv[1] == "encode":
        red, green, blue, frequency = map(int, sys.argv[2:])
        made = {"vp8": encode_vp8(red, green, blue), "opus": encode_opus(frequency, 2)}
        print(json.dumps({k: [base64.b64encode(f).decode() for f in v] for k, v in made.items()}))
        return
    decoders = {"vp8": decode_vp8, "opus": decode_opus, "red": decode_red}
    for line in sys.stdin:
        stream = json.loads(line)
        frames = [base64.b64decode(frame) for frame in stream["frames"]]
        print(json.dumps(decoders[stream["codec"]](frames)), flush=True)


main()
