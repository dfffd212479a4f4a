"""`distilbert compare`: what a student keeps of its teacher, and what it saves."""

from __future__ import annotations

from typing import Annotated

import typer

from distilbert.cli import options


@options.command()
def compare(
    teacher: Annotated[str, typer.Argument(help=options.CHECKPOINT)],
    student: Annotated[str, typer.Argument(help=options.CHECKPOINT)],
    text: Annotated[
        list[str] | None,
        typer.Option("--text", help="Texts on which agreement is measured. Repeatable."),
    ] = None,
    max_texts: Annotated[int, typer.Option(help="Use the first so many texts.")] = 500,
    teacher_run: Annotated[
        list[str] | None,
        typer.Option(
            help="Result folder of the fine-tuned teacher, whose scores are compared with "
            "those of --student-run. Repeatable."
        ),
    ] = None,
    student_run: Annotated[
        list[str] | None, typer.Option(help="Result folder of the fine-tuned student.")
    ] = None,
    rounds: Annotated[int, typer.Option(help="Measurements of each latency.")] = 15,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="Also write the table, or JSON to a name in .json."),
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, ...")] = None,
    *,
    hub: options.HubOptions,
) -> None:
    """Compare a student with its teacher: sizes, speed, agreement on texts, scores of runs.

    [bold]Examples[/bold]

      distilbert compare bert-base-uncased ./student --text texts.txt

      distilbert compare ./teacher ./student --teacher-run ./t-sst2 --student-run ./s-sst2
    """
    from distilbert.checkpoint.atomic import check_writable
    from distilbert.distilling.compare import compare as measured

    pairs = [teacher_run or [], student_run or []]
    if len(pairs[0]) != len(pairs[1]):
        raise typer.BadParameter("Give as many --student-run as --teacher-run.")
    if output is not None:
        check_writable(output)  # before minutes of measuring
    found = measured(
        teacher,
        student,
        texts=text or (),
        max_texts=max_texts,
        runs=zip(*pairs, strict=True),
        rounds=rounds,
        device=device,
        **hub.given(),
    )
    print(found.table(), end="")
    if output is not None:
        found.write(output)
