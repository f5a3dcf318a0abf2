# Four images: `workflow` (Airflow, training, export, gateway), `cluster` (the same on Kubernetes), `triton` (serving),
# `mlflow` (tracking). No secret is built into any; what pip installs is locked with hashes, but torch and what it
# brings: the index decides its build.

# that of the profile gpu has the vLLM backend
ARG TRITON_IMAGE=nvcr.io/nvidia/tritonserver:24.12-py3

FROM python:3.11.14-slim-bookworm AS environments
WORKDIR /tmp/locks
COPY requirements.txt ./workflow.txt
COPY include/inferencing/requirements.txt ./serving.txt
COPY include/local/installer.txt ./installer.txt
# uv installs the lock: pip takes no digest of what builds the packages that come as source
# TORCH_INDEX: a package index that offers the build of torch you want; empty: pip's own, which brings CUDA on Linux
ARG TORCH_INDEX=""
RUN pip install --no-cache-dir --only-binary :all: --require-hashes -r installer.txt \
    && python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch==2.13.0 \
    && uv pip install --no-cache --compile-bytecode --python /opt/venv/bin/python --no-deps --require-hashes \
        --build-constraints workflow.txt -r workflow.txt \
    && python -m venv /opt/serving \
    && /opt/serving/bin/pip install --no-cache-dir ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch==2.13.0 \
    && /opt/serving/bin/pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes -r serving.txt

FROM python:3.11.14-slim-bookworm AS workflow
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends openssh-client tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 genai \
    && install -d -o genai -g genai /var/lib/genai /opt/airflow /opt/airflow/logs /opt/airflow/secrets
COPY --from=environments /opt/venv /opt/venv
COPY --from=environments /opt/serving /opt/serving
WORKDIR /opt/genai
COPY pyproject.toml ./
COPY include include
COPY dags dags
COPY plugins plugins
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/genai \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HF_HUB_OFFLINE=1 \
    GOMP_SPINCOUNT=2000 \
    AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/genai/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/genai/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    GENAI_STATE_FOLDER=/var/lib/genai \
    GENAI_SERVING_PYTHON=/opt/serving/bin/python
USER 1000
ENTRYPOINT ["tini", "--"]
CMD ["airflow", "version"]

# Airflow on Kubernetes: the executor, users and logs in S3; the client of Kubernetes is the one that the executor takes
FROM workflow AS cluster
USER 0
COPY include/platform/kubernetes/requirements.txt /tmp/cluster.txt
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes -r /tmp/cluster.txt \
    && rm /tmp/cluster.txt
USER 1000

# Python 3.12 is inside this base; what a model process imports has wheels for it in the same lock
FROM ${TRITON_IMAGE} AS triton
COPY include/inferencing/requirements.txt /tmp/lock.txt
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN awk '/^[^ ]/ {keep = /^(numpy|openvino|openvino-genai|openvino-tokenizers)==/} keep' /tmp/lock.txt > /tmp/serving.txt \
    && PIP_BREAK_SYSTEM_PACKAGES=1 pip3 install --no-cache-dir --no-deps --only-binary :all: --require-hashes -r /tmp/serving.txt \
    && rm /tmp/lock.txt /tmp/serving.txt
USER 1000

FROM python:3.11.14-slim-bookworm AS mlflow
COPY include/platform/mlflow/requirements.txt /tmp/lock.txt
RUN pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes -r /tmp/lock.txt \
    && rm /tmp/lock.txt \
    && useradd --create-home --uid 1000 mlflow
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MLFLOW_DISABLE_TELEMETRY=true \
    MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
USER 1000
CMD ["mlflow", "server", "--help"]
