"""Scores images by a trained run: `python train/score.py --help`."""

import signal
import sys

from tfglow.flags import add_flags
from tfglow.one_sentence_parser import OneSentenceParser
from tfglow.runs import RunFolder
from tfglow.tensorflow_log import start_tensorflow
from train.plain_warnings import plain_warnings
from train.scoring.config import ScoreConfig
from train.scoring.given_images import check_images, tfds_dir
from train.scoring.output_folder import check_output_folder

_DESCRIPTION = """\
Scores images by a run's model, and says how well that tells anomalies from other images.

  python train/score.py --run_dir=runs/fashion --data=photos --fit=test --out=scores
  python train/score.py --run_dir=runs/fashion --data=good --anomalies=broken --out=scores

The results: scores.csv, a row an image; detector.json (with --fit); sheets of the most and the
least likely images; with --heat_maps a picture of each image beside the nats of its pixels; with
--anomalies report.json, histograms and curves. docs/likelihood.md says what may be trusted.
"""


@plain_warnings()
def main(arguments: list[str] | None = None) -> None:
    """Runs the command; an error is one sentence on standard error and a non-zero exit status."""
    parser = OneSentenceParser(prog="train/score.py", description=_DESCRIPTION)
    add_flags(parser, ScoreConfig)
    flags = parser.parse_args(arguments)
    # When it is asked to stop it removes what it has written, as when it fails.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        config = ScoreConfig(**vars(flags))
        check_output_folder(config.out)
        run = RunFolder.open(config.run_dir)
        data_dir = config.data_dir or tfds_dir(run.read_config())
        for images in (config.data, config.anomalies, config.fit_data):
            if images is not None:
                check_images(images, data_dir)
        start_tensorflow()
        from train.scoring.running import score_run

        score_run(config)
    except (ValueError, OSError) as error:
        sys.exit(f"train/score.py: {error}")
    except KeyboardInterrupt:
        print("train/score.py: interrupted; nothing was written", file=sys.stderr)
        sys.exit(130)
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    main()
