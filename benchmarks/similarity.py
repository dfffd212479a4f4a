"""Zero-shot similarity on STS-B and SICK: Spearman of the cosines of sentence pairs.

    python benchmarks/similarity.py ../shared/data embedded [MODEL ...]

A model is what `pipeline` takes; convert a BERT first. Vectors are means of the last hidden states.
Prints a line per model and file, and writes nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from ablation_scores import score
from mixed_corpus import lines_of

# File -> the columns of both sentences and of the value.
PAIRS = {
    "stsb/dev.tsv.gz": (7, 8, 9),
    "sick/dev.tsv.gz": (1, 2, 3),
    "sick/train.tsv.gz": (1, 2, 3),
}


def cosines_of(
    model: str, path: Path, columns: tuple[int, int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """The cosines of all pairs of a file, and what people said of them."""
    from distilbert import pipeline

    first, second, value = columns
    rows = [line.split("\t") for line in list(lines_of(path))[1:]]
    encode = pipeline("sentence-embedding", model, pooling="mean")
    pairs = [[row[column] for row in rows] for column in (first, second)]
    distinct = list(dict.fromkeys(pairs[0] + pairs[1]))  # SICK repeats half of its sentences
    vectors = dict(zip(distinct, np.asarray(encode(distinct, normalize=True), float), strict=True))
    a, b = (np.array([vectors[sentence] for sentence in sentences]) for sentences in pairs)
    return (a * b).sum(1), np.array([float(row[value]) for row in rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("models", nargs="+")
    given = parser.parse_args()
    for model in given.models:
        for name, columns in PAIRS.items():
            said, truth = cosines_of(model, given.data / name, columns)
            print(f"{model}  {name}  {score('sick', truth, said):.1f}", flush=True)


if __name__ == "__main__":
    main()
