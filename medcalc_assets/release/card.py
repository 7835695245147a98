"""What the Hub and other machines read of a release: its columns, sizes and licence, in the card's head and as Croissant."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from medcalc_assets.benchmarks.spec import BenchmarkVersion
from medcalc_assets.release.releases import sha256

CROISSANT = "croissant.json"
DTYPES = {
    pl.String: ("string", "sc:Text"),
    pl.Boolean: ("bool", "sc:Boolean"),
    pl.Int32: ("int32", "sc:Integer"),
    pl.Int64: ("int64", "sc:Integer"),
    pl.Float64: ("float64", "sc:Float"),
    pl.Date: ("date32", "sc:Date"),
    pl.Datetime("us", "UTC"): ("timestamp[us, tz=UTC]", "sc:DateTime"),
}
"""By type of column, how `datasets` and how Croissant call it."""
LICENSES = {
    "apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0",
    "cc-by-sa-4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
}
"""By its name on the Hub, where a licence stands."""
CITED = """@inproceedings{khandekar2024medcalcbench,
  title = {{MedCalc-Bench}: Evaluating Large Language Models for Medical Calculations},
  author = {Khandekar, Nikhil and others},
  booktitle = {Advances in Neural Information Processing Systems, Datasets and Benchmarks Track},
  year = {2024},
  url = {https://arxiv.org/abs/2406.12036}
}
@misc{ye2025stewardship,
  title = {Scalable Stewardship of an {LLM}-Assisted Clinical Benchmark with Physician Oversight},
  author = {Ye, Junze and Tawfik, Daniel and Goodell, Alex J. and Kotha, Nikhil V. and Buyyounouski, Mark K. and Bayati, Mohsen},
  year = {2025},
  eprint = {2512.19691},
  archivePrefix = {arXiv},
  url = {https://arxiv.org/abs/2512.19691}
}"""  # noqa: E501 - an author's name is not broken
CITED_TOO = """
@misc{{{key},
  title = {{{{{title}}}}},
  author = {{Khandekar, Nikhil and others}},
  url = {{{address}}}
}}"""
"""The same of another version of the benchmark."""
READ = {
    "pandas": 'pd.read_csv("{}", dtype=str, keep_default_na=False)',
    "polars": 'pl.read_csv("{}", infer_schema=False)',
    "datasets": 'load_dataset("csv", data_files="{}", keep_default_na=False)["train"]',
    "DuckDB": "duckdb.sql(\"FROM read_csv('{}', all_varchar = true)\")",
}
"""By library, the line that reads a CSV of labels with every cell as it is: N/A is an answer, and not a missing one."""


def dataset_info(folder: Path, files: Mapping[str, str], split: str) -> list[dict[str, Any]]:
    """Of each configuration the columns, rows and bytes of its Parquet file in `folder`; one without rows is left out, as no
    reader opens it."""
    found = []
    for config, name in files.items():
        frame = pl.scan_parquet(folder / name)
        rows = frame.select(pl.len()).collect().item()
        columns = [{"name": column, "dtype": DTYPES[dtype][0]} for column, dtype in _schema(frame)]
        size = (folder / name).stat().st_size
        found.append({"config": config, "file": name, "columns": columns, "split": split, "rows": rows, "bytes": size})
    return [each for each in found if each["rows"]]


def cited(original: BenchmarkVersion) -> str:
    """What whoever cites labels of this version of the benchmark has to cite, too."""
    if original.is_original:
        return CITED
    key = original.title.lower().replace(" ", "").replace("-", "")
    return CITED + CITED_TOO.format(key=key, title=original.title, address=original.address)


def croissant(folder: Path, name: str, version: str, license_name: str, cite: str) -> dict[str, Any]:
    """The files of a release as Croissant 1.0 (http://mlcommons.org/croissant/1.0), each with its hash, and the columns of
    those that are Parquet."""
    paths = sorted(folder.iterdir())
    kinds = {
        ".csv": "text/csv",
        ".parquet": "application/x-parquet",
        ".md": "text/markdown",
        ".py": "text/x-python",
    }
    return {
        "name": f"{name}, {version}",
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "description": f"{name}: each with its reason, its evidence and what it may serve for.",
        "version": version,
        "license": LICENSES[license_name],
        "citeAs": cite,
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": path.name,
                "name": path.name,
                "contentUrl": path.name,
                "contentSize": f"{path.stat().st_size} B",
                "encodingFormat": kinds[path.suffix],
                "sha256": sha256(path),
            }
            for path in paths
        ],
        "recordSet": [_record_set(path) for path in paths if path.suffix == ".parquet"],
    }


def _record_set(path: Path) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": path.stem,
        "name": path.stem,
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{path.stem}/{column.replace(' ', '_')}",  # an id has no blank
                "name": column,
                "dataType": DTYPES[dtype][1],
                "source": {"fileObject": {"@id": path.name}, "extract": {"column": column}},
            }
            for column, dtype in _schema(pl.scan_parquet(path))
        ],
    }


def _schema(frame: pl.LazyFrame) -> list[tuple[str, Any]]:
    return [(name, dtype if dtype in DTYPES else type(dtype)) for name, dtype in frame.collect_schema().items()]


CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""As Croissant 1.0 prescribes it."""
