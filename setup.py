"""Declare the dependencies, each with the range it was tried with; the rest is in pyproject.toml.

The lower bounds, installed together, ran `penstock run digits` and part of the tests; CI runs all
tests on the versions of requirements.lock. Beam workers get this file: `--setup_file ./setup.py`.
"""

from setuptools import setup

RUNTIME = [
    # The stack. These release together: tensorflow-transform and tfx-bsl 1.21 ask for TensorFlow
    # 2.21, and each minor release of Beam moves the pins of what they share.
    "tensorflow>=2.21,<2.22",  # the model, tf.data, SavedModel
    "keras>=3.15,<3.16",  # imported by its own name; from 3.14.1 loading a file runs no code
    "apache-beam>=2.77,<2.78",  # all data-parallel work
    "tensorboard>=2.21,<2.22",  # tf.summary imports it without declaring it: logs of training
    "tensorflow-transform>=1.21,<1.22",  # the one preprocessing graph
    "tensorflow-model-analysis>=0.52,<0.53",  # the numbers that the gate judges
    "tensorflow-serving-api>=2.19,<2.20",  # a bundle's warm-up requests; tfx-bsl has it too
    "tfx-bsl>=1.21,<1.22",  # tf.Examples to the Arrow batches that Model Analysis reads
    "tensorflow-datasets>=4.9.10,<4.10",  # datasets by name, and the layout of Examples at rest
    "importlib_resources>=6.4,<8",  # tensorflow-datasets imports it without declaring it
    "grpcio>=1.70,<2",  # asks Beam's job servers
    "google-crc32c>=1.6,<2",  # TFRecords are written and checked without TensorFlow
    "protobuf>=6.33.5,<7",  # text format of Model Analysis' config; the stack's own bounds
    # Numbers and images.
    "numpy>=2.1,<2.5",  # arrays of images; Beam's upper bound
    "pyarrow>=18,<26",  # record batches; Beam's upper bound
    "scipy>=1.15,<2",  # exact and Wilson intervals
    "scikit-learn>=1.6,<2",  # the digits that it ships, for the recipe that needs no download
    "pillow>=12.1.1,<13",  # PNG and JPEG files for `penstock predict`; Beam's bounds
    "matplotlib>=3.10,<3.12",  # a run's pictures
    "jinja2>=3.1.6,<4",  # a run's report
    # The frame.
    "SQLAlchemy>=2.0.36,<2.2",  # the ledger, in SQLite
    "alembic>=1.16,<2",  # brings an older ledger to today's schema; imported only then
    "cattrs>=24.1,<27",  # config dataclasses to and from plain values
    "filelock>=3.16,<5",  # one maker for one artifact
    "cronsim>=2.7,<3",  # cron expressions; Healthchecks' own, with Debian cron's daylight saving
    "click>=8.2,<9",  # the command line
    "rich>=14,<16",  # progress and tables
    "tomli-w>=1.1,<2",  # `penstock config` writes TOML; Python itself only reads it
    # Schedules.
    "requests>=2.32,<3",  # webhooks; Apprise's own
    "tenacity>=9,<10",  # tries them again, within bounds
    "apprise>=2.1,<3",  # chats, mail and more; pure Python, brings two small libraries with it
    "pyyaml>=6.0.2,<7",  # `penstock schedule emit --as kubernetes`
]

DEV = [
    "pytest>=9,<10",
    "pytest-timeout>=2.4,<3",  # a test that hangs says where
    "pytest-xdist>=3.8,<4",  # the tests on two cores
    "pytest-random-order>=1.2,<2",  # `make conditions`; does nothing until it is asked
    "hypothesis>=6.150,<7",  # properties
    "cosmic-ray>=8.7,<9",  # the mutants' operators; pure Python
    "ruff>=0.17,<0.18",  # lint and format; a minor release may format differently
    "mypy>=2.4,<3",
    "import-linter>=2.16,<3",  # the layers
    "build>=1.4,<2",  # the wheel
    "setuptools>=80,<85",  # builds without isolation, so from the lock
    "uv>=0.9,<1",  # makes the lock
    "playwright>=1.55,<2",  # the report in the system's own Chromium
]

setup(install_requires=RUNTIME, extras_require={"dev": DEV})
