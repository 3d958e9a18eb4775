"""Rebuild every model, from base weights to cards, in the order in which they depend on one another (`make models`)."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path


def main() -> None:
    """Run every recipe; stop at the first that fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--wheels", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("models"))
    parser.add_argument("--keep-encoder", action="store_true", help="refit the heads only")
    options = parser.parse_args()
    data, wheels, out = str(options.data), str(options.wheels), options.out
    encoder = str(out / "encoder")
    steps = [
        ["training.encoder", "--wheels", wheels, "--data", data, "--out", encoder],
        ["training.sdg", "--data", data, "--encoder", encoder, "--out", str(out)],
        ["training.esco", "--wheels", wheels, "--data", data, "--encoder", encoder, "--out", str(out / "esco")],
        ["training.crosslingual", "--data", data, "--esco", str(out / "esco"), "--out", str(out / "crosslingual")],
        ["training.esco_successors", "--esco", str(out / "esco"), "--encoder", encoder],
        ["training.bloom", "--data", data, "--encoder", encoder, "--out", str(out / "bloom")],
        ["training.level", "--data", data, "--out", str(out / "eqf")],
        ["training.density", "--catalogues", str(options.data / "catalogues"), "--out", str(out / "density")],
        [
            "training.overload",
            "--catalogues",
            str(options.data / "catalogues"),
            "--encoder",
            encoder,
            "--out",
            str(out / "breadth"),
        ],
    ]
    for step in steps[options.keep_encoder :]:
        print(f"== {step[0]}", flush=True)
        subprocess.run([sys.executable, "-m", *step], check=True)


if __name__ == "__main__":
    main()
